"""F1 and AUROC of what classifiers say, with their spread over patients and seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.auc import auc, bootstrap_auc
from ecgsynth.signals.ecg import Ecg

DRAWS, AUC_DRAWS = 2000, 500
"""Bootstrap draws over patients (and seeds)."""

DOMINATES = 0.8
"""Share of a class above which its patient is said to be the only one."""

Spread = dict[str, tuple[float, NDArray[np.float64]]]
"""Group -> the figure and its values in the draws."""


def scores(
    test: Ecg, said: NDArray[np.floating], random: np.random.Generator
) -> dict[str, Estimate]:
    """F1 of each class, macro over N, S, V ("macro NSV") and over all ("all"); AUROC of each class
    and their mean where items carry several.

    said: [seed, item, class] probabilities; figures are averaged over the seeds. Intervals:
    bootstrap draws over patients (and, for F1, seeds). A class that one patient dominates (over
    80 % of its items) has no interval and says "one patient".
    """
    found = {}
    for name, (value, drawn) in spread(test, said, random).items():
        if not np.isfinite(value):
            found[name] = Estimate(value, note="all or no test items carry it: no AUROC")
            continue
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        note = "AUROC" if test.spec.multilabel else ""
        found[name] = Estimate(value, float(low), float(high), note)
    for name, facts in test.people_per_class().items():
        if facts.get("largest_share", 0) > DOMINATES:
            found[name] = Estimate(found[name].value, note="one patient")
    return found


def spread(test: Ecg, said: NDArray[np.floating], random: np.random.Generator) -> Spread:
    """The figures of `scores` with their values in draws of patients.

    Two sets of answers get the same draws from generators in the same state.
    """
    one: Callable[..., Spread] = _aurocs if test.spec.multilabel else _f1s
    return one(test, said, random)


def _f1s(test: Ecg, said: NDArray[np.floating], random: np.random.Generator) -> Spread:
    classes, counts = test.spec.classes, _confusion(test, said.argmax(2))
    seeds, people = counts.shape[:2]
    weight = random.multinomial(people, np.full(people, 1 / people), DRAWS)
    share = random.multinomial(seeds, np.full(seeds, 1 / seeds), DRAWS) / seeds
    each = np.stack([f1(np.tensordot(weight, one, 1)) for one in counts], 1)
    drawn, value = (each * share[:, :, None]).sum(1), f1(counts.sum(1)).mean(0)
    groups = {"all": list(range(len(classes)))}
    if {"N", "S", "V"} <= set(classes):
        groups["macro NSV"] = [classes.index(name) for name in "NSV"]
    groups |= {name: [k] for k, name in enumerate(classes)}
    return {n: (float(value[c].mean()), drawn[:, c].mean(1)) for n, c in groups.items()}


def _aurocs(test: Ecg, said: NDArray[np.floating], random: np.random.Generator) -> Spread:
    truth, person, seed = np.asarray(test.label) > 0, _people(test), int(random.integers(2**31))
    found = {}
    for k, name in enumerate(test.spec.classes):
        value = np.mean([auc(truth[:, k], one[:, k]) for one in said])
        # The same people are drawn for every class and every network.
        drawn = [bootstrap_auc(truth[:, k], one[:, k], person, seed, AUC_DRAWS) for one in said]
        found[name] = float(value), np.mean(drawn, 0)
    whole = [one for one in found.values() if np.isfinite(one[0])]
    if not whole:
        return {"all": (float("nan"), np.full(AUC_DRAWS, np.nan))} | found
    macro = float(np.mean([value for value, _ in whole]))
    # A draw without any carrier of a rare class has no AUROC of it; the others still have.
    return {"all": (macro, np.nanmean([drawn for _, drawn in whole], 0))} | found


def _people(test: Ecg) -> NDArray[np.int64]:
    """[item] number of its patient; an item is its own where nobody is named."""
    who = test.patient if test.patient is not None else np.arange(len(test))
    return np.unique(who, return_inverse=True)[1]


def _confusion(test: Ecg, said: NDArray[np.int64]) -> NDArray[np.int64]:
    """[seed, patient, truth, said] counts. said: [seed, item]."""
    count, person = len(test.spec.classes), _people(test)
    cell = (person * count + test.labels_id) * count + said
    size = (person.max() + 1) * count * count
    return np.stack([np.bincount(one, minlength=size) for one in cell]).reshape(
        len(said), -1, count, count
    )


def f1(confusion: NDArray) -> NDArray[np.float64]:
    """[..., class] F1 from confusion matrices [..., truth, predicted]; 0 where undefined."""
    hit = np.einsum("...ii->...i", confusion).astype(float)
    total = confusion.sum(-1) + confusion.sum(-2)
    return np.divide(2 * hit, total, out=np.zeros_like(hit), where=total > 0)
