"""Rhythms: the figures that makers draw from, fitted on given people, and what they make of them.

`python -m benchmarks.rhythms --fit` writes `src/ecgsynth/rhythm/fitted.yaml` from people of the
training splits of MIT-BIH (DS1), SVDB and PTB-XL. `python -m benchmarks.rhythms` compares the heart
rate variability of sinus rhythms that are made with that of given people, into
`benchmarks/results/rhythms.json`.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.people import DS1, SVDB_GIVEN, may_train, person_of, split_of
from ecgsynth.datasets.store import data_root
from ecgsynth.files import atomic_write
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.rhythm import variability
from ecgsynth.rhythm.variability import VARIABILITY, measure_variability
from ecgsynth.signals.anonymity import PEOPLE, round_mean_and_sd
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

ROOT = Path(__file__).resolve().parents[1]
FITTED = ROOT / "src" / "ecgsynth" / "rhythm" / "fitted.yaml"
KEPT = Path(__file__).resolve().parent / "results" / "rhythms.json"

RECORDS = {"mitbih": (360.0, DS1), "svdb": (128.0, SVDB_GIVEN)}
NORMAL = ("(N", "(SBR")
FEWEST_BEATS = 5
"""Ectopic beats of a person between normal ones, from which his coupling is measured."""

MADE = 200
"""Synthetic people whose sinus rhythm is compared."""

SECONDS = 1800.0
"""Length of a recording of both databases."""

HOURS = 24

Table = NDArray[np.float64]


class Beats(NamedTuple):
    """One record: [beat] times in s, AAMI classes, and whether the rhythm is a normal one."""

    person: str
    time_s: Table
    kind: NDArray[np.str_]
    sinus: NDArray[np.bool_]


def given_beats() -> Iterator[Beats]:
    """The records of all given people with reference beats."""
    for database, (fs, records) in RECORDS.items():
        for record in records:
            person = person_of(database, record)
            if not may_train(person):
                continue
            yield read_beats(person, data_root() / database / f"{record}.atr", fs)


def read_beats(person: str, path: Path, fs: float) -> Beats:
    """The beats of an annotation file; fs: ticks a second."""
    notes = read_annotations(path)
    kind = np.array([AAMI_OF_SYMBOL.get(str(one), "") for one in notes.symbol])
    beat = kind != ""
    at = notes.tick[beat] / fs
    code = np.full(len(at), NORMAL[0], "<U8")
    for tick, symbol, note in zip(notes.tick, notes.symbol, notes.note, strict=True):
        if symbol == "+":
            code[at >= tick / fs] = str(note).strip("\0")
    return Beats(person, at, kind[beat], np.isin(code, NORMAL))


def variability_of(one: Beats) -> Table | None:
    """The person's medians over windows of five minutes; None without a whole window."""
    rows = measure_variability(one.time_s, one.sinus & (one.kind == "N"))
    return np.median(rows, axis=0) if len(rows) else None


def coupling_of(one: Beats, kind: str) -> Table | None:
    """RR before and after ectopic beats as shares of the usual one, medians, and the SD of the
    former, s; None where there are few."""
    rr = np.diff(one.time_s)
    usual = variability.running_median(rr)
    k, sinus = one.kind, one.sinus
    at = np.flatnonzero((k[1:-1] == kind) & (k[:-2] == "N") & (k[2:] == "N") & sinus[1:-1]) + 1
    if len(at) < FEWEST_BEATS:
        return None
    before, after = rr[at - 1], rr[at]
    share = np.median(before / usual[at - 1])
    spread = 1.48 * np.median(np.abs(before - np.median(before)))
    return np.array([share, np.median(after / usual[at - 1]), max(spread, 0.005)])


def fit() -> dict[str, Any]:
    """The content of `fitted.yaml`."""
    people = [one for one in given_beats() if split_of(one.person) == "train"]
    found: dict[str, Any] = {}
    of = "{count} people of MIT-BIH DS1 and SVDB"
    rows = _table(people, variability_of)
    names = {"sinus_rr_s": 0, "sdnn_s": 1, "rmssd_s": 2, "lf_hf": 4}
    for name, column in names.items():
        unit = "ratio" if name == "lf_hf" else "s"
        found[name] = _row(rows[:, column], unit, f"sinus rhythm of {of}", log=True)
    scores = np.log(rows[:, [*names.values()]])
    correlation = np.round(np.corrcoef(scores.T), 1)
    for kind, name in (("V", "pvc"), ("S", "pac")):
        rows = _table(people, partial(_coupling, kind=kind))
        what = f"{'ventricular' if kind == 'V' else 'supraventricular'} ectopic beats of {of}"
        found[f"{name}_coupling"] = _row(rows[:, 0], "of RR", what)
        found[f"{name}_jitter_s"] = _row(rows[:, 2], "s", what, log=True)
        if kind == "S":
            found["pac_pause"] = _row(rows[:, 1], "of RR", what)
    rows = fibrillation_rows()
    what = "records of {count} people with atrial fibrillation, PTB-XL folds 1-8"
    found["af_rate"] = _row(rows[:, 0], "1/min", what, log=True)
    found["af_spread"] = _row(rows[:, 1], "SD of RR over its mean", what, log=True)
    return {"figures": found, "correlation": correlation.tolist()}


def fibrillation_rows() -> Table:
    """[person, 2] heart rate and spread of RR in the records of PTB-XL with the statement AFIB."""
    import ecgsynth as es
    from ecgsynth.rhythm.parameters import measure_rhythms
    from ecgsynth.training.data.events import known_events

    ecg = es.load("ptbxl:train", classes=["AFIB"], labelled_only=True, fs=100)
    measured = measure_rhythms(known_events(ecg))
    numbers = np.column_stack([measured[:, 0], np.exp(measured[:, 1])])
    people = np.asarray(ecg.patient)
    each = [np.nanmedian(numbers[people == one], axis=0) for one in np.unique(people)]
    return np.array([row for row in each if np.isfinite(row).all()])


def _table(people: Sequence[Beats], measure: Callable[[Beats], Table | None]) -> Table:
    """[person, figure] of those who show it."""
    rows = [row for row in map(measure, people) if row is not None]
    if len(rows) < PEOPLE:
        raise SystemExit(f"only {len(rows)} people show this; publish no figure of theirs.")
    return np.array(rows)


def _row(values: Table, unit: str, source: str, *, log: bool = False) -> dict[str, Any]:
    """Median and spread of people, rounded so that they are no single person's."""
    scores = np.log(values) if log else values
    middle = float(np.median(scores))
    spread = float(np.subtract(*np.quantile(scores, [0.75, 0.25]))) / 1.349
    middle, spread = round_mean_and_sd(middle, spread)
    typical = float(f"{np.exp(middle):.3g}") if log else middle
    row = {"typical": round(typical, 6), "spread": round(spread, 6), "unit": unit}
    if log:
        row["scale"] = "log"
    return row | {"people": len(values), "source": f"fitted: {source.format(count=len(values))}"}


def compare() -> dict[str, Any]:
    """Variability of given people and of people that are made; and what 24 h of beats cost."""
    from ecgsynth.rhythm.compose import make_rhythm

    given = _table([*given_beats()], variability_of)
    made = []
    for seed in range(MADE):
        rhythm = make_rhythm("sinus", seconds=SECONDS, seed=seed)
        rows = measure_variability(rhythm.time_s, rhythm.kind == 0)
        made.append(np.median(rows, axis=0))
    began = time.process_time()
    beats = len(make_rhythm("sinus with sleep and pvc 2 % and pac 1 %", seconds=HOURS * 3600.0))
    spent = time.process_time() - began
    figures = {}
    for k, name in enumerate(VARIABILITY):
        real = np.quantile(given[:, k], [0.25, 0.5, 0.75])
        ours = np.quantile(np.array(made)[:, k], [0.25, 0.5, 0.75])
        figures[name] = {
            "real": _rounded(real), "made": _rounded(ours),
            "median_inside": bool(real[0] <= ours[1] <= real[2]),
            "range_ratio": round(float((ours[2] - ours[0]) / (real[2] - real[0])), 2),
        }  # fmt: skip
    return {
        "people": len(given), "made": MADE, "window_s": variability.WINDOW_S, "figures": figures,
        "day": {"hours": HOURS, "beats": beats, "core_s": round(spent, 2)},
    }  # fmt: skip


def _coupling(one: Beats, kind: str) -> Table | None:
    return coupling_of(one, kind)


def _rounded(values: NDArray) -> list[float]:
    return [float(f"{one:.3g}") for one in values]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fit", action="store_true", help="write the fitted figures instead")
    if parser.parse_args(words).fit:
        import yaml

        text = yaml.safe_dump(fit(), sort_keys=False, width=99)
        text = f"# Written by `python -m benchmarks.rhythms --fit`.\n{text}"
        target = FITTED
    else:
        text, target = json.dumps(compare(), indent=1) + "\n", KEPT
    with atomic_write(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
