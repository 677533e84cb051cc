"""Does the set give away the people it was learned from?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, blocks, members, metric, too_few
from ecgsynth.registry import METRICS

MOST, QUICK_MOST = 2000, 1000
"""Synthetic items of a class that vote."""

SHIFT_S = 0.003
"""A copy moved by so much is still one, s; one sample of MIT-BIH."""


@METRICS.register("memorisation")
@metric(
    "memorisation", unit="share", goal="match", needs=("test", "train"), question="privacy",
    reference="nearest neighbour among trained and held-out beats of the same people, votes at "
    "equal odds; .50 = as near to either, 1 = copies; to be read beside the real control, which "
    "holds the drift between the minutes",
)  # fmt: skip
def memorisation(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic beats nearer to a trained beat than to a held-out one, at equal odds.

    Distances are Euclidean, in mV, on a grid of 5 uV, the least over shifts of up to 3 ms: a copy
    moved by one sample is a copy. All trained beats stand there, not a
    subset: a copy is seen only beside its original. With n trained and m held-out beats that are
    exchangeable, the nearest of the n + m to any point is a trained one with probability
    n / (n + m), whatever the dimension and wherever the point lies; dividing the votes by n and m
    then gives .50 without bias. What is not exchangeable on real recordings, the drift between
    trained and held-out minutes, is seen in the real control.

    A beat that lies in the middle of its class (a hub) takes the votes of many synthetic ones, so
    that votes are not independent: they count as as many as their winning time blocks are worth
    (Kish's effective number). The value is drawn to .50 by the weight of one vote and the 95 %
    interval is Jeffreys', so that a class of few beats is not "1.000" without doubt.
    """
    found = {}
    for name, near in trial.neighbours.items():
        if isinstance(near, Estimate):
            found[name or "all"] = near
            continue
        # Beats equally near to both, as on a coarse grid, speak for neither.
        tie = np.abs(near.to_train - near.to_test) < 1e-6
        train, test = len(near.of_train), len(near.of_test)
        null = train / (train + test)
        votes = np.where(tie, null, (near.to_train < near.to_test).astype(float))
        winner = np.where(
            votes == 1,
            near.of_train[near.by_train],
            near.of_train.max() + 1 + near.of_test[near.by_test],
        )
        found[name or "all"] = at_equal_odds(votes, winner, train, test)
    return found


@dataclass(frozen=True)
class Neighbours:
    """The nearest trained and held-out items of a class's synthetic ones.

    Attributes
    ----------
    rows: [item] rows of the synthetic set that vote, at most `MOST` drawn at random.
    to_train, by_train, to_test, by_test: [item] distance (as `nearest` measures it) and row
        within the class's items of the set.
    of_train, of_test: [real item] the time block of each of them.
    """

    rows: NDArray[np.int64]
    to_train: NDArray[np.float64]
    by_train: NDArray[np.int64]
    to_test: NDArray[np.float64]
    by_test: NDArray[np.int64]
    of_train: NDArray[np.int64]
    of_test: NDArray[np.int64]

    def of_rows(self, rows: NDArray[np.int64]) -> Neighbours:
        """Of the items of a set that has these rows of the set, ascending, alone."""
        kept = np.isin(self.rows, rows)
        return Neighbours(
            np.searchsorted(rows, self.rows[kept]), self.to_train[kept], self.by_train[kept],
            self.to_test[kept], self.by_test[kept], self.of_train, self.of_test,
        )  # fmt: skip


def neighbours(trial: Trial, most: int | None = None) -> dict[str, Neighbours | Estimate]:
    """Those of each class (as `Trial.neighbours`, found once); the reason where items are few.

    most: synthetic items of a class that vote.
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
        found[name] = Neighbours(rows, *pairs[0], *pairs[1], *(blocks(part) for part in parts))
    return found


def shift_of(trial: Trial) -> int:
    """Samples by which a copy may be moved and is still one."""
    spec = trial.synthetic.spec
    return min(max(1, round(SHIFT_S * spec.fs)), (spec.samples - 1) // 2)


def nearest(
    synthetic: NDArray, real: NDArray, shift: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distance and row of the nearest real item to each synthetic one, moved by up to `shift`.

    synthetic, real: [item, lead, sample]; `shift` samples at both ends do not count.
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


def at_equal_odds(
    votes: NDArray[np.float64], winner: NDArray[np.int64], train: int, test: int
) -> Estimate:
    """The share of votes for the training set as if both sets were of one size.

    votes: [vote] 1 for the training set, 0 for the test set. winner: [vote] the unit that took
    it. train, test: sizes of the sets.
    """
    from scipy.stats import beta

    sizes = np.bincount(winner).astype(float)
    worth = sizes.sum() ** 2 / (sizes**2).sum()
    share = float(votes.mean())
    null = train / (train + test)
    low, high = beta.ppf([0.025, 0.975], worth * share + 0.5, worth * (1 - share) + 0.5)

    def odds(p: float) -> float:
        a, b = p / train, (1 - p) / test
        return float(a / (a + b))

    value = odds((worth * share + null) / (worth + 1))
    return Estimate(
        value, min(odds(low), value), max(odds(high), value), f"worth {worth:.0f} votes"
    )
