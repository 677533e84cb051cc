"""Measurements against each other by ANSI/AAMI EC57, as WFDB's mxm and epicmp make it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

from ecgsynth.scoring.rules import ENDLESS, Period, Rules
from ecgsynth.signals.annotations import Annotations

MEASURE = "="
NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


Values = list[tuple[int, float]]
"""Sample and value of each measurement."""


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
    a tie. In a record of unknown length the truth's last annotation is the end.
    """
    if period.end == ENDLESS and len(truth):
        period = replace(period, end=int(truth.sample.max()))
    ref, alg = _measurements(truth), _measurements(test)
    return {kind: _compare(alg[kind], ref[kind], period, rules) for kind in sorted({*ref} & {*alg})}


def _measurements(notes: Annotations) -> dict[int, Values]:
    """Type -> (sample, value) of the measurements that have a number in their text."""
    found: dict[int, Values] = {}
    if not notes.note:
        return found
    subtypes = notes.subtype.tolist() or [0] * len(notes)
    for k in (notes.symbol == MEASURE).nonzero()[0]:
        number = NUMBER.match(notes.note[k])
        if number:
            found.setdefault(subtypes[k], []).append((int(notes.sample[k]), float(number[1])))
    return found


def _compare(alg: Values, ref: Values, period: Period, rules: Rules) -> MeasurementComparison:
    if rules.quirks:
        return _compare_as_mxm(alg, ref, period)
    found, after = MeasurementComparison(), 0
    for time, value in alg:
        while after < len(ref) and ref[after][0] < time:
            after += 1
        if period.start <= time <= period.end:
            _tally(found, value, _nearest(ref, after, time))
            found.count += 1
    return found


def _compare_as_mxm(alg: Values, ref: Values, period: Period) -> MeasurementComparison:
    """As mxm has it: a value of 0 precedes the truth; the first value after the end is compared if
    the truth's next one is not; after the last value it comes again. All that were read count."""
    found, after, at, end = MeasurementComparison(), 0, 0, period.end
    ref, alg = [(0, 0.0), *ref], [*alg, (ENDLESS, alg[-1][1])]
    while alg[at][0] < period.start:
        at += 1
    while alg[at][0] <= end or (after < len(ref) and ref[after][0] <= end):
        time, value = alg[at]
        while after < len(ref) and ref[after][0] < time:
            after += 1
        _tally(found, value, _nearest(ref, after, time))
        at = min(at + 1, len(alg) - 1)
    found.count = min(at + 1, len(alg) - 1)
    return found


def _nearest(ref: Values, after: int, time: int) -> float:
    """The value nearest in time, of the one before and the one after; the later one in a tie."""
    near = ref[max(after - 1, 0) : after + 1]
    return min(reversed(near), key=lambda one: abs(one[0] - time))[1]


def _tally(sums: MeasurementComparison, value: float, truth: float) -> None:
    sums.squares += (value - truth) ** 2
    sums.total += truth
