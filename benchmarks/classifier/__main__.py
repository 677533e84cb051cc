"""The figures of the classifier of beats: `python -m benchmarks.classifier`.

Both shipped classifiers on DS2 (that of DS1 alone by the published protocol), with and without the
records 202 and 232; the paired difference; calibration; and the errors by database, of people whose
beats the trees did not have, on whole recordings and on pieces of ten seconds. The JSON is kept in
`benchmarks/results/classifier.json`. It needs what `python -m benchmarks.classifier.train` leaves.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.classifier import rendering
from benchmarks.classifier.people import Beats, beats_of, ds2_records, given_records
from benchmarks.classifier.train import DATABASES, PARTS, out_of_fold, read_trees
from benchmarks.tables import KEPT
from ecgsynth.classification.calibration import calibration_error, f1_of
from ecgsynth.classification.classifier import CLASSES, BeatClassifier, load_classifier
from ecgsynth.datasets import store
from ecgsynth.evaluation.intervals import LeaveOneOut, Units, interval
from ecgsynth.files import atomic_write
from ecgsynth.scoring.figures import ectopic_of
from ecgsynth.signals.vocabulary import AAMI_CLASSES

CUT_S, PIECES = 10.0, "pieces of 10 s"
"""Length of a 12-lead record, s, and the words of the rows of pieces of that length."""

PUBLISHED = {
    "de Chazal 2004": {"S": (0.759, 0.385), "V": (0.777, 0.819)},
    "Mondejar-Guerra 2019": {"S": (0.781, 0.497), "V": (0.947, 0.939)},
}
"""Sensitivity and positive predictivity on DS2 with 202 and 232, trained on DS1. De Chazal et al.,
IEEE TBME 51:1196 (2004), abstract; Mondejar-Guerra et al., Biomed. Signal Process. Control 47:41
(2019), table of the ensemble, whose F1 are S .61 and V .94."""

SUBSETS: dict[str, tuple[str, ...]] = {
    "all of DS2": (), "without 202": ("202",), "without 232": ("232",),
    "without 202 and 232": ("202", "232"),
}  # fmt: skip
"""Words of a row -> the records that it leaves out."""


def f1_figures(
    beats: Beats, called: NDArray[np.int64], rows: NDArray[np.bool_]
) -> dict[str, dict[str, Any]]:
    """F1 of every class and macro F1 of N, S, V, with intervals over people."""

    def mean_of(used: NDArray[np.bool_], columns: slice) -> float:
        return float(f1_of(beats.label[used], called[used])[columns].mean())

    which = {name: slice(k, k + 1) for k, name in enumerate(CLASSES)} | {"macro NSV": slice(3)}
    return {
        name: estimate(partial(mean_of, columns=columns), beats, rows, items=int(rows.sum()))
        for name, columns in which.items()
    }


def estimate(
    figure: Callable[[NDArray[np.bool_]], float],
    beats: Beats,
    rows: NDArray[np.bool_],
    items: int | None = None,
    least: float = -1.0,
) -> dict[str, Any]:
    """A figure of the beats of `rows`, with its interval over people (jackknife)."""
    people, of = np.unique(beats.person[rows], return_inverse=True)
    at = np.flatnonzero(rows)
    without = []
    for k in range(len(people)):
        used = np.zeros(len(rows), bool)
        used[at[of != k]] = True
        without.append(figure(used))
    units = Units(of, f"{len(people)} people")
    left = LeaveOneOut(np.array(without), units, units.freedom())
    found = interval(figure(rows), [left], items=items, least=least)
    return {"value": found.value, "low": found.low, "high": found.high, "over": units.words}


def of_ds2(beats: Beats, classifiers: dict[str, BeatClassifier]) -> dict[str, Any]:
    """Every figure on DS2, of every classifier, and the paired differences."""
    found: dict[str, Any] = {}
    called = {}
    for name, one in classifiers.items():
        probability, called[name] = classified(one, beats)
        found[name] = {
            words: of_rows(beats, probability, called[name], ~np.isin(beats.record, left))
            for words, left in SUBSETS.items()
        }
    found["difference"] = {}
    for words, left in SUBSETS.items():
        rows = ~np.isin(beats.record, left)
        found["difference"][words] = {
            c: difference(beats, called["beats"], called["ds1"], rows, k)
            for k, c in enumerate("NSV")
        }
    return found


def difference(
    beats: Beats, better: NDArray, other: NDArray, rows: NDArray[np.bool_], k: int
) -> dict[str, Any]:
    """F1 of class k by one set of calls less that by another, paired by person."""

    def figure(used: NDArray[np.bool_]) -> float:
        label = beats.label[used]
        return float(f1_of(label, better[used])[k] - f1_of(label, other[used])[k])

    return estimate(figure, beats, rows)


def of_rows(
    beats: Beats, probability: NDArray, called: NDArray[np.int64], rows: NDArray[np.bool_]
) -> dict[str, Any]:
    """Figures of some beats: F1, EC57, calibration."""
    tables = [
        matrix(beats.label[rows & (beats.record == name)], called[rows & (beats.record == name)])
        for name in np.unique(beats.record[rows])
    ]
    known = rows & (beats.label < len(CLASSES))
    sure = probability[np.arange(len(called)), called]
    right = called == beats.label
    ectopic = known & np.isin(called, (1, 2))
    return {
        "beats": int(rows.sum()),
        "people": len(np.unique(beats.person[rows])),
        "f1": f1_figures(beats, called, rows),
        "confusion": np.sum(tables, 0).tolist(),
        "ec57": ectopic_of(tables, AAMI_CLASSES),
        "ece": calibration_error(sure[known], right[known]),
        "ece_called_ectopic": calibration_error(sure[ectopic], right[ectopic]),
    }


def matrix(label: NDArray[np.int64], called: NDArray[np.int64]) -> NDArray[np.int64]:
    """[true class, called class] beats, by `AAMI_CLASSES`."""
    count = len(AAMI_CLASSES)
    return np.bincount(label * count + called, minlength=count**2).reshape(count, count)


def by_database(
    work: Path, classifier: BeatClassifier, kept: OutOfFold, ds2: dict[str, Beats]
) -> dict[str, Any]:
    """Figures of the classifier of all given people, by database and length of the recordings.

    MIT-BIH: DS2. SVDB and QTDB: given people, by the trees that were trained without them.
    """
    found: dict[str, Any] = {"mitbih": {}, "svdb": {}, "qtdb": {}}
    for words, beats in ds2.items():
        found["mitbih"][words] = of_rows(beats, *classified(classifier, beats), everything(beats))
    trees = [read_trees(work / f"{kept.name}-{k}.npz") for k in range(PARTS)]
    pieces = beats_of(given_records(("svdb", "qtdb")), CUT_S)
    part = np.array([kept.part_of[one] for one in pieces.person.tolist()])
    scores = out_of_fold(pieces, trees, part)
    probability = classifier.calibration.probability(scores, pieces.fibrillation)
    called = classifier.calibration.classes(probability)
    for name in ("svdb", "qtdb"):
        rows = kept.beats.database == name
        found[name]["whole"] = of_rows(kept.beats, kept.probability, kept.called, rows)
        found[name][PIECES] = of_rows(pieces, probability, called, pieces.database == name)
    return found


@dataclass(frozen=True)
class OutOfFold:
    """What a training left: its beats (without features) and what their people's trees made of
    them. name: of the files of the parts. part_of: person -> his part."""

    name: str
    beats: Beats
    probability: NDArray[np.float64]
    called: NDArray[np.int64]
    part_of: dict[str, int]

    @classmethod
    def load(cls, path: Path) -> OutOfFold:
        with np.load(path) as file:
            kept = {name: file[name] for name in file.files}
        nothing = np.zeros((len(kept["label"]), 0), np.float32)
        whose = [kept[name] for name in ("label", "person", "record", "database")]
        beats = Beats(nothing, (), np.zeros(len(nothing)), *whose)
        part_of = dict(zip(kept["person"].tolist(), kept["part"].tolist(), strict=True))
        return cls(str(kept["kept"]), beats, kept["probability"], kept["called"], part_of)


def classified(
    classifier: BeatClassifier, beats: Beats
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[beat, class] probabilities and [beat] numbers of the classes that they are called."""
    scores = classifier.trees.logits(beats.x[:, [*map(beats.columns.index, classifier.columns)]])
    probability = classifier.calibration.probability(scores, beats.fibrillation)
    return probability, classifier.calibration.classes(probability)


def everything(beats: Beats) -> NDArray[np.bool_]:
    return np.ones(len(beats.label), bool)


def on_svdb(of_ds1: BeatClassifier, kept: OutOfFold) -> dict[str, Any]:
    """On the given people of SVDB: F1 of all given people (out of fold) less that of DS1."""
    beats = beats_of(given_records(("svdb",)))
    _, alone = classified(of_ds1, beats)
    called = kept.called[kept.beats.database == "svdb"]
    rows = everything(beats)
    found: dict[str, Any] = {
        c: difference(beats, called, alone, rows, k) for k, c in enumerate("NSV")
    }
    return found | {"ds1": f1_figures(beats, alone, rows)}


def show(found: dict[str, Any]) -> None:
    """All tables on the terminal."""
    for rows in (rendering.ds2, rendering.people, rendering.calibration, rendering.databases):
        print(*rows(found), "", sep="\n")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--work", type=Path, default=store.data_root() / "cache" / "classifier")
    work = parser.parse_args(words).work
    path = KEPT / "classifier.json"
    looks = json.loads(path.read_text("utf-8"))["ds2_looks"] if path.is_file() else []
    classifiers = {name: load_classifier(name) for name in DATABASES}
    test = ds2_records()
    ds2 = {"whole": beats_of(test), PIECES: beats_of(test, CUT_S)}
    kept = OutOfFold.load(work / "beats.npz")
    found: dict[str, Any] = {
        "ds2_looks": [*looks, f"{datetime.now(UTC):%Y-%m-%d %H:%M}"],
        "published": PUBLISHED,
        "ds2": of_ds2(ds2["whole"], classifiers),
        "by_database": by_database(work, classifiers["beats"], kept, ds2),
        "svdb": on_svdb(classifiers["ds1"], kept),
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)


if __name__ == "__main__":
    main()
