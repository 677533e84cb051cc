"""The events of real items, found by the delineator: several leads vote on every beat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation.reference_models import voting
from ecgsynth.evaluation.reference_models.delineation import SHIPPED
from ecgsynth.evaluation.reference_models.voting import delineate_together
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import EVENT, KIND, NEAREST_S, Events, P, R, T, stack_events
from ecgsynth.signals.fiducials import Fiducials
from ecgsynth.signals.filters import bandpass
from ecgsynth.signals.vocabulary import AAMI_CLASSES, INDEPENDENT_LEADS

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
    """[item, beat, EVENT] of records: R, kind, P and T of every beat, one set for all leads.

    R is where the leads together are furthest from the baseline, within the QRS complex. Kinds are
    N, S and V: a beat of another form than the record's median beat that comes early or is wide is
    ventricular, an early one of the same form supraventricular.

    Parameters
    ----------
    ecg: records of some leads, mV. report: called with (items done, of how many).
    """
    wanted = [k for k, lead in enumerate(ecg.spec.leads) if lead in INDEPENDENT_LEADS]
    rows = wanted or list(range(len(ecg.spec.leads)))
    fs, parts = ecg.spec.fs, list[NDArray]()
    for start in range(0, len(ecg), AT_ONCE):
        signal = np.asarray(ecg.signal[start : start + AT_ONCE][:, rows])
        points = delineate_together(signal, fs)
        flat = bandpass(signal, fs, 1.0, None)
        parts += [_events(flat[k], points.sample[k], fs) for k in range(len(signal))]
        if report:
            report(len(parts), len(ecg))
    return stack_events(parts)


def digest() -> str:
    """Changes when what finds the events does: the network, or this file."""
    content = hashlib.sha256(SHIPPED.read_bytes())
    for path in (voting.LEADS_DELINEATOR, __file__, voting.__file__):
        content.update(Path(path).read_bytes())
    return content.hexdigest()[:16]


def _events(signal: NDArray, points: NDArray, fs: float) -> NDArray:
    """[beat, EVENT] of one record; signal: [lead, sample], points: [beat, 9]."""
    of = Fiducials(points, fs)
    at = np.where(np.isnan(of["r_peak"]), (of["qrs_onset"] + of["qrs_offset"]) / 2, of["r_peak"])
    rows = np.flatnonzero(np.isfinite(at))
    rows = rows[np.diff(at[rows], prepend=-np.inf) >= NEAREST_S * fs]
    events = np.full((len(rows), len(EVENT)), np.nan)
    for column, values in ((R, at), (P, of["p_peak"]), (T, of["t_peak"])):
        events[:, column] = values[rows] / fs
    events[:, KIND] = _kinds(signal, at[rows], (of["qrs_offset"] - of["qrs_onset"])[rows], fs)
    return events


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
    wide = width > max(1.25 * np.nanmedian(width), np.nanmedian(width) + 0.02 * fs)
    other = likeness < LEAST_LIKENESS
    kind[other & (early | wide)] = AAMI_CLASSES.index("V")
    kind[~other & early & regular & ~wide] = AAMI_CLASSES.index("S")
    return kind
