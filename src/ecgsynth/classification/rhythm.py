"""Features of the rhythm around every beat: RR intervals against those nearby and of the record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[np.float64]]
"""Name of a feature -> [beat] its values, NaN where they are not known."""

LONGEST_S = 6.0
"""A longer interval is a gap of the recording or of its annotations, s."""

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
    """Quantile along the last axis of what is known; NaN where nothing is known.

    It is faster than `numpy.nanquantile` by far.
    """
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


def intervals(at_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """[beat] seconds since the beat before; NaN for the first, at the same time, over a gap."""
    gap = np.diff(at_s, prepend=np.nan)
    return np.where((gap > 0) & (gap <= LONGEST_S), gap, np.nan)


def earliness(rr: NDArray[np.float64]) -> NDArray[np.float64]:
    """[beat] RR before it over the local median; 1 where it is not known."""
    share = rr / local(rr, 10, 10)
    return np.where(np.isfinite(share), share, 1.0)


def rhythm(rr: NDArray[np.float64], normal: NDArray[np.bool_]) -> Columns:
    """Features by name. rr: of `intervals`. normal: examples of the person's normal beat."""
    own = normal & np.isfinite(rr)
    whole = float(np.median(rr[own])) if own.any() else np.nan
    base = _bases(rr, np.where(own, rr, np.nan), whole)
    after, share = shifted(rr, 1), rr / base["20"]
    step = np.abs(np.log(share) - shifted(np.log(share), -1))
    found: Columns = {"rr": rr, "rr_next": after}
    found |= {f"rr/{name}": rr / value for name, value in base.items()}
    for name in ("20", "track"):
        found[f"rr_next/{name}"] = after / base[name]
        found[f"pair/{name}"] = (rr + after) / (2 * base[name])
        for by in (*range(-NEIGHBOURS, 0), *range(2, NEIGHBOURS + 1)):
            found[f"rr{by:+d}/{name}"] = shifted(rr, by) / base[name]
    found["rr/rr-1"] = rr / shifted(rr, -1)
    found["rr_next/rr"] = after / rr
    found["rr_next/record"] = after / whole
    found["20/track"] = base["20"] / base["track"]
    found["normal/20"] = base["normal"] / base["20"]
    found["base/record"] = base["80"] / whole
    found["record"] = np.full(len(rr), whole)
    found["rank"] = rank(rr, 20)
    return (
        found
        | _deviations(rr, share, step, after / base["20"])
        | _regularity(share, step)
        | runs(rr)
    )


def _bases(rr: NDArray, own: NDArray, whole: float) -> Columns:
    """What an interval is compared with. own: those of normal beats, others NaN."""
    normal = local(own, 15, 15)
    return {
        "10before": shifted(local(rr, 9, 0), -1),
        "20": local(rr, 10, 10),
        "80": local(rr, 40, 40),
        "q75": local(rr, 15, 15, 0.75),
        "q90": local(rr, 15, 15, 0.9),
        "q25": local(rr, 15, 15, 0.25),
        "q90wide": local(rr, 60, 60, 0.9),
        "q75wide": local(rr, 60, 60, 0.75),
        "normal": np.where(np.isfinite(normal), normal, whole),
        "record": np.full(len(rr), whole),
        "track": track(rr, whole),
    }


def _deviations(rr: NDArray, share: NDArray, step: NDArray, after: NDArray) -> Columns:
    """How early a beat is in units of how far intervals nearby differ: in fibrillation, little."""
    found: Columns = {}
    far = np.abs(np.log(share))
    for name, around in (("30", 15), ("120", 60)):
        spread = local(far, around, around) * 1.48 + 0.02
        found[f"z{name}"] = np.log(share) / spread
        found[f"z_next{name}"] = np.log(after) / spread
        nearby = local(step, around, around) + 0.02
        found[f"zstep{name}"] = np.log(rr / shifted(rr, -1)) / nearby
    return found


def _regularity(share: NDArray, step: NDArray) -> Columns:
    """How regular the rhythm is around a beat and in the whole record."""
    found: Columns = {}
    for name, values, before, after in (
        ("15", step, 15, 15), ("60", step, 60, 60), ("before", shifted(step, -1), 12, 0),
    ):  # fmt: skip
        found[f"irregular{name}"] = local(values, before, after)
        found[f"irregular{name}q90"] = local(values, before, after, 0.9)
    known = np.isfinite(share)
    for name, there in (
        ("regular", np.abs(share - 1) < 0.1), ("early", share < 0.85), ("late", share > 1.15),
    ):  # fmt: skip
        found[f"{name}_share"] = mean(np.where(known, there, np.nan), 30)
    found["early_record"] = np.full(len(share), (share < 0.85).mean())
    for name, part in (("irregular_record", 0.5), ("irregular_record_q75", 0.75)):
        found[name] = np.full(len(share), quantile(step[None], part)[0])
    return found


def track(rr: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
    """[beat] the interval of a rhythm that changes slowly: the longer of what is expected from
    before and from behind."""
    both = []
    for values in (rr, rr[::-1]):
        expected, level = np.empty(len(values)), whole
        for k, one in enumerate(values):
            expected[k] = level
            if np.isfinite(one):
                level *= min(max(one / level, 1 - SLEW), 1 + SLEW)
        both.append(expected)
    return np.maximum(both[0], both[1][::-1])


def rank(values: NDArray[np.float64], around: int) -> NDArray[np.float64]:
    """[beat] share of the values around each beat that are less than its own."""
    wide = np.pad(values, around, constant_values=np.nan)
    views = np.lib.stride_tricks.sliding_window_view(wide, 2 * around + 1)
    return (views < values[:, None]).sum(1) / np.maximum(np.isfinite(views).sum(1), 1)


def runs(rr: NDArray[np.float64]) -> Columns:
    """How far the intervals up to a beat (or from the next one on) have fallen at once.

    `run` is the least, over beginnings up to `RUN` beats ago, of the longest interval since then
    over the median of the five before it; a fast rhythm that begins slowly has about 1.
    """
    found: Columns = {}
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
