"""Does the set give away the people it was learned from?"""

from __future__ import annotations

import numpy as np

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, metric, pick, too_few
from ecgsynth.registry import METRICS


@METRICS.register("memorisation")
@metric(
    "memorisation", unit="share", goal="match", needs=("test", "train"), question="privacy",
    reference="nearest neighbour among trained and held-out beats of the same people; .50 = as "
    "near to either, 1 = copies",
)  # fmt: skip
def memorisation(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic beats nearer to a trained beat than to a held-out one, at equal odds.

    The two sets differ in size, so that each vote counts by the inverse of its set's size: a
    perfect sampler gets .50, a copier 1. Taking all trained beats, not a subset, keeps the power
    to see a copy. Distances are Euclidean, in mV, on a grid of 5 uV.
    """
    from sklearn.neighbors import NearestNeighbors

    assert trial.test is not None and trial.train is not None
    random = trial.random("memorisation")
    found = {}
    for name in trial.groups:
        parts = [trial.part(e, name) for e in (trial.train, trial.test, trial.synthetic)]
        train, test, synthetic = (p.quantised().signal.reshape(len(p), -1) for p in parts)
        if min(len(train), len(test), len(synthetic)) < MIN_ITEMS:
            found[name or "all"] = too_few(min(len(train), len(test), len(synthetic)))
            continue
        if len(synthetic) > 2000:
            synthetic = pick(parts[2].quantised(), 2000, random).signal.reshape(2000, -1)
        to_train = NearestNeighbors(n_neighbors=1).fit(train).kneighbors(synthetic)[0][:, 0]
        to_test = NearestNeighbors(n_neighbors=1).fit(test).kneighbors(synthetic)[0][:, 0]
        votes = (to_train < to_test).astype(float)
        draws = random.binomial(len(votes), votes.mean(), 2000) / len(votes)
        shares = [_at_equal_odds(v, len(train), len(test)) for v in draws]
        low, high = np.quantile(shares, [0.025, 0.975])
        value = _at_equal_odds(votes.mean(), len(train), len(test))
        found[name or "all"] = Estimate(value, float(low), float(high))
    return found


def _at_equal_odds(share: float, train: int, test: int) -> float:
    """The share as it would be if both sets were of one size."""
    a, b = share / train, (1 - share) / test
    return float(a / (a + b)) if a + b else 0.5
