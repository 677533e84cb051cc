"""Contexts that lead to the people who were learned from are found, and those of a prior do not."""

from __future__ import annotations

import numpy as np
import pytest

from ecgsynth.evaluation import NotApplicable, Trial
from ecgsynth.evaluation.metrics.privacy.linkability import context_hits, context_linkability
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.rr import RR
from ecgsynth.signals.spec import Spec

BEATS = 60


def people(count: int, first: int, seed: int = 0, names: tuple[str, ...] = RR) -> Ecg:
    """Beats of people with a mean RR each, who are numbered from `first` on."""
    random = np.random.default_rng([seed, first])
    person = np.repeat(np.arange(count), BEATS)
    mean = np.exp(random.normal(np.log(0.76), 0.19, count))[person]
    near = np.exp(random.normal(0, 0.05, (2, len(person)))) * mean
    context = np.column_stack([*near, mean])[:, : len(names)]
    who = np.char.add("p", (person + first).astype(np.str_))
    return items(context, names, who)


def items(context: np.ndarray, names: tuple[str, ...], who: np.ndarray | None = None) -> Ecg:
    spec = Spec(("MLII",), 360, 8, context=names)
    return Ecg(np.zeros((len(context), 1, 8)), spec, context=context, patient=who)


def drawn_of(prior: ContextPrior, seed: int = 0) -> Ecg:
    uniform = np.random.default_rng(seed).uniform(size=(4000, prior.uniforms))
    return items(prior.draw("", uniform, {}).context, prior.spec.context)


def as_once(train: Ecg) -> Ecg:
    """Contexts as earlier priors drew them: of each style, which is a person, its own mean RR."""
    assert train.context is not None
    context = np.array(train.context)
    random = np.random.default_rng(5)
    context[:, :2] = context[random.permutation(len(context)), :2]
    return items(context + np.array([0, 0, 2e-5]), train.spec.context)


@pytest.fixture(scope="module")
def sides() -> tuple[Ecg, Ecg]:
    return people(30, 0), people(20, 100)


def test_numbers_of_people_are_found_where_items_carry_them(sides: tuple[Ecg, Ecg]) -> None:
    train, new = sides
    trial = Trial(as_once(train), train=train, new_patients=new)
    found = context_linkability.measure(trial)["all"]
    assert found.value > 0.9
    assert found.low is not None
    assert found.low > 0.7
    hits = context_hits.measure(trial)["all"]
    assert hits.value > 0.02
    assert hits.low is not None
    assert hits.low > 0
    assert "rr_mean_s: 30 people against 20" in found.note


@pytest.mark.parametrize("styled", [True, False])
def test_a_prior_leads_to_nobody(sides: tuple[Ecg, Ecg], styled: bool) -> None:
    areas, more = [], []
    for seed in range(8):
        train, new = people(30, 0, seed), people(20, 100, seed)
        style = np.repeat(np.arange(30), BEATS) * styled
        trial = Trial(drawn_of(ContextPrior.fit(train, style)), train=train, new_patients=new)
        area = context_linkability.measure(trial)["all"]
        assert area.low is not None
        areas.append(area.value)
        more.append(context_hits.measure(trial)["all"].value)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.1)
    assert abs(np.mean(more)) < 0.001


def test_a_number_that_items_vary_in_is_nobodys(sides: tuple[Ecg, Ecg]) -> None:
    train, new = (people(count, first, names=RR[:2]) for count, first in ((30, 0), (20, 100)))
    loose = items(np.array(train.context) * 1.3, RR[:2], train.patient)
    random = np.random.default_rng(0)
    noisy = items(random.normal(0.8, 0.1, loose.context.shape), RR[:2], train.patient)  # type: ignore[union-attr]
    with pytest.raises(NotApplicable, match="no context of these sets is constant per person"):
        context_linkability.measure(Trial(noisy, train=noisy, new_patients=new))


def test_ages_are_numbers_of_people() -> None:
    random = np.random.default_rng(3)
    ages = random.normal(60, 12, 120).round(2)
    who = np.char.add("p", np.arange(120).astype(np.str_))
    train, new = (
        items(ages[rows, None], ("age",), who[rows]) for rows in (slice(80), slice(80, 120))
    )
    leaking = items(np.repeat(ages[:80], 20)[:, None], ("age",))
    assert context_linkability.measure(
        Trial(leaking, train=train, new_patients=new)
    )["all"].value > 0.95  # fmt: skip
    prior = ContextPrior.fit(train, np.zeros(80, np.int64))
    hits = context_hits.measure(Trial(drawn_of(prior), train=train, new_patients=new))["all"]
    assert hits.low is not None
    assert hits.low < 0


@pytest.mark.parametrize(
    "spoil, reason",
    [("nobody", "needs the person of each"), ("same", "all people of one set"),
     ("missing", "no context of these sets"), ("none", "no context of these sets")],
)  # fmt: skip
def test_what_cannot_be_judged_says_why(sides: tuple[Ecg, Ecg], spoil: str, reason: str) -> None:
    train, new = sides
    made = as_once(train)
    if spoil == "nobody":
        train = items(np.array(train.context), RR)
    elif spoil == "same":
        new = train
    elif spoil == "missing":
        made = items(np.array(made.context) * np.nan, RR)
    else:
        train, new, made = (items(np.zeros((len(e), 0)), (), e.patient) for e in (train, new, made))
    for figure in (context_linkability, context_hits):
        with pytest.raises(NotApplicable, match=reason):
            figure.measure(Trial(made, train=train, new_patients=new))


def test_one_person_alone_is_judged_without_an_interval() -> None:
    trial = Trial(as_once(people(1, 0)), train=people(1, 0), new_patients=people(4, 100))
    found = context_linkability.measure(trial)["all"]
    assert found.value == 1
    assert found.low is None
    assert context_hits.measure(trial)["all"].value > 0.9
