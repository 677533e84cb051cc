"""Sets that share items: the privacy metrics that are invalid then, and why."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Metric, Trial
from ecgsynth.signals.ecg import Ecg

log = logging.getLogger("ecgsynth")

SAME = 0.003
"""Items are the same if no sample differs by more, mV (for normalised items: in their unit).
Formats round to 1 uV and less, converters to 5 uV; a copy with noise is a different item."""

MOST_SHARED = 0.01
"""Largest share of the smaller set, or of one of its classes, that may be in both sets."""

WHOLE = 0.99
"""With this share of the same items or more, two sets are the same."""

PROJECTIONS = 8

Reasons = Mapping[str, str]
"""Class, or "all" -> why privacy metrics are invalid."""


def shared_items(one: Ecg, other: Ecg) -> NDArray[np.bool_]:
    """[item of one] whether `other` contains the same item; flat lines do not count.

    The same items are neighbours in any projection, so the nearest item in each of eight random
    projections is compared sample by sample.
    """
    from scipy.spatial import cKDTree

    size = one.signal[0].size if len(one) else 0
    if not len(one) or not len(other) or other.signal[0].size != size:
        return np.zeros(len(one), np.bool_)
    axes = np.random.default_rng(0).standard_normal((size, PROJECTIONS)) / np.sqrt(size)
    points = [np.nan_to_num(ecg.signal).reshape(len(ecg), -1) @ axes for ecg in (one, other)]
    # Rounding moves an item by at most this much.
    reach = SAME * float(np.linalg.norm(axes, 2)) * np.sqrt(size)
    _, nearest = cKDTree(points[1]).query(points[0], distance_upper_bound=reach)
    found = nearest < len(other)
    rows = np.flatnonzero(found)
    for part in np.array_split(rows, 1 + len(rows) // 2000):
        signal, others = one.signal[part], other.signal[nearest[part]]
        same = np.abs(np.nan_to_num(signal) - np.nan_to_num(others)).max((1, 2), initial=0) <= SAME
        found[part] = same & (np.ptp(signal, axis=2).max(1, initial=0) > SAME)
    return found


@dataclass(frozen=True)
class Overlaps:
    """Why metrics that compare the training set with held-out items, or with new patients, are
    invalid for privacy; empty if they are valid."""

    heldout: Reasons
    new_patients: Reasons

    @classmethod
    def of(cls, trial: Trial) -> Overlaps:
        """Those of a trial; absent sets share nothing."""
        train, synthetic = trial.train, trial.synthetic
        if train is None:
            return cls({}, {})
        if _is(synthetic, train):
            why = (
                "the training set is the evaluated set itself; name the recordings that the "
                "generator was trained on"
            )
            whole = dict.fromkeys((*trial.groups, "all"), why)
            return cls(whole, whole)
        return cls(
            _shared(trial, trial.test, "held-out"),
            _renamed(trial) or _shared(trial, trial.new_patients, "new patients'"),
        )

    def reasons(self, metric: Metric) -> Reasons:
        """Class, or "all" -> why a metric is invalid."""
        if metric.question != "privacy" or "train" not in metric.needs:
            return {}
        return self.new_patients if "new_patients" in metric.needs else self.heldout


def check_overlaps(
    trial: Trial, usable: Sequence[Metric], left_out: dict[str, str], notes: list[str] | None
) -> Overlaps:
    """The overlaps of a trial; a metric that is invalid for every class is left out.

    usable: metrics to measure. left_out, notes: get the reasons.
    """
    if not any(metric.question == "privacy" for metric in usable):
        return Overlaps({}, {})
    overlaps = Overlaps.of(trial)
    for metric in usable:
        reasons = overlaps.reasons(metric)
        if reasons and all((name or "all") in reasons for name in trial.groups):
            left_out[metric.name] = reasons.get("all") or "; ".join(reasons.values())
    for reasons in (overlaps.heldout, overlaps.new_patients):
        for why in dict.fromkeys([reasons["all"]] if "all" in reasons else reasons.values()):
            log.warning("some privacy metrics are invalid: %s.", why)
            if notes is not None:
                notes.append(f"SOME PRIVACY METRICS ARE INVALID: {why}.")
    return overlaps


def _is(synthetic: Ecg, train: Ecg) -> bool:
    """Whether both are the same set; the evaluated set may be a sample of it."""
    if shared_items(synthetic, train).mean() < WHOLE:
        return False
    return synthetic.source == train.source or bool(shared_items(train, synthetic).mean() >= WHOLE)


def _shared(trial: Trial, other: Ecg | None, words: str) -> Reasons:
    """Reasons if items of a real set are in the training set, or synthetic items in the real
    set."""
    assert trial.train is not None
    if other is None:
        return {}
    trained = (shared_items(other, trial.train), other, trial.train, f"{words} items", "training")
    given = (shared_items(trial.synthetic, other), trial.synthetic, other, "synthetic items", words)
    reasons: dict[str, str] = {}
    for same, one, two, items, where in (given, trained):
        for name in ("", *trial.classes):
            of_class = _members(one, name)
            fewest = min(int(of_class.sum()), int(_members(two, name).sum()))
            count = int((same & of_class).sum())
            if fewest and count > MOST_SHARED * fewest:
                of = f" of class {name}" if name else ""
                reasons[name or "all"] = (
                    f"{count} of {int(of_class.sum())} {items}{of} are in the {where} set too, so "
                    f"training items cannot be distinguished from new ones; remove them from it"
                )
    return reasons


def _renamed(trial: Trial) -> Reasons:
    """Reasons if new patients are people of the training set under other names: then items of the
    held-out set are in the new patients' set too."""
    test, train, new = trial.test, trial.train, trial.new_patients
    if test is None or train is None or new is None:
        return {}
    if test.patient is None or train.patient is None:
        return {}
    count = int((shared_items(test, new) & np.isin(test.patient, train.patient)).sum())
    if count <= MOST_SHARED * min(len(test), len(new)):
        return {}
    return {
        "all": f"{count} of {len(test)} held-out items, of people in the training set, are in "
        "the new patients' set too, so these patients are not new; remove them from it"
    }


def _members(ecg: Ecg, name: str) -> NDArray[np.bool_]:
    if not name:
        return np.ones(len(ecg), np.bool_)
    if name not in ecg.spec.classes or ecg.label is None:
        return np.zeros(len(ecg), np.bool_)
    return np.asarray(ecg.label[:, ecg.spec.class_index(name)] > 0)
