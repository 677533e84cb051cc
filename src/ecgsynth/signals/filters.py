"""Filters with zero phase shift: baseline removal, band limits, resampling."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError

TRANSITION_HZ = 15.0
"""Width of the low-pass filter's slope: at `high + 15` Hz a signal is 60 dB down."""


def remove_baseline(signal: NDArray, fs: float) -> NDArray[np.float32]:
    """Subtract the baseline found by two medians of 200 ms and 600 ms (de Chazal et al. 2004).

    The first median takes away P waves and QRS complexes, the second T waves; what is left is
    the baseline. signal: [..., sample] at `fs` Hz; the same shape is returned.
    """
    from scipy.ndimage import median_filter

    signal = np.asarray(signal, np.float32)
    flat = signal.reshape(-1, signal.shape[-1])
    out = np.empty_like(flat)
    for row, wave in enumerate(flat):
        baseline = wave
        for seconds in (0.2, 0.6):
            baseline = median_filter(baseline, _odd(seconds * fs), mode="nearest")
        out[row] = wave - baseline
    return out.reshape(signal.shape)


def lowpass(signal: NDArray, fs: float, high: float) -> NDArray[np.float32]:
    """Linear-phase FIR low-pass: flat to `high` Hz, 60 dB down at `high + 15` Hz.

    Steep on purpose: a signal that ends at 40 Hz loses nothing at a working rate of 120 Hz.
    signal: [..., sample] at `fs` Hz.

    Raises
    ------
    EcgsynthError: the edge is not below half the sampling rate.
    """
    from scipy.signal import oaconvolve

    if not 0 < high < fs / 2:
        raise EcgsynthError(
            f"a low-pass edge of {high:g} Hz needs a sampling rate above {2 * high:g} Hz; "
            f"the signal has {fs:g} Hz."
        )
    taps = lowpass_taps(float(fs), float(high))
    half = len(taps) // 2
    signal = np.asarray(signal, np.float32)
    wide = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(half, half)], mode="edge")
    kernel = taps.reshape((1,) * (signal.ndim - 1) + (-1,))
    return oaconvolve(wide, kernel, mode="valid", axes=-1).astype(np.float32)


@lru_cache(maxsize=16)
def lowpass_taps(fs: float, high: float) -> NDArray[np.float32]:
    """The filter of `lowpass`: odd length, symmetric, unit gain at 0 Hz."""
    from scipy.signal import firwin, kaiserord

    width = min(TRANSITION_HZ, fs / 2 - high)
    length, beta = kaiserord(60.0, width / (fs / 2))
    return firwin(length | 1, high + width / 2, window=("kaiser", beta), fs=fs).astype(np.float32)


def bandpass(
    signal: NDArray, fs: float, low: float | None, high: float | None, order: int = 4
) -> NDArray[np.float32]:
    """Butterworth band-pass, forward and backward (zero phase); either edge may be None.

    signal: [..., sample] at `fs` Hz.
    """
    from scipy.signal import butter, sosfiltfilt

    for edge in (low, high):
        if edge is not None and not 0 < edge < fs / 2:
            raise EcgsynthError(f"a band edge of {edge:g} Hz must lie between 0 and {fs / 2:g} Hz.")
    if low is not None and high is not None:
        if low >= high:
            raise EcgsynthError(f"the band runs from {low:g} to {high:g} Hz; swap its edges.")
        sos = butter(order, (low, high), "bandpass", fs=fs, output="sos")
    elif low is not None:
        sos = butter(order, low, "highpass", fs=fs, output="sos")
    elif high is not None:
        sos = butter(order, high, "lowpass", fs=fs, output="sos")
    else:
        return np.asarray(signal, np.float32)
    return sosfiltfilt(sos, signal, axis=-1).astype(np.float32)


def resample(signal: NDArray, fs: float, to_fs: float) -> NDArray[np.float32]:
    """Change the sampling rate with an anti-aliasing polyphase filter.

    signal: [..., sample] at `fs` Hz; returns ceil(samples * to_fs / fs) samples.
    """
    from scipy.signal import resample_poly

    signal = np.asarray(signal, np.float32)
    if fs == to_fs:
        return signal
    ratio = Fraction(to_fs / fs).limit_denominator(1000)
    return resample_poly(
        signal, ratio.numerator, ratio.denominator, axis=-1, padtype="line"
    ).astype(np.float32)


def resample_length(signal: NDArray, samples: int) -> NDArray[np.float32]:
    """Stretch each item to a number of samples by linear interpolation, ends on ends.

    signal: [..., sample]. Low-pass first where the new rate is lower.
    """
    signal = np.asarray(signal, np.float32)
    old = signal.shape[-1]
    if old == samples:
        return signal
    at = np.linspace(0, old - 1, samples)
    left = np.minimum(at.astype(int), old - 2)
    share = (at - left).astype(np.float32)
    return signal[..., left] * (1 - share) + signal[..., left + 1] * share


def _odd(samples: float) -> int:
    return max(1, round(samples) | 1)
