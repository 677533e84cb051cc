"""Strips and rhythms of real people beside each other, and beside those of recorders.

`python -m benchmarks.strips` keeps `benchmarks/results/strips.json`:

- classifier two-sample tests, folds by person, of strips of ten seconds (MLII) and of windows of 60
  RR intervals with the kinds of their beats: DS1 against DS2, and random halves of all people, are
  the ceilings; each recorder of `--model` against DS2;
- coupling of PVCs, and the slope of QT over RR within a person, of all of them.

A recorder draws people with rhythms of their own, nothing replayed: `ecgsynth record` gets the
share of PVCs and PACs that a random person of DS1 may have, and each eighth person has AF. DS2 is
only looked at. Some four minutes of a core, two more for each recorder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorder import draw_recording
from benchmarks.rhythms import Beats, coupling_of, read_beats
from benchmarks.strip_features import (
    STRIP_S,
    Person,
    Table,
    qt_slope,
    strip_features,
    window_features,
    with_signal,
)
from ecgsynth.datasets.people import DS1, DS2, SAME_PERSON, person_of
from ecgsynth.datasets.store import find_folder
from ecgsynth.evaluation.auc import auc
from ecgsynth.files import atomic_write
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.progress import recordings
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

KEPT = Path(__file__).resolve().parent / "results" / "strips.json"

MADE = 24
"""People of a recorder."""

HOURS = 0.5
"""Length of a recording of the database."""

FOLDS, HALVES, DRAWS = 5, 6, 200
"""Folds by person; random halves of all people; draws of people for an interval."""

FIBRILLATING = 8
"""Each so-manieth person that a recorder draws has AF, as in the database."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", action="append", help="models of `ecgsynth record`; simulator")
    parser.add_argument("--to", type=Path, default=KEPT)
    asked = parser.parse_args(words)
    sets = {"DS1": real_people(DS1), "DS2": real_people(DS2)}
    for name in asked.model or ["simulator"]:
        sets[name] = [drawn_person(name, k, sets["DS1"]) for k in recordings(range(MADE), MADE)]
    content = {
        "people": {name: len(people) for name, people in sets.items()},
        "strip_s": STRIP_S, "two_sample": two_sample_tests(sets),
        "coupling": {name: quartiles([pvc_coupling(one) for one in sets[name]]) for name in sets},
        "qt_rr": {name: quartiles([qt_slope(one) for one in sets[name]]) for name in sets},
    }  # fmt: skip
    text = json.dumps(content, indent=1) + "\n"
    with atomic_write(asked.to) as temporary:
        temporary.write_text(text, encoding="utf-8")
    print(text)


def real_people(records: Sequence[int]) -> list[Person]:
    """The people of some records of MIT-BIH; one who gave two stands in the first."""
    folder = find_folder("mitbih", "100.hea")
    names = [one for one in records if one not in SAME_PERSON]
    found = []
    for record in recordings(names, len(names)):
        whole = read_recording(folder / str(record))
        name = person_of("mitbih", record)
        beats = read_beats(name, folder / f"{record}.atr", whole.fs)
        found.append(with_signal(beats, whole.signal[whole.leads.index("MLII")], whole.fs))
    return found


def drawn_person(model: str, number: int, real: Sequence[Person]) -> Person:
    """A person with a rhythm of his own, whose burdens are between those of real people."""
    random = np.random.default_rng([number, 5])
    shares = [np.quantile([np.mean(one.beats.kind == k) for one in real], random.uniform())
              for k in "VS"]  # fmt: skip
    events = [f"{name} {100 * share:.2f} %" for name, share in zip(("pvc", "pac"), shares,
              strict=True) if share > 0.001]  # fmt: skip
    fibrillates = number % FIBRILLATING == FIBRILLATING - 1
    text = "af" if fibrillates else "sinus"
    events = [one for one in events if not (fibrillates and one.startswith("pac"))]
    text += f" with {' and '.join(events)}" if events else ""
    ecg = draw_recording(model, text, "--hours", f"{HOURS:g}", "--seed", str(number))
    assert ecg.marks is not None
    kind = np.array([AAMI_OF_SYMBOL.get(str(one), "") for one in ecg.marks.symbol])
    beat = kind != ""
    time = ecg.marks.sample[beat] / ecg.spec.fs
    sinus = np.full(len(time), not fibrillates)
    beats = Beats(f"{model}-{number}", time, kind[beat], sinus)
    return with_signal(beats, ecg.signal[0, 0], ecg.spec.fs)


def pvc_coupling(one: Person) -> float:
    """RR before PVCs as a share of the usual one, the person's median; NaN where there are few."""
    found = coupling_of(one.beats, "V")
    return float("nan") if found is None else float(found[0])


def quartiles(values: Sequence[float]) -> dict[str, Any]:
    """Quartiles over the people that have the figure."""
    known = np.array([value for value in values if np.isfinite(value)])
    shown = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else np.zeros(0)
    return {"people": len(known), "quartiles": [float(f"{one:.4g}") for one in shown]}


def two_sample_tests(sets: dict[str, list[Person]]) -> dict[str, dict[str, list[float]]]:
    """Of strips and of windows: pair of sets -> AUC with the interval or range."""
    found: dict[str, dict[str, list[float]]] = {}
    for what, features in (("strips", strip_features), ("windows", window_features)):
        rows = {name: features(people) for name, people in sets.items()}
        one = rows.pop("DS1")
        pairs = {"DS1 against DS2": separate(one, rows["DS2"])}
        every = [*zip(*one, strict=True), *zip(*rows["DS2"], strict=True)]
        pairs["halves"] = halves(
            np.array([row for row, _ in every]), np.array([who for _, who in every])
        )
        pairs |= {name: separate(rows[name], rows["DS2"]) for name in rows if name != "DS2"}
        found[what] = {name: [round(value, 3) for value in row] for name, row in pairs.items()}
    return found


def halves(rows: Table, person: NDArray[np.str_]) -> list[float]:
    """AUC between random halves of the people: median, least and largest."""
    random = np.random.default_rng(0)
    names, found = np.unique(person), []
    for _ in range(HALVES):
        first = np.isin(person, random.permutation(names)[: len(names) // 2])
        one, other = ((rows[side], person[side]) for side in (first, ~first))
        found.append(separate(one, other, draws=0)[0])
    return [float(np.median(found)), min(found), max(found)]


Side = tuple[Table, NDArray[np.str_]]
"""[item, feature], and [item] the person of each."""


def separate(one: Side, other: Side, draws: int = DRAWS) -> list[float]:
    """AUC of boosting that separates two sets of items, of people new to it; 95 % over people."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(1)
    rows = np.concatenate([one[0], other[0]])
    truth = np.repeat([1, 0], [len(one[0]), len(other[0])])
    unit, fold = np.empty(len(truth), np.int64), np.empty(len(truth), np.int64)
    for side, who in ((1, one[1]), (0, other[1])):
        names, number = np.unique(who, return_inverse=True)
        unit[truth == side] = number + side * 10_000
        fold[truth == side] = (random.permutation(len(names)) % FOLDS)[number]
    score = np.empty(len(truth))
    for k in range(FOLDS):
        model = HistGradientBoostingClassifier(
            max_iter=60, learning_rate=0.1, max_bins=63, max_leaf_nodes=15, random_state=0
        )
        share = np.bincount(truth[fold != k], minlength=2)
        weight = 1 / share[truth[fold != k]]
        model.fit(rows[fold != k], truth[fold != k], sample_weight=weight * share.sum() / 2)
        score[fold == k] = model.predict_proba(rows[fold == k])[:, 1]
    found = [auc(truth, score)]
    units = [np.unique(unit[truth == side]) for side in (1, 0)]
    drawn = []
    for _ in range(draws):
        chosen = np.concatenate([random.choice(ones, len(ones)) for ones in units])
        names, times = np.unique(chosen, return_counts=True)
        weight = np.zeros(unit.max() + 1)
        weight[names] = times
        drawn.append(auc(truth, score, weight=weight[unit]))
    return [*found, *map(float, np.quantile(drawn, [0.025, 0.975]))] if draws else found


if __name__ == "__main__":
    main()
