"""Does a synthetic beat look like a real one? Distances between samples and between beats."""

from __future__ import annotations

from functools import partial

import numpy as np

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    Trial,
    metric,
    pick,
    too_few,
)
from ecgsynth.evaluation.intervals import mean_over, units
from ecgsynth.registry import METRICS


@METRICS.register("mmd")
@metric(
    "mmd", unit="1", goal="lower", needs=("test", "aligned"), question="match",
    reference="Gretton et al., JMLR 2012; unbiased, RBF kernel at the median real distance",
)  # fmt: skip
def mmd(trial: Trial) -> dict[str, Estimate]:
    """Squared maximum mean discrepancy between synthetic and real beats."""
    from sklearn.metrics.pairwise import rbf_kernel

    found = {}
    random = trial.random("mmd")
    for name in trial.groups:
        a, b = (pick(part, 1000, random) for part in trial.equal(name))
        if len(a) < MIN_ITEMS:
            found[name or "all"] = too_few(len(a))
            continue
        x, y = a.signal.reshape(len(a), -1), b.signal.reshape(len(b), -1)
        half = y[random.permutation(len(y))]
        gamma = 1 / max(float(np.median(((y - half) ** 2).sum(1))), 1e-12)
        xx, yy, xy = rbf_kernel(x, x, gamma), rbf_kernel(y, y, gamma), rbf_kernel(x, y, gamma)
        n = len(x)
        within = (xx.sum() - n) / (n * (n - 1)) + (yy.sum() - n) / (n * (n - 1))  # k(x, x) = 1
        found[name or "all"] = Estimate(float(within - 2 * xy.mean()))
    return found


def _pairs(trial: Trial, nearest: bool, relative: bool) -> dict[str, Estimate]:
    """RMSE (mV) or PRD (%) of synthetic beats to random or nearest real ones of their class."""
    from sklearn.neighbors import NearestNeighbors

    found = {}
    random = trial.random("pairs")
    for name in trial.groups:
        a, b = trial.equal(name)
        if len(a) < MIN_ITEMS:
            found[name or "all"] = too_few(len(a))
            continue
        x, y = a.signal.reshape(len(a), -1), b.signal.reshape(len(b), -1)
        if nearest:
            rows = NearestNeighbors(n_neighbors=1).fit(y).kneighbors(x)[1][:, 0]
        else:
            rows = random.permutation(len(y))
        error = ((x - y[rows]) ** 2).sum(1)
        if relative:
            values = 100 * np.sqrt(error / np.maximum((y[rows] ** 2).sum(1), 1e-12))
        else:
            values = np.sqrt(error / x.shape[1])
        # Units are the people of the nearest real items, one of which may be nearest to many.
        found[name or "all"] = mean_over(values, units(b, rows))
    return found


_TRAP = "compare with the mean beat: a collapsed set is better than real data on random pairs"


_between_pairs = partial(
    metric, goal="match", needs=("test", "aligned"), question="match", reference=_TRAP
)


@METRICS.register("rmse_random")
@_between_pairs("rmse_random", unit="mV")
def rmse_random(trial: Trial) -> dict[str, Estimate]:
    """RMSE between synthetic beats and random real ones of the class."""
    return _pairs(trial, nearest=False, relative=False)


@METRICS.register("rmse_nearest")
@_between_pairs("rmse_nearest", unit="mV")
def rmse_nearest(trial: Trial) -> dict[str, Estimate]:
    """RMSE between synthetic beats and the nearest real ones of the class."""
    return _pairs(trial, nearest=True, relative=False)


@METRICS.register("prd_random")
@_between_pairs("prd_random", unit="%")
def prd_random(trial: Trial) -> dict[str, Estimate]:
    """PRD = 100 sqrt(sum (x-y)^2 / sum y^2) to random real beats of the class."""
    return _pairs(trial, nearest=False, relative=True)


@METRICS.register("prd_nearest")
@_between_pairs("prd_nearest", unit="%")
def prd_nearest(trial: Trial) -> dict[str, Estimate]:
    """PRD to the nearest real beats of the class."""
    return _pairs(trial, nearest=True, relative=True)
