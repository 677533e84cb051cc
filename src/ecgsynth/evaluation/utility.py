"""Is the set good for work? Classifiers trained on synthetic beats and tested on new people."""

from __future__ import annotations

from dataclasses import replace
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
    too_few,
)
from ecgsynth.evaluation.classifiers import QUICK_STEPS, STEPS, fit, predict
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

if TYPE_CHECKING:
    from ecgsynth.evaluation.resnet import ResNet1D

DEFAULT_STEPS = 1500
"""Classifier steps on each side; no early stop, since nothing real may choose the network."""

MOST_GROUPS = 500
"""In which synthetic beats are resampled."""


@METRICS.register("tstr")
@metric(
    "tstr", unit="macro F1", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="Esteban et al. 2017: train on synthetic, test on real; fixed ResNet-1D",
)  # fmt: skip
def tstr(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on new patients of a classifier trained on the synthetic set alone."""
    return scores(_test(trial), trial.said_by_synthetic, trial.random("utility"))


@METRICS.register("trtr")
@metric(
    "trtr", unit="macro F1", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="the same classifier trained on real beats: all of them (class-weighted), or as many "
    "of each class as there are synthetic ones, whichever is better",
)  # fmt: skip
def trtr(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on new patients of the same classifier trained on real beats."""
    return scores(_test(trial), trial.said_by_real, trial.random("utility"))


@METRICS.register("tstr_ratio")
@metric(
    "tstr_ratio", unit="ratio", goal="higher", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="TSTR as a share of TRTR; interval from paired draws of patients",
)  # fmt: skip
def tstr_ratio(trial: Trial) -> dict[str, Estimate]:
    """What a synthetic training set is worth on new patients, as a share of a real one."""
    test = _test(trial)
    synthetic, real = (
        _macros(test, said, trial.random("utility"))  # the same patients are drawn for both
        for said in (trial.said_by_synthetic, trial.said_by_real)
    )
    found = {}
    for name, (value, _) in synthetic.items():
        one, other = (drawn[name][1] for drawn in (synthetic, real))
        low, high = np.nanquantile(one / np.maximum(other, 1e-9), [0.025, 0.975])
        ratio = value / max(real[name][0], 1e-9)
        found[name] = Estimate(float(ratio), float(low), float(high))
    return found


@METRICS.register("trts")
@metric(
    "trts", unit="macro F1", goal="higher", needs=("train", "new_patients"), question="match",
    costly=True,
    reference="Esteban et al. 2017: train on real, test on synthetic; as many real beats of each "
    "class as there are synthetic ones; copies reach the top: to be read beside memorisation",
)  # fmt: skip
def trts(trial: Trial) -> dict[str, Estimate]:
    """Macro F1 on synthetic beats of the classifier that was trained on real ones for TRTR."""
    assert trial.train is not None
    if trial.synthetic.spec.multilabel:
        raise NotApplicable("needs items of one class each")
    found, counts, random = {}, trial.train.counts(), trial.random("trts")
    for name, count in trial.synthetic.counts().items():
        if min(count, counts.get(name, 0)) < MIN_ITEMS:
            found[name] = too_few(min(count, counts.get(name, 0)))
    shared = [name for name in trial.classes if name not in found]
    if len(shared) < 2:
        raise NotApplicable(f"needs two classes of {MIN_ITEMS} synthetic and training items each")
    test = trial.synthetic.with_classes(shared)
    columns = [trial.train.spec.class_index(name) for name in shared]
    said = np.stack(
        [predict(net, test.quantised())[:, columns].argmax(1) for net in trial.taught_by_equal]
    )
    # Synthetic beats have no patients: resampled in groups that chance put together.
    group = random.permutation(len(test)) % min(len(test), MOST_GROUPS)
    return scores(replace(test, patient=group.astype(np.str_)), said, random) | found


def said_by_synthetic(trial: Trial) -> NDArray[np.int64]:
    """[seed, test item] classes that networks trained on the synthetic set tell of new patients."""
    return _said(_taught(trial, trial.synthetic), _test(trial))


def said_by_real(trial: Trial) -> NDArray[np.int64]:
    """[seed, test item] classes that networks trained on real beats tell: on all of them, or on as
    many as there are synthetic ones, whichever is better."""
    assert trial.train is not None
    test = _test(trial)
    said = [_said(trial.taught_by_equal, test)]
    if len(trial.train) > 1.2 * len(_equal(trial)) and not trial.quick:
        said.append(_said(_taught(trial, trial.train.with_classes(trial.classes)), test))
    return max(said, key=lambda one: float(f1(_confusion(test, one).sum(1)).mean()))


def taught_by_equal(trial: Trial) -> list[ResNet1D]:
    """Networks trained on as many real beats of each class as there are synthetic ones."""
    return _taught(trial, _equal(trial))


def _equal(trial: Trial) -> Ecg:
    assert trial.train is not None
    return match_counts(trial.train, trial.synthetic, trial.random("trtr"))[0]


def _taught(trial: Trial, train: Ecg) -> list[ResNet1D]:
    """One network a seed."""
    train = train.quantised()
    return [fit(train, None, steps=steps(trial), seed=trial.seed + k) for k in range(trial.seeds)]


def _said(nets: list[ResNet1D], test: Ecg) -> NDArray[np.int64]:
    test = test.quantised()
    return np.stack([predict(net, test).argmax(1) for net in nets])


def _test(trial: Trial) -> Ecg:
    assert trial.new_patients is not None
    return trial.new_patients.with_classes(trial.classes)


def steps(trial: Trial) -> int:
    return QUICK_STEPS if trial.quick else min(STEPS, DEFAULT_STEPS)


def scores(test: Ecg, said: NDArray[np.int64], random: np.random.Generator) -> dict[str, Estimate]:
    """F1 of each class, macro over N, S, V ("macro NSV") and over all ("all").

    said: [seed, item]; F1 is averaged over the seeds. Intervals: 2,000 bootstrap draws over
    patients and seeds. A class that one patient dominates (over 80 % of its beats) has no interval
    and says "one patient".
    """
    found = {}
    for name, (value, drawn) in _macros(test, said, random, single=True).items():
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        found[name] = Estimate(value, float(low), float(high))
    confusion = _confusion(test, said[:1])[0]
    for k, name in enumerate(test.spec.classes):
        sizes = confusion[:, k].sum(1)
        if sizes.sum() and sizes.max() / sizes.sum() > 0.8:
            found[name] = Estimate(found[name].value, note="one patient")
    return found


def _confusion(test: Ecg, said: NDArray[np.int64]) -> NDArray[np.int64]:
    """[seed, patient, truth, said] counts; an item is its own patient where nobody is named."""
    count = len(test.spec.classes)
    people, person = np.unique(
        test.patient if test.patient is not None else np.arange(len(test)), return_inverse=True
    )
    cell = (person * count + test.labels_id) * count + said
    size = len(people) * count * count
    return np.stack([np.bincount(one, minlength=size) for one in cell]).reshape(
        len(said), -1, count, count
    )


def _macros(
    test: Ecg, said: NDArray[np.int64], random: np.random.Generator, single: bool = False
) -> dict[str, tuple[float, NDArray[np.float64]]]:
    """Macro F1 (and the classes' own when `single`) with its values in 2,000 draws of patients
    and seeds."""
    classes, confusion = test.spec.classes, _confusion(test, said)
    seeds, people = confusion.shape[:2]
    weight = random.multinomial(people, np.full(people, 1 / people), 2000)
    share = random.multinomial(seeds, np.full(seeds, 1 / seeds), 2000) / seeds
    each = np.stack([f1(np.tensordot(weight, one, 1)) for one in confusion], 1)
    drawn, value = (each * share[:, :, None]).sum(1), f1(confusion.sum(1)).mean(0)
    groups = {"all": list(range(len(classes)))}
    if {"N", "S", "V"} <= set(classes):
        groups["macro NSV"] = [classes.index(name) for name in "NSV"]
    if single:
        groups |= {name: [k] for k, name in enumerate(classes)}
    return {n: (float(value[c].mean()), drawn[:, c].mean(1)) for n, c in groups.items()}


def f1(confusion: NDArray) -> NDArray[np.float64]:
    """[..., class] F1 from confusion matrices [..., truth, predicted]; 0 where undefined."""
    hit = np.einsum("...ii->...i", confusion).astype(float)
    total = confusion.sum(-1) + confusion.sum(-2)
    return np.divide(2 * hit, total, out=np.zeros_like(hit), where=total > 0)
