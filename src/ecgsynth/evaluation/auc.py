"""AUC of a score that tells two kinds of items apart, with its spread over resampled units."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def auc(truth: NDArray, score: NDArray, share: float = 1.0, weight: NDArray | None = None) -> float:
    """Probability that an item of truth 1 scores higher than one of truth 0; equal scores count
    half.

    score: [item]. weight: [item], how often each counts. share: of either kind only so many count,
    those with the highest scores. NaN where a kind is absent.
    """
    order = np.argsort(-score, kind="stable")
    positive, place = truth[order] > 0, np.unique(score[order], return_inverse=True)[1]
    return _auc(positive, place, np.ones(len(order)) if weight is None else weight[order], share)


def bootstrap_auc(
    truth: NDArray,
    score: NDArray,
    unit: NDArray,
    seed: int,
    draws: int = 500,
    share: float = 1.0,
) -> NDArray[np.float64]:
    """[draw] AUC under resampled units; what counts as the highest `share` is drawn anew too."""
    random, order = np.random.default_rng(seed), np.argsort(-score, kind="stable")
    positive, place = truth[order] > 0, np.unique(score[order], return_inverse=True)[1]
    unit, units = unit[order], int(unit.max()) + 1
    found = np.empty(draws)
    for k in range(draws):
        weight = np.bincount(random.integers(units, size=units), minlength=units)[unit]
        found[k] = _auc(positive, place, weight, share)
    return found


def _auc(positive: NDArray, place: NDArray, weight: NDArray, share: float) -> float:
    """Of items in falling order of score; one pass. place: number of each item's score, rising."""
    weight = weight.astype(np.float64)
    if share < 1:
        for side in (positive, ~positive):
            reached = np.cumsum(weight[side])
            room = share * reached[-1:] - (reached - weight[side])
            weight[side] = np.clip(room, 0, weight[side])
    pairs = weight[positive].sum() * weight[~positive].sum()
    if not pairs:
        return float("nan")
    least = np.bincount(place[~positive], weight[~positive], int(place.max()) + 1)
    below = np.cumsum(least) - least / 2
    return min(1.0, float((weight * below[place])[positive].sum() / pairs))  # of rounding
