"""Waves without beats: fibrillating and fluttering atria, and the fibrillating ventricle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm import Episode
from ecgsynth.rhythm.track import Track

ATRIA = np.array([0.25, 0.55, -0.80])
"""Direction of f waves, which V1 sees best, and II."""

FLUTTER = np.array([-0.15, -0.85, -0.50])
"""Direction of flutter waves: negative in II, III and aVF, positive in V1."""

F_HZ, F_MV = (4.5, 8.0), (0.04, 0.10)
"""Rate and size of f waves (Stridh and Sornmo, IEEE Trans Biomed Eng 48:105, 2001: 4 to 9 Hz)."""

FLUTTER_S, FLUTTER_MV = 0.205, (0.12, 0.22)

VF_HZ, VF_MV = (3.5, 6.0), (0.25, 0.7)
"""Rate of ventricular fibrillation (Strohmenger et al., Chest 111:584, 1997), and size: coarse is
above .2 mV (Kerber et al., Circulation 95:1677, 1997)."""

RAMP_S = 0.15

USUAL_S = 30.0
"""The RR interval that a flutter goes with is that of its first seconds."""


class Chaos:
    """The waves of a recording that are no beats: functions of time alone, so that pieces fit
    together. seed, patient: of the person."""

    def __init__(self, track: Track, seed: int, patient: int) -> None:
        self.track, self.person = track, (seed, patient)
        self._cycles: dict[float, float] = {}  # start of an episode of flutter -> cycle, s

    def waves(self, start: int, samples: int, fs: float) -> NDArray[np.float32]:
        """[3, sample], mV, of a piece."""
        total = np.zeros((3, samples), np.float32)
        for one in self.track.between(start / fs, (start + samples) / fs).episodes:
            if one.code not in ("(AFIB", "(AFL", "(VF", "(VFL"):
                continue
            first = max(int(np.ceil(one.start_s * fs)), start)
            last = min(int(np.ceil(one.stop_s * fs)), start + samples)
            if first >= last:
                continue
            time = np.arange(first, last) / fs
            ramp = np.clip(np.minimum(time - one.start_s, one.stop_s - time) / RAMP_S, 0, 1)
            total[:, first - start : last - start] += self._wave(one, time) * ramp
        return total

    def _wave(self, episode: Episode, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """[3, sample], mV."""
        own = round(1000 * episode.start_s) if episode.code == "(VF" else 0
        rng = np.random.default_rng([*self.person, 5, own])
        turn = rng.uniform(0, 2 * np.pi, 8)
        if episode.code == "(AFIB":
            phase = 2 * np.pi * rng.uniform(*F_HZ) * time + _wobble(time, turn, 0.9)
            size = rng.uniform(*F_MV) * (1 + 0.3 * np.sin(2 * np.pi * 0.21 * time + turn[4]))
            return (ATRIA + rng.normal(0, 0.12, 3))[:, None] * size * _sawtooth(phase, 3)
        if episode.code == "(AFL":
            phase = 2 * np.pi * time / self._cycle(episode)
            size = rng.uniform(*FLUTTER_MV)
            return (FLUTTER + rng.normal(0, 0.08, 3))[:, None] * size * _sawtooth(phase, 4)
        rate, size = rng.uniform(*VF_HZ), rng.uniform(*VF_MV)
        found = np.zeros((3, len(time)))
        for k in range(4):  # fronts of several rates, each with an axis that turns
            axis = rng.normal(0, 0.6, (3, 2))
            phase = 2 * np.pi * rate * rng.uniform(0.8, 1.25) * time + _wobble(time, turn + k, 2.5)
            sway = 2 * np.pi * rng.uniform(0.1, 0.4) * time + turn[k]
            found += size * np.sin(phase) * (axis @ np.stack([np.cos(sway), np.sin(sway)]))
        return found / 2

    def _cycle(self, episode: Episode) -> float:
        """The flutter cycle that fits a whole number of times into the usual RR interval at the
        beginning of the episode, s."""
        start = episode.start_s
        if start not in self._cycles:
            stop = min(episode.stop_s, start + USUAL_S)
            rr = np.diff(self.track.between(start, stop).time_s)
            usual = float(np.median(rr)) if len(rr) else FLUTTER_S
            self._cycles = {start: usual / max(1, round(usual / FLUTTER_S))}
        return self._cycles[start]


def _wobble(time: NDArray[np.float64], turn: NDArray[np.float64], size: float) -> NDArray:
    """Slow changes of a phase."""
    rates = (0.13, 0.47, 1.1, 2.3)
    return size * sum(
        np.sin(2 * np.pi * hz * time + turn[k]) / (1 + k) for k, hz in enumerate(rates)
    )


def _sawtooth(phase: NDArray[np.float64], harmonics: int) -> NDArray[np.float64]:
    """A sawtooth of few harmonics (Stridh and Sornmo 2001)."""
    return np.asarray(sum(np.sin(k * phase) / k for k in range(1, harmonics + 1)))
