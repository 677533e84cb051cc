"""Where the T waves of a rhythm have their peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm.makers import S, V

LOCAL = 0.08
"""Power by which the time from R to the peak of T follows the RR interval before the beat."""

OF_KIND = {S: 0.98, V: 0.94}
"""The time from R to the peak of T of ectopic beats over that of the record's normal ones."""

JITTER_S = 0.004
"""SD of the time from R to the peak of T from beat to beat, s."""

BEFORE_NEXT_S = 0.16
"""The peak of T comes so long before the next R, s; a T that does not is unknown."""
# All are medians over records of PTB-XL, folds 1-8; the last is exceeded by 99.9 % of T waves.


def t_peaks(
    random: np.random.Generator,
    time_s: NDArray[np.float64],
    kind: NDArray[np.int64],
    corrected_s: float,
) -> NDArray[np.float64]:
    """[beat] times of the peaks of T, s; NaN where a T would run into the next beat.

    Parameters
    ----------
    time_s: [beat] R. kind: [beat], see `makers`. corrected_s: from R to the peak of T over the cube
        root of the median RR interval, s; NaN gives no T.
    """
    if len(time_s) < 2 or not np.isfinite(corrected_s):
        return np.full(len(time_s), np.nan)
    rr = np.diff(time_s)
    usual = np.median(rr)
    before = np.concatenate([[usual], rr])
    length = corrected_s * np.cbrt(usual) * (before / usual) ** LOCAL
    for one, share in OF_KIND.items():
        length = np.where(kind == one, share * length, length)
    peak = time_s + length + JITTER_S * random.standard_normal(len(time_s))
    end = np.append(time_s[1:], np.inf) - BEFORE_NEXT_S
    return np.where(peak < end, peak, np.nan)
