"""Heart rate variability of a rhythm: the figures of the Task Force, in windows of five minutes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm.makers import BREATHS_HZ, SLOW_HZ

Times = NDArray[np.float64]

VARIABILITY = ("rr_s", "sdnn_s", "rmssd_s", "pnn50", "lf_hf")
"""Mean of the intervals between normal beats, s; their SD, s; root mean square of successive
differences, s; share of these above 50 ms; power at .04-.15 Hz over that at .15-.40 Hz. All are of
windows of WINDOW_S (Task Force of the ESC and NASPE, Circulation 93:1043, 1996)."""

WINDOW_S = 300.0

SHORTEST_S, LONGEST_S = 0.3, 2.0
"""Intervals between normal beats; others are errors or pauses."""

FAR = 0.2
"""An interval that differs by more from the median of those around it is left out."""

COVERED = 0.8
"""Share of a window that intervals between normal beats must fill."""

RATE_HZ = 4.0
"""At which the intervals are interpolated for their spectrum."""


def measure_variability(
    time_s: Times, normal: NDArray[np.bool_], window_s: float = WINDOW_S
) -> NDArray[np.float64]:
    """[window, VARIABILITY] of windows one after the other; those with few normal beats are absent.

    time_s: [beat], of R, in order. normal: [beat].
    """
    rows = []
    last = float(time_s[-1]) if len(time_s) else 0.0
    for start in np.arange(0.0, last - window_s + 1e-9, window_s):
        first, stop = np.searchsorted(time_s, [start, start + window_s])
        row = _of_window(time_s[first:stop], normal[first:stop], window_s)
        if row is not None:
            rows.append(row)
    return np.array(rows).reshape(-1, len(VARIABILITY))


def _of_window(
    time_s: Times, normal: NDArray[np.bool_], window_s: float
) -> tuple[float, ...] | None:
    rr = np.diff(time_s)
    good = normal[1:] & normal[:-1] & (rr > SHORTEST_S) & (rr < LONGEST_S)
    if rr[good].sum() < COVERED * window_s:
        return None
    usual = np.interp(time_s[1:], time_s[1:][good], running_median(rr[good]))
    good &= np.abs(rr / usual - 1) < FAR
    if rr[good].sum() < COVERED * window_s:
        return None
    both = good[1:] & good[:-1]
    steps = np.diff(rr)[both]
    if len(steps) < 2:
        return None
    rmssd, pnn50 = np.sqrt((steps**2).mean()), (np.abs(steps) > 0.05).mean()
    return (
        float(rr[good].mean()), float(rr[good].std()), float(rmssd), float(pnn50),
        _ratio(time_s[1:][good], rr[good]),
    )  # fmt: skip


def running_median(rr: Times, around: int = 10) -> Times:
    """[interval] median of the intervals around each."""
    wide = np.pad(rr, around, mode="reflect" if len(rr) > around else "edge")
    return np.asarray(
        np.median(np.lib.stride_tricks.sliding_window_view(wide, 2 * around + 1), axis=1)
    )


def _ratio(time_s: Times, rr: Times) -> float:
    """Power of slow over that of respiratory variation."""
    grid = np.arange(time_s[0], time_s[-1], 1 / RATE_HZ)
    wave = np.interp(grid, time_s, rr)
    slope = np.polyfit(grid - grid[0], wave, 1)
    wave = (wave - np.polyval(slope, grid - grid[0])) * np.hanning(len(grid))
    power = np.abs(np.fft.rfft(wave)) ** 2
    hertz = np.fft.rfftfreq(len(grid), 1 / RATE_HZ)
    low, high = (power[(hertz >= a) & (hertz < b)].sum() for a, b in (SLOW_HZ, BREATHS_HZ))
    return float(low / max(high, 1e-12))
