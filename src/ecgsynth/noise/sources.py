"""Sources of noise: wander, muscle, electrode motion, mains; modelled, or of a database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]

WANDER_HZ = (0.03, 0.7)
MUSCLE_HZ = (15.0, 150.0)
MOTION_HZ = (0.5, 10.0)
"""Bands of baseline wander, of muscle noise and of electrode motion, which lies in that of the ECG
itself (Moody et al., Computers in Cardiology 11:381, 1984)."""

BURST_S = 4.0
"""Over which muscles tense and relax."""

JUMPS_HZ, DECAY_S = 0.25, (0.15, 1.2)
"""Jumps of an electrode a second, and how fast each falls off."""

MAINS_HZ = 50.0

TITLES = {
    "wander": "modelled baseline wander", "muscle": "modelled muscle noise",
    "electrode": "modelled electrode motion", "mains": "modelled mains",
    "bw": "baseline wander of NSTDB", "ma": "muscle noise of NSTDB",
    "em": "electrode motion of NSTDB",
}  # fmt: skip
"""What a file states of each kind."""


@dataclass(frozen=True)
class Recorded:
    """Noise of a database. signal: [lead, sample], any unit, NaN-free. fs: Hz."""

    signal: NDArray[np.float32]
    fs: float


def noise_of(
    name: str, random: np.random.Generator, leads: int, samples: int, fs: float,
    recorded: Recorded | None = None,
) -> Wave:  # fmt: skip
    """[lead, sample] noise of an RMS of 1 in every lead."""
    if recorded is not None:
        wave = _replay(recorded, random, leads, samples, fs)
    else:
        wave = MODELLED[name](random, leads, samples, fs)
    wave -= wave.mean(-1, keepdims=True)
    rms = np.sqrt((wave.astype(np.float64) ** 2).mean(-1, keepdims=True))
    return np.asarray(wave / np.maximum(rms, 1e-12), np.float32)


def _band(
    random: np.random.Generator, leads: int, samples: int, fs: float, band: tuple[float, float],
    slope: float,
) -> Wave:  # fmt: skip
    """Noise between two frequencies, with amplitudes that follow a power of the frequency."""
    from scipy.fft import irfft, next_fast_len, rfftfreq

    length = next_fast_len(samples + round(2 * fs), real=True)
    hertz = rfftfreq(length, 1 / fs).astype(np.float32)
    inside = (hertz >= band[0]) & (hertz <= min(band[1], 0.45 * fs))
    shape = np.where(inside, np.maximum(hertz, band[0]) ** slope, 0).astype(np.float32)
    wave = np.empty((leads, samples), np.float32)
    for row in wave:  # one lead at a time: a day of two leads fits into memory
        parts = random.standard_normal((2, len(hertz)), np.float32)
        row[:] = irfft(shape * (parts[0] + 1j * parts[1]), length)[:samples]
    return wave


def _wander(random: np.random.Generator, leads: int, samples: int, fs: float) -> Wave:
    return _band(random, leads, samples, fs, WANDER_HZ, -1.0)


def _muscle(random: np.random.Generator, leads: int, samples: int, fs: float) -> Wave:
    """White between 15 and 150 Hz, louder and softer as a muscle tenses."""
    wave = _band(random, leads, samples, fs, MUSCLE_HZ, 0.0)
    knots = np.arange(int(samples / fs / BURST_S) + 3) * BURST_S * fs
    level = np.exp(0.6 * random.standard_normal(len(knots)))
    return wave * np.interp(np.arange(samples), knots, level).astype(np.float32)


def _electrode(random: np.random.Generator, leads: int, samples: int, fs: float) -> Wave:
    """Jumps that fall off, as an electrode moves on the skin, and waves in the band of the ECG."""
    wave = _band(random, leads, samples, fs, MOTION_HZ, -0.7)
    wave /= np.maximum(wave.std(-1, keepdims=True), 1e-12)
    for row in wave:
        at = random.integers(0, samples, random.poisson(JUMPS_HZ * samples / fs))
        for start in at.tolist():
            decay = random.uniform(*DECAY_S)
            length = min(round(6 * decay * fs), samples - start)
            time = np.arange(length) / fs
            rise = 1 - np.exp(-time / 0.03)
            row[start : start + length] += random.normal(0, 3.0) * rise * np.exp(-time / decay)
    return wave


def _mains(random: np.random.Generator, leads: int, samples: int, fs: float) -> Wave:
    """50 Hz with its third harmonic, whose size drifts."""
    time = np.arange(samples) / fs
    turn = random.uniform(0, 2 * np.pi, (leads, 2))
    wave = np.empty((leads, samples), np.float32)
    for row, (a, b) in zip(wave, turn, strict=True):
        size = 1 + 0.2 * np.sin(2 * np.pi * 0.05 * time + b)
        row[:] = size * np.sin(2 * np.pi * MAINS_HZ * time + a)
        if fs > 6.5 * MAINS_HZ:
            row += 0.15 * np.sin(6 * np.pi * MAINS_HZ * time + 3 * a).astype(np.float32)
    return wave


MODELLED: dict[str, Callable[[np.random.Generator, int, int, float], Wave]] = {
    "wander": _wander, "muscle": _muscle, "electrode": _electrode, "mains": _mains,
}  # fmt: skip


def _replay(
    recorded: Recorded, random: np.random.Generator, leads: int, samples: int, fs: float
) -> Wave:
    """Each lead from a place of its own in the recorded noise, which comes again at its end."""
    from ecgsynth.signals.filters import resample

    wave = np.empty((leads, samples), np.float32)
    for k, row in enumerate(wave):
        source = np.asarray(recorded.signal[k % len(recorded.signal)], np.float32)
        if recorded.fs != fs:
            source = np.asarray(resample(source[None], recorded.fs, fs))[0]
        # Forward and backward in turn, so that its end meets itself.
        whole = np.concatenate([source, source[::-1]])
        start = int(random.integers(len(whole)))
        turns = -(-(start + samples) // len(whole))
        row[:] = np.tile(whole, turns)[start : start + samples]
    return wave
