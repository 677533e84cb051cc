"""Errors of wave marks: detected points against points that were marked by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.ludb import marked_range
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import FIDUCIALS

TOLERANCE_S = 0.15
"""A mark counts as detected when the nearest detected point lies within (Martinez et al. 2004)."""

Points = Mapping[str, NDArray]
"""Fiducial -> samples, of one lead."""


@dataclass
class Tally:
    """Errors of one group of leads and beats, fiducial by fiducial.

    ms: error of every detected mark. marks, extra: marks, and detected points without a mark.
    people: of whom there are marks.
    """

    ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    marks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    extra: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    people: set[str] = field(default_factory=set)

    def add(self, name: str, error: NDArray, fs: float, extra: int, person: str) -> None:
        """error: [mark] in samples, NaN where a mark is not detected."""
        self.ms[name] += (1000 / fs * error[np.isfinite(error)]).tolist()
        self.marks[name] += len(error)
        self.extra[name] += extra
        if len(error):
            self.people.add(person)

    def rows(self, unknown: Sequence[str] = ()) -> list[dict[str, Any]]:
        """One row a fiducial; of `unknown` ones there is no precision, as not all are marked."""
        rows = []
        for name in FIDUCIALS:
            error, marks = np.array(self.ms[name]), self.marks[name]
            if not marks:
                continue
            precision = len(error) / max(len(error) + self.extra[name], 1)
            rows.append({
                "fiducial": name, "marks": marks, "people": len(self.people),
                "mean_ms": round(float(error.mean()), 1) if len(error) else None,
                "sd_ms": round(float(error.std()), 1) if len(error) else None,
                "sensitivity": round(len(error) / marks, 4),
                "precision": None if name in unknown else round(precision, 4),
            })  # fmt: skip
        return rows


def matched(marked: NDArray, found: NDArray, tolerance: float) -> NDArray[np.int64]:
    """[pair, 2] rows of a mark and a detected point that are each other's nearest, and near enough;
    both in order."""
    if not len(marked) or not len(found):
        return np.zeros((0, 2), np.int64)
    rows, nearest = np.arange(len(marked)), _nearest(found, marked)
    mutual = _nearest(marked, found)[nearest] == rows
    mutual &= np.abs(found[nearest] - marked) <= tolerance
    return np.stack([rows[mutual], nearest[mutual]], 1)


def _nearest(points: NDArray, of: NDArray) -> NDArray[np.int64]:
    """[of] row of the nearest of some points in order."""
    right = np.clip(np.searchsorted(points, of), 1, max(len(points) - 1, 1))
    right = np.minimum(right, len(points) - 1)
    left = np.maximum(right - 1, 0)
    return np.where(np.abs(points[left] - of) <= np.abs(points[right] - of), left, right)


def compare(
    marked: NDArray, found: NDArray, stretches: Iterable[Sequence[float]], fs: float
) -> tuple[NDArray[np.float64], int]:
    """(error of every mark in samples, NaN where it is not detected; points without a mark).

    Points outside of the stretches, where nobody marked, are neither right nor wrong.
    """
    pairs = matched(marked, found, TOLERANCE_S * fs)
    error = np.full(len(marked), np.nan)
    error[pairs[:, 0]] = found[pairs[:, 1]] - marked[pairs[:, 0]]
    lone = np.delete(found, pairs[:, 1])
    return error, sum(int(((lone >= first) & (lone <= last)).sum()) for first, last in stretches)


def errors_by_lead(
    ecg: Ecg, found: Sequence[Sequence[Points]], groups: Mapping[str, Sequence[int]]
) -> dict[str, Tally]:
    """Group of leads -> errors, of records whose leads were marked one by one.

    found: [item][lead].
    """
    assert ecg.marks is not None and ecg.patient is not None
    reach = marked_range(ecg)
    tallies = {name: Tally() for name in groups}
    for item in range(len(ecg)):
        for lead in range(len(ecg.spec.leads)):
            own = (ecg.marks.item == item) & (ecg.marks.lead == lead)
            sample, symbol = ecg.marks.sample[own], ecg.marks.symbol[own]
            for name in FIDUCIALS:
                marked = np.sort(sample[symbol == name])
                at = np.sort(found[item][lead][name])
                error, extra = compare(marked, at, [reach[item, lead]], ecg.spec.fs)
                for group, numbers in groups.items():
                    if lead in numbers:
                        person = str(ecg.patient[item])
                        tallies[group].add(name, error, ecg.spec.fs, extra, person)
    return tallies


def errors(ecg: Ecg, found: Sequence[Sequence[Points]]) -> list[dict[str, Any]]:
    """Rows as `delineator_errors` returns them: of lead II and of all leads."""
    groups = {"II": [ecg.spec.leads.index("II")], "all": [*range(len(ecg.spec.leads))]}
    tallies = errors_by_lead(ecg, found, groups)
    return [{"leads": name, **row} for name, tally in tallies.items() for row in tally.rows()]


def points_of(sample: NDArray) -> dict[str, NDArray]:
    """Fiducial -> samples in order, of [beat, 9]."""
    return {
        name: np.sort(sample[:, k][np.isfinite(sample[:, k])]) for k, name in enumerate(FIDUCIALS)
    }
