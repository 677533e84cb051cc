"""The tables of `people.json` and `synthetic-people.json`, which `benchmarks/tables.py` renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.claims import estimate
from benchmarks.delineator_tables import table
from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.intervals import LeaveOneOut, Units, interval

BASE = 18
"""Point with which the others are compared: as many people as `mitbih-beats` learned from."""

SETS = {"styles": "in trained styles", "people": "of synthetic people",
        "nobody": "the same without their names"}  # fmt: skip
SHOWN = ("coverage N", "coverage S", "coverage V", "c2st all", "adherence S", "adherence V",
         "memorisation N", "copy_share N", "tstr macro NSV", "trtr macro NSV")  # fmt: skip


def mean_of(points: Sequence[Mapping[str, Sequence[float]]], signs: Sequence[float]) -> Estimate:
    """Sum of mean coverages with these signs, with its interval over people (jackknife).

    points: person -> beats and covered beats; the people are the same in all of them.
    """
    who = sorted(set.intersection(*(set(one) for one in points)))
    tables = [np.array([one[person] for person in who], float) for one in points]

    def figure(used: slice | np.ndarray) -> float:
        totals = [one[used].sum(0) for one in tables]
        parts = zip(signs, totals, strict=True)
        return float(sum(sign * total[1] / max(total[0], 1) for sign, total in parts))

    each = np.arange(len(who))
    sample = Units(np.repeat(each, tables[0][:, 0].astype(int)), f"{len(who)} people")
    if len(who) < 2:
        return Estimate(figure(slice(None)))
    left = np.array([figure(each != k) for k in each])
    whole = figure(slice(None))
    leave = [LeaveOneOut(left, sample, sample.freedom())]
    if len(points) == 1:  # a share
        return interval(whole, leave, items=len(sample.of))
    return interval(whole, leave, least=-1.0)


def curve(content: Mapping[str, Any]) -> list[str] | None:
    """The table: a row a point and kind of set."""
    points = {int(name): one for name, one in content["points"].items()}
    rows = []
    for count, point in sorted(points.items()):
        for kind in ("styles", "people"):
            cells = point[kind].get("coverage")
            if cells is None:
                continue
            base = points.get(BASE, {}).get(kind, {}).get("coverage", {})
            shown = []
            for name in ("N", "S", "V"):
                shown.append(words(mean_of([cells[name]], [1])) if name in cells else "")
            for name in ("N", "S", "V"):
                both = name in cells and name in base and count != BASE
                shown.append(words(mean_of([cells[name], base[name]], [1, -1])) if both else "")
            ratio = point["utility"].get(kind, {}).get("tstr macro NSV", {})
            share = point[kind]["privacy"].get("memorisation N", {})
            shown += [estimate(one.get("value"), one.get("low"), one.get("high"))
                      for one in (ratio, share)]  # fmt: skip
            rows.append([str(count), kind, *shown])
    head = [
        "people", "beats", *(f"coverage {name}" for name in "NSV"),
        *(f"{name} less that of {BASE}" for name in "NSV"), "TSTR N, S, V", "memorisation N",
    ]  # fmt: skip
    return table(head, rows) if rows else None


def words(one: Estimate) -> str:
    return estimate(one.value, one.low, one.high)


def costs(content: Mapping[str, Any]) -> list[str]:
    """The table: a row a figure, a column a kind of set."""
    rows = []
    for name in SHOWN:
        part = "utility" if name.startswith("t") else "match"
        cells = [content.get(f"{kind} {part}", {}).get(name, {}) for kind in SETS]
        if any(cells):
            rows.append([name, *(estimate(one.get("value"), one.get("low"), one.get("high"))
                                 if one else "" for one in cells)])  # fmt: skip
    return table(["figure", *SETS.values()], rows)
