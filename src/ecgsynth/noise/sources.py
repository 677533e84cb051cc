"""Sources of noise: wander, muscle, electrode motion, mains; modelled, or of a database."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]

WANDER_HZ = (0.03, 0.7)
MUSCLE_HZ = (15.0, 150.0)
MOTION_HZ = (0.5, 10.0)
"""Bands of baseline wander, of muscle noise and of electrode motion, which lies in that of the ECG
itself (Moody et al., Computers in Cardiology 11:381, 1984)."""

BLOCK_S = 300.0
"""Noise comes in blocks of so many seconds, in each of which its size is as asked."""

FADE_S = 2.0
"""Within which one block goes over into the next."""

BURST_S = 4.0
"""Over which muscles tense and relax."""

JUMPS_HZ, DECAY_S = 0.25, (0.15, 1.2)
"""Jumps of an electrode a second, and how fast each falls off."""

MAINS, MAINS_HZ = "mains", 50.0

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


class NoiseSource:
    """Noise of some kinds in a recording of any length, of an RMS of 1 in every lead.

    names: of `MODELLED`, "mains" or of `recorded`. seed: numbers that name the stream of random
    numbers. samples: of the recording; what is left at its end belongs to the last whole block.
    """

    def __init__(
        self, names: Sequence[str], seed: Sequence[int], leads: int, samples: int, fs: float,
        recorded: Mapping[str, Recorded | None],
    ) -> None:  # fmt: skip
        self.samples, self.fs, self.leads = samples, fs, leads
        self.width = max(1, round(BLOCK_S * fs))
        self.blocks = max(1, samples // self.width)
        self.fade = min(round(FADE_S * fs), self.width // 4)
        self.sources: list[_Source] = []
        for name in names:
            own, found = [*seed, zlib.crc32(name.encode())], recorded.get(name)
            if found is not None:
                self.sources.append(_Replay(found, own, leads, fs))
            else:
                self.sources.append((_Mains if name == MAINS else _Blocks)(name, own, self))
        self._sum, self._gain = lru_cache(2)(self._summed), lru_cache(4)(self._measured)
        self._block = lru_cache(2)(self._scaled)

    def edges(self, number: int) -> tuple[int, int]:
        """First sample of a block, and the one after its last."""
        last = number + 1 == self.blocks
        return number * self.width, self.samples if last else (number + 1) * self.width

    def read(self, start: int, stop: int) -> Wave:
        """[lead, stop - start]."""
        wave = np.empty((self.leads, stop - start), np.float32)
        most = self.blocks - 1
        for number in range(min(start // self.width, most), min(stop // self.width, most) + 1):
            begin, end = self.edges(number)
            low, high = max(start, begin), min(stop, end)
            if low < high:
                part = self._block(number)[:, low - begin : high - begin]
                wave[:, low - start : high - start] = part
        return wave

    def _summed(self, number: int) -> Wave:
        wave = np.zeros((self.leads, np.diff(self.edges(number))[0]), np.float32)
        for source in self.sources:
            wave += source.block(number, *self.edges(number))
        return wave

    def _measured(self, number: int) -> Wave:
        return np.asarray(1 / _rms(self._sum(number)), np.float32)

    def _scaled(self, number: int) -> Wave:
        before, gain = self._gain(max(number - 1, 0)), self._gain(number)
        wave = self._sum(number) * gain
        part = slice(0, min(self.fade, wave.shape[1]))
        share = np.linspace(0, 1, part.stop, dtype=np.float32)
        wave[:, part] *= (before + (gain - before) * share) / gain
        return wave


class _Source(Protocol):
    def block(self, number: int, start: int, stop: int) -> Wave:
        """[lead, stop - start] of a block, of an RMS of some 1 in every lead."""
        ...


class _Blocks:
    """Random noise: blocks that know nothing of each other, faded one into the next."""

    def __init__(self, name: str, seed: Sequence[int], of: NoiseSource) -> None:
        self.draw, self.seed, self.of = MODELLED[name], seed, of
        turn = np.linspace(0, np.pi / 2, of.fade, dtype=np.float32)
        self.rise, self.fall = np.sin(turn), np.cos(turn)  # of equal power
        self._own = lru_cache(2)(self._drawn)

    def block(self, number: int, start: int, stop: int) -> Wave:
        before = self._own(number - 1) if number else None
        wave = self._own(number)[:, : stop - start].copy()
        if before is not None:
            wave[:, : self.of.fade] *= self.rise
            wave[:, : self.of.fade] += self.fall * before[:, -self.of.fade :]
        return wave

    def _drawn(self, number: int) -> Wave:
        start, stop = self.of.edges(number)
        random = np.random.default_rng([*self.seed, number])
        behind = self.of.fade if number + 1 < self.of.blocks else 0
        wave = self.draw(random, self.of.leads, stop - start + behind, self.of.fs)
        wave -= wave.mean(-1, keepdims=True)
        return np.asarray(wave / _rms(wave), np.float32)


class _Mains:
    """50 Hz with its third harmonic, whose size drifts: a function of time."""

    def __init__(self, _: str, seed: Sequence[int], of: NoiseSource) -> None:
        self.fs = of.fs
        self.turn = np.random.default_rng(seed).uniform(0, 2 * np.pi, (of.leads, 2))

    def block(self, _: int, start: int, stop: int) -> Wave:
        time = np.arange(start, stop) / self.fs
        wave = np.empty((len(self.turn), stop - start), np.float32)
        for row, (a, b) in zip(wave, self.turn, strict=True):
            size = 1 + 0.2 * np.sin(2 * np.pi * 0.05 * time + b)
            row[:] = np.sqrt(2) * size * np.sin(2 * np.pi * MAINS_HZ * time + a)
            if self.fs > 6.5 * MAINS_HZ:
                row += 0.2 * np.sin(6 * np.pi * MAINS_HZ * time + 3 * a).astype(np.float32)
        return wave


class _Replay:
    """Recorded noise: each lead from a place of its own; at its end it comes again."""

    def __init__(self, recorded: Recorded, seed: Sequence[int], leads: int, fs: float) -> None:
        from ecgsynth.signals.filters import resample

        random = np.random.default_rng(seed)
        source = np.asarray(recorded.signal, np.float32)
        if recorded.fs != fs:
            source = np.asarray(resample(source, recorded.fs, fs), np.float32)
        source = source - source.mean(-1, keepdims=True)
        # Forward and backward in turn, so that its end meets itself.
        self.wave = np.concatenate([source, source[:, ::-1]], 1) / _rms(source)
        self.first = random.integers(self.wave.shape[1], size=leads)

    def block(self, _: int, start: int, stop: int) -> Wave:
        at = np.arange(start, stop)
        return np.stack([
            np.take(self.wave[k % len(self.wave)], at + first, mode="wrap")
            for k, first in enumerate(self.first.tolist())
        ])  # fmt: skip


def _rms(wave: Wave) -> NDArray[np.float32]:
    """[lead, 1]."""
    power = np.einsum("ls,ls->l", wave, wave, dtype=np.float64) / wave.shape[1]
    return np.asarray(np.maximum(np.sqrt(power), 1e-12)[:, None], np.float32)


def _band(
    random: np.random.Generator, leads: int, samples: int, fs: float, band: tuple[float, float],
    slope: float,
) -> Wave:  # fmt: skip
    """Noise between two frequencies, with amplitudes that follow a power of the frequency."""
    from scipy.fft import irfft, next_fast_len, rfftfreq

    length = next_fast_len(samples + round(2 * fs), real=True)
    hertz = rfftfreq(length, 1 / fs).astype(np.float32)
    inside = np.flatnonzero((hertz >= band[0]) & (hertz <= min(band[1], 0.45 * fs)))
    parts = random.standard_normal((leads, len(inside), 2), np.float32)
    spectrum = np.zeros((leads, len(hertz)), np.complex64)
    spectrum[:, inside] = parts.view(np.complex64)[..., 0] * hertz[inside] ** slope
    return np.asarray(irfft(spectrum, length, overwrite_x=True)[:, :samples], np.float32)


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


MODELLED: dict[str, Callable[[np.random.Generator, int, int, float], Wave]] = {
    "wander": _wander, "muscle": _muscle, "electrode": _electrode,
}  # fmt: skip
"""Kinds that are drawn anew for every block."""

KINDS = (*MODELLED, MAINS)
"""Kinds that need no recording."""
