"""Is the set good for work? Classifiers trained on synthetic beats and tested on new people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, Trial, match_counts, metric
from ecgsynth.evaluation.classifiers import QUICK_STEPS, STEPS, fit, predict
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

DEFAULT_STEPS = 1500
"""Classifier steps outside `--full`; early stopping usually ends before them."""


@METRICS.register("tstr")
@metric(
    "tstr", unit="macro F1", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="Esteban et al. 2017: train on synthetic, test on real; fixed ResNet-1D",
)  # fmt: skip
def tstr(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on new patients of a classifier trained on the synthetic set alone."""
    return _utility(trial, trial.synthetic)


@METRICS.register("trtr")
@metric(
    "trtr", unit="macro F1", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="the same classifier trained on as many real beats of each class",
)  # fmt: skip
def trtr(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on new patients of the same classifier trained on real beats."""
    assert trial.train is not None
    real, _ = match_counts(trial.train, trial.synthetic, trial.random("trtr"))
    return _utility(trial, real)


def _utility(trial: Trial, train: Ecg) -> dict[str, Estimate]:
    assert trial.new_patients is not None
    test = trial.new_patients.with_classes(trial.classes)
    net = fit(train.quantised(), None, steps=steps(trial), seed=trial.seed)
    return scores(test, predict(net, test.quantised()).argmax(1), trial.random("utility"))


def steps(trial: Trial) -> int:
    return QUICK_STEPS if trial.quick else min(STEPS, DEFAULT_STEPS)


def scores(
    test: Ecg, predicted: NDArray[np.int64], random: np.random.Generator
) -> dict[str, Estimate]:
    """F1 of each class, macro over N, S, V ("macro NSV") and over all ("all").

    Intervals: 2,000 bootstrap draws over patients. A class that one patient dominates (over
    80 % of its beats) has no interval and says "one patient".
    """
    classes = test.spec.classes
    count = len(classes)
    people, person = np.unique(
        test.patient if test.patient is not None else np.arange(len(test)), return_inverse=True
    )
    cell = (person * count + test.labels_id) * count + predicted
    confusion = np.bincount(cell, minlength=len(people) * count * count).reshape(-1, count, count)
    weight = random.multinomial(len(people), np.full(len(people), 1 / len(people)), 2000)
    drawn = f1(np.tensordot(weight, confusion, 1))
    value = f1(confusion.sum(0)[None])[0]
    found: dict[str, Estimate] = {}
    main = [k for k, name in enumerate(classes) if name in ("N", "S", "V")]
    groups = [("all", list(range(count)))]
    groups += [("macro NSV", main)] if len(main) == 3 else []
    groups += [(name, [k]) for k, name in enumerate(classes)]
    for name, columns in groups:
        low, high = np.nanquantile(drawn[:, columns].mean(1), [0.025, 0.975])
        found[name] = Estimate(float(value[columns].mean()), float(low), float(high))
    for k, name in enumerate(classes):
        sizes = confusion[:, k].sum(1)
        if sizes.sum() and sizes.max() / sizes.sum() > 0.8:
            found[name] = Estimate(found[name].value, note="one patient")
    return found


def f1(confusion: NDArray) -> NDArray[np.float64]:
    """[..., class] F1 from confusion matrices [..., truth, predicted]; 0 where undefined."""
    hit = np.einsum("...ii->...i", confusion).astype(float)
    total = confusion.sum(-1) + confusion.sum(-2)
    return np.divide(2 * hit, total, out=np.zeros_like(hit), where=total > 0)
