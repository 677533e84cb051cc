"""R times of a recording without annotations: the delineator's QRS complexes, by vote of leads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.delineation import SHORTEST_S, delineate

PIECE_S, OVERLAP_S = 60.0, 4.0
"""A recording is looked at in pieces; the first and last two seconds of one are not used."""

NEAR_S = 0.12
"""Peaks of several leads that lie nearer are one beat; two beats of a heart are not that near."""


def detect_beats(signal: NDArray[np.float32], fs: float) -> NDArray[np.int64]:
    """[beat] R, in samples, in order of time. signal: [lead, sample], NaN where missing.

    A beat is what half of the leads or more have; R is that of the first lead that has it.

    Raises
    ------
    EcgsynthError: the recording is too short for a beat.
    """
    samples = signal.shape[1]
    if samples < SHORTEST_S * fs:
        raise EcgsynthError(
            f"{samples} samples at {fs:g} Hz are too short for a beat; give {SHORTEST_S:g} s or "
            "more."
        )
    step, overlap = int(PIECE_S * fs), int(OVERLAP_S * fs)
    each: list[list[NDArray]] = [[] for _ in signal]
    start = 0
    while True:
        stop = min(start + step + overlap, samples)
        if samples - stop < step // 2:
            stop = samples
        peaks = delineate(signal[:, start:stop], fs)["r_peak"] + start
        low = start + overlap // 2 if start else 0
        high = stop - overlap // 2 if stop < samples else samples
        for found, row in zip(each, peaks, strict=True):
            found.append(row[(row >= low) & (row < high)])
        if stop == samples:
            break
        start = stop - overlap
    return join_leads([np.sort(np.concatenate(found)) for found in each], NEAR_S * fs)


def join_leads(peaks: list[NDArray[np.float64]], near: float) -> NDArray[np.int64]:
    """[beat] the peaks that half of the leads or more have within `near` samples, in order."""
    at = np.concatenate(peaks)
    lead = np.repeat(np.arange(len(peaks)), [len(one) for one in peaks])
    order = np.argsort(at, kind="stable")
    at, lead = at[order], lead[order]
    found: list[float] = []
    first = 0
    while first < len(at):
        last = int(np.searchsorted(at, at[first] + near, "right"))
        votes = np.unique(lead[first:last])
        if 2 * len(votes) >= len(peaks):
            found.append(at[first:last][np.argmin(lead[first:last])])
        first = last
    return np.round(found).astype(np.int64)
