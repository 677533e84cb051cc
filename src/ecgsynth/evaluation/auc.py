"""AUC of a score that separates two kinds of items, with its interval over people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.intervals import (
    LeaveOneOut,
    Units,
    interval,
    leave_one_out,
    leave_one_out_seeds,
)


def auc(truth: NDArray, score: NDArray, share: float = 1.0, weight: NDArray | None = None) -> float:
    """Probability that an item of truth 1 scores higher than one of truth 0; equal scores count
    half.

    score: [item]. weight: [item], how often each counts.
    share: only this share of either kind counts, the items with the highest scores. NaN if a kind
    is absent.
    """
    order = np.argsort(-score, kind="stable")
    positive, place = truth[order] > 0, np.unique(score[order], return_inverse=True)[1]
    return _auc(positive, place, np.ones(len(order)) if weight is None else weight[order], share)


def leave_one_out_auc(
    truth: NDArray, score: NDArray, samples: Sequence[Units], share: float = 1.0
) -> list[LeaveOneOut]:
    """The AUC without each unit; the highest `share` of items is chosen again each time.

    Degrees of freedom are those of the kind (truth 1 or 0) with fewer units.
    """
    order = np.argsort(-score, kind="stable")
    positive, place = truth[order] > 0, np.unique(score[order], return_inverse=True)[1]
    left = leave_one_out(lambda weight: _auc(positive, place, weight[order], share), samples)
    found = []
    for one in left:
        kinds = [rows for rows in (truth > 0, truth <= 0) if (one.units.of[rows] >= 0).any()]
        found.append(replace(one, freedom=min(one.units.freedom(rows) for rows in kinds)))
    return found


def auc_over(
    truth: NDArray,
    scores: Sequence[NDArray],
    samples: Sequence[Units],
    share: float = 1.0,
    note: str = "",
) -> Estimate:
    """The AUC with its interval. scores: [item] of each network, whose AUCs are averaged."""
    each = np.array([auc(truth, score, share) for score in scores])
    ways = [leave_one_out_auc(truth, score, samples, share) for score in scores]
    left = [
        replace(same[0], values=np.mean([one.values for one in same], 0))
        for same in zip(*ways, strict=True)
    ]
    left.append(leave_one_out_seeds(each))
    share = float((truth > 0).mean())
    items = max(1, round(2 * share * (1 - share) * len(truth)))  # the harmonic mean of both kinds
    return interval(float(each.mean()), left, items=items, note=note)


def _auc(positive: NDArray, place: NDArray, weight: NDArray, share: float) -> float:
    """AUC of items in descending order of score, in one pass. place: rank of each item's score."""
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
