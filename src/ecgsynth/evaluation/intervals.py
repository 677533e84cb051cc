"""Intervals of 95 % over what varies from one sample to the next: people first.

A figure is measured again without each person, and how far it moves is its standard error (the
jackknife that deletes one cluster; Quenouille 1956, Tukey 1958; of clusters, MacKinnon, Nielsen &
Webb, J. Appl. Econometrics 2023). With few people, one of whom gives half of the items, resampling
blocks of time or people covers the truth far more rarely than it says; Student's quantile, with as
many degrees of freedom as the people are worth, does not (`tests/test_intervals.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.signals.ecg import Ecg

BLOCK_SECONDS = 30.0
"""Length of the time blocks of a recording."""

IN_A_ROW = 30
"""Items of a person that stand for a time block where no times are known: beats of some 30 s."""

MOST_UNITS = 50
"""More people, records or items are dealt into so many groups, which are left out one by one."""

DOMINATES = 0.8
"""Share of the items above which the person who gives them is all but the only one."""

SURE, Z = 0.975, 1.96
"""The quantile at which an interval of 95 % ends, and the normal one."""


@dataclass(frozen=True)
class Units:
    """What varies, and is left out to see what a figure owes to it.

    Attributes
    ----------
    of: [item] number of its unit; -1 for an item that is none of this sample's.
    words: what they are, as in "22 people" or "9 time blocks of one person alone".
    named: whether people are known; of a synthetic set it is not asked.
    """

    of: NDArray[np.int64]
    words: str
    named: bool = True

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """[unit] its items."""
        return np.bincount(self.of[self.of >= 0])

    def __len__(self) -> int:
        return len(self.sizes)

    def freedom(self, rows: Any = slice(None)) -> float:
        """Degrees of freedom of a variance that is estimated from the units of these items.

        The geometric mean of what the units are by number and what they are worth, each less one;
        of n items shares w, units are worth 1 / sum w^2 (Kish 1965). Among 2 to 22 units, one of
        which gives up to .9 of the items, Student's quantile of so many degrees covers the mean of
        normal effects 95 times in 100, a little more where one unit dominates.
        """
        of = self.of[rows]
        share = np.bincount(of[of >= 0]) / max(1, (of >= 0).sum())
        share = share[share > 0]
        if len(share) < 2:
            return 1.0
        return max(1.0, float(np.sqrt((1 / (share**2).sum() - 1) * (len(share) - 1))))

    def kept(self) -> Iterator[NDArray[np.float64]]:
        """[item] weights without each unit in turn: 0 for its items, 1 for all others."""
        return ((self.of != k).astype(float) for k in range(len(self)))


@dataclass(frozen=True)
class LeftOut:
    """A figure without each of the units of one sample.

    values: [unit], NaN where there is no figure without it. freedom: as of `Units`, by those items
    on which the figure depends.
    """

    values: NDArray[np.float64]
    units: Units
    freedom: float

    def variance(self, value: float) -> float:
        """Of the figure `value`, by the jackknife."""
        count = len(self.values)
        return float((count - 1) / count * ((self.values - value) ** 2).sum())


def units(ecg: Ecg, rows: NDArray[np.int64] | None = None) -> Units:
    """What varies in the items of a set (all, or those of `rows`, which may name one repeatedly).

    People; where one person gives over 80 % of the items, blocks of time, else items. Where the
    set names nobody: records, likewise, else items.
    """
    return _units([_levels(ecg, rows)], ecg.synthetic)


def joint(*sets: Ecg | tuple[Ecg, NDArray[np.int64]]) -> list[Units]:
    """What varies in several sets, whose items stand one after another.

    Where all sets name people (or all name records), a person varies in all of them at once: one
    sample. Else each set is a sample of its own.
    """
    pairs = [one if isinstance(one, tuple) else (one, None) for one in sets]
    levels = [_levels(ecg, rows, f"{side}:") for side, (ecg, rows) in enumerate(pairs)]
    if any(all(kind in one for one in levels) for kind in ("people", "records")):
        return [_units(levels, all(ecg.synthetic for ecg, _ in pairs))]
    found, before = [], 0
    total = sum(len(one["items"]) for one in levels)
    for level, (ecg, _) in zip(levels, pairs, strict=True):
        one, of = _units([level], ecg.synthetic), np.full(total, -1)
        of[before : before + len(one.of)] = one.of
        before += len(one.of)
        found.append(replace(one, of=of))
    return found


def blocks(ecg: Ecg) -> NDArray[np.int64]:
    """[item] number of its time block of a record, else of its `IN_A_ROW` items of one person,
    else of the item itself: what must not stand on both sides of a split."""
    level = _levels(ecg, None)
    if "blocks" not in level and "people" in level:
        names, person = np.unique(level["people"], return_inverse=True)
        order = np.argsort(person, kind="stable")
        first = np.searchsorted(person[order], np.arange(len(names)))
        place = np.empty(len(person), np.int64)
        place[order] = np.arange(len(person)) - first[person[order]]
        return np.unique(np.stack([person, place // IN_A_ROW]), axis=1, return_inverse=True)[1]
    return np.unique(level.get("blocks", level["items"]), return_inverse=True)[1]


def _levels(ecg: Ecg, rows: NDArray[np.int64] | None, side: str = "") -> dict[str, NDArray]:
    """Kind of unit -> [item] its name, as far as the set tells it; side: before names of items."""
    rows = np.arange(len(ecg)) if rows is None else rows
    found: dict[str, NDArray] = {}
    items = np.char.add(side, rows.astype(np.str_))
    for kind, column in (("people", ecg.patient), ("records", ecg.record)):
        if column is not None and (column != "").any():
            # An item whose person is not known is nobody else's.
            found[kind] = np.where(column[rows] == "", np.char.add("item ", items), column[rows])
    if "records" in found and ecg.onset_s is not None:
        part = np.floor(np.nan_to_num(ecg.onset_s[rows]) / BLOCK_SECONDS).astype(np.int64)
        place = np.char.add(":", part.astype(np.str_))
        found["blocks"] = np.char.add(found["records"], place)
    return found | {"items": items}


def _units(levels: Sequence[dict[str, NDArray]], synthetic: bool) -> Units:
    """Of sets that are one sample; items of different sets are never the same one."""
    shared = [kind for kind in levels[0] if all(kind in one for one in levels)]
    named = next((kind for kind in ("people", "records") if kind in shared), "items")
    smaller = [kind for kind in ("blocks", "items") if kind in shared and kind != named]
    alone = ""
    for kind in (named, *smaller):
        names, of = np.unique(np.concatenate([one[kind] for one in levels]), return_inverse=True)
        largest = np.bincount(of).max() / len(of)
        if len(names) > 1 and (largest <= DOMINATES or kind != named):
            break
        if kind == named:
            share = f" ({largest:.0%} of the items)" if len(names) > 1 else ""
            alone = f" of one {'person' if named == 'people' else 'record'} alone{share}"
    count = len(names)
    words = f"{count:,} {'time blocks' if kind == 'blocks' else kind}{alone}"
    return Units(dealt(count)[of], words, named == "people" or synthetic)


def dealt(count: int) -> NDArray[np.int64]:
    """[unit] its number, or of many units that of the group into which it is dealt."""
    if count <= MOST_UNITS:
        return np.arange(count)
    return np.random.default_rng(0).permutation(count) % MOST_UNITS


# ---- figures and their intervals -----------------------------------------------------------


def without_each(
    figure: Callable[[NDArray[np.float64]], float], samples: Sequence[Units]
) -> list[LeftOut]:
    """A figure without each unit. figure: of the weights [item], 0 for those that are left out."""
    return [LeftOut(np.array([figure(w) for w in u.kept()]), u, u.freedom()) for u in samples]


def mean_without_each(values: NDArray, sample: Units) -> LeftOut:
    """The mean of per-item values without each unit."""
    values = np.asarray(values, np.float64)
    rest = len(values) - sample.sizes
    sums = np.bincount(sample.of, values, len(sample))
    left = np.divide(values.sum() - sums, rest, out=np.full(len(rest), np.nan), where=rest > 0)
    return LeftOut(left, sample, sample.freedom())


def seeds_without_each(values: NDArray) -> LeftOut:
    """A figure that is averaged over trained networks, without each of them. values: [seed]."""
    count = len(values)
    return mean_without_each(values, Units(np.arange(count), f"{count} seeds"))


def interval(
    value: float,
    left: Sequence[LeftOut],
    *,
    items: int | None = None,
    least: float = 0.0,
    note: str = "",
) -> Estimate:
    """A figure with its 95 % interval and its range without one unit.

    left: the figure without each unit of every sample that varies by itself, such as people and
    seeds; the first is that of the range, and without two units of it there is no interval.
    items: for a figure between 0 and 1 (a share, AUC, F1), how many items it is measured with: its
    interval is Wilson's (1927), with as many independent items as give the same variance, at most
    those that there are, so that it stays between 0 and 1 and no share is certain. For other
    figures it is Student's.
    Variances add; their degrees of freedom are those of Welch & Satterthwaite.
    least: below which the figure cannot lie.
    """
    from scipy.stats import t

    first = left[0]
    if not np.isfinite(value):
        return Estimate(value, note=note)
    if items == 0:
        return Estimate(value, note=_with(note, "no items"))
    if len(first.units) < 2:
        return Estimate(value, note=_with(note, f"{first.units.words} alone: no interval"))
    left = [one for one in left if len(one.units) > 1]
    if not all(np.isfinite(one.values).all() for one in left):
        return Estimate(value, note=_with(note, f"it rests on one of {first.units.words} alone"))
    spread = [one.variance(value) for one in left]
    variance, wide = sum(spread), float(t.ppf(SURE, welch(spread, left)))
    if items is None:
        half = wide * float(np.sqrt(variance))
        low, high = max(least, value - half), value + half
    else:
        low, high = _wilson(min(max(value, 0.0), 1.0), variance, items, wide)
    over = " and ".join(one.units.words for one in left)
    over += "" if first.units.named else ", no people named"
    return Estimate(
        value, low, high, note, over, (float(first.values.min()), float(first.values.max()))
    )


def welch(spread: Sequence[float], left: Sequence[LeftOut]) -> float:
    """Degrees of freedom of the sum of these variances."""
    parts = sum(one**2 / each.freedom for one, each in zip(spread, left, strict=True))
    return sum(spread) ** 2 / parts if parts else left[0].freedom


def mean_over(values: NDArray, sample: Units, *, share: bool = False, note: str = "") -> Estimate:
    """The mean of per-item values, none of them negative, with its interval.

    share: whether they lie between 0 and 1.
    """
    value = float(np.mean(values))
    items = len(values) if share else None
    return interval(value, [mean_without_each(values, sample)], items=items, note=note)


def mean_beside(
    values: NDArray, real: NDArray, samples: Sequence[Units], *, share: bool, note: str = ""
) -> Estimate:
    """The mean of synthetic items, with an interval that says how sure its difference from that of
    real ones is: where the real mean lies inside, they may be equal.

    samples: over the real items and then the synthetic ones. share: whether it is a share of
    items, of which none is certain.
    """
    value, theirs = float(np.mean(values)), float(np.mean(real))

    def figure(weight: NDArray[np.float64]) -> float:
        sides = np.split(weight, [len(real)])
        return weighted(values, sides[1]) - weighted(real, sides[0]) + theirs

    found = interval(value, without_each(figure, samples), note=note)
    if not share or found.low is None or found.high is None:
        return found
    low, high = _wilson(value, 0.0, len(values), Z)
    return replace(found, low=min(low, found.low), high=max(high, found.high))


def weighted(values: NDArray, weight: NDArray[np.float64]) -> float:
    """The weighted mean; NaN where nothing has a weight."""
    total = weight.sum()
    return float(weight @ values / total) if total else float("nan")


def in_words(estimate: Estimate) -> str:
    """A figure that stands in another one's note: "0.913 (0.802 to 0.975 over 18 people)"."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f} over {estimate.over})"


def _wilson(value: float, variance: float, items: int, wide: float) -> tuple[float, float]:
    """Of a share; never narrower than that of so many items which know nothing of each other."""
    alone = value * (1 - value)
    ways = [(float(items), Z)]
    if variance > 0 and alone > 0:
        ways.append((alone / variance, wide))
    low, high = value, value
    for count, z in ways:
        centre = (value + z**2 / (2 * count)) / (1 + z**2 / count)
        half = z / (1 + z**2 / count) * np.sqrt(alone / count + z**2 / (4 * count**2))
        low, high = min(low, float(centre - half)), max(high, float(centre + half))
    return max(0.0, low), min(1.0, high)


def _with(note: str, more: str) -> str:
    return f"{note}; {more}" if note else more
