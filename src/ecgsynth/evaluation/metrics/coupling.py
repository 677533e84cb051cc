"""How the form of beats depends on RR, in synthetic and real items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, NotApplicable, Trial, members, metric
from ecgsynth.evaluation.inputs import contexts_of
from ecgsynth.evaluation.intervals import LeaveOneOut, interval, joint
from ecgsynth.evaluation.metrics.physiology import delineated_rows, measurements
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import unmeasurable

LEAST = 40
"""Least items of either set."""

RR = ("rr_before_s", "rr_after_s", "rr_mean_s")
"""Contexts with which the form of a beat is compared."""


@METRICS.register("qt_rr_slope")
@metric(
    "qt_rr_slope", unit="ms/s", goal="match", needs=("test",), question="match",
    reference="least-squares slope of QT over RR, by the same delineator; RR is the mean RR, as in "
    "QTcF, or the RR before normal beats; the interval is that of the difference from real items",
)  # fmt: skip
def qt_rr_slope(trial: Trial) -> dict[str, Estimate]:
    """How much longer QT is in items of longer RR.

    Raises
    ------
    NotApplicable: the items are too short for QT, or their RR is not known.
    """
    assert trial.test is not None
    reasons = unmeasurable(trial.synthetic.spec) | unmeasurable(trial.test.spec)
    for name in ("qt", "qtcf"):
        if name in reasons:
            raise NotApplicable(reasons[name])
    found: dict[str, Estimate] = {}
    for group in trial.groups:
        numbers, values, parts = [], [], []
        for ecg, measured in zip((trial.synthetic, trial.test), measurements(trial), strict=True):
            rows = delineated_rows(trial, ecg, group)
            rows = rows[np.isfinite(measured["qtcf"][rows])]
            qt = measured["qt"][rows]
            numbers.append(((qt / measured["qtcf"][rows]) ** 3)[:, None])  # Fridericia's RR
            values.append(qt[:, None])
            parts.append((ecg, rows))
        found[group or "all"] = _against_real(numbers, values, parts, slope)
    return found


@METRICS.register("rr_morphology")
@metric(
    "rr_morphology", unit="share", goal="match", needs=("test", "aligned"), question="match",
    reference="adjusted R2 of a linear regression of the signal, sample by sample, on RR before, "
    "RR after and the mean RR; the interval is that of the difference from real items",
)  # fmt: skip
def rr_morphology(trial: Trial) -> dict[str, Estimate]:
    """Share of the variance of the signal within a class that RR explains.

    In ectopic beats it contains the coupling interval, in normal beats the rate.

    Raises
    ------
    NotApplicable: the items of either set have no RR.
    """
    assert trial.test is not None
    sets = (trial.synthetic, trial.test)
    names = [n for n in RR if all(n in e.spec.context and e.context is not None for e in sets)]
    if not names:
        raise NotApplicable("needs a context of RR in both sets, such as rr_before_s")
    found: dict[str, Estimate] = {}
    for group in trial.groups:
        numbers, values, parts = [], [], []
        for ecg in sets:
            of_items = contexts_of(ecg, names)
            rows = members(ecg, group)
            rows = rows[np.isfinite(of_items[rows]).all(1)]
            numbers.append(of_items[rows])
            size = len(ecg.spec.leads) * ecg.spec.samples
            values.append(ecg.signal[rows].reshape(len(rows), size).astype(np.float64))
            parts.append((ecg, rows))
        found[group or "all"] = _against_real(numbers, values, parts, explained)
    return found


@dataclass(frozen=True)
class Sums:
    """Sums over items from which a linear regression follows.

    xx: [number, number], of the numbers and a constant. xy: [number, sample].
    y: [sample]. yy: of all samples. items: their number.
    """

    xx: NDArray[np.float64]
    xy: NDArray[np.float64]
    y: NDArray[np.float64]
    yy: float
    items: int

    @classmethod
    def of(cls, numbers: NDArray[np.float64], signal: NDArray[np.float64]) -> Sums:
        """numbers: [item, number]; signal: [item, sample]."""
        x = np.column_stack([np.ones(len(numbers)), numbers])
        return cls(x.T @ x, x.T @ signal, signal.sum(0), float((signal**2).sum()), len(x))

    def __sub__(self, other: Sums) -> Sums:
        return Sums(
            self.xx - other.xx, self.xy - other.xy, self.y - other.y, self.yy - other.yy,
            self.items - other.items,
        )  # fmt: skip

    @property
    def weights(self) -> NDArray[np.float64]:
        """[number, sample] of the regression; 0 for a number that does not vary."""
        return np.asarray(np.linalg.pinv(self.xx, rcond=1e-10, hermitian=True) @ self.xy)


def slope(sums: Sums) -> float:
    """Slope of the first sample over the first number."""
    return float(sums.weights[1, 0])


def explained(sums: Sums) -> float:
    """Adjusted R2 of all samples together; NaN of fewer items than numbers, or equal signals."""
    free = sums.items - len(sums.xx)
    total = sums.yy - float((sums.y**2).sum()) / max(sums.items, 1)
    if free < 1 or total <= 1e-9 * sums.yy:
        return float("nan")
    left = sums.yy - float((sums.xy * sums.weights).sum())
    return 1 - left / free / (total / (sums.items - 1))


def _against_real(
    numbers: list[NDArray[np.float64]],
    signals: list[NDArray[np.float64]],
    parts: list[tuple[Ecg, NDArray[np.int64]]],
    figure: Callable[[Sums], float],
) -> Estimate:
    """A figure of synthetic items, with the interval of its difference from that of real ones."""
    fewest = min(map(len, signals))
    if fewest < LEAST:
        return Estimate(float("nan"), note=f"{fewest} items; {LEAST} are needed")
    whole = [Sums.of(x, y) for x, y in zip(numbers, signals, strict=True)]
    value, real_value = map(figure, whole)
    left = []
    for units in joint(*parts):
        unit_parts = np.split(units.of, [len(signals[0])])
        values = [
            _without(figure, numbers, signals, whole, [unit_of == k for unit_of in unit_parts])
            for k in range(len(units))
        ]
        left.append(LeaveOneOut(np.array(values) + real_value, units, units.freedom()))
    note = f"of real items {real_value:.3g}"
    return interval(value, left[::-1], least=-np.inf, note=note)  # the real people first


def _without(
    figure: Callable[[Sums], float],
    numbers: list[NDArray[np.float64]],
    signals: list[NDArray[np.float64]],
    whole: list[Sums],
    out: list[NDArray[np.bool_]],
) -> float:
    """The difference of both sets without these items of each."""
    value, real_value = (
        figure(sums - Sums.of(x[rows], y[rows]))
        for sums, x, y, rows in zip(whole, numbers, signals, out, strict=True)
    )
    return value - real_value
