"""F1 and AUROC of classifier predictions, with intervals over people and seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.auc import auc, leave_one_out_auc
from ecgsynth.evaluation.intervals import (
    DOMINANT_SHARE,
    LeaveOneOut,
    Units,
    interval,
    leave_one_out_seeds,
    units,
    welch,
)
from ecgsynth.signals.ecg import Ecg


@dataclass(frozen=True)
class Figure:
    """A figure, and its values without each person and without each seed."""

    value: float
    people: LeaveOneOut
    seeds: LeaveOneOut

    @property
    def left(self) -> list[LeaveOneOut]:
        """What the figure is without each person, and without each seed."""
        return [self.people, self.seeds]


def scores(test: Ecg, predicted: NDArray[np.floating]) -> dict[str, Estimate]:
    """F1 of each class, macro over N, S, V ("macro NSV") and over all ("all"); AUROC of each class
    and their mean where items carry several.

    predicted: [seed, item, class] probabilities; figures are averaged over the seeds. Intervals are
    over people and seeds. A class with over 80 % of its items from one patient has no interval and
    the note "one patient".
    """
    found, facts = {}, test.people_per_class()
    for name, one in figures(test, predicted).items():
        if facts.get(name, {}).get("largest_share", 0) > DOMINANT_SHARE:
            found[name] = Estimate(one.value, note="one patient")
        elif not np.isfinite(one.value):
            found[name] = Estimate(one.value, note="all or no test items have it: no AUROC")
        else:
            items = int(facts[name]["items"]) if name in facts else len(test)
            note = "AUROC" if test.spec.multilabel else ""
            found[name] = interval(one.value, one.left, items=items, note=note)
    return found


def figures(test: Ecg, predicted: NDArray[np.floating]) -> dict[str, Figure]:
    """The figures of `scores`; two of them on the same people can be compared person by person."""
    return (_aurocs if test.spec.multilabel else _f1s)(test, predicted)


def _f1s(test: Ecg, predicted: NDArray[np.floating]) -> dict[str, Figure]:
    classes, people = test.spec.classes, units(test)
    counts = confusions(test, predicted.argmax(2), people)
    whole = counts.sum(1)
    each, without = f1(whole), f1(whole[:, None] - counts).mean(0)
    found = {
        name: Figure(
            float(each[:, k].mean()),
            LeaveOneOut(without[:, k], people, people.freedom(test.labels_id == k)),
            leave_one_out_seeds(each[:, k]),
        )
        for k, name in enumerate(classes)
    }
    macro = {"all": mean_of([found[name] for name in classes])}
    if {"N", "S", "V"} <= set(classes):
        macro["macro NSV"] = mean_of([found[name] for name in "NSV"])
    return macro | found


def _aurocs(test: Ecg, predicted: NDArray[np.floating]) -> dict[str, Figure]:
    truth, people, found = np.asarray(test.label) > 0, units(test), {}
    for k, name in enumerate(test.spec.classes):
        each = np.array([auc(truth[:, k], one[:, k]) for one in predicted])
        left = [leave_one_out_auc(truth[:, k], one[:, k], [people])[0] for one in predicted]
        without = replace(left[0], values=np.mean([one.values for one in left], 0))
        found[name] = Figure(float(each.mean()), without, leave_one_out_seeds(each))
    # A class without items has no AUROC; the mean is over the other classes.
    known = [one for one in found.values() if np.isfinite(one.value)]
    return {"all": mean_of(known or [*found.values()])} | found


def mean_of(parts: list[Figure]) -> Figure:
    """The mean of figures on the same people, with its joint uncertainty.

    If one of them depends on a single person, the mean without that person is that of the others.
    """
    value = float(np.mean([one.value for one in parts]))
    without = np.array([one.people.values for one in parts])
    known = np.isfinite(without)
    away = np.where(known, without - np.array([[one.value] for one in parts]), 0.0).mean(0)
    spread = [one.people.variance(one.value) if ok.all() else 0.0
              for one, ok in zip(parts, known, strict=True)]  # fmt: skip
    freedom = welch(spread, [one.people for one in parts])
    people = LeaveOneOut(value + away, parts[0].people.units, freedom)
    seeds = replace(parts[0].seeds, values=np.mean([one.seeds.values for one in parts], 0))
    return Figure(value, people, seeds)


def confusions(test: Ecg, predicted: NDArray[np.int64], people: Units) -> NDArray[np.int64]:
    """[seed, person, truth, predicted] counts. predicted: [seed, item]."""
    count = len(test.spec.classes)
    cell = (people.of * count + test.labels_id) * count + predicted
    size = len(people) * count * count
    return np.stack([np.bincount(one, minlength=size) for one in cell]).reshape(
        len(predicted), -1, count, count
    )


def f1(confusion: NDArray) -> NDArray[np.float64]:
    """[..., class] F1 from confusion matrices [..., truth, predicted]; 0 where undefined."""
    hit = np.einsum("...ii->...i", confusion).astype(float)
    total = confusion.sum(-1) + confusion.sum(-2)
    return np.divide(2 * hit, total, out=np.zeros_like(hit), where=total > 0)
