"""The events of real items, found by the delineator: several leads vote on every beat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation.reference_models.delineation import SHIPPED, delineate
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import EVENT, KIND, NEAREST_S, Events, P, R, T, stack_events
from ecgsynth.signals.fiducials import Fiducials
from ecgsynth.signals.filters import bandpass
from ecgsynth.signals.vocabulary import AAMI_CLASSES, INDEPENDENT_LEADS

SAME_BEAT_S = 0.12
"""QRS complexes of two leads that are no further apart are one beat."""

VOTES = 0.5
"""Share of the leads that must show a beat, and of these that must show its P or T wave."""

AROUND_R_S = 0.06
"""Half of the window by which the form of a QRS is compared."""

LEAST_LIKENESS = 0.80
"""Correlation with the record's own median QRS below which a beat is of another form."""

EARLY = 0.88
"""An RR interval below this share of the record's median makes a beat early."""

IRREGULAR = 0.10
"""Median change of RR, as a share of it, above which no beat is called early: fibrillation."""

AT_ONCE = 64


def find_events(ecg: Ecg, report: Callable[[int, int], None] | None = None) -> Events:
    """[item, beat, EVENT] of records: R, kind, P and T of every beat.

    R is where the leads together are furthest from the baseline, within the median of their QRS
    complexes. Kinds are N, S and V: a beat of another form than the record's median beat that comes
    early or is wide is ventricular, an early one of the same form supraventricular.

    Parameters
    ----------
    ecg: records of some leads, mV. report: called with (items done, of how many).
    """
    wanted = [k for k, lead in enumerate(ecg.spec.leads) if lead in INDEPENDENT_LEADS]
    rows = wanted or list(range(len(ecg.spec.leads)))
    parts: list[NDArray] = []
    for start in range(0, len(ecg), AT_ONCE):
        signal = np.asarray(ecg.signal[start : start + AT_ONCE][:, rows])
        points = delineate(signal, ecg.spec.fs)
        flat = bandpass(signal, ecg.spec.fs, 1.0, None)
        parts += [_events(flat[k], points.sample[k], ecg.spec.fs) for k in range(len(signal))]
        if report:
            report(len(parts), len(ecg))
    return stack_events(parts)


def digest() -> str:
    """Changes when what finds the events does: the network, or this file."""
    content = hashlib.sha256(SHIPPED.read_bytes())
    with open(__file__, "rb") as file:
        content.update(file.read())
    return content.hexdigest()[:16]


def _events(signal: NDArray, points: NDArray, fs: float) -> NDArray:
    """[beat, EVENT] of one record; signal: [lead, sample], points: [lead, beat, 9]."""
    of = Fiducials(points, fs)
    middle = (of["qrs_onset"] + of["qrs_offset"]) / 2
    lead, beat = np.nonzero(np.isfinite(middle))
    order = np.argsort(middle[lead, beat], kind="stable")
    lead, beat = lead[order], beat[order]
    group = _groups(middle[lead, beat], SAME_BEAT_S * fs)
    rows = []
    for one in range(int(group.max(initial=-1)) + 1):
        here = (lead[group == one], beat[group == one])
        if len(here[0]) < max(1, VOTES * len(points)):
            continue
        onset, offset = (float(np.median(of[name][here])) for name in ("qrs_onset", "qrs_offset"))
        at = _furthest(signal, onset, offset)
        p, t = (_median_of_votes(of[name][here]) for name in ("p_peak", "t_peak"))
        rows.append((at, p, t, offset - onset))
    found = np.array(rows).reshape(-1, 4)
    keep = np.ones(len(found), bool)
    keep[1:] = np.diff(found[:, 0]) >= NEAREST_S * fs
    found = found[keep]
    events = np.full((len(found), len(EVENT)), np.nan)
    events[:, [R, P, T]] = found[:, :3] / fs
    events[:, KIND] = _kinds(signal, found[:, 0], found[:, 3], fs)
    return events


def _groups(at: NDArray, reach: float) -> NDArray[np.int64]:
    """[mark] number of the beat that each mark belongs to; marks in order of time."""
    group = np.zeros(len(at), np.int64)
    members: list[float] = []
    for k in range(len(at)):
        if members and at[k] - np.median(members) > reach:
            group[k:] += 1
            members = []
        members.append(at[k])
    return group


def _furthest(signal: NDArray, onset: float, offset: float) -> float:
    """The sample at which the leads together are furthest from zero, between two others."""
    first = max(0, int(np.floor(onset)))
    last = min(signal.shape[1], int(np.ceil(offset)) + 1)
    if last <= first:
        return (onset + offset) / 2
    return first + float(np.square(signal[:, first:last]).sum(0).argmax())


def _median_of_votes(at: NDArray) -> float:
    """The median position, NaN where fewer than the half of the leads have the wave."""
    return float(np.nanmedian(at)) if np.isfinite(at).mean() >= VOTES else np.nan


def _kinds(signal: NDArray, at: NDArray, width: NDArray, fs: float) -> NDArray[np.int64]:
    """[beat] N, S or V as indices into AAMI_CLASSES."""
    kind = np.full(len(at), AAMI_CLASSES.index("N"))
    if len(at) < 4:
        return kind
    reach = round(AROUND_R_S * fs)
    centre = np.clip(np.round(at).astype(int), reach, signal.shape[1] - reach - 1)
    cut = signal[:, centre[:, None] + np.arange(-reach, reach + 1)].transpose(1, 0, 2)
    flat = (cut - cut.mean(2, keepdims=True)).reshape(len(at), -1)
    usual = np.median(flat, 0)
    likeness = flat @ usual / np.maximum(np.linalg.norm(flat, axis=1) * np.linalg.norm(usual), 1e-9)
    rr = np.diff(at)
    typical = np.median(rr)
    regular = np.median(np.abs(np.diff(rr))) < IRREGULAR * typical
    early = np.r_[False, rr < EARLY * typical]
    wide = width > max(1.25 * np.median(width), np.median(width) + 0.02 * fs)
    other = likeness < LEAST_LIKENESS
    kind[other & (early | wide)] = AAMI_CLASSES.index("V")
    kind[~other & early & regular & ~wide] = AAMI_CLASSES.index("S")
    return kind
