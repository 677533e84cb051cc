"""The intervals of sinus rhythm: respiration, slow waves, drift over hours, day and sleep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm.makers import LEAST_RR_S, SLOW_HZ
from ecgsynth.rhythm.person import Person
from ecgsynth.rhythm.variability import WINDOW_S

Times = NDArray[np.float64]

WAVE_HZ = 0.095
"""Centre of the slow waves of blood pressure: the middle of their band."""

WIDTH_HZ = 0.02
"""SD of the peaks of respiration and of slow waves in the spectrum."""

LEAST_DRIFT = 0.1
"""Least share of the variance that is slower than the slow waves."""

SLEEP_FROM_S, DAY_S = 14 * 3600.0, 86400.0
"""A recording begins at nine, and sleep at eleven in the evening."""

CYCLE_S = 5400.0
"""A cycle of sleep, from one dream to the next; 90 minutes, the project's own choice."""

FALL_ASLEEP_S = 900.0
"""Within which the rate falls; the project's own choice."""


def sinus_intervals(
    person: Person,
    random: np.random.Generator,
    seconds: float,
    rate: float | None = None,
    sdnn_s: float | None = None,
    sleep_s: float = 0.0,
) -> Times:
    """[beat] RR intervals of sinus rhythm that fill so many seconds, and a few more.

    Three kinds of variation are added: respiration around the person's own frequency, slow waves at
    .095 Hz, and drift with a spectrum of 1/f. Their shares follow from the person's SDNN, RMSSD and
    LF/HF, so that windows of five minutes have these figures.

    rate: mean by day, 1/min; None: the person's own. sdnn_s: SD of the intervals in five minutes.
    sleep_s: length of sleep in each 24 h; 0 = none.
    """
    known = person.variability(rate)
    mean, sdnn, rmssd = known["sinus_rr_s"], known["sdnn_s"], known["rmssd_s"]
    if sdnn_s is not None:
        rmssd, sdnn = rmssd * sdnn_s / sdnn, sdnn_s
    count = int(1.12 * seconds / mean) + 16
    state = (
        _sleep(mean * np.arange(count, dtype=np.float64), sleep_s) if sleep_s else np.zeros(count)
    )
    level = mean * (1 + (person["sleep_rr"] - 1) * state)
    breath = min(person["breath_hz"], 0.45 / mean)
    high, low, drift = _variances(mean, sdnn, rmssd, known["lf_hf"], breath)
    waves = _waves(random, count, mean, breath)
    rr = level + np.sqrt([drift, low, high]) @ waves * (1 + 0.3 * state)
    inside = max(2, int(seconds / mean))
    asleep = level[:inside].mean() / mean  # the mean that was asked for is that by day
    return np.maximum(rr * (mean * asleep / rr[:inside].mean()), LEAST_RR_S)


def _variances(
    mean: float, sdnn: float, rmssd: float, ratio: float, breath: float
) -> tuple[float, float, float]:
    """Variances of respiration, slow waves and drift, s^2.

    A wave of frequency f has successive differences of 2 (1 - cos 2 pi f RR) times its variance.
    LF/HF is measured of intervals with lines between them, which weaken fast waves.
    """
    fast, slow = (1 - np.cos(2 * np.pi * f * mean) for f in (breath, WAVE_HZ))
    ratio *= (
        float(np.sinc(breath * mean) / np.sinc(WAVE_HZ * mean)) ** 4
    )  # as intervals are measured
    high = rmssd**2 / 2 / (fast + ratio * slow)
    low = ratio * high
    most = (1 - LEAST_DRIFT) * sdnn**2
    if high + low > most:  # the spread outweighs the differences
        high, low = high * most / (high + low), low * most / (high + low)
    return float(high), float(low), float(sdnn**2 - high - low)


def _waves(random: np.random.Generator, count: int, mean: float, breath: float) -> Times:
    """[drift, slow, respiration; beat], of variance 1 in windows of five minutes."""
    length = 1 << (count - 1).bit_length()
    hertz = np.fft.rfftfreq(length, mean)
    drift = np.zeros(len(hertz))
    slow = (hertz > 0) & (hertz < SLOW_HZ[0])
    drift[slow] = hertz[slow] ** -0.5
    peaks = [np.exp(-0.5 * ((hertz - at) / WIDTH_HZ) ** 2) for at in (WAVE_HZ, breath)]
    found = np.empty((3, count))
    for row, shape in zip(found, (drift, *peaks), strict=True):
        phase = random.standard_normal((2, len(hertz)))
        wave = np.fft.irfft(shape * (phase[0] + 1j * phase[1]), length)
        power = shape**2
        if shape is drift:  # what is slower than a window does not count
            power = np.where(hertz >= 1 / WINDOW_S, power, 0.0)
            if not power.any():
                power = shape**2
        row[:] = wave[:count] * (length / np.sqrt(4 * power.sum() or 1.0))
    return found


def _sleep(time_s: Times, sleep_s: float) -> Times:
    """[beat] from 0, awake, to 1, asleep; in a dream less."""
    since = (time_s - SLEEP_FROM_S) % DAY_S
    deep = 1 / (1 + np.exp(-(since / FALL_ASLEEP_S - 2) * 2))
    wake = 1 / (1 + np.exp((since - sleep_s) / FALL_ASLEEP_S * 2))
    dream = 0.15 * np.maximum(np.cos(2 * np.pi * (since - CYCLE_S) / CYCLE_S), 0) ** 4
    return np.asarray(np.clip(deep * wake - dream * deep * wake, 0, 1))
