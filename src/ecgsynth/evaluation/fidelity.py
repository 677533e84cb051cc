"""Does a synthetic beat look like a real one? Two-sample tests and distances."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    Trial,
    metric,
    pick,
    too_few,
)
from ecgsynth.evaluation.auc import auc_over
from ecgsynth.evaluation.intervals import blocks, joint, mean_over, units
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.rates import at_rate

FOLDS = 5
"""Of the two-sample test with boosting."""


@METRICS.register("c2st")
@metric(
    "c2st", unit="AUC", goal="lower", needs=("test",), question="match",
    reference="Lopez-Paz & Oquab, ICLR 2017; the stronger of a ResNet-1D and gradient boosting on "
    "64 PCA + 32 log-PSD features, split by time block; .50 = indistinguishable",
)  # fmt: skip
def c2st(trial: Trial) -> dict[str, Estimate]:
    """AUC with which a classifier tells synthetic beats from held-out ones."""
    from sklearn.metrics import roc_auc_score

    synthetic, real = trial.matched
    if len(real) < 50:
        return {"all": Estimate(float("nan"), note=f"{len(real)} items a side; 50 are needed")}
    ours, theirs = blocks(real), blocks(synthetic)
    units = min(len(np.unique(ours)), len(np.unique(theirs)))
    if units < FOLDS:
        why = f"{units} independent blocks a side; {FOLDS} are needed"
        return {"all": Estimate(float("nan"), note=why)}
    random = trial.random("c2st")
    truth = np.concatenate([np.zeros(len(real)), np.ones(len(synthetic))])
    unit = np.concatenate([ours, ours.max() + 1 + theirs])
    scores = {"boosting": [_boosting_scores(real, synthetic, truth, unit, random)]}
    if not trial.quick:
        from ecgsynth.evaluation.classifiers import tell_apart

        one, other = _slow(real), _slow(synthetic)
        scores["resnet"] = [
            tell_apart(one, other, unit, seed=trial.seed + k) for k in range(trial.seeds)
        ]
    auc = {n: [float(roc_auc_score(truth, one)) for one in each] for n, each in scores.items()}
    best = max(auc, key=lambda name: float(np.mean(auc[name])))
    note = ", ".join(f"{name} {np.mean(value):.3f}" for name, value in auc.items())
    if trial.seeds > 1 and best == "resnet":
        note += f" (SD of {trial.seeds} seeds {np.std(auc[best], ddof=1):.3f})"
    found = auc_over(truth, scores[best], joint(real, synthetic), note=note)
    if found.high is not None and found.high < 0.5:
        words = "below .50: the folds' chance, to be read as .50"
        found = replace(found, note=f"{found.note}; {words}")
    return {"all": found}


LARGE, SLOW_FS = 4096, 100.0


def _slow(ecg: Ecg) -> Ecg:
    """Items of more than 4,096 numbers at 100 Hz, the rate at which 12 leads are classified."""
    if len(ecg.spec.leads) * ecg.spec.samples <= LARGE or ecg.spec.fs <= SLOW_FS:
        return ecg
    return at_rate(ecg, SLOW_FS)


def _boosting_scores(
    real: Ecg, synthetic: Ecg, truth: NDArray, unit: NDArray, random: np.random.Generator
) -> NDArray[np.float64]:
    """Out-of-fold scores of gradient boosting on shape (PCA) and spectrum (log-PSD)."""
    from scipy.signal import welch
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier

    whole = np.concatenate([real.signal, synthetic.signal])
    signal = np.concatenate([_slow(real).signal, _slow(synthetic).signal]).reshape(len(truth), -1)
    _, psd = welch(whole, real.spec.fs, nperseg=min(128, whole.shape[-1]), axis=-1)
    psd = np.log10(psd + 1e-9).mean(1)  # over the leads
    edges = np.linspace(0, psd.shape[1], 33).astype(int)
    bands = np.stack([psd[:, a : max(b, a + 1)].mean(1) for a, b in itertools.pairwise(edges)], 1)
    score = np.zeros(len(truth))
    for fit, held in folds(unit, truth, FOLDS, int(random.integers(2**31))):
        pca = PCA(min(64, signal.shape[1], len(fit)), random_state=0).fit(signal[fit])
        features = np.concatenate([pca.transform(signal), bands], 1)
        # Coarse bins and small trees: a third of the time at the same AUC.
        model = HistGradientBoostingClassifier(
            max_iter=150, max_bins=63, max_leaf_nodes=15, random_state=0
        )
        score[held] = model.fit(features[fit], truth[fit]).predict_proba(features[held])[:, 1]
    return score


def folds(
    unit: NDArray[np.int64], truth: NDArray, count: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(rows to learn from, rows held out) such that no unit (time block) stands on both sides.

    The units of real (truth 0) and synthetic items (1) are dealt out one side after the other, so
    that every fold learns from both.
    """
    random = np.random.default_rng(seed)
    fold = np.empty(len(unit), np.int64)
    for side in np.unique(truth):
        rows = np.flatnonzero(truth == side)
        units, number = np.unique(unit[rows], return_inverse=True)
        fold[rows] = (random.permutation(len(units)) % count)[number]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]


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
        # Where one real item lies nearest to many, it is one person to whom they all are near.
        found[name or "all"] = mean_over(values, units(b, rows))
    return found


_TRAP = "to be read beside the mean beat: a collapsed set beats real data on random pairs"


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
