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
    "coverage_signal", unit="share", goal="higher", needs=("test",), question="match",
    reference="coverage between the signals themselves: Euclidean, mV, on a grid of 5 uV",
)  # fmt: skip
def coverage_signal(trial: Trial) -> dict[str, Estimate]:
    """Share of real beats that a synthetic one matches sample by sample."""
    # A classifier's embedding forgets what is no help to it: the PCA-Gaussian hides there.
    return _per_class(trial, "coverage", _signals(trial))


@METRICS.register("density_signal")
@metric(
    "density_signal", unit="ratio", goal="match", needs=("test",), question="match",
    reference="density between the signals themselves: Euclidean, mV, on a grid of 5 uV",
)  # fmt: skip
def density_signal(trial: Trial) -> dict[str, Estimate]:
    """How many real neighbourhoods a synthetic beat lies in, sample by sample."""
    return _per_class(trial, "density", _signals(trial))


def _signals(trial: Trial) -> tuple[NDArray, NDArray]:
    synthetic, real = trial.matched
    return synthetic.signal.reshape(len(synthetic), -1), real.signal.reshape(len(real), -1)


@METRICS.register("spread")
@metric(
    "spread", unit="ratio", goal="match", needs=("test",), question="match",
    reference="mean distance of random pairs, as a share of the real one; 0 = collapsed",
)  # fmt: skip
def spread(trial: Trial) -> dict[str, Estimate]:
    """Mean distance between two synthetic beats, as a share of that between two real ones."""
    found = {}
    synthetic, real = trial.matched
    for name in trial.groups:
        a, b = trial.part(synthetic, name).signal, trial.part(real, name).signal
        if len(a) < MIN_ITEMS:
            found[name or "all"] = too_few(len(a))
            continue
        found[name or "all"] = Estimate(_spread(a) / max(_spread(b), 1e-9))
    return found


def _spread(signal: NDArray) -> float:
    flat = signal.reshape(len(signal), -1)
    return float(np.sqrt(((flat - np.roll(flat, len(flat) // 2, 0)) ** 2).mean(1)).mean())


def _per_class(trial: Trial, which: str, points: tuple[NDArray, NDArray]) -> dict[str, Estimate]:
    """Coverage or density of each class. points: of the matched sets, [item, dimension] each."""
    synthetic, real = trial.matched
    unit = blocks(real)
    found = {}
    for name in trial.groups:
        rows, theirs = members(synthetic, name), members(real, name)
        if min(len(rows), len(theirs)) < MIN_ITEMS:
            found[name or "all"] = too_few(min(len(rows), len(theirs)))
            continue
        near = within(points[1][theirs], points[0][rows])
        random = trial.random(which)
        if which == "coverage":
            units = np.unique(unit[theirs], return_inverse=True)[1]
            found[name or "all"] = bootstrap_mean(np.asarray(near.any(1)), units, random)
        else:
            per_item = near.sum(0) / NEIGHBOURS
            found[name or "all"] = bootstrap_mean(per_item, blocks(synthetic[rows]), random)
    return found


def within(real: NDArray, synthetic: NDArray, k: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """[real, synthetic]: whether a synthetic point lies nearer to a real one than its k-th real
    neighbour does (itself not counted)."""
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(real) - 1)
    radius = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, k]
    return np.asarray(pairwise_distances(real, synthetic) < radius[:, None])
