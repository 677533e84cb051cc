"""The table of `finetune.json`, which `benchmarks/tables.py` renders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.claims import estimate
from benchmarks.delineator_tables import table
from benchmarks.people_tables import mean_of, words
from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.intervals import LeaveOneOut, Units, interval

CLASSES = ("N", "S", "V")

HEAD = ("people", *(f"coverage {name}, before > after" for name in CLASSES), "after / before",
        "memorisation N, real samples", "memorisation V, real samples", "examples",
        "core-minutes")  # fmt: skip


def curve(content: Mapping[str, Any]) -> list[str] | None:
    """The table: a row a point; None where no point is kept."""
    rows = [
        _row(name, one) for name, one in sorted(content["points"].items(), key=lambda p: int(p[0]))
    ]
    return table(list(HEAD), rows) if rows else None


def _row(name: str, one: Mapping[str, Any]) -> list[str]:
    cells = [name]
    before, after = one["before"]["later"], one["after"]["later"]
    for label in CLASSES:
        both = label in before and label in after
        cells.append(
            f"{words(mean_of([before[label]], [1]))} > {words(mean_of([after[label]], [1]))}"
            if both else ""
        )  # fmt: skip
    cells.append(words(gain(before, after)))
    for label in ("N", "V"):
        found = one["after"]["privacy"].get(f"memorisation {label}")
        cells.append("" if not found else _with_real(found))
    return [*cells, f"{one['examples']:,}", f"{one['core_seconds'] / 60:.1f}"]


def _with_real(found: Mapping[str, Any]) -> str:
    shown = estimate(found["value"], found["low"], found["high"])
    real = found.get("real")
    return shown if not real else f"{shown}; {real['low']:.2f}-{real['high']:.2f}"


def gain(before: Mapping[str, Any], after: Mapping[str, Any]) -> Estimate:
    """Mean coverage of the classes after, over that before, with its interval over people.

    before, after: class -> person -> beats and covered beats.
    """
    names = [name for name in CLASSES if name in before and name in after]
    who = sorted({person for name in names for person in before[name]})
    tables = [
        np.array([[one[name].get(person, (0, 0)) for person in who] for name in names], float)
        for one in (before, after)
    ]

    def figure(used: np.ndarray) -> float:
        means = []
        for one in tables:
            total = one[:, used].sum(1)
            there = total[:, 0] > 0
            means.append((total[there, 1] / total[there, 0]).mean())
        return float(means[1] / max(means[0], 1e-3))

    each = np.arange(len(who))
    whole = figure(each >= 0)
    if len(who) < 2:
        return Estimate(whole)
    left = np.array([figure(each != k) for k in each])
    sample = Units(each, f"{len(who)} people")
    return interval(whole, [LeaveOneOut(left, sample, sample.freedom())])
