"""Does the set hold all that real ECG holds? Density, coverage and spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    Trial,
    blocks,
    bootstrap_mean,
    members,
    metric,
    too_few,
)
from ecgsynth.registry import METRICS

NEIGHBOURS = 5
MAX_DRAWS = 20
"""Of a synthetic set that is larger than the real one, at most so many draws are judged."""


@METRICS.register("coverage")
@metric(
    "coverage", unit="share", goal="higher", needs=("test",), question="match",
    reference="Naeem et al., ICML 2020; k = 5, in the fixed instrument's embedding; identical "
    "distributions give 1 - 2^-5 = .969",
)  # fmt: skip
def coverage(trial: Trial) -> dict[str, Estimate]:
    """Share of real beats that have a synthetic beat in their neighbourhood."""
    return _per_class(trial, "coverage", trial.embedded)


@METRICS.register("density")
@metric(
    "density", unit="ratio", goal="match", needs=("test",), question="match",
    reference="Naeem et al., ICML 2020; k = 5, in the embedding; 1 = as dense as real",
)  # fmt: skip
def density(trial: Trial) -> dict[str, Estimate]:
    """How many real neighbourhoods a synthetic beat lies in, as a ratio to what is expected."""
    return _per_class(trial, "density", trial.embedded)


@METRICS.register("coverage_signal")
@metric(
    "coverage_signal", unit="share", goal="higher", needs=("test", "aligned"), question="match",
    reference="coverage between the signals themselves: Euclidean, mV, on a grid of 5 uV",
)  # fmt: skip
def coverage_signal(trial: Trial) -> dict[str, Estimate]:
    """Share of real beats that a synthetic one matches sample by sample."""
    # A classifier's embedding forgets what is no help to it: the PCA-Gaussian hides there.
    return _per_class(trial, "coverage", _signals(trial))


@METRICS.register("density_signal")
@metric(
    "density_signal", unit="ratio", goal="match", needs=("test", "aligned"), question="match",
    reference="density between the signals themselves: Euclidean, mV, on a grid of 5 uV",
)  # fmt: skip
def density_signal(trial: Trial) -> dict[str, Estimate]:
    """How many real neighbourhoods a synthetic beat lies in, sample by sample."""
    return _per_class(trial, "density", _signals(trial))


def _signals(trial: Trial) -> tuple[NDArray, NDArray]:
    assert trial.test is not None
    sets = (trial.synthetic.quantised(), trial.test.quantised())
    return sets[0].signal.reshape(len(sets[0]), -1), sets[1].signal.reshape(len(sets[1]), -1)


@METRICS.register("spread")
@metric(
    "spread", unit="ratio", goal="match", needs=("test",), question="match",
    reference="mean distance of random pairs, as a share of the real one; 0 = collapsed",
)  # fmt: skip
def spread(trial: Trial) -> dict[str, Estimate]:
    """Mean distance between two synthetic beats, as a share of that between two real ones."""
    found = {}
    for name in trial.groups:
        a, b = (part.signal for part in trial.equal(name))
        if len(a) < MIN_ITEMS:
            found[name or "all"] = too_few(len(a))
            continue
        found[name or "all"] = Estimate(_spread(a) / max(_spread(b), 1e-9))
    return found


def _spread(signal: NDArray) -> float:
    flat = signal.reshape(len(signal), -1)
    return float(np.sqrt(((flat - np.roll(flat, len(flat) // 2, 0)) ** 2).mean(1)).mean())


def _per_class(trial: Trial, which: str, points: tuple[NDArray, NDArray]) -> dict[str, Estimate]:
    """Coverage or density of each class, at equal size.

    points: of the synthetic and of the test items, [item, dimension] each.
    """
    assert trial.test is not None
    unit, found = blocks(trial.test), {}
    for name in trial.groups:
        random = trial.random(which)
        drawn = _drawn(trial, name, points, random)
        if isinstance(drawn, Estimate):
            found[name or "all"] = drawn
            continue
        rows, theirs, near = drawn
        if which == "coverage":
            units = np.unique(unit[theirs], return_inverse=True)[1]
            per_item = np.mean([one.any(1) for one in near], 0)
            found[name or "all"] = bootstrap_mean(per_item, units, random)
        else:
            counts = np.concatenate([one.sum(0) for one in near]) / NEIGHBOURS
            units = blocks(trial.synthetic[rows])
            found[name or "all"] = bootstrap_mean(counts, units, random)
    return found


def covered(trial: Trial) -> NDArray[np.float64]:
    """[test item] in what share of the draws of `coverage` it is covered; NaN if it was not drawn.

    An item of several classes has the value of the last of them.
    """
    assert trial.test is not None
    share = np.full(len(trial.test), np.nan)
    for name in trial.groups:
        drawn = _drawn(trial, name, trial.embedded, trial.random("coverage"))
        if not isinstance(drawn, Estimate):
            share[drawn[1]] = np.mean([one.any(1) for one in drawn[2]], 0)
    return share


def _drawn(
    trial: Trial, name: str, points: tuple[NDArray, NDArray], random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.bool_]]] | Estimate:
    """(synthetic rows, test rows, `within` of each draw) of a class; the reason if it is small.

    A synthetic set that holds several times the real one is judged draw by draw and the draws are
    averaged: 16 held-out beats against 16 synthetic ones are a matter of luck.
    """
    rows, theirs = members(trial.synthetic, name), members(trial.test, name)  # type: ignore[arg-type]
    size = min(len(rows), len(theirs))
    if size < MIN_ITEMS:
        return too_few(size)
    rows = random.permutation(rows)
    theirs = np.sort(random.permutation(theirs)[:size])
    rows = rows[: min(MAX_DRAWS, len(rows) // size) * size]
    near = [within(points[1][theirs], points[0][part]) for part in rows.reshape(-1, size)]
    return rows, theirs, near


def within(real: NDArray, synthetic: NDArray, k: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """[real, synthetic]: whether a synthetic point lies nearer to a real one than its k-th real
    neighbour does (itself not counted)."""
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(real) - 1)
    radius = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, k]
    return np.asarray(pairwise_distances(real, synthetic) < radius[:, None])
