"""Does the set give away the people it was learned from?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, blocks, metric, pick, too_few
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
    assert trial.test is not None
    assert trial.train is not None
    random = trial.random("memorisation")
    found = {}
    for name in trial.groups:
        parts = [trial.part(e, name) for e in (trial.train, trial.test, trial.synthetic)]
        if min(len(part) for part in parts) < MIN_ITEMS:
            found[name or "all"] = too_few(min(len(part) for part in parts))
            continue
        parts[2] = pick(parts[2], QUICK_MOST if trial.quick else MOST, random)
        train, test, synthetic = (part.quantised().signal for part in parts)
        shift = max(1, round(SHIFT_S * trial.synthetic.spec.fs))
        to_train, by_train = nearest(synthetic, train, shift)
        to_test, by_test = nearest(synthetic, test, shift)
        # Beats equally near to both, as on a coarse grid, speak for neither.
        tie = np.abs(to_train - to_test) < 1e-6
        null = len(train) / (len(train) + len(test))
        votes = np.where(tie, null, (to_train < to_test).astype(float))
        of_train, of_test = blocks(parts[0]), blocks(parts[1])
        winner = np.where(votes == 1, of_train[by_train], of_train.max() + 1 + of_test[by_test])
        found[name or "all"] = at_equal_odds(votes, winner, len(train), len(test))
    return found


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
