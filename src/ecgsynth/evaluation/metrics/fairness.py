"""Is everybody as well represented as the others? Figures by sex and by age."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.demographics import Person, people
from ecgsynth.evaluation import Estimate, NotApplicable, Trial, metric
from ecgsynth.evaluation.intervals import Units, dealt, mean_over
from ecgsynth.evaluation.metrics.diversity.coverage import neighbourhoods
from ecgsynth.registry import METRICS

FEW_PEOPLE = 30
"""In a group, below which its figure describes these people and no others."""


@METRICS.register("fairness_coverage")
@metric(
    "fairness_coverage", unit="share", goal="higher", needs=("test",), question="fairness",
    reference="coverage (Naeem et al., ICML 2020) of each person's beats, averaged over the people "
    "of a sex or an age, so that everybody counts alike; intervals over people",
)  # fmt: skip
def fairness_coverage(trial: Trial) -> dict[str, Estimate]:
    """Share of a person's real beats with a synthetic beat close by, by sex and age.

    Covered as in `coverage`, each beat within its class; age and sex are those that the data set
    of the held-out items tells.

    Raises
    ------
    NotApplicable: the items do not name their people, or nothing is known of these.
    """
    assert trial.test is not None
    test = trial.test
    if test.patient is None:
        raise NotApplicable("needs to know which person gave which item ('patient' of the set)")
    known = people(test.source)
    if not any(name in known for name in np.unique(test.patient).tolist()):
        raise NotApplicable(f"the age and sex of the people of {test.source} are not known")
    share = _covered(trial)
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
        each = Units(dealt(number), words.partition(";")[0])
        found[group] = mean_over(per_person[within], each, share=True, note=words)
    return found


def _covered(trial: Trial) -> NDArray[np.float64]:
    """[test item] in what share of the draws of `coverage` it is covered; NaN if it was not drawn.

    An item of several classes has the value of the last of them.
    """
    assert trial.test is not None
    share = np.full(len(trial.test), np.nan)
    for one in neighbourhoods(trial).values():
        if not isinstance(one, Estimate):
            share[one.rows] = one.covered
    return share


def groups(known: list[Person]) -> dict[str, NDArray[np.bool_]]:
    """Group -> [person] whether he or she belongs to it; who is not known belongs to none."""
    age = np.array([np.nan if a is None else a for a, _ in known], np.float64)
    sex = np.array([s or "" for _, s in known], np.str_)
    return {
        "women": sex == "F",
        "men": sex == "M",
        "<40": age < 40,
        "40-65": (age >= 40) & (age <= 65),
        ">65": age > 65,
    }
