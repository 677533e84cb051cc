"""Medians of measurements against the real ones: by class, and by sex and age."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, Metric, NotApplicable, Trial, members, metric
from ecgsynth.evaluation.medians import median_difference, people_of_items
from ecgsynth.evaluation.metrics.physiology import measurements
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import MEASUREMENTS, unmeasurable

DECADES = range(20, 100, 10)
"""First years of the groups of age."""

REFERENCE = (
    "the difference of the medians; same delineator for both sets; 95 % interval by bootstrap "
    "over people; 0 = equal"
)


@METRICS.register_each({
    "pr_median": "Median PR interval minus the real one.",
    "qrs_median": "Median QRS duration minus the real one.",
    "qt_median": "Median QT interval minus the real one.",
    "r_amplitude_median": "Median QRS peak minus the real one.",
})  # fmt: skip
def _by_class(name: str, title: str) -> Metric:
    """The difference of the medians of a measurement, class by class."""
    what = name.removesuffix("_median")

    def difference(trial: Trial) -> dict[str, Estimate]:
        sets = _sets(trial)
        rows = {name: [members(ecg, name) for ecg in sets] for name in trial.groups}
        return _differences(trial, what, rows)

    difference.__doc__ = title
    return metric(
        name, unit=MEASUREMENTS[what][1], goal="match", needs=("test",), question="match",
        reference=REFERENCE,
    )(difference)  # fmt: skip


@METRICS.register_each({
    "heart_rate_by_group": "Median heart rate of a sex or a decade of age minus the real one.",
    "qrs_by_group": "Median QRS duration of a sex or a decade of age minus the real one.",
    "qtcf_by_group": "Median corrected QT of a sex or a decade of age minus the real one.",
    "r_amplitude_by_group": "Median QRS peak of a sex or a decade of age minus the real one.",
})  # fmt: skip
def _by_group(name: str, title: str) -> Metric:
    """The difference of the medians of a measurement, by sex and by decade of age."""
    what = name.removesuffix("_by_group")

    def difference(trial: Trial) -> dict[str, Estimate]:
        synthetic_rows, real_rows = (groups_of(ecg) for ecg in _sets(trial))
        both = [group for group in synthetic_rows if group in real_rows]
        if not both:
            raise NotApplicable("needs the contexts age or sex in both sets")
        rows = {
            name: [np.flatnonzero(known[name]) for known in (synthetic_rows, real_rows)]
            for name in both
        }
        return _differences(trial, what, rows)

    difference.__doc__ = title
    return metric(
        name, unit=MEASUREMENTS[what][1], goal="match", needs=("test",), question="fairness",
        reference=f"{REFERENCE}; age and sex are the contexts of the items",
    )(difference)  # fmt: skip


def groups_of(ecg: Ecg) -> dict[str, NDArray[np.bool_]]:
    """Sex or decade of age -> [item] whether it belongs to it; none without these contexts."""
    found: dict[str, NDArray[np.bool_]] = {}
    if ecg.context is None:
        return found
    columns = dict(zip(ecg.spec.context, np.asarray(ecg.context).T, strict=True))
    if "sex" in columns:
        found |= {"women": columns["sex"] > 0.5, "men": columns["sex"] <= 0.5}
    if "age" in columns:
        decade = np.floor(columns["age"] / 10) * 10
        found |= {f"{first}-{first + 9}": decade == first for first in DECADES}
    return found


def _sets(trial: Trial) -> tuple[Ecg, Ecg]:
    assert trial.test is not None
    return trial.synthetic, trial.test


def _differences(
    trial: Trial, what: str, rows: dict[str, list[NDArray[np.int64]]]
) -> dict[str, Estimate]:
    """Group -> the difference of the medians; rows: of both sets.

    Raises
    ------
    NotApplicable: the items are too short for the measurement.
    """
    sets = _sets(trial)
    reasons = unmeasurable(sets[0].spec) | unmeasurable(sets[1].spec)
    if what in reasons:
        raise NotApplicable(reasons[what])
    digits = 2 if MEASUREMENTS[what][1] == "mV" else 0
    known = [values[what] for values in measurements(trial)]
    people = [people_of_items(ecg) for ecg in sets]
    found = {}
    for name, pair in rows.items():
        synthetic_values, real_values = (
            (values[at], person[at]) for values, person, at in zip(known, people, pair, strict=True)
        )
        random = trial.random(f"medians {what} {name}")
        found[name or "all"] = median_difference(synthetic_values, real_values, random, digits)
    return found
