"""Distances of synthetic beats to training beats, compared with those of new beats."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, Trial, members, metric, pick
from ecgsynth.evaluation.intervals import interval, leave_one_out, mean_over, units
from ecgsynth.evaluation.metrics.privacy.memorisation import nearest, neighbours, shift_of
from ecgsynth.registry import METRICS

PROBES, DRAWS = 500, 20
"""Items of the smaller set, and draws from the larger one, to estimate the effect of size."""

AUTHENTIC = 1000
"""Most synthetic items of a class for authenticity, which needs two searches for each."""


@METRICS.register("nn_distance_ratio")
@metric(
    "nn_distance_ratio", unit="ratio", goal="higher", needs=("test", "train"), question="privacy",
    reference="distance to the closest record, training over held-out (Zhao et al., ACML 2021), "
    "at equal size; 1 = equally near to both, 0 = copies; above 1 is not better",
)  # fmt: skip
def nn_distance_ratio(trial: Trial) -> dict[str, Estimate]:
    """Distance to the nearest training beat over that to the nearest held-out beat.

    The median over synthetic beats; distances as in `memorisation`. All training beats are used,
    since a copy is found only if its original is there. The larger set is nearer by its size alone;
    this effect is estimated from real beats of the smaller set, as their distances to all of the
    larger set over those to a part of it of equal size. The interval is over the people of the
    nearest held-out beats.
    """
    assert trial.test is not None
    random, found = trial.random("nn_distance_ratio"), {}
    for name, near in neighbours(trial).items():
        if isinstance(near, Estimate):
            found[name or "all"] = near
            continue
        ratio = (near.to_train + 1e-9) / (near.to_test + 1e-9) / _size_effect(trial, name, random)
        owner = units(trial.test, members(trial.test, name)[near.by_test])
        left = leave_one_out(partial(_median, ratio), [owner])
        found[name or "all"] = interval(float(np.median(ratio)), left)
    return found


def _size_effect(trial: Trial, name: str, random: np.random.Generator) -> float:
    """The ratio of training over held-out distance by the sizes of the sets alone."""
    sets = [trial.part(e, name).quantised() for e in (trial.train, trial.test) if e is not None]
    small, large = sorted(sets, key=len)
    if len(small) == len(large):
        return 1.0
    probes = pick(small, PROBES, random).signal
    whole = nearest(probes, large.signal, 0)[0]
    draws = min(DRAWS, 2 + PROBES // len(small))
    drawn = [nearest(probes, pick(large, len(small), random).signal, 0)[0] for _ in range(draws)]
    effect = float(np.median((whole + 1e-9) / (np.mean(drawn, 0) + 1e-9)))
    return effect if large is sets[0] else 1 / effect


def _median(values: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Median of the values with a weight."""
    return float(np.median(values[weight > 0])) if weight.any() else float("nan")


@METRICS.register("authenticity")
@metric(
    "authenticity", unit="share", goal="higher", needs=("test", "train"), question="privacy",
    reference="Alaa et al., ICML 2022: A = mean 1[d(s, r*) > d(r*, NN(r*))]; 0 = copies; a set "
    "far from all real beats has 1, so compare with the real control",
)  # fmt: skip
def authenticity(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic beats farther from their nearest training beat than its own neighbour.

    r* is the training beat nearest to a synthetic one s, NN(r*) the training beat nearest to r*
    other than itself; distances as in `memorisation`. The interval is over the people of r*.
    """
    assert trial.train is not None
    found = {}
    for name, near in neighbours(trial).items():
        if isinstance(near, Estimate):
            found[name or "all"] = near
            continue
        train = trial.part(trial.train, name).quantised().signal
        some = slice(None, None, 1 + (len(near.rows) - 1) // AUTHENTIC)
        chosen, place = np.unique(near.by_train[some], return_inverse=True)
        apart = distance_to_others(train, chosen, shift_of(trial))[place]
        authentic = (near.to_train[some] > apart + 1e-9).astype(float)
        owner = units(trial.train, members(trial.train, name)[near.by_train[some]])
        found[name or "all"] = mean_over(authentic, owner, share=True)
    return found


def distance_to_others(real: NDArray, rows: NDArray[np.int64], shift: int) -> NDArray[np.float64]:
    """Distance of these real items to the nearest other real one, moved by up to `shift`.

    real: [item, lead, sample]. A shifted item is not its own neighbour.
    """
    from sklearn.neighbors import NearestNeighbors

    stop = real.shape[-1] - shift
    search = NearestNeighbors(n_neighbors=2).fit(real[..., shift:stop].reshape(len(real), -1))
    best = np.full(len(rows), np.inf)
    for move in range(-shift, shift + 1):
        moved = real[rows, :, shift + move : stop + move].reshape(len(rows), -1)
        distance, at = search.kneighbors(moved)
        # Among the two nearest at most one is the item itself.
        other = np.where(at[:, 0] == rows, distance[:, 1], distance[:, 0])
        best = np.minimum(best, other)
    return best
