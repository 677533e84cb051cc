"""F1 of the predictions of cells, gain over another arm, and intervals over people and seeds.

A person is left out of all arms at once, and so is a generator (or subset) where both arms have as
many of them, or the classifier where each has one generator. So a gain is paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.intervals import DOMINANT_SHARE, LeaveOneOut, interval, leave_one_out_seeds
from ecgsynth.evaluation.scores import Figure, f1, figures
from ecgsynth.signals.ecg import Ecg

NSV = ("N", "S", "V")
MACRO, MACRO_ALL = "macro NSV", "macro NSVF"
ONE_PATIENT = "one patient"


def f1s(test: Ecg, predicted: NDArray) -> NDArray[np.float64]:
    """[class] F1 of the most probable class. predicted: [item, class] probabilities."""
    count = len(test.spec.classes)
    cells = np.bincount(test.labels_id * count + predicted.argmax(1), minlength=count * count)
    return f1(cells.reshape(count, count))


def merit(test: Ecg, predicted: NDArray) -> float:
    """Macro F1 of N, S and V (of all classes where it has others): by this options are chosen."""
    names = test.spec.classes
    kept = NSV if set(NSV) <= set(names) else names
    return float(f1s(test, predicted)[[names.index(name) for name in kept]].mean())


@dataclass(frozen=True)
class Figures:
    """Figures of an arm on a set of people, by class or group.

    items: of each. lone: classes that one person dominates; they have no interval.
    """

    known: dict[str, Figure]
    items: dict[str, int]
    lone: tuple[str, ...]

    @classmethod
    def of(cls, test: Ecg, predicted: Sequence[Sequence[NDArray]]) -> Figures:
        """said: [generator][classifier] probabilities [item, class] of the test items."""
        each = [figures(test, np.stack(one)) for one in predicted]
        known = {name: _mean([one[name] for one in each]) for name in each[0]}
        known[MACRO_ALL] = known.pop("all")
        known.setdefault(MACRO, known[MACRO_ALL])
        facts = test.people_per_class()
        return cls(
            known,
            {name: int(facts[name]["items"]) if name in facts else len(test) for name in known},
            tuple(n for n, f in facts.items() if f.get("largest_share", 0) > DOMINANT_SHARE),
        )

    def estimate(self, name: str) -> Estimate:
        """A figure with its 95 % interval."""
        one = self.known[name]
        if name in self.lone:
            return Estimate(one.value, note=ONE_PATIENT)
        return interval(one.value, one.left, items=self.items[name])

    def gain(self, other: Figures, name: str) -> Estimate:
        """Difference of a figure to that of another arm, on the same people."""
        ours, theirs = self.known[name], other.known[name]
        value = ours.value - theirs.value
        if name in self.lone:
            return Estimate(value, note=ONE_PATIENT)
        left = [_minus(ours.people, theirs.people)]
        if len(ours.seeds.units) == len(theirs.seeds.units):
            left.append(_minus(ours.seeds, theirs.seeds))
        else:
            left.append(replace(ours.seeds, values=ours.seeds.values - theirs.value))
            left.append(replace(theirs.seeds, values=ours.value - theirs.seeds.values))
        return interval(value, left, least=-1.0)


def _mean(parts: list[Figure]) -> Figure:
    """Of the figures of several generators, which vary as a whole."""
    values = np.array([one.value for one in parts])
    without = np.mean([one.people.values for one in parts], 0)
    seeds = leave_one_out_seeds(values) if len(parts) > 1 else parts[0].seeds
    return Figure(float(values.mean()), replace(parts[0].people, values=without), seeds)


def _minus(one: LeaveOneOut, other: LeaveOneOut) -> LeaveOneOut:
    freedom = min(one.freedom, other.freedom)
    return replace(one, values=one.values - other.values, freedom=freedom)
