"""Measurements against each other by ANSI/AAMI EC57, as WFDB's mxm and epicmp make it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from ecgsynth.scoring.rules import Period, Rules
from ecgsynth.signals.recording import Annotations

MEASURE = "="
NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


@dataclass
class MeasurementComparison:
    """Measurements of one type (the subtype of `=`), such as a heart rate.

    count: comparisons. squares: sum of the squared differences. total: sum of the values of the
    truth.
    """

    count: int = 0
    squares: float = 0.0
    total: float = 0.0

    @property
    def error_percent(self) -> float | None:
        """Root mean square of the differences, as a percentage of the truth's mean."""
        if not self.total:
            return None
        return 100 * math.sqrt(self.count * self.squares) / self.total

    @property
    def error(self) -> float | None:
        """Root mean square of the differences, in the unit of the measurement."""
        return math.sqrt(self.squares / self.count) if self.count else None

    @property
    def mean(self) -> float | None:
        """Mean of the values of the truth that are compared."""
        return self.total / self.count if self.count else None


def compare_measurements(
    test: Annotations, truth: Annotations, period: Period, rules: Rules
) -> dict[int, MeasurementComparison]:
    """Type -> comparison, for the types that both files have.

    Every value of the test file meets that of the truth which is nearest in time, the later one in
    a tie.
    """
    ref, alg = _measurements(truth), _measurements(test)
    return {kind: _compare(alg[kind], ref[kind], period, rules) for kind in sorted({*ref} & {*alg})}


def _measurements(notes: Annotations) -> dict[int, list[tuple[int, float]]]:
    """Type -> (sample, value) of the measurements that have a number in their text."""
    found: dict[int, list[tuple[int, float]]] = {}
    if not notes.note:
        return found
    subtypes = notes.subtype.tolist() or [0] * len(notes)
    for k in (notes.symbol == MEASURE).nonzero()[0]:
        number = NUMBER.match(notes.note[k])
        if number:
            found.setdefault(subtypes[k], []).append((int(notes.sample[k]), float(number[1])))
    return found


def _compare(
    alg: list[tuple[int, float]], ref: list[tuple[int, float]], period: Period, rules: Rules
) -> MeasurementComparison:
    found = MeasurementComparison()
    at = 0
    for time, value in alg:
        if time > period.end:
            break
        while at + 1 < len(ref) and abs(ref[at + 1][0] - time) <= abs(ref[at][0] - time):
            at += 1
        if time >= period.start:
            _tally(found, value, ref[at][1])
        elif rules.quirks:
            found.count += 1
    if rules.quirks and alg and alg[-1][0] <= ref[-1][0] <= period.end:
        _tally(found, alg[-1][1], ref[-1][1])
        found.count -= 1
    return found


def _tally(sums: MeasurementComparison, value: float, truth: float) -> None:
    sums.count += 1
    sums.squares += (value - truth) ** 2
    sums.total += truth
