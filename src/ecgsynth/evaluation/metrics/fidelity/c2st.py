"""Classifier two-sample tests of synthetic against real items, with folds by person or time."""

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
from ecgsynth.evaluation.metrics.fidelity.folds import (
    FOLDS,
    TwoSampleSets,
    split_by_blocks,
    two_sample_sets,
)
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.rr import RR

LEAST = 50
"""Least items of each set."""

COMPONENTS, BANDS = 64, 32
"""Features for boosting: principal components and bands of the spectrum."""

ROUNDS, QUICK_ROUNDS = 150, 60
"""Rounds of boosting. Coarse bins and small trees take a third of the time at the same AUC."""

KNOWN = 0.5
"""Least share of items of either set that have a ratio of RR intervals."""

LEAST_LOG = -50.0
"""Lower limit of a log probability."""

LARGE, SLOW_FS = 4096, 100.0
"""Items with more values are resampled to 100 Hz, the usual rate for 12 leads."""

_two_sample = partial(metric, unit="AUC", goal="lower", question="match")


@METRICS.register("c2st")
@_two_sample(
    "c2st", needs=("test",),
    reference="Lopez-Paz & Oquab, ICLR 2017; the stronger of a ResNet-1D and gradient boosting on "
    "64 PCA + 32 log-PSD features; folds by person, so that the classifier is tested on people "
    "that it was not trained on; .50 = indistinguishable",
)  # fmt: skip
def c2st(trial: Trial) -> dict[str, Estimate]:
    """AUC of a classifier that separates synthetic from held-out beats of people new to it.

    Groups: "all", the larger of "boosting" and "network" (left out by --quick).
    """
    return _stronger_classifier(trial, heldout_sets(trial))


@METRICS.register("c2st_minutes")
@_two_sample(
    "c2st_minutes", needs=("test",),
    reference="as c2st, but with folds by time block: the classifier is trained on other "
    "held-out minutes of the same people, so it detects the drift between minutes too",
)  # fmt: skip
def c2st_minutes(trial: Trial) -> dict[str, Estimate]:
    """The same AUC if the classifier is trained on other held-out minutes of the same people."""
    if not heldout_sets(trial).people:
        raise NotApplicable(
            f"c2st itself has folds by time block or item: {heldout_sets(trial).why}"
        )
    assert trial.test is not None
    sets = split_by_blocks(trial.synthetic, trial.test, trial.random("c2st_minutes"))
    return _stronger_classifier(trial, sets)


@METRICS.register("c2st_trained")
@_two_sample(
    "c2st_trained", needs=("train",),
    reference="as c2st by boosting, but against the training beats of the generator",
)  # fmt: skip
def c2st_trained(trial: Trial) -> dict[str, Estimate]:
    """The same AUC against training beats, of people new to the classifier."""
    sets = trained_sets(trial)
    if why := _too_few(sets):
        return {"all": Estimate(float("nan"), note=why)}
    scores = boosting_scores(sets, shape_features(sets), trial.quick)
    return {"all": _estimate(sets, [scores])}


@METRICS.register("c2st_conditional")
@_two_sample(
    "c2st_conditional", needs=("train",),
    reference="as c2st_trained, but the classifier also gets the label and the ratios of RR "
    "before and after the beat and of the mean RR: detects labels or RR that do not fit the beat",
)  # fmt: skip
def c2st_conditional(trial: Trial) -> dict[str, Estimate]:
    """AUC of a classifier that also gets label and RR of each beat, against training beats."""
    sets = trained_sets(trial)
    if why := _too_few(sets):
        return {"all": Estimate(float("nan"), note=why)}
    shape = shape_features(sets)
    condition = condition_features(sets, shape)
    if not condition.shape[1]:
        raise NotApplicable("needs two classes or RR intervals")
    scores = boosting_scores(sets, np.concatenate([shape, condition], 1), trial.quick)
    return {"all": _estimate(sets, [scores])}


VALID_GAUSSIAN, VALID_NARROW = 0.80, 0.95
"""Least AUC of a valid two-sample test on the two crude sets. The Gaussian of each class has .95
with 4,000 items per set and .90 with 2,000."""


def validity(
    known: Mapping[str, Mapping[str, Mapping[str, float]]],
) -> dict[str, float | bool] | None:
    """Whether the two-sample test is strong enough; None if not measured.

    known: control -> metric -> group -> value.
    """
    gaussian, narrow = (known.get(name, {}).get("c2st", {}).get("all") for name in CRUDE)
    if gaussian is None or narrow is None:
        return None
    valid = gaussian >= VALID_GAUSSIAN and narrow >= VALID_NARROW
    return {"gaussian": gaussian, "lowpass": narrow, "valid": valid}


@once
def heldout_sets(trial: Trial) -> TwoSampleSets:
    """Synthetic and held-out items in folds, by person if possible."""
    assert trial.test is not None
    return two_sample_sets(trial.synthetic, trial.test, trial.random("c2st"))


@once
def trained_sets(trial: Trial) -> TwoSampleSets:
    """Synthetic and training items, the latter at most 5,000 of a class (2,000 if quick)."""
    assert trial.train is not None
    most, random, real = QUICK_MOST if trial.quick else MOST, trial.random("trained"), trial.train
    if trial.classes and not real.spec.multilabel:
        parts = [pick(trial.part(real, name), most, random) for name in trial.classes]
        real = concatenate(parts)
    else:
        real = pick(real, most, random)
    return two_sample_sets(trial.synthetic, real, random)


def _stronger_classifier(trial: Trial, sets: TwoSampleSets) -> dict[str, Estimate]:
    """The larger AUC of boosting and (unless quick) the network, and each of them."""
    if why := _too_few(sets):
        return {"all": Estimate(float("nan"), note=why)}
    scores = {"boosting": [boosting_scores(sets, shape_features(sets), trial.quick)]}
    if not trial.quick:
        slow = replace(sets, real=downsample(sets.real), synthetic=downsample(sets.synthetic))
        scores["network"] = [network_scores(slow, trial.seed + k) for k in range(trial.seeds)]
    each = {kind: _estimate(sets, scores) for kind, scores in scores.items()}
    best = max(each, key=lambda kind: each[kind].value)
    text = ", ".join(f"{kind} {one.value:.3f}" for kind, one in each.items())
    note = f"{text}; {each[best].note}"
    return {"all": replace(each[best], note=note)} | (each if len(each) > 1 else {})


def _estimate(sets: TwoSampleSets, scores: Sequence[NDArray]) -> Estimate:
    """The AUC of these scores, averaged over seeds, with its interval."""
    note = "folds by person" if sets.people else f"folds by time block or item: {sets.why}"
    one = auc_over(sets.truth, scores, sets.samples, note=note)
    if one.high is not None and one.high < 0.5:
        one = replace(one, note=f"{one.note}; below .50 by chance of the folds: read it as .50")
    return one


def _too_few(sets: TwoSampleSets) -> str:
    """A reason if there are too few items; else empty."""
    if (count := len(sets.real)) < LEAST:
        return f"{count} items per set; {LEAST} are needed"
    if (units := min(len(np.unique(sets.unit[sets.truth == k])) for k in (0, 1))) < FOLDS:
        return f"{units} independent blocks per set; {FOLDS} are needed"
    return ""


def shape_features(sets: TwoSampleSets) -> NDArray[np.float32]:
    """[item, feature]: principal components and log power in bands, of both sets together."""
    from scipy.signal import welch
    from sklearn.decomposition import PCA

    pair = (sets.real, sets.synthetic)
    whole = np.concatenate([ecg.signal for ecg in pair])
    flat = np.concatenate([downsample(ecg).signal for ecg in pair]).reshape(len(whole), -1)
    with np.errstate(invalid="ignore"):  # flat lines have no variance
        components = PCA(min(COMPONENTS, *flat.shape), random_state=0).fit_transform(flat)
    _, psd = welch(whole, sets.real.spec.fs, nperseg=min(128, whole.shape[-1]), axis=-1)
    psd = np.log10(psd + 1e-9).mean(1)  # over the leads
    edges = np.linspace(0, psd.shape[1], BANDS + 1).astype(int)
    bands = [psd[:, a : max(b, a + 1)].mean(1) for a, b in itertools.pairwise(edges)]
    return np.concatenate([components, np.stack(bands, 1)], 1).astype(np.float32)


def condition_features(sets: TwoSampleSets, shape: NDArray[np.float32]) -> NDArray[np.float32]:
    """[item, condition]: label and RR features of each item.

    The features are the classes; logs of the ratios between RR before, RR after and mean RR, if
    half of the items of either set have them (0 if unknown); and the log probability of the class
    given shape and ratios, by a discriminant analysis of both sets together. Only ratios are used:
    RR intervals themselves would identify a person.
    """
    pair, names, columns = (sets.real, sets.synthetic), sets.real.spec.classes, []
    for one, other in itertools.combinations(RR, 2):
        ratios = [_log_ratio(ecg, one, other) for ecg in pair]
        if min(np.isfinite(ratio).mean() for ratio in ratios) >= KNOWN:
            columns.append(np.nan_to_num(np.concatenate(ratios)))
    if len(names) > 1:
        several = sets.real.spec.multilabel
        columns += [] if several else [_own_class(np.column_stack([shape, *columns]), sets.label)]
        for name in names:
            rows = [members(ecg, name) for ecg in pair]
            columns.append(np.zeros(len(sets.truth)))
            columns[-1][np.concatenate([rows[0], len(sets.real) + rows[1]])] = 1
    return np.array(columns, np.float32).reshape(-1, len(sets.truth)).T


def _own_class(features: NDArray, label: NDArray[np.str_]) -> NDArray[np.float64]:
    """[item] log probability of its own class, with equal class priors."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    classes, number = np.unique(label, return_inverse=True)
    if len(classes) < 2:
        return np.zeros(len(label))
    model = LinearDiscriminantAnalysis(priors=np.full(len(classes), 1 / len(classes)))
    scores = model.fit(features, number).predict_log_proba(features)
    return np.maximum(scores[np.arange(len(number)), number], LEAST_LOG)


def _log_ratio(ecg: Ecg, one: str, other: str) -> NDArray[np.float64]:
    """[item] log ratio of two contexts, NaN if one is not known."""
    if not {one, other} <= {*ecg.spec.context}:
        return np.full(len(ecg), np.nan)
    assert ecg.context is not None
    pair = (ecg.context[:, ecg.spec.context.index(name)] for name in (one, other))
    first, second = (np.log(np.where(rr > 0, rr, np.nan).astype(np.float64)) for rr in pair)
    return np.asarray(first - second)


def downsample(ecg: Ecg) -> Ecg:
    """Resample items of more than 4,096 values to 100 Hz, the usual rate for 12 leads."""
    if len(ecg.spec.leads) * ecg.spec.samples <= LARGE or ecg.spec.fs <= SLOW_FS:
        return ecg
    return at_rate(ecg, SLOW_FS)


def network_scores(sets: TwoSampleSets, seed: int) -> NDArray:
    """[item] out-of-fold score for "synthetic" of the fixed ResNet-1D; folds in pairs."""
    import torch

    from ecgsynth.evaluation.reference_models import resnet, xresnet
    from ecgsynth.evaluation.reference_models.classifiers import RECORD_SHARE, fit, predict

    def bare(ecg: Ecg, label: int) -> Ecg:
        spec = replace(sets.real.spec, classes=("real", "synthetic"), context=())
        return Ecg(ecg.signal, spec, one_hot(np.full(len(ecg), label), 2))

    both = concatenate([bare(sets.real, 0), bare(sets.synthetic, 1)])
    score = np.zeros(len(both))
    state = torch.get_rng_state()
    for learn, held in sets.folds(2):
        # At most 30 epochs, since more would overfit a small set; 10 for records.
        if is_record(both.spec):
            steps = int(np.clip(10 * len(learn) / xresnet.BATCH / RECORD_SHARE, 300, 1500))
        else:
            steps = int(np.clip(30 * len(learn) / resnet.BATCH, 150, 400))
        net = fit(both[learn], None, weighted=False, steps=steps, seed=seed)
        score[held] = predict(net, both[held])[:, 1]
    torch.set_rng_state(state)
    return score


def boosting_scores(
    sets: TwoSampleSets, features: NDArray[np.float32], quick: bool
) -> NDArray[np.float64]:
    """[item] out-of-fold score for "synthetic" of gradient boosting."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    score = np.zeros(len(features))
    for fit, held in sets.folds():
        model = HistGradientBoostingClassifier(
            max_iter=QUICK_ROUNDS if quick else ROUNDS, learning_rate=0.2 if quick else 0.1,
            max_bins=63, max_leaf_nodes=15, random_state=0,
        )  # fmt: skip
        model.fit(features[fit], sets.truth[fit])
        score[held] = model.predict_proba(features[held])[:, 1]
    return score
