"""Every beat beside what its person's own normal beat is, for sets of beats that name people."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation.trial import is_record
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.rr import RR

FEWEST = 5
"""Beats in time from which a person's normal beat is known; else it is that of all his beats."""

EARLY, LATE = 0.88, 1.15
"""RR over the person's mean RR between which a beat is in time."""

AGAINST = "{} less normal"
"""Name of the lead that holds what differs from the person's normal beat."""


def names_people(ecg: Ecg | None) -> bool:
    """Whether a set of beats names so many people, most of whom have beats of several classes, that
    their normal beats can be compared with.

    A synthetic set without people, or in which one name stands for a class, is none.
    """
    if ecg is None or ecg.patient is None or is_record(ecg.spec) or ecg.spec.multilabel:
        return False
    people = np.unique(ecg.patient)
    if len(people) < PEOPLE:
        return False
    kinds = np.unique(np.stack([ecg.patient, ecg.labels_str]), axis=1)[0]
    return bool(np.median(np.unique(kinds, return_counts=True)[1]) >= 2)


def normal_beats(ecg: Ecg) -> NDArray[np.float32]:
    """[item, lead, sample] the normal beat of each item's person, found without labels: the median
    of his beats in time."""
    assert ecg.patient is not None
    timely, found = _is_timely(ecg), np.empty(ecg.signal.shape, np.float32)
    _, person = np.unique(ecg.patient, return_inverse=True)
    order = np.argsort(person, kind="stable")
    for rows in np.split(order, np.cumsum(np.bincount(person))[:-1]):
        own = rows[timely[rows]] if timely[rows].sum() >= FEWEST else rows
        found[rows] = np.median(ecg.signal[own], axis=0)
    return found


def with_own_beat(ecg: Ecg) -> Ecg:
    """The set with further leads: what differs between each beat and its person's normal one."""
    leads = (*ecg.spec.leads, *(AGAINST.format(name) for name in ecg.spec.leads))
    signal = np.concatenate([ecg.signal, ecg.signal - normal_beats(ecg)], axis=1)
    return replace(ecg, spec=replace(ecg.spec, leads=leads), signal=signal, marks=None)


def _is_timely(ecg: Ecg) -> NDArray[np.bool_]:
    """[item] whether a beat, and the one after it, come in time; all do where RR is not known."""
    if not set(RR) <= set(ecg.spec.context):
        return np.ones(len(ecg), bool)
    assert ecg.context is not None
    at = [ecg.spec.context.index(name) for name in RR]
    before, after, mean = np.asarray(ecg.context, np.float64)[:, at].T
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = before / mean, after / mean
        return (first > EARLY) & (first < LATE) & ~(second <= EARLY)
