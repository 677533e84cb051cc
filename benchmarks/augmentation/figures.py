"""F1 of what cells say, its gain over another arm, and intervals by resampled people and seeds.

2,000 draws. A draw takes people with repetition, the same ones for every arm; of an arm it takes
generators (or subsets) with repetition, and of each its classifiers. So a gain is paired.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate
from ecgsynth.evaluation.scores import DOMINATES, DRAWS, f1
from ecgsynth.signals.ecg import Ecg

NSV = ("N", "S", "V")
MACRO, MACRO_ALL = "macro NSV", "macro NSVF"
ONE_PATIENT = "one patient"


def f1s(test: Ecg, said: NDArray) -> NDArray[np.float64]:
    """[class] F1 of the likeliest class. said: [item, class] probabilities."""
    return f1(counted(test, said).sum(0))


def merit(test: Ecg, said: NDArray) -> float:
    """Macro F1 of N, S and V (of all classes where it has others): by this options are chosen."""
    return float(f1s(test, said)[list(_macro_of(test))].mean())


def counted(test: Ecg, said: NDArray) -> NDArray[np.int64]:
    """[person, truth, said] counts; an item is its own person where nobody is named."""
    who = test.patient if test.patient is not None else np.arange(len(test))
    person = np.unique(who, return_inverse=True)[1]
    count = len(test.spec.classes)
    place = (person * count + test.labels_id) * count + said.argmax(1)
    size = (int(person.max()) + 1) * count * count
    return np.bincount(place, minlength=size).reshape(-1, count, count)


@dataclass(frozen=True)
class Figures:
    """Figures of an arm on a set of people: by group the value, and its values in the draws.

    lone: classes that one person dominates; they have no interval.
    """

    value: dict[str, float]
    drawn: dict[str, NDArray[np.float64]]
    lone: tuple[str, ...]

    @classmethod
    def of(cls, test: Ecg, said: Sequence[Sequence[NDArray]], seed: int = 0) -> Figures:
        """said: [generator][classifier] probabilities [item, class] of the test items."""
        tables = [[counted(test, one) for one in each] for each in said]
        people = len(tables[0][0])
        weight = _random(seed, "people").multinomial(people, np.full(people, 1 / people), DRAWS)
        shares = _shares([len(each) for each in said], seed)
        flat = [table for each in tables for table in each]
        names = test.spec.classes
        value = np.mean([f1(table.sum(0)) for table in flat], 0)
        drawn = np.zeros((DRAWS, len(names)))
        for table, share in zip(flat, shares.T, strict=True):
            drawn += share[:, None] * f1(np.tensordot(weight, table, 1))
        columns = {name: [k] for k, name in enumerate(names)}
        columns |= {MACRO: list(_macro_of(test)), MACRO_ALL: list(range(len(names)))}
        facts = test.people_per_class()
        return cls(
            {name: float(value[c].mean()) for name, c in columns.items()},
            {name: drawn[:, c].mean(1) for name, c in columns.items()},
            tuple(n for n, f in facts.items() if f.get("largest_share", 0) > DOMINATES),
        )

    def estimate(self, name: str) -> Estimate:
        """A figure with its 95 % interval."""
        if name in self.lone:
            return Estimate(self.value[name], note=ONE_PATIENT)
        low, high = np.quantile(self.drawn[name], [0.025, 0.975])
        return Estimate(self.value[name], float(low), float(high))

    def gain(self, other: Figures, name: str) -> Estimate:
        """What a figure is above that of another arm, in the same draws of people."""
        value = self.value[name] - other.value[name]
        if name in self.lone:
            return Estimate(value, note=ONE_PATIENT)
        low, high = np.quantile(self.drawn[name] - other.drawn[name], [0.025, 0.975])
        return Estimate(value, float(low), float(high))


def _macro_of(test: Ecg) -> tuple[int, ...]:
    names = test.spec.classes
    kept = NSV if set(NSV) <= set(names) else names
    return tuple(names.index(name) for name in kept)


def _random(seed: int, what: str) -> np.random.Generator:
    return np.random.default_rng([seed, *what.encode()])


def _shares(classifiers: Sequence[int], seed: int) -> NDArray[np.float64]:
    """[draw, cell] weight of each cell when generators, then classifiers of each, are drawn;
    classifiers: how many each generator has."""
    random, count = _random(seed, "seeds"), len(classifiers)
    outer = random.multinomial(count, np.full(count, 1 / count), DRAWS) / count
    each = []
    for k, size in enumerate(classifiers):
        inner = random.multinomial(size, np.full(size, 1 / size), DRAWS) / size
        each.append(outer[:, k : k + 1] * inner)
    return np.concatenate(each, 1)
