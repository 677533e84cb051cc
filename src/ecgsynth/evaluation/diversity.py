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
    metric,
    too_few,
)
from ecgsynth.evaluation.classifiers import embed
from ecgsynth.registry import METRICS

NEIGHBOURS = 5


@METRICS.register("coverage")
@metric(
    "coverage", unit="share", goal="higher", needs=("test",), question="match",
    reference="Naeem et al., ICML 2020; k = 5; identical distributions give 1 - 2^-5 = .969",
)  # fmt: skip
def coverage(trial: Trial) -> dict[str, Estimate]:
    """Share of real beats that have a synthetic beat in their neighbourhood."""
    return _per_class(trial, "coverage")


@METRICS.register("density")
@metric(
    "density", unit="ratio", goal="match", needs=("test",), question="match",
    reference="Naeem et al., ICML 2020; k = 5; 1 = as dense as real",
)  # fmt: skip
def density(trial: Trial) -> dict[str, Estimate]:
    """How many real neighbourhoods a synthetic beat lies in, as a ratio to what is expected."""
    return _per_class(trial, "density")


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


def _per_class(trial: Trial, which: str) -> dict[str, Estimate]:
    synthetic, real = trial.matched
    at_synthetic, at_real = embed(synthetic), embed(real)
    unit = blocks(real)
    found = {}
    for k, name in enumerate(trial.groups):
        rows = synthetic.labels_id == k if name else np.ones(len(synthetic), bool)
        column = real.spec.classes.index(name) if name in real.spec.classes else -1
        theirs = real.labels_id == column if name else np.ones(len(real), bool)
        if min(rows.sum(), theirs.sum()) < MIN_ITEMS:
            found[name or "all"] = too_few(int(min(rows.sum(), theirs.sum())))
            continue
        near = within(at_real[theirs], at_synthetic[rows])
        if which == "coverage":
            units = np.unique(unit[theirs], return_inverse=True)[1]
            found[name or "all"] = bootstrap_mean(near.any(1), units, trial.random(which))
        else:
            per_item = near.sum(0) / NEIGHBOURS
            found[name or "all"] = bootstrap_mean(
                per_item, np.arange(len(per_item)), trial.random(which)
            )
    return found


def within(real: NDArray, synthetic: NDArray, k: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """[real, synthetic]: whether a synthetic point lies nearer to a real one than its k-th real
    neighbour does (itself not counted)."""
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(real) - 1)
    radius = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, k]
    return pairwise_distances(real, synthetic) < radius[:, None]
