"""Intervals of 95 % over people, or over records, time blocks or items where there are none.

The standard error of a figure comes from its values without each person (the delete-one-cluster
jackknife; Quenouille 1956, Tukey 1958; of clusters, MacKinnon, Nielsen & Webb, J. Appl.
Econometrics 2023). With few people, one of whom has half of the items, bootstrap intervals over
time blocks or people cover the truth far less often than 95 %. Student's quantile, with the
effective number of people as degrees of freedom, has the right coverage
(`tests/evaluation/test_intervals.py`).
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

ITEMS_PER_BLOCK = 30
"""Items of a person per time block if times are not known: beats of about 30 s."""

MOST_UNITS = 50
"""With more people, records or items, this many groups of them are left out one by one."""

DOMINANT_SHARE = 0.8
"""A person with a larger share of the items dominates: other units are used then."""

SURE, Z = 0.975, 1.96
"""The probability at the upper end of a 95 % interval, and its normal quantile."""


@dataclass(frozen=True)
class Units:
    """The units that vary between samples; each is left out once by the jackknife.

    Attributes
    ----------
    of: [item] number of its unit; -1 for an item of another sample.
    words: a description, as in "22 people" or "9 time blocks of one person alone".
    named: whether people are known; true for a synthetic set.
    """

    of: NDArray[np.int64]
    words: str
    named: bool = True

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """[unit] number of its items."""
        return np.bincount(self.of[self.of >= 0])

    def __len__(self) -> int:
        return len(self.sizes)

    def freedom(self, rows: Any = slice(None)) -> float:
        """Degrees of freedom of a variance estimated from the units of these items.

        The geometric mean of the number of units minus 1 and their effective number minus 1; units
        with shares w have the effective number 1 / sum w^2 (Kish 1965). With 2 to 22 units, one of
        which has up to .9 of the items, intervals with Student's quantile cover the mean of normal
        effects 95 times in 100, and a little more often if one unit dominates.
        """
        of = self.of[rows]
        share = np.bincount(of[of >= 0]) / max(1, (of >= 0).sum())
        share = share[share > 0]
        if len(share) < 2:
            return 1.0
        return max(1.0, float(np.sqrt((1 / (share**2).sum() - 1) * (len(share) - 1))))

    def kept(self) -> Iterator[NDArray[np.float64]]:
        """Weights [item] that leave out each unit in turn: 0 for its items, 1 for all others."""
        return ((self.of != k).astype(float) for k in range(len(self)))


@dataclass(frozen=True)
class LeaveOneOut:
    """The values of a figure without each unit of one sample.

    values: [unit], NaN if there is no figure without it.
    freedom: as in `Units`, of the items on which the figure depends.
    """

    values: NDArray[np.float64]
    units: Units
    freedom: float

    def variance(self, value: float) -> float:
        """Jackknife variance of the figure `value`."""
        count = len(self.values)
        return float((count - 1) / count * ((self.values - value) ** 2).sum())


def units(ecg: Ecg, rows: NDArray[np.int64] | None = None) -> Units:
    """The units of the items of a set (all, or those of `rows`, which may contain repeats).

    The units are people. If one person has over 80 % of the items, they are time blocks, else
    items. If the set names no people, they are records, likewise, else items.
    """
    return _units([_levels(ecg, rows)], ecg.synthetic)


def joint(*sets: Ecg | tuple[Ecg, NDArray[np.int64]]) -> list[Units]:
    """The units of several sets, whose items are concatenated.

    If all sets name people (or all name records), the sets are one sample: a person is left out of
    all of them at once. Otherwise each set is a sample of its own.
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
    """[item] number of its time block, which must not be on both sides of a split.

    A block is 30 s of a record; without records, `ITEMS_PER_BLOCK` successive items of a person;
    without people, a single item.
    """
    level = _levels(ecg, None)
    if "blocks" not in level and "people" in level:
        names, person = np.unique(level["people"], return_inverse=True)
        order = np.argsort(person, kind="stable")
        first = np.searchsorted(person[order], np.arange(len(names)))
        place = np.empty(len(person), np.int64)
        place[order] = np.arange(len(person)) - first[person[order]]
        return np.unique(np.stack([person, place // ITEMS_PER_BLOCK]), axis=1, return_inverse=True)[
            1
        ]
    return np.unique(level.get("blocks", level["items"]), return_inverse=True)[1]


def _levels(ecg: Ecg, rows: NDArray[np.int64] | None, side: str = "") -> dict[str, NDArray]:
    """Kind of unit -> [item] its name, if the set has it; side: prefix of item names."""
    rows = np.arange(len(ecg)) if rows is None else rows
    found: dict[str, NDArray] = {}
    items = np.char.add(side, rows.astype(np.str_))
    for kind, column in (("people", ecg.patient), ("records", ecg.record)):
        if column is not None and (column != "").any():
            # An item of an unknown person gets a person of its own.
            found[kind] = np.where(column[rows] == "", np.char.add("item ", items), column[rows])
    if "records" in found and ecg.onset_s is not None:
        part = np.floor(np.nan_to_num(ecg.onset_s[rows]) / BLOCK_SECONDS).astype(np.int64)
        place = np.char.add(":", part.astype(np.str_))
        found["blocks"] = np.char.add(found["records"], place)
    return found | {"items": items}


def _units(levels: Sequence[dict[str, NDArray]], synthetic: bool) -> Units:
    """Units of sets that are one sample; items of different sets are always different."""
    shared = [kind for kind in levels[0] if all(kind in one for one in levels)]
    named = next((kind for kind in ("people", "records") if kind in shared), "items")
    smaller = [kind for kind in ("blocks", "items") if kind in shared and kind != named]
    alone = ""
    for kind in (named, *smaller):
        names, of = np.unique(np.concatenate([one[kind] for one in levels]), return_inverse=True)
        largest = np.bincount(of).max() / len(of)
        if len(names) > 1 and (largest <= DOMINANT_SHARE or kind != named):
            break
        if kind == named:
            share = f" ({largest:.0%} of the items)" if len(names) > 1 else ""
            alone = f" of one {'person' if named == 'people' else 'record'} alone{share}"
    count = len(names)
    words = f"{count:,} {'time blocks' if kind == 'blocks' else kind}{alone}"
    return Units(group_units(count)[of], words, named == "people" or synthetic)


def group_units(count: int) -> NDArray[np.int64]:
    """[unit] its number, or the number of its random group if there are many units."""
    if count <= MOST_UNITS:
        return np.arange(count)
    return np.random.default_rng(0).permutation(count) % MOST_UNITS


# ---- figures and their intervals -----------------------------------------------------------


def leave_one_out(
    figure: Callable[[NDArray[np.float64]], float], samples: Sequence[Units]
) -> list[LeaveOneOut]:
    """A figure without each unit. figure: a function of weights [item], 0 for items left out."""
    return [LeaveOneOut(np.array([figure(w) for w in u.kept()]), u, u.freedom()) for u in samples]


def leave_one_out_mean(values: NDArray, sample: Units) -> LeaveOneOut:
    """The mean of per-item values without each unit."""
    values = np.asarray(values, np.float64)
    rest = len(values) - sample.sizes
    sums = np.bincount(sample.of, values, len(sample))
    left = np.divide(values.sum() - sums, rest, out=np.full(len(rest), np.nan), where=rest > 0)
    return LeaveOneOut(left, sample, sample.freedom())


def leave_one_out_seeds(values: NDArray) -> LeaveOneOut:
    """The mean of a figure over trained networks, without each of them. values: [seed]."""
    count = len(values)
    return leave_one_out_mean(values, Units(np.arange(count), f"{count} seeds"))


def interval(
    value: float,
    left: Sequence[LeaveOneOut],
    *,
    items: int | None = None,
    least: float = 0.0,
    note: str = "",
) -> Estimate:
    """A figure with its 95 % interval and its range without one unit.

    left: the figure without each unit, for every independent source of variation, such as people
    and seeds; the range is of the first, which needs two units or more for an interval.
    items: for a figure between 0 and 1 (a share, AUC, F1), the number of items: its interval is
    Wilson's (1927), with the number of independent items that give the same variance, at most
    `items`. So it stays between 0 and 1 and never has zero width. Other figures have Student's
    interval. Variances are added; their degrees of freedom are those of Welch & Satterthwaite.
    least: lower bound of the figure.
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
        return Estimate(value, note=_with(note, f"it depends on one of {first.units.words} alone"))
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


def welch(spread: Sequence[float], left: Sequence[LeaveOneOut]) -> float:
    """Degrees of freedom of the sum of these variances."""
    parts = sum(one**2 / each.freedom for one, each in zip(spread, left, strict=True))
    return sum(spread) ** 2 / parts if parts else left[0].freedom


def mean_over(values: NDArray, sample: Units, *, share: bool = False, note: str = "") -> Estimate:
    """The mean of per-item values, which are not negative, with its interval.

    share: whether they lie between 0 and 1.
    """
    value = float(np.mean(values))
    items = len(values) if share else None
    return interval(value, [leave_one_out_mean(values, sample)], items=items, note=note)


def mean_against_real(
    values: NDArray, real: NDArray, samples: Sequence[Units], *, share: bool, note: str = ""
) -> Estimate:
    """The mean of synthetic items, with the interval of its difference from the real mean, shifted:
    if the real mean lies inside, the two may be equal.

    samples: over the real items and then the synthetic ones.
    share: whether it is a share of items, whose interval never has zero width.
    """
    value, real_mean = float(np.mean(values)), float(np.mean(real))

    def figure(weight: NDArray[np.float64]) -> float:
        weights = np.split(weight, [len(real)])
        return weighted(values, weights[1]) - weighted(real, weights[0]) + real_mean

    found = interval(value, leave_one_out(figure, samples), note=note)
    if not share or found.low is None or found.high is None:
        return found
    low, high = _wilson(value, 0.0, len(values), Z)
    return replace(found, low=min(low, found.low), high=max(high, found.high))


def weighted(values: NDArray, weight: NDArray[np.float64]) -> float:
    """The weighted mean; NaN if all weights are 0."""
    total = weight.sum()
    return float(weight @ values / total) if total else float("nan")


def format_estimate(estimate: Estimate) -> str:
    """A figure as text for a note: "0.913 (0.802 to 0.975 over 18 people)"."""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f} over {estimate.over})"


def _wilson(value: float, variance: float, items: int, wide: float) -> tuple[float, float]:
    """Interval of a share, never narrower than that of `items` independent items."""
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
