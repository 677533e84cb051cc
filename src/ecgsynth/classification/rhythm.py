"""Features of the rhythm around every beat: RR intervals against those nearby and of the record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 4
"""Intervals before and after a beat that are features of it."""

SLEW = 0.004
"""Share of an interval by which the slow rhythm changes from beat to beat, at most."""

RUN = 15
"""Beats within which the beginning of a fast run is looked for."""


def local(values: NDArray[np.float64], before: int, after: int, share: float = 0.5) -> NDArray:
    """[beat] quantile of the values around each beat, itself included; NaN where none is known."""
    wide = np.pad(values, (before, after), constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(wide, before + after + 1)
    return quantile(views, share)


def quantile(rows: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Quantile along the last axis of what is known; NaN where nothing is. (`nanquantile` is slow.)"""
    order = np.sort(rows, -1)  # NaN last
    known = np.isfinite(rows).sum(-1)
    at = np.maximum(known - 1, 0) * share
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, np.maximum(known - 1, 0))
    part = (at - low)[..., None]
    a = np.take_along_axis(order, low[..., None], -1)
    b = np.take_along_axis(order, high[..., None], -1)
    return (a * (1 - part) + b * part)[..., 0]


def shifted(values: NDArray, by: int) -> NDArray:
    """[beat] the value of the beat `by` places later; NaN beyond the ends."""
    found = np.full(values.shape, np.nan)
    if by == 0:
        found[:] = values
    elif 0 < by < len(values):
        found[:-by] = values[by:]
    elif -len(values) < by < 0:
        found[-by:] = values[:by]
    return found


def intervals(at: NDArray[np.int64], fs: float) -> NDArray[np.float64]:
    """[beat] seconds since the beat before; NaN for the first, and over gaps of more than 6 s."""
    gap = np.diff(at, prepend=np.nan) / fs
    return np.where(gap <= 6, gap, np.nan)


def earliness(rr: NDArray[np.float64]) -> NDArray[np.float64]:
    """[beat] RR before it over the local median; 1 where it is not known."""
    share = rr / local(rr, 10, 10)
    return np.where(np.isfinite(share), share, 1.0)


def rhythm(rr: NDArray[np.float64], normal: NDArray[np.bool_]) -> dict[str, NDArray[np.float64]]:
    """Features [beat] by name. rr: of `intervals`. normal: examples of the person's normal beat."""
    found: dict[str, NDArray[np.float64]] = {"rr": rr, "rr_next": shifted(rr, 1)}
    base = {
        "10before": shifted(local(rr, 9, 0), -1),
        "20": local(rr, 10, 10),
        "80": local(rr, 40, 40),
        "q75": local(rr, 15, 15, 0.75),
        "q90": local(rr, 15, 15, 0.9),
        "q25": local(rr, 15, 15, 0.25),
        "q90wide": local(rr, 60, 60, 0.9),
        "q75wide": local(rr, 60, 60, 0.75),
    }
    own = np.where(normal, rr, np.nan)
    whole = np.nanmedian(own) if np.isfinite(own).any() else np.nan
    base["normal"] = local(own, 15, 15)
    base["normal"] = np.where(np.isfinite(base["normal"]), base["normal"], whole)
    base["record"] = np.full(len(rr), whole)
    base["track"] = track(rr, whole)
    for name, value in base.items():
        found[f"rr/{name}"] = rr / value
    for name in ("20", "track"):
        found[f"rr_next/{name}"] = found["rr_next"] / base[name]
        found[f"pair/{name}"] = (rr + found["rr_next"]) / (2 * base[name])
        for by in (*range(-NEIGHBOURS, 0), *range(2, NEIGHBOURS + 1)):
            found[f"rr{by:+d}/{name}"] = shifted(rr, by) / base[name]
    found["rr/rr-1"] = rr / shifted(rr, -1)
    found["rr_next/rr"] = found["rr_next"] / rr
    found["rr_next/record"] = found["rr_next"] / whole
    found["20/track"] = base["20"] / base["track"]
    found["normal/20"] = base["normal"] / base["20"]
    found["base/record"] = base["80"] / whole
    found["record"] = np.full(len(rr), whole)
    share = rr / base["20"]
    step = np.abs(np.log(share) - shifted(np.log(share), -1))
    for name, before, after in (("15", 15, 15), ("60", 60, 60), ("before", 12, -1)):
        here = step if name != "before" else shifted(step, -1)
        after = max(after, 0)
        found[f"irregular{name}"] = local(here, before, after)
        found[f"irregular{name}q90"] = local(here, before, after, 0.9)
    far = np.abs(share - 1)
    for name, around in (("30", 15), ("120", 60)):
        spread = local(np.abs(np.log(share)), around, around) * 1.48 + 0.02
        found[f"z{name}"] = np.log(share) / spread
        found[f"z_next{name}"] = np.log(found["rr_next"] / base["20"]) / spread
        found[f"zstep{name}"] = np.log(found["rr/rr-1"]) / (local(step, around, around) + 0.02)
    found["rank"] = rank(rr, 20)
    found["regular_share"] = mean(np.where(np.isfinite(far), far < 0.1, np.nan), 30)
    found["early_share"] = mean(np.where(np.isfinite(far), share < 0.85, np.nan), 30)
    found["late_share"] = mean(np.where(np.isfinite(far), share > 1.15, np.nan), 30)
    found["early_record"] = np.full(len(rr), np.nanmean(share < 0.85))
    found["irregular_record"] = np.full(len(rr), _median(step))
    found["irregular_record_q75"] = np.full(len(rr), _median(step, 0.75))
    second = np.abs(np.log(rr) - shifted(np.log(rr), -2))
    found["bigeminy"] = local(second, 8, 8) / (local(np.abs(np.log(rr) - shifted(np.log(rr), -1)), 8, 8) + 0.01)
    return found | runs(rr)


def track(rr: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    """[beat] the interval of a rhythm that changes slowly: the longer of what is expected from
    before and from behind."""
    both = []
    for values in (rr, rr[::-1]):
        expected, level = np.empty(len(values)), whole
        for k, one in enumerate(values):
            expected[k] = level
            if one == one:
                level *= min(max(one / level, 1 - SLEW), 1 + SLEW)
        both.append(expected)
    return np.maximum(both[0], both[1][::-1])


def rank(values: NDArray[np.float64], around: int) -> NDArray[np.float64]:
    """[beat] share of the values around each beat that are less than its own."""
    wide = np.pad(values, around, constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(wide, 2 * around + 1)
    return (views < values[:, None]).sum(1) / np.maximum(np.isfinite(views).sum(1), 1)


def runs(rr: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """How far the intervals up to a beat (or from the next one on) have fallen at once.

    `run` is the least, over beginnings up to `RUN` beats ago, of the longest interval since then
    over the median of the five before it; a fast rhythm that begins slowly has about 1.
    """
    found = {}
    for name, values in (("run", rr), ("run_end", rr[::-1])):
        base = shifted(local(values, 4, 0), -1)
        longest, best, place = values, values / base, np.zeros(len(rr))
        for back in range(1, RUN + 1):
            longest = np.maximum(longest, shifted(values, -back))
            share = longest / shifted(base, -back)
            better = share < best - 0.02
            best, place = np.where(better, share, best), np.where(better, back, place)
        turn = slice(None) if name == "run" else slice(None, None, -1)
        found[name], found[f"{name}_place"] = best[turn], place[turn]
    found["run_end"] = shifted(found["run_end"], 0)
    return found


def mean(values: NDArray[np.float64], around: int) -> NDArray[np.float64]:
    """[beat] mean of what is known around each beat, itself left out."""
    known = np.isfinite(values)
    total = np.cumsum(np.pad(np.where(known, values, 0.0), (around + 1, around)))
    count = np.cumsum(np.pad(known.astype(float), (around + 1, around)))
    width = 2 * around + 1
    sums = total[width:] - total[:-width]
    counts = count[width:] - count[:-width]
    sums, counts = sums - np.where(known, values, 0.0), counts - known
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _median(values: NDArray[np.float64], share: float = 0.5) -> float:
    return float(quantile(values[None], share)[0])
