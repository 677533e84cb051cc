"""Which statements occur together: drawn from a model, so that no single record's set is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.anonymity import PEOPLE

DRAWN = 4000
"""Sets that are drawn from the model once and kept; they are what is asked for later."""

RIDGE = 0.5
"""Of the regressions, in records: a label that few records carry leans on its plain frequency."""

SEPARATOR = "+"


@dataclass(frozen=True)
class LabelSets:
    """Sets of labels as they occur, drawn from a model of labels and pairs of labels alone.

    Each label is drawn given those before it, the frequent ones first, by a logistic regression (a
    classifier chain, Read et al., Machine Learning 85:333, 2011). A label of fewer than five people
    is never drawn, nor is a pair.

    Attributes
    ----------
    classes: the vocabulary. people: [class, class], of how many people each pair is, on the
    diagonal each class, in steps of five. implied: [class, class], true where the first never comes
    without the second, as a statement never comes without its superclass. sets: [set, class], which
    were drawn. shares: [set].
    """

    classes: tuple[str, ...]
    people: NDArray[np.int64]
    implied: NDArray[np.bool_]
    sets: NDArray[np.bool_]
    shares: NDArray[np.float64]

    @classmethod
    def fit(
        cls, classes: tuple[str, ...], label: NDArray, person: NDArray[np.int64], seed: int = 0, *,
        own_use: bool = False,
    ) -> LabelSets:  # fmt: skip
        """Measure a training set; label: [item, class]; person: [item].

        own_use: of a set of fewer than PEOPLE people, whose model is for their own use; labels and
        pairs of each of them count.
        """
        label = np.asarray(label) > 0
        people = count_people(label, person)
        allowed = people >= (1 if own_use else PEOPLE)
        alone = label.T.astype(int) @ ~label == 0
        implied = alone & allowed & np.diag(allowed)[:, None]
        drawn = _draw_sets(np.random.default_rng(seed), label, allowed)
        drawn = _with_implied(drawn, implied, allowed)
        sets, count = np.unique(drawn, axis=0, return_counts=True)
        rounded = np.where(allowed, np.maximum(5 * (people // 5), 1), 0)
        return cls(classes, rounded, implied, sets, count / count.sum())

    def ask(self, name: str) -> tuple[int, ...]:
        """The columns that a text such as "AFIB+CRBBB" asks for; none for "".

        Raises
        ------
        EcgsynthError: a label is unknown, or too few people have it, or a pair of them.
        """
        asked = []
        for part in filter(None, (one.strip() for one in name.split(SEPARATOR))):
            if part not in self.classes:
                raise EcgsynthError(f"no class named '{part}'.{did_you_mean(part, self.classes)}")
            asked.append(self.classes.index(part))
        for k in asked:
            if not self.people[k, k]:
                raise EcgsynthError(
                    f"'{self.classes[k]}' is not made: fewer than {PEOPLE} of the people that it "
                    "learned from have it."
                )
        for a in asked:
            for b in asked:
                if a < b and not self.people[a, b]:
                    raise EcgsynthError(self._refusal(a, b))
        return tuple(asked)

    def _refusal(self, a: int, b: int) -> str:
        first, second = self.classes[a], self.classes[b]
        near = [
            f"{self.classes[one]}{SEPARATOR}{self.classes[k]}"
            for one in (a, b)
            for k in np.argsort(-self.people[one])[:40]
            if k not in (a, b) and self.people[one, k]
        ][:3]
        return (
            f"'{first}{SEPARATOR}{second}' is not made: fewer than {PEOPLE} of the people that it "
            f"learned from have both; choose one of them, or {', '.join(near)}."
        )

    def choose(self, asked: tuple[int, ...], uniform: NDArray[np.float64]) -> NDArray[np.bool_]:
        """[item, class] sets that hold what is asked; uniform: [item]."""
        fits = self.sets[:, list(asked)].all(1)
        if not fits.any():  # each pair occurs, but all of them together were never drawn
            alone = np.zeros((1, len(self.classes)), bool)
            alone[0, list(asked)] = True
            alone |= self.implied[list(asked)].any(0)
            return np.tile(alone, (len(uniform), 1))
        edges = np.cumsum(self.shares[fits])
        rows = np.minimum(np.searchsorted(edges / edges[-1], uniform), fits.sum() - 1)
        return self.sets[fits][rows]

    def to_json(self) -> dict[str, Any]:
        pairs = [
            [int(a), int(b), int(self.people[a, b])]
            for a, b in np.argwhere(np.triu(self.people) > 0)
        ]
        return {
            "pairs": pairs,
            "implied": np.argwhere(self.implied & ~np.eye(len(self.classes), dtype=bool)).tolist(),
            "sets": [np.flatnonzero(one).tolist() for one in self.sets],
            "counts": np.round(self.shares * DRAWN).astype(int).tolist(),
        }

    @classmethod
    def from_json(cls, classes: tuple[str, ...], data: dict[str, Any]) -> LabelSets:
        """What `to_json` gave.

        Raises
        ------
        KeyError, TypeError, ValueError, IndexError: it is damaged.
        """
        people = np.zeros((len(classes), len(classes)), np.int64)
        for a, b, count in data["pairs"]:
            people[a, b] = people[b, a] = count
        implied = np.eye(len(classes), dtype=bool)
        for a, b in data["implied"]:
            implied[a, b] = True
        sets = np.zeros((len(data["sets"]), len(classes)), bool)
        for row, members in zip(sets, data["sets"], strict=True):
            row[members] = True
        counts = np.asarray(data["counts"], np.float64)
        if len(counts) != len(sets) or not len(sets) or (counts < 0).any() or not counts.sum():
            raise ValueError("its sets of labels and their counts do not fit together")
        return cls(classes, people, implied, sets, counts / counts.sum())


def count_people(label: NDArray[np.bool_], person: NDArray[np.int64]) -> NDArray[np.int64]:
    """[class, class] people with a record that carries both; on the diagonal, one."""
    width = label.shape[1]
    people = np.zeros((width, width), np.int64)
    for a in range(width):
        for b in range(a, width):
            people[a, b] = people[b, a] = len(np.unique(person[label[:, a] & label[:, b]]))
    return people


def _draw_sets(
    random: np.random.Generator, label: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """[DRAWN, class], label by label; one that makes a pair that is not allowed is absent."""
    order = np.argsort(-label.sum(0), kind="stable")
    drawn = np.zeros((DRAWN, label.shape[1]), bool)
    for place, k in enumerate(order):
        if not allowed[k, k]:
            continue
        before = order[:place]
        weight = _regression(label[:, before].astype(float), label[:, k].astype(float))
        clash = (drawn[:, before] & ~allowed[k, before]).any(1)
        chance = _logistic(drawn[:, before] @ weight[1:] + weight[0])
        # Where a pair is not allowed the label is absent; elsewhere as much likelier.
        possible = (~(label[:, before] & ~allowed[k, before]).any(1)).astype(float)
        chance *= label[:, k].mean() / max((label[:, k] * possible).mean(), 1e-9)
        drawn[:, k] = (random.uniform(size=DRAWN) < chance) & ~clash
    return drawn


def _with_implied(
    drawn: NDArray[np.bool_], implied: NDArray[np.bool_], allowed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """The sets with the labels that these imply; one that would make a pair that is not allowed is
    left out with what it implies."""
    whole = np.zeros_like(drawn)
    for k in np.argsort(-np.diag(allowed).astype(int) - implied.sum(0), kind="stable"):
        added = whole | implied[k]
        clash = np.array([(~allowed[np.ix_(one, one)]).any() for one in added])
        rows = drawn[:, k] & ~clash
        whole[rows] = added[rows]
    return whole


def _regression(known: NDArray[np.float64], label: NDArray[np.float64]) -> NDArray[np.float64]:
    """[1 + known] weights of a logistic regression with a ridge, by Newton's method."""
    x = np.column_stack([np.ones(len(known)), known])
    ridge = RIDGE * np.eye(x.shape[1])
    ridge[0, 0] = 1e-6
    weight = np.zeros(x.shape[1])
    for _ in range(25):
        chance = _logistic(x @ weight)
        slope = x.T @ (label - chance) - ridge @ weight
        curve = (x * (chance * (1 - chance))[:, None]).T @ x + ridge
        weight += np.linalg.solve(curve, slope)
    return np.asarray(np.round(weight, 1))


def _logistic(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
