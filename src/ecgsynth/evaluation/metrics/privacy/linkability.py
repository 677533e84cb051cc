"""Context linkability: do the contexts of a set alone identify people of the training set?

A mean RR or an age that belongs to one person would identify every item that has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, NotApplicable, Trial, metric
from ecgsynth.evaluation.auc import auc_over
from ecgsynth.evaluation.intervals import Units, group_units, interval, leave_one_out, weighted
from ecgsynth.registry import METRICS
from ecgsynth.signals.anonymity import people_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior.columns import Columns
from ecgsynth.signals.prior.measured import is_per_person, person_means

NEAR_S = 1e-3
"""Tolerance of a hit on a person's own value, s."""

NEAR = 1e-3
"""Tolerance for a value that is no time, as a share of its SD over people."""


@dataclass(frozen=True)
class Number:
    """A context that is constant per person: its value of every person and synthetic item.

    near: tolerance of a hit. trained, new: [person].
    synthetic: [item].
    """

    name: str
    near: float
    trained: NDArray[np.float64]
    new: NDArray[np.float64]
    synthetic: NDArray[np.float64]

    @property
    def people(self) -> NDArray[np.float64]:
        """[person] values, those of training people first."""
        return np.concatenate([self.trained, self.new])

    @property
    def truth(self) -> NDArray[np.float64]:
        """[person] 1 for training people."""
        return np.repeat([1.0, 0.0], [len(self.trained), len(self.new)])

    @property
    def units(self) -> Units:
        count = len(self.people)
        return Units(group_units(count), f"{count} people")

    @property
    def distance(self) -> NDArray[np.float64]:
        """[person] to the nearest synthetic item."""
        made = np.sort(self.synthetic)
        at = np.clip(np.searchsorted(made, self.people), 1, max(len(made) - 1, 1))
        beside = made[np.stack([at - 1, np.minimum(at, len(made) - 1)])]
        return np.abs(beside - self.people).min(axis=0)

    @property
    def hits(self) -> NDArray[np.float64]:
        """[person] share of the synthetic items within the tolerance."""
        made = np.sort(self.synthetic)
        first = np.searchsorted(made, self.people - self.near)
        last = np.searchsorted(made, self.people + self.near, side="right")
        return (last - first) / len(made)

    @property
    def words(self) -> str:
        return f"{self.name}: {len(self.trained)} people against {len(self.new)}"


@METRICS.register("context_linkability")
@metric(
    "context_linkability", unit="AUC", goal="match", needs=("train", "new_patients"),
    question="privacy",
    reference="a person's score is the distance of the own value (a mean RR, an age) to the "
    "nearest synthetic item's; .50 = guessing, 1 = all people are found",
)  # fmt: skip
def context_linkability(trial: Trial) -> dict[str, Estimate]:
    """AUC of an attack by contexts alone that separates training people from new people.

    If there are several such contexts, the one with the highest AUC.

    Raises
    ------
    NotApplicable: a set does not name its people, no context is constant per person, or the same
    people are in both sets.
    """
    found = [
        auc_over(one.truth, [-one.distance], [one.units], note=one.words)
        for one in numbers_of(trial)
    ]
    return {"all": max(found, key=lambda one: one.value)}


@METRICS.register("context_hits")
@metric(
    "context_hits", unit="share", goal="match", needs=("train", "new_patients"),
    question="privacy",
    reference="share of the synthetic items within 1 ms of a training person's mean RR (a "
    "thousandth of its SD for other values), minus that of a new person; 0 = chance",
)  # fmt: skip
def context_hits(trial: Trial) -> dict[str, Estimate]:
    """How much more often synthetic contexts hit the value of a training person than of a new one.

    Means over people. If there are several such contexts, the one with the most hits.

    Raises
    ------
    NotApplicable: see `context_linkability`.
    """

    def measured(one: Number) -> Estimate:
        hits, truth = one.hits, one.truth

        def more(weight: NDArray[np.float64]) -> float:
            return weighted(hits, weight * truth) - weighted(hits, weight * (1 - truth))

        value = more(np.ones(len(hits)))
        note = f"{one.words}; {weighted(hits, truth):.3g} against {weighted(hits, 1 - truth):.3g}"
        return interval(value, leave_one_out(more, [one.units]), least=-1.0, note=note)

    return {"all": max(map(measured, numbers_of(trial)), key=lambda one: one.value)}


def numbers_of(trial: Trial) -> list[Number]:
    """The contexts of a trial that are constant per person.

    Raises
    ------
    NotApplicable: there is none, or the people are not known.
    """
    assert trial.train is not None
    assert trial.new_patients is not None
    if trial.train.patient is None or trial.new_patients.patient is None:
        raise NotApplicable("needs the person of each item ('patient' of the sets)")
    known = set(trial.train.patient.tolist()) & set(trial.new_patients.patient.tolist())
    sides = [
        e[~np.isin(np.asarray(e.patient), [*known])] for e in (trial.train, trial.new_patients)
    ]
    if not all(len(side) for side in sides):
        raise NotApplicable("all people of one set are in the other too")
    found = [*_numbers(sides[0], sides[1], trial.synthetic)]
    if not found:
        raise NotApplicable("no context of these sets is constant per person")
    return found


def _numbers(train: Ecg, new: Ecg, synthetic: Ecg) -> Iterator[Number]:
    # A binary context cannot identify a person.
    levels = {name: known for name, known in _levels(train) if not np.isin(known, (0, 1)).all()}
    others = dict(_levels(new, levels))
    for name, trained in levels.items():
        if name not in synthetic.spec.context or not len(others.get(name, ())):
            continue
        made = np.asarray(synthetic.context, np.float64)[:, synthetic.spec.context.index(name)]
        made = made[np.isfinite(made)]
        if len(made):
            everybody = np.concatenate([trained, others[name]])
            near = NEAR_S if name.endswith("_s") else NEAR * float(everybody.std())
            yield Number(name, near, trained, others[name], made)


def _levels(
    ecg: Ecg, wanted: dict[str, NDArray[np.float64]] | None = None
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Contexts and the value of every person: those that are constant per person, or the named
    ones."""
    columns, person = Columns(ecg.spec.context), people_of(ecg)
    counted = columns.to_working(np.asarray(ecg.context, np.float64))
    levels = person_means(counted, person)
    owned = is_per_person(counted, levels, person, columns)
    for k, name in enumerate(columns.names):
        if owned[k] if wanted is None else name in wanted:
            known = levels[np.isfinite(levels[:, k]), k]
            yield name, np.exp(known) if columns.times[k] else known
