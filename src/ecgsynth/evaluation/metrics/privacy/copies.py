"""The share of copies of real items in a set, robust to changes that hide a copy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, members, metric, once, too_few
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.evaluation.metrics.privacy.copy_search import Excluded, nearest_two
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

LEVEL = 0.01
"""Share of real items below the threshold."""

APART_S = 30.0
"""Real beats of one recording that are closer in time are excluded for each other, s."""

MOST, QUICK_MOST = 2000, 1000
"""Most items of a class, synthetic and real."""

LEAST = 100
"""Least number of different real items of a class: 1 % of them is one item."""

DRAWS = 1000
"""Bootstrap draws of people for the interval."""

ALARM_LEVELS = (0.0025, 0.01)
"""Shares of real items whose distances are the thresholds of the alarm. Copies lie below the first,
where hardly any real item does; below the second where some real items are copies of others."""

ALARM = 0.001
"""Probability of as many near items in a real set that is an alarm: 1 % for ten figures."""

ONE_PERSON = 0.8
"""If a person has a larger share of a class, time blocks are drawn instead of people."""


@dataclass(frozen=True)
class Distances:
    """Distances of items to the nearest real item, in two scales without a unit.

    rows: [item] of their set.
    to_second: [item] distance to the nearest real item over that to the second nearest: a copy has
    one original, so that only the nearest is close.
    to_person: [item] distance over the median distance of the real items of the nearest item's
    person.
    """

    rows: NDArray[np.int64]
    to_second: NDArray[np.float64]
    to_person: NDArray[np.float64]

    def within(self, rows: NDArray[np.int64]) -> Distances:
        """Those of the items with these rows of the set."""
        kept = np.isin(self.rows, rows)
        return Distances(self.rows[kept], self.to_second[kept], self.to_person[kept])

    @property
    def both(self) -> NDArray[np.float64]:
        """[item] the larger of the two: small only if an item is near in both scales."""
        return np.maximum(self.to_second, self.to_person)


@dataclass(frozen=True)
class RealDistances:
    """Distances of a sample of real items, for which neighbours within 30 s are excluded.

    pool: all real items, each signal once.
    person: [item of the pool] number of the person.
    usual: [person] median distance.
    """

    pool: Ecg
    person: NDArray[np.int64]
    usual: NDArray[np.float64]
    distances: Distances


@METRICS.register("copy_share")
@metric(
    "copy_share", unit="share", goal="lower", needs=("real",), question="privacy",
    reference="distance to the nearest real item after shift (15 ms), stretch, gain, level, drift "
    "and smoothing are fitted, below 20 Hz; the larger of its ratios to the second nearest and "
    "to the median of that person's items; share below the 1 % quantile of real items, for which "
    "neighbours within 30 s are excluded",
)  # fmt: skip
def copy_share(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic items that are copies of a real one; real items have .01 by definition.

    A copy is much nearer to one real item than to any other, and than items of that person are to
    each other. Originals are searched for in the training and in the held-out set, under any label.
    The interval is that of the excess over real items, plus .01, by bootstrap over people and
    synthetic items. A class with so many near items as a real set has less than once in 1,000 times
    is an alarm in the note of its figure; see `chance_of_real`.
    """
    return _per_class(trial, "both")


@METRICS.register("copy_share_person")
@metric(
    "copy_share_person", unit="share", goal="lower", needs=("real",), question="privacy",
    reference="the same distance, only over the median of that person's items",
)  # fmt: skip
def copy_share_person(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic items nearer to a real item than items of its person to each other.

    Read it as `copy_share`. It finds fewer copies with added noise, but also copies whose originals
    are in the real set more than once.
    """
    return _per_class(trial, "to_person")


@once
def real_distances(trial: Trial) -> RealDistances:
    """Distances of a sample of each class of the real items. They do not depend on the set."""
    assert trial.real is not None
    pool = _without_repeats(trial.real)
    rows = _sample(trial, pool)
    near, which = nearest_two(pool.signal[rows], pool.signal, pool.spec, _apart(pool, rows))
    person = _people(pool)
    usual = _medians(near[:, 0], person[rows], int(person.max()) + 1)
    return RealDistances(pool, person, usual, _scaled(rows, near, usual[person[which[:, 0]]]))


@once
def synthetic_distances(trial: Trial) -> Distances:
    """Distances of a sample of each class of the synthetic items.

    Originals are searched for in every class: a copy under another label is a copy.
    """
    real, rows = real_distances(trial), _sample(trial, trial.synthetic)
    near, which = nearest_two(trial.synthetic.signal[rows], real.pool.signal, real.pool.spec)
    return _scaled(rows, near, real.usual[real.person[which[:, 0]]])


def _scaled(
    rows: NDArray[np.int64], near: NDArray[np.float64], usual: NDArray[np.float64]
) -> Distances:
    """The distances to the nearest two, `near`, in both scales; `usual` of the nearest's person."""
    nearest, second = np.maximum(near.T, 1e-9)
    return Distances(rows, nearest / second, nearest / np.maximum(usual, 1e-9))


def _sample(trial: Trial, ecg: Ecg) -> NDArray[np.int64]:
    """Rows of a set: a limited number of each class."""
    most, random = QUICK_MOST if trial.quick else MOST, trial.random("copies")
    rows = [random.permutation(members(ecg, name))[:most] for name in trial.groups]
    return np.unique(np.concatenate(rows))


def _per_class(trial: Trial, scale: str) -> dict[str, Estimate]:
    synthetic, real, found = synthetic_distances(trial), real_distances(trial), {}
    for name in trial.groups:
        near_synthetic = synthetic.within(members(trial.synthetic, name))
        known = real.distances.within(members(real.pool, name))
        if len(near_synthetic.rows) < MIN_ITEMS:
            found[name or "all"] = too_few(len(near_synthetic.rows))
            continue
        if len(known.rows) < LEAST:
            note = f"{len(known.rows)} different real items; {LEAST} are needed"
            found[name or "all"] = Estimate(float("nan"), note=note)
            continue
        unit, random = _units(real.pool[known.rows]), trial.random("copy share")
        found[name or "all"] = share_below(
            getattr(near_synthetic, scale), getattr(known, scale), unit, random
        )
    return found


def share_below(
    synthetic_values: NDArray[np.float64],
    real_values: NDArray[np.float64],
    unit: NDArray[np.int64],
    random: np.random.Generator,
) -> Estimate:
    """Share of synthetic values below the 1 % quantile of the real ones.

    synthetic_values: [synthetic item].
    real_values: [real item].
    unit: [real item] the unit of the bootstrap, such as a person. In each draw the threshold is
    computed again, and the synthetic and the real share below it are compared.
    """
    order, unit = np.argsort(real_values), np.unique(unit, return_inverse=True)[1]
    synthetic_values, real_values, unit = np.sort(synthetic_values), real_values[order], unit[order]
    units = int(unit.max()) + 1
    value = float(_below(synthetic_values, np.quantile(real_values, LEVEL)))
    weight = random.multinomial(units, np.full(units, 1 / units), DRAWS)[:, unit]
    total = np.cumsum(weight, 1)
    threshold = real_values[(total >= LEVEL * total[:, -1:]).argmax(1)]
    share = random.binomial(len(synthetic_values), _below(synthetic_values, threshold)) / len(
        synthetic_values
    )
    excess = share - _below(real_values, threshold)
    low, high = np.clip(LEVEL + np.quantile(excess, [0.025, 0.975]), 0, 1)
    alarm = chance_of_real(synthetic_values, real_values, unit, random) < ALARM
    return Estimate(
        value, float(min(low, value)), float(max(high, value)), f"{COPIES}: real items have "
        f"{LEVEL:g}" if alarm else "",
    )  # fmt: skip


def chance_of_real(
    synthetic_values: NDArray[np.float64],
    real_values: NDArray[np.float64],
    unit: NDArray[np.int64],
    random: np.random.Generator,
) -> float:
    """Probability that a real set has as many values below a low threshold as the synthetic set.

    The threshold is the k-th smallest of m real values. In a sample of the same items, a value lies
    below it with a probability that has the distribution Beta(k, m + 1 - k) (Nelson, Technometrics
    1963). In another mix of people it is larger where the people with the k smallest values have
    more of the items: the mean is over bootstrap draws of people. Of the two levels the smaller
    probability counts, twice (Bonferroni).
    """
    from scipy.stats import binom

    real_values, unit = real_values[(order := np.argsort(real_values))], unit[order]
    items = np.bincount(unit)
    weight = random.multinomial(len(items), np.full(len(items), 1 / len(items)), DRAWS)
    found = []
    for level in ALARM_LEVELS:
        count = max(1, round(level * len(real_values)))
        near = np.bincount(unit[:count], minlength=len(items))
        expected = np.maximum(count, (weight @ near) / (weight @ items) * len(real_values))
        share = random.beta(expected, np.maximum(1, len(real_values) + 1 - expected))
        below = int((synthetic_values < real_values[count - 1]).sum())
        found.append(binom.sf(below - 1, len(synthetic_values), share).mean())
    return min(1.0, len(found) * float(min(found)))


COPIES = "the set contains copies"
"""Beginning of the note of a figure that is an alarm."""


def _below(ascending: NDArray[np.float64], threshold: NDArray | np.floating) -> NDArray:
    """Share of the values below each threshold."""
    return np.searchsorted(ascending, threshold) / max(len(ascending), 1)


def _without_repeats(ecg: Ecg) -> Ecg:
    """The set with each signal once: a repeated original would have an equally near second."""
    seen: dict[bytes, int] = {}
    for row, item in enumerate(ecg.quantised().signal):
        seen.setdefault(item.tobytes(), row)
    return ecg if len(seen) == len(ecg) else ecg[np.fromiter(seen.values(), np.int64)]


def _units(ecg: Ecg) -> NDArray[np.int64]:
    """[item] the person, or the time block if one person has most of the items."""
    person = _people(ecg)
    return blocks(ecg) if np.bincount(person).max() > ONE_PERSON * len(ecg) else person


def _people(ecg: Ecg) -> NDArray[np.int64]:
    """[item] number of the person; equal for all items if no people are named."""
    if ecg.patient is None:
        return np.zeros(len(ecg), np.int64)
    return np.unique(ecg.patient, return_inverse=True)[1]


def _medians(
    values: NDArray[np.float64], person: NDArray[np.int64], people: int
) -> NDArray[np.float64]:
    """[person] median of the person's values; the median of all if there are none."""
    usual = np.full(people, np.median(values))
    for one in np.unique(person):
        usual[one] = np.median(values[person == one])
    return usual


def _apart(ecg: Ecg, rows: NDArray[np.int64]) -> Excluded:
    """Exclude the item itself and those of its recording within 30 s."""
    everyone = np.arange(len(ecg))
    onset = ecg.onset_s
    record = None if ecg.record is None else np.unique(ecg.record, return_inverse=True)[1]

    def barred(part: slice) -> NDArray[np.bool_]:
        found = rows[part][:, None] == everyone[None]
        if record is None or onset is None:
            return found
        for item, row in zip(found, rows[part], strict=True):
            same = np.flatnonzero(record == record[row])
            item[same[np.abs(onset[same] - onset[row]) < APART_S]] = True
        return found

    return barred
