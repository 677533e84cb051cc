"""Noise added to items on purpose: slow and fast sine waves and white noise, drawn per item."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg

Kind = Literal["low", "high", "white"]

LOW_HZ, LOW_MV = (0.0, 0.2), 0.1
HIGH_HZ, HIGH_MV = (45.0, 90.0), 0.15
WHITE = 0.15
"""Largest SD of white noise, as a share of the item's own."""


def add_noise(ecg: Ecg, kinds: tuple[Kind, ...], seed: int = 0) -> Ecg:
    """The same items with noise; each item and lead draws its own, evenly from 0 to the largest.

    kinds: "low" is a sine of up to 0.1 mV below 0.2 Hz, "high" one of up to 0.15 mV between 45 and
    90 Hz. "white" is Gaussian, with an SD of up to 0.15 times the item's own. As published with
    TCWGAN-GP.

    Raises
    ------
    EcgsynthError: the sampling rate is too low for "high".
    """
    if not kinds:
        return ecg
    if "high" in kinds and ecg.spec.fs <= 2 * HIGH_HZ[1]:
        raise EcgsynthError(
            f"noise 'high' reaches {HIGH_HZ[1]:g} Hz and needs more than {2 * HIGH_HZ[1]:g} "
            f"samples a second; these have {ecg.spec.fs:g}: leave it out, or raise fs."
        )
    rng = np.random.default_rng(seed)
    signal = ecg.signal.copy()
    sd = signal.std(-1, keepdims=True)
    time_s = np.arange(ecg.spec.samples, dtype=np.float32) / ecg.spec.fs
    # One stream, always in this order: what is asked for first makes no difference.
    if "low" in kinds:
        signal += _sine(rng, time_s, sd.shape, LOW_HZ, LOW_MV)
    if "high" in kinds:
        signal += _sine(rng, time_s, sd.shape, HIGH_HZ, HIGH_MV)
    if "white" in kinds:
        share = rng.uniform(0, WHITE, sd.shape).astype(np.float32)
        signal += share * sd * rng.standard_normal(signal.shape, np.float32)
    return replace(ecg, signal=signal)


def _sine(
    rng: np.random.Generator,
    time_s: NDArray[np.float32],
    shape: tuple[int, ...],
    hz: tuple[float, float],
    most_mv: float,
) -> NDArray[np.float32]:
    """[item, lead, sample]: a sine of drawn amplitude, frequency and phase each."""
    amplitude, frequency, turn = (
        rng.uniform(low, high, shape).astype(np.float32) for low, high in ((0, most_mv), hz, (0, 1))
    )
    wave: NDArray[np.float32] = amplitude * np.sin(2 * np.pi * (frequency * time_s + turn))
    return wave
