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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.classifier import rendering
from benchmarks.classifier.people import Beats, beats_of, ds2_records, given_records
from benchmarks.classifier.train import DATABASES, SEEDS, out_of_fold, part_of_beats, trees_without
from benchmarks.tables import KEPT
from ecgsynth.classification.calibration import calibration_error, f1_of
from ecgsynth.classification.classifier import CLASSES, BeatClassifier, load_classifier
from ecgsynth.classification.ec57 import ectopic_of
from ecgsynth.datasets import store
from ecgsynth.evaluation.intervals import LeaveOneOut, Units, interval
from ecgsynth.files import atomic_write
from ecgsynth.signals.vocabulary import AAMI_CLASSES

CUT_S = 10.0
"""Length of a 12-lead record, s."""

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
    return {
        name: estimate(lambda used, pick=pick: pick(f1_of(beats.label[used], called[used])), beats,
                       rows, items=int(rows.sum()))
        for name, pick in {
            **{c: (lambda f1, k=k: float(f1[k])) for k, c in enumerate(CLASSES)},
            "macro NSV": lambda f1: float(f1[:3].mean()),
        }.items()
    }  # fmt: skip


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
        scores = one.trees.logits(beats.x[:, [beats.columns.index(c) for c in one.columns]])
        probability = one.calibration.probability(scores, beats.fibrillation)
        called[name] = one.calibration.classes(probability)
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
    work: Path, classifier: BeatClassifier, whole: Beats, ds2: dict[str, Beats]
) -> dict[str, Any]:
    """Figures of the classifier of all given people, by database and length of the recordings.

    MIT-BIH: DS2. SVDB and QTDB: given people, by the trees that were trained without them.
    """
    found: dict[str, Any] = {}
    with np.load(work / "beats.npz") as file:
        kept = str(file["kept"])
    trees, part = trees_without(whole, work / kept, SEEDS["beats"]), part_of_beats(whole)
    part_of = dict(zip(whole.person.tolist(), part.tolist(), strict=True))
    for words, beats in (("whole", whole), ("pieces of 10 s", cuts(whole))):
        own = np.array([part_of[one] for one in beats.person.tolist()])
        scores = out_of_fold(beats, trees, own)
        probability = classifier.calibration.probability(scores, beats.fibrillation)
        called = classifier.calibration.classes(probability)
        for name in ("svdb", "qtdb"):
            rows = beats.database == name
            found.setdefault(name, {})[words] = of_rows(beats, probability, called, rows)
        test = ds2[words]
        scores = classifier.trees.logits(test.x)
        probability = classifier.calibration.probability(scores, test.fibrillation)
        called = classifier.calibration.classes(probability)
        found.setdefault("mitbih", {})[words] = of_rows(
            test, probability, called, np.ones(len(called), bool)
        )
    return found


def cuts(whole: Beats) -> Beats:
    """The beats of the same records in pieces of ten seconds."""
    names = {*whole.record.tolist()}
    every = given_records(DATABASES["beats"])
    return beats_of([one for one in every if one.name in names and one.database != "mitbih"], CUT_S)


def on_svdb(of_ds1: BeatClassifier, whole: Beats, called: NDArray) -> dict[str, Any]:
    """On the given people of SVDB: S F1 of all given people (out of fold) less that of DS1."""
    scores = of_ds1.trees.logits(whole.x)
    alone = of_ds1.calibration.classes(of_ds1.calibration.probability(scores, whole.fibrillation))
    rows = whole.database == "svdb"
    return {c: difference(whole, called, alone, rows, k) for k, c in enumerate("NSV")} | {
        "ds1": f1_figures(whole, alone, rows)
    }


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
    ds2 = {"whole": beats_of(test), "pieces of 10 s": beats_of(test, CUT_S)}
    whole = beats_of(given_records(DATABASES["beats"]))
    with np.load(work / "beats.npz") as kept:
        called = kept["called"]
    found: dict[str, Any] = {
        "ds2_looks": [*looks, f"{datetime.now(UTC):%Y-%m-%d %H:%M}"],
        "published": PUBLISHED,
        "ds2": of_ds2(ds2["whole"], classifiers),
        "by_database": by_database(work, classifiers["beats"], whole, ds2),
        "svdb": on_svdb(classifiers["ds1"], whole, called),
    }
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)


if __name__ == "__main__":
    main()
