"""Sets that share items: what then says nothing of privacy, and why."""

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
"""Items are the same where no sample differs by more, mV (of normalised items: in their unit).
Formats round to 1 uV and less, converters to 5 uV; a copy with noise is another item."""

MOST_SHARED = 0.01
"""Of the smaller of two sets, or of a class of it, that may stand in both."""

WHOLE = 0.99
"""From this share of the same items on, a set is the other one."""

PROJECTIONS = 8

Reasons = Mapping[str, str]
"""By class, or "all", why figures say nothing of privacy."""


def found_in(one: Ecg, other: Ecg) -> NDArray[np.bool_]:
    """[item of one] whether `other` holds the same item; flat lines are no item.

    Items that are the same lie next to each other in any projection: the nearest item in eight
    random ones is looked at sample by sample.
    """
    from scipy.spatial import cKDTree

    size = one.signal[0].size if len(one) else 0
    if not len(one) or not len(other) or other.signal[0].size != size:
        return np.zeros(len(one), np.bool_)
    axes = np.random.default_rng(0).standard_normal((size, PROJECTIONS)) / np.sqrt(size)
    points = [np.nan_to_num(ecg.signal).reshape(len(ecg), -1) @ axes for ecg in (one, other)]
    # Rounding moves an item by no more than this: its length is that of `size` samples at most.
    reach = SAME * float(np.linalg.norm(axes, 2)) * np.sqrt(size)
    _, nearest = cKDTree(points[1]).query(points[0], distance_upper_bound=reach)
    found = nearest < len(other)
    rows = np.flatnonzero(found)
    for part in np.array_split(rows, 1 + len(rows) // 2000):
        mine, theirs = one.signal[part], other.signal[nearest[part]]
        same = np.abs(np.nan_to_num(mine) - np.nan_to_num(theirs)).max((1, 2), initial=0) <= SAME
        found[part] = same & (np.ptp(mine, axis=2).max(1, initial=0) > SAME)
    return found


@dataclass(frozen=True)
class Overlaps:
    """Why figures that compare the training set with held-out items, or with new patients, say
    nothing of privacy here; empty where they do."""

    heldout: Reasons
    new_patients: Reasons

    @classmethod
    def of(cls, trial: Trial) -> Overlaps:
        """Those of a trial; sets that are not there share nothing."""
        train, synthetic = trial.train, trial.synthetic
        if train is None:
            return cls({}, {})
        if _is(synthetic, train):
            why = (
                "the training set is the judged set itself; name the recordings that the "
                "generator learned from"
            )
            whole = dict.fromkeys((*trial.groups, "all"), why)
            return cls(whole, whole)
        return cls(
            _shared(trial, trial.test, "held-out"),
            _renamed(trial) or _shared(trial, trial.new_patients, "new patients'"),
        )

    def reasons(self, metric: Metric) -> Reasons:
        """By class, or "all", why a metric says nothing."""
        if metric.question != "privacy" or "train" not in metric.needs:
            return {}
        return self.new_patients if "new_patients" in metric.needs else self.heldout


def overlaps_of(
    trial: Trial, usable: Sequence[Metric], left_out: dict[str, str], notes: list[str] | None
) -> Overlaps:
    """What sets that share items say nothing of; a metric that this leaves no class is left out.

    usable: what would be measured. left_out, notes: get the reasons.
    """
    if not any(metric.question == "privacy" for metric in usable):
        return Overlaps({}, {})
    overlaps = Overlaps.of(trial)
    for metric in usable:
        said = overlaps.reasons(metric)
        if said and all((name or "all") in said for name in trial.groups):
            left_out[metric.name] = said.get("all") or "; ".join(said.values())
    for said in (overlaps.heldout, overlaps.new_patients):
        for why in dict.fromkeys([said["all"]] if "all" in said else said.values()):
            log.warning("privacy is not judged by all figures: %s.", why)
            if notes is not None:
                notes.append(f"PRIVACY IS NOT JUDGED BY ALL FIGURES: {why}.")
    return overlaps


def _is(synthetic: Ecg, train: Ecg) -> bool:
    """Whether the one is the other; of a large set a part was drawn to be judged."""
    if found_in(synthetic, train).mean() < WHOLE:
        return False
    return synthetic.source == train.source or bool(found_in(train, synthetic).mean() >= WHOLE)


def _shared(trial: Trial, other: Ecg | None, words: str) -> Reasons:
    """Where items of a real set stand in the training set, or synthetic items in the real set."""
    assert trial.train is not None
    if other is None:
        return {}
    trained = (found_in(other, trial.train), other, trial.train, f"{words} items", "training")
    given = (found_in(trial.synthetic, other), trial.synthetic, other, "synthetic items", words)
    reasons: dict[str, str] = {}
    for same, one, two, items, where in (given, trained):
        for name in ("", *trial.classes):
            mine = _members(one, name)
            fewest = min(int(mine.sum()), int(_members(two, name).sum()))
            count = int((same & mine).sum())
            if fewest and count > MOST_SHARED * fewest:
                of = f" of class {name}" if name else ""
                reasons[name or "all"] = (
                    f"{count} of {int(mine.sum())} {items}{of} stand in the {where} set too, so "
                    f"that nothing tells what is trained from what is new; take them out of it"
                )
    return reasons


def _renamed(trial: Trial) -> Reasons:
    """Where the new patients' set has items of people who were trained on, under other names: the
    same items stand in the held-out set under theirs."""
    test, train, new = trial.test, trial.train, trial.new_patients
    if test is None or train is None or new is None:
        return {}
    if test.patient is None or train.patient is None:
        return {}
    count = int((found_in(test, new) & np.isin(test.patient, train.patient)).sum())
    if count <= MOST_SHARED * min(len(test), len(new)):
        return {}
    return {
        "all": f"{count} of {len(test)} held-out items, of people who were trained on, stand in "
        "the new patients' set too, so that these are not new; take them out of it"
    }


def _members(ecg: Ecg, name: str) -> NDArray[np.bool_]:
    if not name:
        return np.ones(len(ecg), np.bool_)
    if name not in ecg.spec.classes or ecg.label is None:
        return np.zeros(len(ecg), np.bool_)
    return np.asarray(ecg.label[:, ecg.spec.class_index(name)] > 0)
