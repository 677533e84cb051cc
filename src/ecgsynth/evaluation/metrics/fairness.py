"""Fairness: figures by sex and by age."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.demographics import Person, people
from ecgsynth.evaluation import Estimate, NotApplicable, Trial, metric
from ecgsynth.evaluation.intervals import Units, group_units, mean_over
from ecgsynth.evaluation.metrics.diversity.coverage import neighbourhoods
from ecgsynth.registry import METRICS

FEW_PEOPLE = 30
"""Least people in a group for a verdict; a figure of fewer only describes these people."""


@METRICS.register("fairness_coverage")
@metric(
    "fairness_coverage", unit="share", goal="higher", needs=("test",), question="fairness",
    reference="coverage (Naeem et al., ICML 2020) of each person's beats, averaged over the "
    "people of a sex or an age group, with equal weights; intervals over people",
)  # fmt: skip
def fairness_coverage(trial: Trial) -> dict[str, Estimate]:
    """Coverage of a person's real beats, by sex and age.

    Coverage is as in `coverage`, each beat within its class; age and sex are from the data set of
    the held-out items.

    Raises
    ------
    NotApplicable: the items do not name their people, or age and sex are not known.
    """
    assert trial.test is not None
    test = trial.test
    if test.patient is None:
        raise NotApplicable("needs the person of each item ('patient' of the set)")
    known = people(test.source)
    if not any(name in known for name in np.unique(test.patient).tolist()):
        raise NotApplicable(f"the age and sex of the people of {test.source} are not known")
    share = _item_coverage(trial)
    judged = np.isfinite(share)
    if not judged.any():
        raise NotApplicable("no class has 10 items in both sets")
    names, which = np.unique(test.patient[judged], return_inverse=True)
    per_person = np.bincount(which, share[judged]) / np.bincount(which)
    found = {}
    for group, within in groups([known.get(name, (None, None)) for name in names.tolist()]).items():
        number = int(within.sum())
        words = f"{number} people" if number != 1 else "1 person"
        if not number:
            found[group] = Estimate(float("nan"), note="0 people")
            continue
        if number < FEW_PEOPLE:
            words += "; a description of these, no verdict"
        each = Units(group_units(number), words.partition(";")[0])
        found[group] = mean_over(per_person[within], each, share=True, note=words)
    return found


def _item_coverage(trial: Trial) -> NDArray[np.float64]:
    """[test item] share of the draws of `coverage` in which it is covered; NaN if not drawn.

    An item of several classes has the value of the last of them.
    """
    assert trial.test is not None
    share = np.full(len(trial.test), np.nan)
    for one in neighbourhoods(trial).values():
        if not isinstance(one, Estimate):
            share[one.rows] = one.hits
    return share


def groups(known: list[Person]) -> dict[str, NDArray[np.bool_]]:
    """Group -> [person] whether the person belongs to it; unknown people belong to none."""
    age = np.array([np.nan if a is None else a for a, _ in known], np.float64)
    sex = np.array([s or "" for _, s in known], np.str_)
    return {
        "women": sex == "F",
        "men": sex == "M",
        "<40": age < 40,
        "40-65": (age >= 40) & (age <= 65),
        ">65": age > 65,
    }
