"""Whether beats are where the annotations of a set have them, by detectors of other authors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    is_record,
    metric,
    once,
    pick,
    too_few,
)
from ecgsynth.evaluation.intervals import LeaveOneOut, Units, interval, units
from ecgsynth.evaluation.medians import median_difference, people_of_items
from ecgsynth.evaluation.reference_models.detectors import DETECTORS, Detector, detect_beats
from ecgsynth.evaluation.reference_models.events import find_events
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import Events, R, events_of
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

NEAR_S = 0.075
"""A detected beat belongs to an annotated one within this time, s (half of AAMI EC57's 150 ms)."""

EDGE_S = 0.5
"""Beats nearer to either end of a record do not count, s: detectors need a beginning."""

MOST, QUICK_MOST = 333, 50
"""Most records of each set in which the detectors look."""

FEWEST_BEATS = 3
"""Beats of a record from which its rate is measured."""

REFERENCE = (
    "detectors gqrs and xqrs of WFDB in lead II, else the first; within 75 ms; the interval is "
    "that of the difference from the real records, whose beats are annotated or found by the "
    "delineator; their figure is in the note"
)


@dataclass(frozen=True)
class Agreement:
    """Annotated and detected beats of records.

    Attributes
    ----------
    annotated, met: [item] number of annotated beats, and of those that were detected.
    detected, extra: [item] number of detected beats, and of those that are not annotated.
    offset: [item] median time from annotated to detected R, s; NaN if none was detected.
    rate_error: [item] heart rate by detected minus that by annotated beats, absolute, 1/min.
    units: of the records. person: [item].
    """

    annotated: NDArray[np.int64]
    met: NDArray[np.int64]
    detected: NDArray[np.int64]
    extra: NDArray[np.int64]
    offset: NDArray[np.float64]
    rate_error: NDArray[np.float64]
    units: Units
    person: NDArray[Any]


@METRICS.register("beats_met")
@metric(
    "beats_met", unit="share", goal="match", needs=("test",), question="match",
    reference=REFERENCE,
)  # fmt: skip
def beats_met(trial: Trial) -> dict[str, Estimate]:
    """Share of annotated beats that a detector finds.

    Raises
    ------
    NotApplicable: single beats, or a set without annotations.
    """
    return _shares(trial, lambda one: (one.met, one.annotated))


@METRICS.register("beats_extra")
@metric(
    "beats_extra", unit="share", goal="match", needs=("test",), question="match",
    reference=REFERENCE,
)  # fmt: skip
def beats_extra(trial: Trial) -> dict[str, Estimate]:
    """Share of the beats of a detector that are not annotated.

    Raises
    ------
    NotApplicable: see `beats_met`.
    """
    return _shares(trial, lambda one: (one.extra, one.detected))


@METRICS.register("beat_offset")
@metric(
    "beat_offset", unit="ms", goal="match", needs=("test",), question="match",
    reference="median over records of the median time from annotated to detected R, minus that of "
    "real records: a detector has an offset of its own; interval by bootstrap over people",
)  # fmt: skip
def beat_offset(trial: Trial) -> dict[str, Estimate]:
    """Time from annotated to detected beats minus that in real records.

    Raises
    ------
    NotApplicable: see `beats_met`.
    """
    return _medians(trial, lambda one: 1000 * one.offset)


@METRICS.register("rate_error")
@metric(
    "rate_error", unit="1/min", goal="lower", needs=("test",), question="match",
    reference="median over records of |60 / median RR of the detected beats - that of the "
    "annotated ones|; interval by the signs of the records; real records in the note",
)  # fmt: skip
def rate_error(trial: Trial) -> dict[str, Estimate]:
    """Difference of the heart rate by a detector from that of the annotated beats.

    Raises
    ------
    NotApplicable: see `beats_met`.
    """
    found = {}
    for name, pair in agreements(trial).items():
        synthetic_error, real_error = (one.rate_error[np.isfinite(one.rate_error)] for one in pair)
        if len(synthetic_error) < MIN_ITEMS:
            found[name] = too_few(len(synthetic_error))
            continue
        note = f"of real records {np.median(real_error):.2f}" if len(real_error) else ""
        found[name] = _median_by_signs(synthetic_error, note, pair[0].units.words)
    return found


def _median_by_signs(values: NDArray[np.float64], note: str, words: str) -> Estimate:
    """The median with the interval of order statistics (Thompson, Ann. Math. Stat. 1936)."""
    from scipy.stats import binom

    ascending, count = np.sort(values), len(values)
    first = max(int(binom.ppf(0.025, count, 0.5)) - 1, 0)
    low, high = float(ascending[first]), float(ascending[count - 1 - first])
    return Estimate(float(np.median(values)), low, high, note, words)


@once
def agreements(trial: Trial) -> Mapping[str, tuple[Agreement, Agreement]]:
    """Detector -> the agreement of synthetic and of real records.

    Raises
    ------
    NotApplicable: see `beats_met`.
    """
    assert trial.test is not None
    if not is_record(trial.synthetic.spec):
        raise NotApplicable("needs records of several beats")
    if not has_beats(trial.synthetic):
        raise NotApplicable("the set has no annotated beats")
    most = QUICK_MOST if trial.quick else MOST
    sets = [pick(ecg, most, trial.random("beats")).quantised()
            for ecg in (trial.synthetic, trial.test)]  # fmt: skip
    truth = [_times(ecg) for ecg in sets]
    found = {}
    for name, detect in DETECTORS.items():
        one, other = (agree(*pair, detect) for pair in zip(sets, truth, strict=True))
        found[name] = one, other
    return found


def has_beats(ecg: Ecg) -> bool:
    """Whether a set has annotated beats."""
    return ecg.marks is not None and any(str(one) in AAMI_OF_SYMBOL for one in ecg.marks.symbol)


def _times(ecg: Ecg) -> NDArray[np.float64]:
    """[item, beat] times of annotated R, s, NaN after the last; by the delineator if there are
    none."""
    return np.asarray(events_in(ecg)[..., R], np.float64)


def events_in(ecg: Ecg) -> Events:
    """[item, beat, EVENT] the annotated beats, or those that the delineator finds."""
    return events_of(ecg) if has_beats(ecg) else find_events(ecg)


def agree(ecg: Ecg, times: NDArray[np.float64], detect: Detector) -> Agreement:
    """Annotated beats against those of a detector, record by record.

    times: [item, beat] of the annotated R, s, NaN after the last.
    """
    spec = ecg.spec
    lead = next((spec.leads.index(name) for name in ("II", "MLII") if name in spec.leads), 0)
    rows = []
    for truth, at in zip(times, detect_beats(ecg.signal[:, lead], spec.fs, detect), strict=True):
        truth = truth[np.isfinite(truth)]
        inner, seen = (one[(one > EDGE_S) & (one < spec.seconds - EDGE_S)] for one in (truth, at))
        away = _nearest(inner, at)
        met = np.abs(away) <= NEAR_S
        extra = np.abs(_nearest(seen, truth)) > NEAR_S
        offset = np.median(away[met]) if met.any() else np.nan
        error = abs(_rate(seen) - _rate(inner))
        rows.append((len(inner), met.sum(), len(seen), extra.sum(), offset, error))
    annotated, hits, detected, more, offsets, errors = map(np.array, zip(*rows, strict=True))
    return Agreement(
        annotated, hits, detected, more, offsets, errors, units(ecg), people_of_items(ecg)
    )


def _nearest(these: NDArray[np.float64], those: NDArray[np.float64]) -> NDArray[np.float64]:
    """[these] time to the nearest of those, with its sign; infinite if there are none."""
    if not len(these) or not len(those):
        return np.full(len(these), np.inf)
    gap = those[None] - these[:, None]
    return np.asarray(gap[np.arange(len(these)), np.abs(gap).argmin(1)])


def _rate(times: NDArray[np.float64]) -> float:
    """Heart rate of the median RR interval, 1/min."""
    return 60 / float(np.median(np.diff(times))) if len(times) >= FEWEST_BEATS else np.nan


Counts = Callable[[Agreement], tuple[NDArray[np.int64], NDArray[np.int64]]]
"""Agreement -> [item] the beats that count, and those of which they are a share."""


def _shares(trial: Trial, counts: Counts) -> dict[str, Estimate]:
    """Detector -> a share of beats; its interval is that of the difference from real records."""
    found = {}
    for name, pair in agreements(trial).items():
        (hits, of), (real_hits, real_of) = (counts(one) for one in pair)
        if min(of.sum(), real_of.sum()) < MIN_ITEMS:
            found[name] = too_few(int(min(of.sum(), real_of.sum())))
            continue
        value, real_value = hits.sum() / of.sum(), real_hits.sum() / real_of.sum()
        without = [_without_each(*counts(one), one.units) for one in pair]
        left = [
            LeaveOneOut(values, one.units, one.units.freedom())
            for values, one in ((value + real_value - without[1], pair[1]), (without[0], pair[0]))
        ]
        note = f"of real records {real_value:.4f}"
        found[name] = interval(float(value), left, note=note)
    return found


def _without_each(
    hits: NDArray[np.int64], of: NDArray[np.int64], sample: Units
) -> NDArray[np.float64]:
    """The share of all items without each unit."""
    sums = [np.bincount(sample.of, column, len(sample)) for column in (hits, of)]
    return np.asarray((hits.sum() - sums[0]) / np.maximum(of.sum() - sums[1], 1))


def _medians(trial: Trial, of: Callable[[Agreement], NDArray[np.float64]]) -> dict[str, Estimate]:
    found = {}
    for name, pair in agreements(trial).items():
        values = [(of(one), one.person) for one in pair]
        found[name] = median_difference(values[0], values[1], trial.random(f"offset {name}"), 1)
    return found
