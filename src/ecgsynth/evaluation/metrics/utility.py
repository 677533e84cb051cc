"""Utility: classifiers trained on synthetic items and tested on new patients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    match_counts,
    metric,
    once,
    too_few,
)
from ecgsynth.evaluation.inputs import select_classes
from ecgsynth.evaluation.intervals import LeaveOneOut, interval
from ecgsynth.evaluation.reference_models.classifiers import QUICK_STEPS, STEPS, fit, merit, predict
from ecgsynth.evaluation.reference_models.own_beat import with_own_beat
from ecgsynth.evaluation.scores import figures, scores
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

if TYPE_CHECKING:
    from ecgsynth.evaluation.reference_models.classifiers import Network

DEFAULT_STEPS = 1500
"""Training steps; no early stopping, since no real data may select the network."""


@METRICS.register("tstr")
@metric(
    "tstr", unit="macro F1", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="Esteban et al. 2017: train on synthetic, test on real; fixed ResNet-1D",
)  # fmt: skip
def tstr(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on new patients of a classifier trained on the synthetic set alone.

    Macro AUROC if items have several classes, here and in the metrics below.
    """
    return scores(_test(trial), predictions_of_synthetic_model(trial))


@METRICS.register("trtr")
@metric(
    "trtr", unit="macro F1", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="the same classifier trained on real beats: all of them (class-weighted), or as "
    "many of each class as in the synthetic set, whichever is better",
)  # fmt: skip
def trtr(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on new patients of the same classifier trained on real beats."""
    return scores(_test(trial), predictions_of_real_model(trial))


@METRICS.register("tstr_ratio")
@metric(
    "tstr_ratio", unit="ratio", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="TSTR over TRTR; interval over the same people and seeds for both",
)  # fmt: skip
def tstr_ratio(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 of a synthetic training set on new patients over that of a real one."""
    test = _test(trial)
    synthetic, real = (
        figures(test, s)
        for s in (predictions_of_synthetic_model(trial), predictions_of_real_model(trial))
    )
    found: dict[str, Estimate] = {}
    for name in [group for group in ("all", "macro NSV") if group in synthetic]:
        one, other = synthetic[name], real[name]
        left = [
            LeaveOneOut(a.values / np.maximum(b.values, 1e-9), a.units, min(a.freedom, b.freedom))
            for a, b in zip(one.left, other.left, strict=True)
        ]
        found[name] = interval(one.value / max(other.value, 1e-9), left)
    return found


@METRICS.register("trts")
@metric(
    "trts", unit="macro F1", goal="higher", needs=("train", "new_patients"), question="match",
    costly=True,
    reference="Esteban et al. 2017: train on real, test on synthetic; as many real beats of each "
    "class as synthetic ones; copies have the highest value: compare with memorisation",
)  # fmt: skip
def trts(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on synthetic beats of the classifier that was trained on real ones for TRTR."""
    assert trial.train is not None
    found, counts = {}, trial.train.counts()
    for name, count in trial.synthetic.counts().items():
        if min(count, counts.get(name, 0)) < MIN_ITEMS:
            found[name] = too_few(min(count, counts.get(name, 0)))
    shared = [name for name in trial.classes if name not in found]
    if len(shared) < 2:
        raise NotApplicable(f"needs two classes of {MIN_ITEMS} synthetic and training items each")
    test = select_classes(trial.synthetic, shared)
    columns = [trial.train.spec.class_index(name) for name in shared]
    predicted = np.stack(
        [predict(net, _seen(trial, test))[:, columns] for net in networks_of_equal_counts(trial)]
    )
    return scores(test, predicted) | found


@once
def predictions_of_synthetic_model(trial: Trial) -> NDArray[np.floating]:
    """[seed, test item, class] probabilities for new patients by networks trained on the synthetic
    set."""
    return _predict_all(trial, _train_networks(trial, trial.synthetic), _test(trial))


@once
def predictions_of_real_model(trial: Trial) -> NDArray[np.floating]:
    """[seed, test item, class] probabilities for new patients by networks trained on real items: on
    all of them, or on as many as synthetic ones, whichever is better."""
    assert trial.train is not None
    test = _test(trial)
    predicted = [_predict_all(trial, networks_of_equal_counts(trial), test)]
    if len(trial.train) > 1.2 * len(_real_of_equal_counts(trial)) and not trial.quick:
        predicted.append(
            _predict_all(
                trial, _train_networks(trial, select_classes(trial.train, trial.classes)), test
            )
        )
    return max(predicted, key=lambda each: float(np.mean([merit(test, one) for one in each])))


@once
def networks_of_equal_counts(trial: Trial) -> list[Network]:
    """Networks trained on as many real beats of each class as in the synthetic set."""
    return _train_networks(trial, _real_of_equal_counts(trial))


def _real_of_equal_counts(trial: Trial) -> Ecg:
    assert trial.train is not None
    return match_counts(trial.train, trial.synthetic, trial.random("trtr"))[0]


def _train_networks(trial: Trial, train: Ecg) -> list[Network]:
    """One network per seed."""
    train = _seen(trial, train)
    return [fit(train, None, steps=steps(trial), seed=trial.seed + k) for k in range(trial.seeds)]


def _predict_all(trial: Trial, nets: list[Network], test: Ecg) -> NDArray[np.floating]:
    test = _seen(trial, test)
    return np.stack([predict(net, test) for net in nets])


def _seen(trial: Trial, ecg: Ecg) -> Ecg:
    """What a classifier sees of a set: windows, with what differs from the person's own normal beat
    where the sets of the trial name people."""
    return (with_own_beat(ecg) if trial.own_beats else ecg).quantised()


def _test(trial: Trial) -> Ecg:
    assert trial.new_patients is not None
    return select_classes(trial.new_patients, trial.classes)


def steps(trial: Trial) -> int:
    """Training steps of a classifier in this evaluation."""
    return QUICK_STEPS if trial.quick else min(STEPS, DEFAULT_STEPS)
