"""Can a classifier tell synthetic items from real ones? Two-sample tests, by people and by time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    Estimate,
    NotApplicable,
    Trial,
    is_record,
    members,
    metric,
    once,
    pick,
)
from ecgsynth.evaluation.auc import auc_over
from ecgsynth.evaluation.baselines.controls import CRUDE
from ecgsynth.evaluation.inputs import MOST, QUICK_MOST
from ecgsynth.evaluation.metrics.fidelity.folds import FOLDS, Sides, by_blocks, sides
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, concatenate, one_hot
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.segments import RR

LEAST = 50
"""Items a side, of all classes or of the one that is told."""

COMPONENTS, BANDS = 64, 32
"""What boosting sees of a signal: principal components, and bands of the spectrum."""

ROUNDS, QUICK_ROUNDS = 150, 60
"""Of boosting. Coarse bins and small trees take a third of the time at the same AUC."""

KNOWN = 0.5
"""Share of the items of either side that must have a ratio of RR intervals."""

LEAST_LOG = -50.0
"""A log probability that is as good as none."""

LARGE, SLOW_FS = 4096, 100.0
"""Items of more numbers are looked at with 100 Hz, the rate at which 12 leads are classified."""

_two_sample = partial(metric, unit="AUC", goal="lower", question="match")


@METRICS.register("c2st")
@_two_sample(
    "c2st", needs=("test",),
    reference="Lopez-Paz & Oquab, ICLR 2017; the stronger of a ResNet-1D and gradient boosting on "
    "64 PCA + 32 log-PSD features; folds by person, so that nobody on whom the classifier is tried "
    "was learned from; .50 = indistinguishable",
)  # fmt: skip
def c2st(trial: Trial) -> dict[str, Estimate]:
    """AUC with which a classifier tells synthetic beats from held-out ones of people it never saw.

    Groups: "all", which is the stronger of "boosting" and "network" (left out by --quick).
    """
    return _both(trial, apart(trial))


@METRICS.register("c2st_minutes")
@_two_sample(
    "c2st_minutes", needs=("test",),
    reference="as c2st, but with folds by time block: the classifier knows other held-out minutes "
    "of the same people, and so tells trained minutes from later ones too",
)  # fmt: skip
def c2st_minutes(trial: Trial) -> dict[str, Estimate]:
    """The same AUC where the classifier knows other held-out minutes of the same people."""
    if not apart(trial).people:
        raise NotApplicable(f"c2st itself is by time block or item: {apart(trial).why}")
    assert trial.test is not None
    found = by_blocks(trial.synthetic, trial.test, trial.random("c2st_minutes"))
    return _both(trial, found)


@METRICS.register("c2st_trained")
@_two_sample(
    "c2st_trained", needs=("train",),
    reference="as c2st by boosting, but against the beats that were learned from",
)  # fmt: skip
def c2st_trained(trial: Trial) -> dict[str, Estimate]:
    """The same AUC against the trained beats of people whom the classifier never saw."""
    found = apart_from_trained(trial)
    if why := _too_few(found):
        return {"all": Estimate(float("nan"), note=why)}
    said = _boosting(found, shapes(found), trial.quick)
    return {"all": _estimate(found, [said])}


@METRICS.register("c2st_conditional")
@_two_sample(
    "c2st_conditional", needs=("train",),
    reference="as c2st_trained, but the classifier sees the label too, and the ratios of RR before "
    "and after the beat and of the mean RR: labels or RR that do not go with their beats are found",
)  # fmt: skip
def c2st_conditional(trial: Trial) -> dict[str, Estimate]:
    """AUC of a classifier that sees label and RR beside each beat, against trained beats."""
    found = apart_from_trained(trial)
    if why := _too_few(found):
        return {"all": Estimate(float("nan"), note=why)}
    shape = shapes(found)
    told = conditions(found, shape)
    if not told.shape[1]:
        raise NotApplicable("neither two classes nor RR intervals are there to look at")
    said = _boosting(found, np.concatenate([shape, told], 1), trial.quick)
    return {"all": _estimate(found, [said])}


VALID_GAUSSIAN, VALID_NARROW = 0.80, 0.95
"""AUC that a two-sample test must reach on either crude set, or it is too weak to say anything. The
Gaussian of each class is found with .95 among 4,000 items a side and .90 among 2,000."""


def validity(
    known: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, float | bool] | None:
    """Whether the two-sample test is strong enough; None where that was not measured.

    known: control -> metric -> group -> value.
    """
    gaussian, narrow = (known.get(name, {}).get("c2st", {}).get("all") for name in CRUDE)
    if gaussian is None or narrow is None:
        return None
    valid = gaussian >= VALID_GAUSSIAN and narrow >= VALID_NARROW
    return {"gaussian": gaussian, "lowpass": narrow, "valid": valid}


@once
def apart(trial: Trial) -> Sides:
    """Synthetic and held-out items in the folds of a two-sample test, by people where it can be."""
    assert trial.test is not None
    return sides(trial.synthetic, trial.test, trial.random("c2st"))


@once
def apart_from_trained(trial: Trial) -> Sides:
    """Synthetic and trained items, of these at most 5,000 of a class (2,000 when quick)."""
    assert trial.train is not None
    most, random, real = QUICK_MOST if trial.quick else MOST, trial.random("trained"), trial.train
    if trial.classes and not real.spec.multilabel:
        parts = [pick(trial.part(real, name), most, random) for name in trial.classes]
        real = concatenate(parts)
    else:
        real = pick(real, most, random)
    return sides(trial.synthetic, real, random)


def _both(trial: Trial, found: Sides) -> dict[str, Estimate]:
    """The stronger of boosting and (unless quick) the network, and each of them."""
    if why := _too_few(found):
        return {"all": Estimate(float("nan"), note=why)}
    said = {"boosting": [_boosting(found, shapes(found), trial.quick)]}
    if not trial.quick:
        slow = replace(found, real=slowed(found.real), synthetic=slowed(found.synthetic))
        said["network"] = [by_network(slow, trial.seed + k) for k in range(trial.seeds)]
    each = {kind: _estimate(found, scores) for kind, scores in said.items()}
    best = max(each, key=lambda kind: each[kind].value)
    told = ", ".join(f"{kind} {one.value:.3f}" for kind, one in each.items())
    note = f"{told}; {each[best].note}"
    return {"all": replace(each[best], note=note)} | (each if len(each) > 1 else {})


def _estimate(found: Sides, scores: Sequence[NDArray]) -> Estimate:
    """The AUC of these scores, averaged over seeds, with its interval."""
    note = "folds by person" if found.people else f"folds by time block or item: {found.why}"
    one = auc_over(found.truth, scores, found.samples, note=note)
    if one.high is not None and one.high < 0.5:
        one = replace(one, note=f"{one.note}; below .50: the folds' chance, to be read as .50")
    return one


def _too_few(found: Sides) -> str:
    """Why these items are too few to tell apart; else empty."""
    if (count := len(found.real)) < LEAST:
        return f"{count} items a side; {LEAST} are needed"
    if (units := min(len(np.unique(found.unit[found.truth == k])) for k in (0, 1))) < FOLDS:
        return f"{units} independent blocks a side; {FOLDS} are needed"
    return ""


def shapes(found: Sides) -> NDArray[np.float32]:
    """[item, feature]: principal components and log power in bands, blind to the sides."""
    from scipy.signal import welch
    from sklearn.decomposition import PCA

    pair = (found.real, found.synthetic)
    whole = np.concatenate([ecg.signal for ecg in pair])
    flat = np.concatenate([slowed(ecg).signal for ecg in pair]).reshape(len(whole), -1)
    with np.errstate(invalid="ignore"):  # flat lines have no variance to share out
        components = PCA(min(COMPONENTS, *flat.shape), random_state=0).fit_transform(flat)
    _, psd = welch(whole, found.real.spec.fs, nperseg=min(128, whole.shape[-1]), axis=-1)
    psd = np.log10(psd + 1e-9).mean(1)  # over the leads
    edges = np.linspace(0, psd.shape[1], BANDS + 1).astype(int)
    bands = [psd[:, a : max(b, a + 1)].mean(1) for a, b in itertools.pairwise(edges)]
    return np.concatenate([components, np.stack(bands, 1)], 1).astype(np.float32)


def conditions(found: Sides, shape: NDArray[np.float32]) -> NDArray[np.float32]:
    """[item, condition]: what each item is said to be, beside its shape.

    Its classes; logs of the ratios between RR before, RR after and mean RR, as far as half of the
    items of either side have them (0 where one is not known); and how likely its class is by its
    shape and these ratios, by a discriminant analysis of both sides together. Ratios alone: RR
    intervals themselves tell a person, whom the classifier must not know.
    """
    pair, names, columns = (found.real, found.synthetic), found.real.spec.classes, []
    for one, other in itertools.combinations(RR, 2):
        ratios = [_log_ratio(ecg, one, other) for ecg in pair]
        if min(np.isfinite(ratio).mean() for ratio in ratios) >= KNOWN:
            columns.append(np.nan_to_num(np.concatenate(ratios)))
    if len(names) > 1:
        several = found.real.spec.multilabel
        columns += [] if several else [_own_class(np.column_stack([shape, *columns]), found.label)]
        for name in names:
            rows = [members(ecg, name) for ecg in pair]
            columns.append(np.zeros(len(found.truth)))
            columns[-1][np.concatenate([rows[0], len(found.real) + rows[1]])] = 1
    return np.array(columns, np.float32).reshape(-1, len(found.truth)).T


def _own_class(features: NDArray, label: NDArray[np.str_]) -> NDArray[np.float64]:
    """[item] log probability of its own class, all of which are taken to be equally frequent."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    classes, number = np.unique(label, return_inverse=True)
    if len(classes) < 2:
        return np.zeros(len(label))
    model = LinearDiscriminantAnalysis(priors=np.full(len(classes), 1 / len(classes)))
    said = model.fit(features, number).predict_log_proba(features)
    return np.maximum(said[np.arange(len(number)), number], LEAST_LOG)


def _log_ratio(ecg: Ecg, one: str, other: str) -> NDArray[np.float64]:
    """[item], NaN where one of the two is not known."""
    if not {one, other} <= {*ecg.spec.context}:
        return np.full(len(ecg), np.nan)
    assert ecg.context is not None
    pair = (ecg.context[:, ecg.spec.context.index(name)] for name in (one, other))
    first, second = (np.log(np.where(rr > 0, rr, np.nan).astype(np.float64)) for rr in pair)
    return np.asarray(first - second)


def slowed(ecg: Ecg) -> Ecg:
    """Items of more than 4,096 numbers at 100 Hz, the rate at which 12 leads are classified."""
    if len(ecg.spec.leads) * ecg.spec.samples <= LARGE or ecg.spec.fs <= SLOW_FS:
        return ecg
    return at_rate(ecg, SLOW_FS)


def by_network(found: Sides, seed: int) -> NDArray:
    """[item] out-of-fold score for "synthetic" of the fixed ResNet-1D; the folds two by two."""
    import torch

    from ecgsynth.evaluation.reference_models import resnet, xresnet
    from ecgsynth.evaluation.reference_models.classifiers import RECORD_SHARE, fit, predict

    def bare(ecg: Ecg, label: int) -> Ecg:
        spec = replace(found.real.spec, classes=("real", "synthetic"), context=())
        return Ecg(ecg.signal, spec, one_hot(np.full(len(ecg), label), 2))

    both = concatenate([bare(found.real, 0), bare(found.synthetic, 1)])
    score = np.zeros(len(both))
    state = torch.get_rng_state()
    for learn, held in found.folds(2):
        # At most thirty passes: more only learn a small set by heart. Records: ten.
        if is_record(both.spec):
            steps = int(np.clip(10 * len(learn) / xresnet.BATCH / RECORD_SHARE, 300, 1500))
        else:
            steps = int(np.clip(30 * len(learn) / resnet.BATCH, 150, 400))
        net = fit(both[learn], None, weighted=False, steps=steps, seed=seed)
        score[held] = predict(net, both[held])[:, 1]
    torch.set_rng_state(state)
    return score


def _boosting(found: Sides, features: NDArray[np.float32], quick: bool) -> NDArray[np.float64]:
    """[item] out-of-fold score for "synthetic" of gradient boosting."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    score = np.zeros(len(features))
    for fit, held in found.folds():
        model = HistGradientBoostingClassifier(
            max_iter=QUICK_ROUNDS if quick else ROUNDS, learning_rate=0.2 if quick else 0.1,
            max_bins=63, max_leaf_nodes=15, random_state=0,
        )  # fmt: skip
        model.fit(features[fit], found.truth[fit])
        score[held] = model.predict_proba(features[held])[:, 1]
    return score
