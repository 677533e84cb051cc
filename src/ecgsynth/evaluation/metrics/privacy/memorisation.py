"""Memorisation: are synthetic items nearer to training items than to held-out items?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, members, metric, once, too_few
from ecgsynth.evaluation.intervals import LeaveOneOut, Units, blocks, interval, joint
from ecgsynth.registry import METRICS

MOST, QUICK_MOST = 2000, 1000
"""Most synthetic items of a class that vote."""

SHIFT_S = 0.003
"""A copy shifted by up to this time is still a copy, s; one sample of MIT-BIH."""


@METRICS.register("memorisation")
@metric(
    "memorisation", unit="share", goal="match", needs=("test", "train"), question="privacy",
    reference="nearest neighbour among training and held-out beats of the same people, votes at "
    "equal odds; .50 = equally near to both, 1 = copies; compare with the real control, which "
    "includes the drift between minutes",
)  # fmt: skip
def memorisation(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic beats nearer to a training beat than to a held-out one, at equal odds.

    Distances are Euclidean, in mV, quantised to 5 uV, the minimum over shifts of up to 3 ms: a copy
    shifted by one sample is a copy. All training beats are used, since a copy is found only if its
    original is there. With n training and m held-out beats that are exchangeable, the nearest of
    the n + m to any point is a training beat with probability n / (n + m), in any dimension;
    dividing the votes by n and m then gives .50 without bias. In real recordings, training and
    held-out minutes are not exchangeable because of drift; the real control shows this effect.

    A beat in the middle of its class (a hub) gets the votes of many synthetic ones, so votes are
    not independent: their number is the effective number of time blocks that win them (Kish). The
    value is shrunk to .50 by the weight of one vote, so that a class with few beats cannot be
    exactly 1. For the interval, a person's beats are left out together with the votes that they
    won.
    """
    found = {}
    for name, near in neighbours(trial).items():
        if isinstance(near, Estimate):
            found[name or "all"] = near
            continue
        # Beats equally near to both, as after coarse quantisation, vote for neither.
        tie = np.abs(near.to_train - near.to_test) < 1e-6
        train, test = len(near.of_train), len(near.of_test)
        null = train / (train + test)
        votes = np.where(tie, null, (near.to_train < near.to_test).astype(float))
        winner = np.where(votes == 1, near.by_train, train + near.by_test)
        block = np.concatenate([near.of_train, near.of_train.max() + 1 + near.of_test])
        found[name or "all"] = share_at_equal_sizes(votes, winner, block, near.people, train)
    return found


@dataclass(frozen=True)
class Neighbours:
    """The nearest training and held-out items of the synthetic items of a class.

    Attributes
    ----------
    rows: [item] rows of the synthetic set that vote, at most `MOST` drawn at random.
    to_train, by_train, to_test, by_test: [item] distance (as `nearest` measures it) and row
        within the class's items of the set.
    of_train, of_test: [real item] the time block of each of them.
    people: units of the real items, the training ones and then the held-out ones.
    """

    rows: NDArray[np.int64]
    to_train: NDArray[np.float64]
    by_train: NDArray[np.int64]
    to_test: NDArray[np.float64]
    by_test: NDArray[np.int64]
    of_train: NDArray[np.int64]
    of_test: NDArray[np.int64]
    people: list[Units]

    def of_rows(self, rows: NDArray[np.int64]) -> Neighbours:
        """Only those of these rows of the set (ascending), renumbered."""
        kept = np.isin(self.rows, rows)
        return Neighbours(
            np.searchsorted(rows, self.rows[kept]), self.to_train[kept], self.by_train[kept],
            self.to_test[kept], self.by_test[kept], self.of_train, self.of_test, self.people,
        )  # fmt: skip


@once
def neighbours(trial: Trial) -> Mapping[str, Neighbours | Estimate]:
    """Class -> the nearest training and held-out items of its synthetic items, or the reason why
    there are none. Several privacy metrics use them."""
    return neighbours_of(trial)


def neighbours_of(trial: Trial, most: int | None = None) -> dict[str, Neighbours | Estimate]:
    """The neighbours of each class (see `neighbours`), or the reason if there are too few items.

    most: largest number of synthetic items of a class that vote.
    """
    most = most or (QUICK_MOST if trial.quick else MOST)
    assert trial.test is not None
    assert trial.train is not None
    random = trial.random("memorisation")
    found: dict[str, Neighbours | Estimate] = {}
    for name in trial.groups:
        parts = [trial.part(e, name) for e in (trial.train, trial.test)]
        rows = members(trial.synthetic, name)
        fewest = min(len(rows), *(len(part) for part in parts))
        if fewest < MIN_ITEMS:
            found[name] = too_few(fewest)
            continue
        if len(rows) > most:
            rows = rows[np.sort(random.permutation(len(rows))[:most])]
        signal = trial.synthetic[rows].quantised().signal
        shift = shift_of(trial)
        pairs = [nearest(signal, part.quantised().signal, shift) for part in parts]
        learned, held = parts
        found[name] = Neighbours(
            rows, *pairs[0], *pairs[1], blocks(learned), blocks(held), joint(learned, held)
        )
    return found


def shift_of(trial: Trial) -> int:
    """Largest shift of a copy, in samples."""
    spec = trial.synthetic.spec
    return min(max(1, round(SHIFT_S * spec.fs)), (spec.samples - 1) // 2)


def nearest(
    synthetic: NDArray, real: NDArray, shift: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance and row of the real item nearest to each synthetic one, shifted by up to `shift`.

    synthetic, real: [item, lead, sample]; `shift` samples at both ends are ignored.
    """
    from sklearn.neighbors import NearestNeighbors

    stop = real.shape[-1] - shift
    search = NearestNeighbors(n_neighbors=1).fit(real[..., shift:stop].reshape(len(real), -1))
    best, row = np.full(len(synthetic), np.inf), np.zeros(len(synthetic), np.int64)
    for move in range(-shift, shift + 1):
        moved = synthetic[..., shift + move : stop + move].reshape(len(synthetic), -1)
        distance, at = search.kneighbors(moved)
        closer = distance[:, 0] < best
        best[closer], row[closer] = distance[closer, 0], at[closer, 0]
    return best, row


def share_at_equal_sizes(
    votes: NDArray[np.float64],
    winner: NDArray[np.int64],
    block: NDArray[np.int64],
    people: list[Units],
    train: int,
) -> Estimate:
    """The share of votes for the training set as if both sets had the same size.

    votes: [vote] 1 for the training set, 0 for the test set.
    winner: [vote] the real item that got it.
    block: [real item] its time block.
    people: units of the real items.
    train: number of training items, which come first.
    """
    won = np.bincount(block[winner]).astype(float)
    worth = won.sum() ** 2 / (won**2).sum()
    test = len(block) - train

    def share(kept: NDArray[np.bool_]) -> float:
        """The share among the votes that these real items won, rescaled to all of them."""
        mine = kept[winner]
        learned, held = int(kept[:train].sum()), int(kept[train:].sum())
        if not learned or not held:
            return float("nan")
        weight = worth * mine.mean()
        p = (weight * votes[mine].mean() if weight else 0.0) + learned / (learned + held)
        return _at_sizes(p / (weight + 1), (learned, held), (train, test))

    left = [
        LeaveOneOut(
            np.array([share(one.of != k) for k in range(len(one))]), one, one.freedom(winner)
        )
        for one in people
    ]
    value = share(np.ones(len(block), bool))
    found = interval(value, left, items=max(1, round(worth)), note=f"worth {worth:.0f} votes")
    return found.through(lambda p: _at_sizes(p, (train, test), (1, 1)))


def _at_sizes(share: float, sizes: tuple[int, int], others: tuple[int, int]) -> float:
    """A share of votes for the first of two sets, rescaled to other sizes."""
    one, other = share / sizes[0] * others[0], (1 - share) / sizes[1] * others[1]
    return float(one / (one + other))
