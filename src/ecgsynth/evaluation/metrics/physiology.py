"""Rates, intervals and amplitudes of synthetic and real beats, for each class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    Metric,
    NotApplicable,
    Trial,
    members,
    metric,
    once,
    too_few,
)
from ecgsynth.evaluation.intervals import LeaveOneOut, Units, interval, joint, mean_against_real
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import MEASUREMENTS, Fiducials, measure, unmeasurable

MEASURED_S, QUICK_MEASURED_S = 1440.0, 360.0
"""Seconds of each set that are delineated (2,000 beats), shared equally by the classes."""

FEWEST = 40
"""Least items of a class that are delineated, whatever their length."""

FROM_CONTEXT = "from the contexts: it does not depend on the signals"
"""Note on the heart rate of single beats."""

NO_MEAN_RR = "QT of a beat that is not normal needs the mean RR for correction, which is not known"

MOST_FAIL = 0.5
"""If a measurement fails on a larger share of either set, the note gives it."""

REFERENCE = (
    "same delineator for both sets, with its error measured on LUDB; {} of the measurements; 95 % "
    "interval over people"
)


@METRICS.register_each({
    "heart_rate_w1": "Distance of heart rates to the real ones.",
    "rr_sd_w1": "Distance of the SD of RR within a record to the real one.",
    "rmssd_w1": "Distance of RMSSD within a record to the real one.",
    "pr_w1": "Distance of PR intervals to the real ones.",
    "qrs_w1": "Distance of QRS durations to the real ones.",
    "qt_w1": "Distance of QT intervals to the real ones.",
    "qtcf_w1": "Distance of QT corrected for rate (Fridericia) to the real ones.",
    "p_amplitude_w1": "Distance of P amplitudes to the real ones.",
    "r_amplitude_w1": "Distance of QRS peaks to the real ones.",
    "t_amplitude_w1": "Distance of T amplitudes to the real ones.",
    "st_level_w1": "Distance of ST levels (J + 60 ms) to the real ones.",
})  # fmt: skip
def _wasserstein(name: str, title: str) -> Metric:
    """The Wasserstein-1 distance of a measurement, in its own unit."""
    what = name.removesuffix("_w1")

    def distance(trial: Trial) -> dict[str, Estimate]:
        return _compare(trial, what, lambda gap, width: (np.abs(gap) * width).sum(-1), share=False)

    distance.__doc__ = title
    return metric(
        name, unit=MEASUREMENTS[what][1], goal="lower", needs=("test",), question="match",
        reference=REFERENCE.format("Wasserstein-1 distance"),
    )(distance)  # fmt: skip


@METRICS.register_each({
    "heart_rate_ks": "Largest gap between the distributions of heart rate.",
    "rr_sd_ks": "Largest gap between the distributions of the SD of RR.",
    "rmssd_ks": "Largest gap between the distributions of RMSSD.",
    "pr_ks": "Largest gap between the distributions of the PR interval.",
    "qrs_ks": "Largest gap between the distributions of QRS duration.",
    "qt_ks": "Largest gap between the distributions of the QT interval.",
    "qtcf_ks": "Largest gap between the distributions of QT corrected for rate.",
    "p_amplitude_ks": "Largest gap between the distributions of P amplitude.",
    "r_amplitude_ks": "Largest gap between the distributions of the QRS peak.",
    "t_amplitude_ks": "Largest gap between the distributions of T amplitude.",
    "st_level_ks": "Largest gap between the distributions of ST level.",
})  # fmt: skip
def _kolmogorov(name: str, title: str) -> Metric:
    """The Kolmogorov-Smirnov distance of a measurement."""
    what = name.removesuffix("_ks")

    def distance(trial: Trial) -> dict[str, Estimate]:
        return _compare(trial, what, lambda gap, _: np.abs(gap).max(-1), share=True)

    distance.__doc__ = title
    return metric(
        name, unit="share", goal="lower", needs=("test",), question="match",
        reference=REFERENCE.format("Kolmogorov-Smirnov distance"),
    )(distance)  # fmt: skip


@METRICS.register("delineation_failure")
@metric(
    "delineation_failure", unit="share", goal="match", needs=("test",), question="match",
    reference="share of items in which the delineator finds no complete QRS at the R peak (in a "
    "record: none at all); the note gives the real share",
)  # fmt: skip
def delineation_failure(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic items in which no QRS can be delineated."""
    assert trial.test is not None
    found: dict[str, Estimate] = {}
    sets = [(trial.synthetic, measurements(trial)[0]), (trial.test, measurements(trial)[1])]
    for group in trial.groups:
        rows = [delineated_rows(trial, ecg, group) for ecg, _ in sets]
        if min(map(len, rows)) < MIN_ITEMS:
            found[group or "all"] = too_few(min(map(len, rows)))
            continue
        failed, real = (
            np.isnan(values["qrs"][at]) for (_, values), at in zip(sets, rows, strict=True)
        )
        samples = joint((trial.test, rows[1]), (trial.synthetic, rows[0]))
        note = f"of real items {real.mean():.1%}"
        found[group or "all"] = mean_against_real(failed, real, samples, share=True, note=note)
    return found


def delineated_rows(trial: Trial, ecg: Ecg, group: str) -> NDArray[np.int64]:
    """Rows of a group that are delineated: all, or a sample of many."""
    budget = QUICK_MEASURED_S if trial.quick else MEASURED_S
    most = max(FEWEST, int(budget / len(trial.groups) / ecg.spec.seconds))
    rows = members(ecg, group)
    if len(rows) <= most:
        return rows
    return np.sort(trial.random(f"delineated {group}").permutation(rows)[:most])


@once
def measurements(
    trial: Trial,
) -> tuple[Mapping[str, NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]:
    """(synthetic, test): measurement -> [item] value, named as in `fiducials.MEASUREMENTS`.

    NaN if the delineation failed, and for items outside the measured sample.
    """
    assert trial.test is not None
    return _measure_sample(trial, trial.synthetic), _measure_sample(trial, trial.test)


def _measure_sample(trial: Trial, ecg: Ecg) -> dict[str, NDArray[np.float64]]:
    """Measurement -> [item], NaN where it failed or the item was not looked at."""
    rows = np.unique(np.concatenate([delineated_rows(trial, ecg, group) for group in trial.groups]))
    found = {}
    for name, values in measured(ecg[rows]).items():
        found[name] = np.full(len(ecg), np.nan)
        found[name][rows] = values
    return found


def measured(ecg: Ecg) -> dict[str, NDArray[np.float64]]:
    """Measurement -> [item], NaN if it failed or the item is too short for it.

    Measured in lead II or MLII if there is one, else in the first; quantised to 5 uV. RR before a
    single beat is from its context, and so is the mean RR for the correction of its QT. If the mean
    RR is not known, the RR before the beat is used, for normal beats only.
    """
    spec = ecg.spec
    lead = next((spec.leads.index(name) for name in ("II", "MLII") if name in spec.leads), 0)
    signal = np.ascontiguousarray(ecg.quantised().signal[:, lead])
    points = Fiducials(_delineate_cached(signal.tobytes(), signal.shape[1], spec.fs), spec.fs)
    before = mean = None
    if spec.r_sample is not None:
        before, mean = _context(ecg, "rr_before_s"), _context(ecg, "rr_mean_s")
        if mean is None and before is not None:
            mean = np.where(_normal(ecg), before, np.nan)
    found = measure(signal, points, r_sample=spec.r_sample, rr_s=before, mean_rr_s=mean)
    return found | {name: np.full(len(ecg), np.nan) for name in unmeasurable(spec)}


def _context(ecg: Ecg, name: str) -> NDArray[np.float64] | None:
    if name not in ecg.spec.context or ecg.context is None:
        return None
    return ecg.context[:, ecg.spec.context.index(name)].astype(np.float64)


def _normal(ecg: Ecg) -> NDArray[np.bool_]:
    """Items of class N only."""
    if "N" not in ecg.spec.classes:
        return np.zeros(len(ecg), bool)
    own = np.asarray(ecg.label) > 0
    return own[:, ecg.spec.class_index("N")] & (own.sum(1) == 1)


@lru_cache(maxsize=4)
def _delineate_cached(signal: bytes, samples: int, fs: float) -> NDArray[np.float64]:
    """The fiducial points of float32 signals; cached, since every control uses the same test
    set."""
    from ecgsynth.evaluation.reference_models.delineation import delineate

    return delineate(np.frombuffer(signal, np.float32).reshape(-1, samples), fs).sample


Gap = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""(difference of the cumulative shares [..., value], width of each step) -> distance [...]."""


def _compare(trial: Trial, what: str, distance: Gap, share: bool) -> dict[str, Estimate]:
    """Distance of a measurement between synthetic and test items, for each group. share: whether
    the distance is between 0 and 1.

    Raises
    ------
    NotApplicable: the items are too short for the measurement.
    """
    assert trial.test is not None
    reasons = unmeasurable(trial.synthetic.spec) | unmeasurable(trial.test.spec)
    if what in reasons:
        raise NotApplicable(reasons[what])
    spec = trial.synthetic.spec
    stated = FROM_CONTEXT if what == "heart_rate" and spec.r_sample is not None else ""
    found: dict[str, Estimate] = {}
    for group in trial.groups:
        measured, there, looked, failed = [], [], [], []
        for ecg, values in zip((trial.synthetic, trial.test), measurements(trial), strict=True):
            rows = delineated_rows(trial, ecg, group)
            known = rows[np.isfinite(values[what][rows])]
            measured.append(values[what][known])
            there.append((ecg, known))
            looked.append(len(rows))
            failed.append(1 - len(known) / max(len(rows), 1))
        fewest = min(looked)
        missing = "not measurable in {:.0%} of the synthetic and {:.0%} of the real items"
        missing = missing.format(*failed)
        if fewest >= MIN_ITEMS and max(failed) > MOST_FAIL:
            no_mean = what == "qtcf" and spec.r_sample is not None and (
                "rr_mean_s" not in spec.context and group != "N"
            )  # fmt: skip
            found[group or "all"] = Estimate(float("nan"), note=NO_MEAN_RR if no_mean else missing)
            continue
        fewest = min(fewest, *map(len, measured))
        if fewest < MIN_ITEMS:
            found[group or "all"] = too_few(fewest)
            continue
        one = _estimate((measured[0], measured[1]), joint(*there), distance, what, share)
        note = "; ".join(filter(None, (one.note, missing, stated)))
        found[group or "all"] = replace(one, note=note)
    return found


def _estimate(
    pair: tuple[NDArray[np.float64], NDArray[np.float64]],
    samples: list[Units],
    distance: Gap,
    what: str,
    share: bool,
) -> Estimate:
    """The distance of two samples with its interval. samples: over synthetic, then real items."""
    (synthetic, real), value = pair, np.concatenate(pair)
    order = np.argsort(value, kind="stable")
    width = np.append(np.diff(value[order]), 0.0)
    # One row for all items, then one without each unit.
    weight = np.array([np.ones(len(value)), *(w for one in samples for w in one.kept())])
    weights = np.split(weight, [len(synthetic)], 1)
    shares = [side / np.maximum(side.sum(1, keepdims=True), 1e-12) for side in weights]
    gap = np.cumsum(np.concatenate([shares[0], -shares[1]], 1)[:, order], 1)
    # The cumulative shares of equal values are compared after the last of them.
    gap[:, :-1][:, width[:-1] == 0] = 0
    figure, *without = distance(gap, width)
    ends = np.cumsum([len(one) for one in samples])
    left = [
        LeaveOneOut(values, one, one.freedom())
        for values, one in zip(np.split(np.array(without), ends[:-1]), samples, strict=True)
    ][::-1]  # the real people first
    digits = 2 if MEASUREMENTS[what][1] == "mV" else 0
    note = f"median {np.median(synthetic):.{digits}f}, of real items {np.median(real):.{digits}f}"
    return interval(float(figure), left, items=min(map(len, pair)) if share else None, note=note)
