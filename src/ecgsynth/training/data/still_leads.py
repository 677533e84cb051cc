"""Records with a lead that stands still are left out of a training."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg

log = logging.getLogger("ecgsynth")

STILL_S = 2.0
"""So long no lead of a beating heart stands still, s; shorter items are not looked at."""

STILL_MV = 0.01
"""A lead stands still while it moves by less, mV (as a share of the median height elsewhere)."""

NAMED = 5
"""Most records that the warning names."""

CHUNK = 256


def leave_out_still_leads(data: Ecg) -> Ecg:
    """The records of which no lead is missing, off, or saturated for STILL_S or longer.

    The others are counted and named in a warning.

    Raises
    ------
    EcgsynthError: no record is left.
    """
    width = round(STILL_S * data.spec.fs)
    if data.spec.samples <= width or data.valid is not None or not len(data):
        return data
    still = np.concatenate([
        still_leads(data.signal[k : k + CHUNK], width, _least(data))
        for k in range(0, len(data), CHUNK)
    ])  # fmt: skip
    rows = np.flatnonzero(still.any(1))
    if not len(rows):
        return data
    names = [
        f"{f'record {data.record[row]}' if data.record is not None else f'item {row}'} "
        f"({', '.join(np.array(data.spec.leads)[still[row]])})"
        for row in rows[:NAMED]
    ]
    more = f" and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    sentence = (
        f"{len(rows):,} of {len(data):,} records are left out, since a lead stands still for "
        f"{STILL_S:g} s or longer (missing, off or saturated): {', '.join(names)}{more}."
    )
    if len(rows) == len(data):
        raise EcgsynthError(f"{sentence} None is left; choose other leads, as in data.leads.")
    log.warning("%s", sentence)
    return data[np.setdiff1d(np.arange(len(data)), rows)]


def still_leads(signal: NDArray[np.float32], width: int, least: float) -> NDArray[np.bool_]:
    """[item, lead] whether a lead moves by less than `least` within some `width` samples.

    signal: [item, lead, sample].
    """
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    half = width // 2
    span = maximum_filter1d(signal, width, axis=-1) - minimum_filter1d(signal, width, axis=-1)
    return np.asarray((span[..., half : signal.shape[-1] - half] < least).any(-1))


def _least(data: Ecg) -> float:
    if data.spec.unit == "mV":
        return STILL_MV
    return STILL_MV * float(np.median(np.ptp(data.signal, axis=2)))
