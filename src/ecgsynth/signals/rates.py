"""Sets at another sampling rate or length, with all of them that is counted in samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import resample, resample_length
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import band_below


def at_rate(ecg: Ecg, fs: float) -> Ecg:
    """The set at another sampling rate, Hz."""
    if ecg.spec.fs == fs:
        return ecg
    return _resampled(ecg, resample(ecg.signal, ecg.spec.fs, fs), fs, fs / ecg.spec.fs)


def at_length(ecg: Ecg, samples: int) -> Ecg:
    """The set stretched to so many samples, ends on ends; it lasts as long as before."""
    if ecg.spec.samples == samples:
        return ecg
    ratio = (samples - 1) / max(1, ecg.spec.samples - 1)
    return _resampled(ecg, resample_length(ecg.signal, samples), ecg.spec.fs * ratio, ratio)


def _resampled(ecg: Ecg, signal: NDArray[np.float32], fs: float, ratio: float) -> Ecg:
    samples = signal.shape[-1]
    r, valid, marks = ecg.spec.r_sample, ecg.valid, ecg.marks
    spec = replace(
        ecg.spec,
        fs=fs,
        samples=samples,
        band=band_below(ecg.spec.band, fs),
        r_sample=None if r is None else min(round(r * ratio), samples - 1),
    )
    if valid is not None:
        valid = np.round(valid * ratio).clip(1, samples).astype(np.int32)
    if marks is not None:
        at = np.minimum(np.round(marks.sample * ratio).astype(np.int64), samples - 1)
        marks = Marks(marks.item, marks.lead, at, marks.symbol)
    mask = ecg.synthetic_mask
    if mask is not None:
        at = ((np.arange(samples) + 0.5) * (mask.shape[-1] / samples)).astype(np.int64)
        mask = mask[..., np.minimum(at, mask.shape[-1] - 1)]
    return replace(ecg, signal=signal, spec=spec, valid=valid, marks=marks, synthetic_mask=mask)
