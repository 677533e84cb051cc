"""Which share of a set are copies of real items, whatever was done to hide that they are?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, members, metric, once, too_few
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.evaluation.metrics.privacy.copy_search import MayNotAnswer, nearest_two
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

LEVEL = 0.01
"""Share of real items below the threshold."""

APART_S = 30.0
"""Real beats of one recording that lie nearer in time do not answer for each other, s."""

MOST, QUICK_MOST = 2000, 1000
"""Items of a class, synthetic and real, that are looked at."""

LEAST = 100
"""Different real items of a class; of fewer, 1 % is less than one item."""

DRAWS = 1000
"""Draws of people for the interval."""

ALARM_SD = 3.1
"""An excess of so many standard errors is an alarm: 1 in 1,000 for a figure, 1 % for ten."""

ONE_PERSON = 0.8
"""Where a person owns a larger share of a class, blocks of time are drawn instead of people."""


@dataclass(frozen=True)
class Nearness:
    """How near items lie to the nearest real one, in two scales without a unit.

    rows: [item] of their set.
    to_second: [item] distance to the nearest real item over that to the second nearest: a copy
        has one original, so that only its nearest is near.
    to_person: [item] distance over the median distance of the real items of the person who owns
        the nearest one.
    """

    rows: NDArray[np.int64]
    to_second: NDArray[np.float64]
    to_person: NDArray[np.float64]

    def within(self, rows: NDArray[np.int64]) -> Nearness:
        """Of those items that are among these rows of the set."""
        kept = np.isin(self.rows, rows)
        return Nearness(self.rows[kept], self.to_second[kept], self.to_person[kept])

    @property
    def both(self) -> NDArray[np.float64]:
        """[item] the larger of the two: small where an item is near in either scale."""
        return np.maximum(self.to_second, self.to_person)


@dataclass(frozen=True)
class Nearnesses:
    """Those of synthetic and of real items, out of `pool`: what is real, each signal once."""

    synthetic: Nearness
    real: Nearness
    pool: Ecg


@METRICS.register("copy_share")
@metric(
    "copy_share", unit="share", goal="lower", needs=("real",), question="privacy",
    reference="distance to the nearest real item after shift (15 ms), stretch, gain, level, drift "
    "and smoothing are fitted, below 20 Hz; the larger of its ratios to the second nearest and to "
    "the median of the owner's items; share below the 1 % quantile of real items, whose own "
    "neighbours within 30 s are left out",
)  # fmt: skip
def copy_share(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic items that are copies of a real one; real items stand on .01.

    A copy lies far nearer to one real item than to any other, and than that person's items lie to
    each other. Originals are looked for in the training and in the held-out set, under any label.
    The interval is that of the excess over real items, plus .01: people and synthetic items are
    drawn anew. A class whose excess lies above zero at a level of 1 % over all classes is an
    alarm, which the note of its figure says.
    """
    return _per_class(trial, "both")


@METRICS.register("copy_share_person")
@metric(
    "copy_share_person", unit="share", goal="lower", needs=("real",), question="privacy",
    reference="the same distance over the median of the owner's items alone",
)  # fmt: skip
def copy_share_person(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic items nearer to a real item than its owner's items are to each other.

    Read as `copy_share`. It finds fewer copies that are covered with noise, but also those whose
    originals stand in the real set more than once.
    """
    return _per_class(trial, "to_person")


@once
def nearnesses(trial: Trial) -> Nearnesses:
    """Those of a sample of each class.

    Originals are looked for in every class: a copy under another label is one.
    """
    assert trial.real is not None
    pool, random = _without_repeats(trial.real), trial.random("copies")
    most = QUICK_MOST if trial.quick else MOST
    ours, theirs = (_sample(ecg, trial.groups, most, random) for ecg in (trial.synthetic, pool))
    made = nearest_two(trial.synthetic.signal[ours], pool.signal, pool.spec)
    real = nearest_two(pool.signal[theirs], pool.signal, pool.spec, _apart(pool, theirs))
    person = _people(pool)
    usual = _medians(real[0][:, 0], person[theirs], int(person.max()) + 1)

    def scaled(rows: NDArray, distance: NDArray, which: NDArray) -> Nearness:
        nearest, second = np.maximum(distance.T, 1e-9)
        owner = usual[person[which[:, 0]]]
        return Nearness(rows, nearest / second, nearest / np.maximum(owner, 1e-9))

    return Nearnesses(scaled(ours, *made), scaled(theirs, *real), pool)


def _sample(
    ecg: Ecg, groups: tuple[str, ...], most: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of a set: at most so many of each class."""
    rows = [random.permutation(members(ecg, name))[:most] for name in groups]
    return np.unique(np.concatenate(rows))


def _per_class(trial: Trial, scale: str) -> dict[str, Estimate]:
    near, found = nearnesses(trial), {}
    for name in trial.groups:
        mine = near.synthetic.within(members(trial.synthetic, name))
        theirs = near.real.within(members(near.pool, name))
        if len(mine.rows) < MIN_ITEMS:
            found[name or "all"] = too_few(len(mine.rows))
            continue
        if len(theirs.rows) < LEAST:
            note = f"{len(theirs.rows)} different real items; {LEAST} are needed"
            found[name or "all"] = Estimate(float("nan"), note=note)
            continue
        unit, random = _units(near.pool[theirs.rows]), trial.random("copy share")
        found[name or "all"] = share_below(
            getattr(mine, scale), getattr(theirs, scale), unit, random
        )
    return found


def share_below(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    unit: NDArray[np.int64],
    random: np.random.Generator,
) -> Estimate:
    """Share of synthetic values below the 1 % quantile of the real ones.

    ours: [synthetic item]; theirs: [real item]; unit: [real item] whose share in the real set is
    drawn anew, a person. The threshold is found in each draw, and the synthetic and the real share
    below it compared.
    """
    order, unit = np.argsort(theirs), np.unique(unit, return_inverse=True)[1]
    ours, theirs, unit = np.sort(ours), theirs[order], unit[order]
    units = int(unit.max()) + 1
    value = float(_below(ours, np.quantile(theirs, LEVEL)))
    weight = random.multinomial(units, np.full(units, 1 / units), DRAWS)[:, unit]
    total = np.cumsum(weight, 1)
    threshold = theirs[(total >= LEVEL * total[:, -1:]).argmax(1)]
    share = random.binomial(len(ours), _below(ours, threshold)) / len(ours)
    excess = share - _below(theirs, threshold)
    low, high = np.clip(LEVEL + np.quantile(excess, [0.025, 0.975]), 0, 1)
    alarm = excess.mean() > ALARM_SD * excess.std()
    return Estimate(
        value, float(min(low, value)), float(max(high, value)), f"{COPIES}: real items stand on "
        f"{LEVEL:g}" if alarm else "",
    )  # fmt: skip


COPIES = "the set holds copies"
"""How the note of a figure begins that is an alarm."""


def _below(ascending: NDArray[np.float64], threshold: NDArray | np.floating) -> NDArray:
    """Share of the values below each threshold."""
    return np.searchsorted(ascending, threshold) / max(len(ascending), 1)


def _without_repeats(ecg: Ecg) -> Ecg:
    """The set with each signal once: a repeated original would have a second as near."""
    seen: dict[bytes, int] = {}
    for row, item in enumerate(ecg.quantised().signal):
        seen.setdefault(item.tobytes(), row)
    return ecg if len(seen) == len(ecg) else ecg[np.fromiter(seen.values(), np.int64)]


def _units(ecg: Ecg) -> NDArray[np.int64]:
    """[item] the person, or the block of time where one person owns most of the items."""
    person = _people(ecg)
    return blocks(ecg) if np.bincount(person).max() > ONE_PERSON * len(ecg) else person


def _people(ecg: Ecg) -> NDArray[np.int64]:
    """[item] number of the person; all one where nobody is named."""
    if ecg.patient is None:
        return np.zeros(len(ecg), np.int64)
    return np.unique(ecg.patient, return_inverse=True)[1]


def _medians(
    values: NDArray[np.float64], person: NDArray[np.int64], people: int
) -> NDArray[np.float64]:
    """[person] median of their values; the median of all where a person has none."""
    usual = np.full(people, np.median(values))
    for one in np.unique(person):
        usual[one] = np.median(values[person == one])
    return usual


def _apart(ecg: Ecg, rows: NDArray[np.int64]) -> MayNotAnswer:
    """An item itself, and those of its recording within 30 s, must not answer for it."""
    everyone = np.arange(len(ecg))

    def barred(part: slice) -> NDArray[np.bool_]:
        mine = rows[part]
        same = mine[:, None] == everyone[None]
        if ecg.record is None or ecg.onset_s is None:
            return same
        near = np.abs(ecg.onset_s[mine][:, None] - ecg.onset_s[None]) < APART_S
        return same | (near & (ecg.record[mine][:, None] == ecg.record[None]))

    return barred
