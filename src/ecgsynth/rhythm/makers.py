"""Makers of rhythms: sinus rhythm, atrial fibrillation, ectopic beats; every one drawn anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.events import NEAREST_S

Times = NDArray[np.float64]

LEAST_RR_S = 0.24
"""Shortest RR interval that is made: 250 beats a minute."""

BREATHS_HZ = (0.15, 0.40)
SLOW_HZ = (0.04, 0.15)
"""Bands of respiratory and of slow variation of the heart rate (Task Force of the ESC and NASPE,
Circulation 93:1043, 1996)."""

FIBRILLATION_MEMORY = -0.07
"""Correlation of neighbouring RR intervals in atrial fibrillation: next to none (PTB-XL, median of
159 people)."""

N, S, V = 0, 1, 2


def sinus(random: np.random.Generator, seconds: float, rate: float, spread: float) -> Times:
    """[beat] times of sinus rhythm that begins anywhere in a beat.

    The RR intervals vary with respiration, slowly, and at random, in shares that are drawn anew.

    rate: mean, 1/min. spread: SD of the RR intervals as a share of their mean.
    """
    mean = 60 / rate
    count = int(seconds / mean) + 8
    at = mean * np.arange(count)
    shares = np.sqrt(random.dirichlet([1.5, 1.5, 1.0]))
    waves = [
        np.sqrt(2) * np.sin(2 * np.pi * (random.uniform(*band) * at + random.uniform()))
        for band in (BREATHS_HZ, SLOW_HZ)
    ]
    variation = shares @ np.array([*waves, random.standard_normal(count)])
    return _times(random, mean * (1 + spread * variation), seconds, mean)


def fibrillation(random: np.random.Generator, seconds: float, rate: float, spread: float) -> Times:
    """[beat] times of atrial fibrillation: RR intervals log-normal, almost without memory.

    rate: mean, 1/min. spread: SD of the RR intervals as a share of their mean.
    """
    mean = 60 / rate
    rr = fibrillation_intervals(random, int(2 * seconds / mean) + 8, mean, spread)
    return _times(random, rr, seconds, mean)


def fibrillation_intervals(
    random: np.random.Generator, count: int, mean: float, spread: float
) -> Times:
    """[beat] RR intervals of atrial fibrillation. mean: s. spread: SD as a share of it."""
    noise = random.standard_normal(count)
    noise[1:] += FIBRILLATION_MEMORY * noise[:-1]
    sd = np.sqrt(np.log(1 + spread**2))
    return np.asarray(mean * np.exp(sd * noise - sd**2 / 2))


def _times(random: np.random.Generator, rr: Times, seconds: float, mean: float) -> Times:
    """Beats with these RR intervals, which get the mean within the recording."""
    start = random.uniform(0, mean)
    inside = max(2, int((seconds - start) / mean))
    rr = np.maximum(rr * mean / rr[:inside].mean(), LEAST_RR_S)
    times = start + np.concatenate([[0.0], np.cumsum(rr)])
    return times[times < seconds]


def early_ventricular(
    random: np.random.Generator, times: Times, kind: NDArray[np.int64], count: int,
    coupling: tuple[float, float],
) -> tuple[Times, NDArray[np.int64]]:  # fmt: skip
    """The beats with ventricular ones in place of normal ones, each with a compensatory pause.

    The sinus node goes on undisturbed, so that the beat after comes when it would have come.

    coupling: mean and SD of the RR interval before, as a share of the one that it replaces.
    """
    times, kind = times.copy(), kind.copy()
    for at in _places(random, kind, count):
        usual = times[at] - times[at - 1]
        share = np.clip(random.normal(*coupling), 0.40, 0.92)
        times[at] = times[at - 1] + max(share * usual, LEAST_RR_S, NEAREST_S)
        kind[at] = V
    return _in_order(times, kind)


def early_supraventricular(
    random: np.random.Generator, times: Times, kind: NDArray[np.int64], count: int,
    coupling: tuple[float, float], pause: tuple[float, float],
) -> tuple[Times, NDArray[np.int64]]:  # fmt: skip
    """The beats with supraventricular ones; each resets the sinus node, so that all later beats
    move with it.

    coupling, pause: mean and SD of the RR intervals before and after, as shares of the usual one.
    """
    times, kind = times.copy(), kind.copy()
    for at in _places(random, kind, count):
        usual = times[at] - times[at - 1]
        before = max(np.clip(random.normal(*coupling), 0.45, 0.88) * usual, LEAST_RR_S)
        moved = before - usual
        times[at:] += moved
        if at + 1 < len(times):
            after = np.clip(random.normal(*pause), 0.8, 1.6) * usual
            times[at + 1 :] += after - (times[at + 1] - times[at])
        kind[at] = S
    return _in_order(times, kind)


def _places(random: np.random.Generator, kind: NDArray[np.int64], count: int) -> list[int]:
    """Normal beats that others precede and, where there is room, follow; none next to another."""
    free = [k for k in range(1, len(kind)) if kind[k] == N and kind[k - 1] == N]
    chosen: list[int] = []
    for at in random.permutation(free):
        if len(chosen) < count and all(abs(at - other) > 1 for other in chosen):
            chosen.append(int(at))
    return sorted(chosen)


def _in_order(times: Times, kind: NDArray[np.int64]) -> tuple[Times, NDArray[np.int64]]:
    """Without beats that came nearer to the one before than a heart can beat."""
    keep = np.ones(len(times), bool)
    last = -np.inf
    for k, time in enumerate(times):
        keep[k] = time - last >= NEAREST_S
        last = time if keep[k] else last
    return times[keep], kind[keep]
