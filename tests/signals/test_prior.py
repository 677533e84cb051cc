"""The prior of contexts: it draws what it measured, and no number in it is a single person's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.anonymity import PEOPLE, round_to_steps
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.prior import ContextPrior, usual_ranges
from ecgsynth.signals.prior.laws import ENOUGH_ITEMS, Law, fit_law, person_weights
from ecgsynth.signals.rr import RR
from ecgsynth.signals.spec import Spec

FLAT = RR[:2]
"""RR before and after alone: numbers that a person has a level of."""


def set_of(
    context: np.ndarray,
    person: np.ndarray | None,
    labels: np.ndarray | None = None,
    names: tuple[str, ...] = FLAT,
    multilabel: bool = False,
) -> Ecg:
    spec = Spec(("MLII",), 360, 8, ("N", "V"), multilabel=multilabel, context=names)
    labels = np.zeros(len(context), int) if labels is None else labels
    label = one_hot(labels, 2) if labels.ndim == 1 else labels
    who = None if person is None else person.astype(np.str_)
    return Ecg(np.zeros((len(context), 1, 8)), spec, label, context, patient=who)


def correlated(count: int, rho: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], count)
    return np.exp(0.15 * z) * 0.8  # skewed, as RR intervals are


def hearts(
    people: int = 18, beats: int = 300, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Context [item, 3], person and class of people with a mean RR each; V beats come early."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), beats)
    mean = np.exp(rng.normal(np.log(0.76), 0.19, people))[person]
    labels = (rng.uniform(size=len(person)) < 0.2).astype(int)
    before = np.where(labels, 0.6, 1.0) * np.exp(rng.normal(0, 0.05, len(person)))
    after = np.where(labels, 1.3, 1.0) * np.exp(rng.normal(0, 0.05, len(person)))
    return np.column_stack([before * mean, after * mean, mean]), person, labels


def draw(prior: ContextPrior, *asked: Any) -> tuple[np.ndarray, np.ndarray]:
    drawn = prior.draw(*asked)
    return drawn.style, drawn.context


def uniform(prior: ContextPrior, count: int, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1e-6, 1 - 1e-6, (count, prior.uniforms))


def fitted(context: np.ndarray, people: int = 20, **words: Any) -> ContextPrior:
    """A prior without styles, of items that so many people gave in turns."""
    person = np.arange(len(context)) % people
    hidden = words.pop("hidden", None)
    return ContextPrior.fit(
        set_of(context, person, **words), np.zeros(len(context), np.int64), hidden
    )


def numbers_in(data: Any) -> Iterator[float]:
    """Every number of what a card holds."""
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list):
        for one in data:
            yield from numbers_in(one)
    elif isinstance(data, int | float):
        yield float(data)


def shares_near(drawn: np.ndarray, values: np.ndarray, within: float) -> np.ndarray:
    """[value] share of what was drawn that lies so near to it."""
    return (np.abs(drawn[:, None] - values) < within).mean(0)


# What is drawn is what was measured.


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.9])
def test_drawn_contexts_have_the_quantiles_and_rank_correlation_of_the_measured(rho: float) -> None:
    real = correlated(6000, rho)
    prior = fitted(real)
    _, drawn = draw(prior, "N", uniform(prior, 6000), {})
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        np.testing.assert_allclose(
            np.quantile(drawn, level, axis=0), np.quantile(real, level, axis=0), rtol=0.03
        )
    assert spearmanr(drawn).statistic == pytest.approx(spearmanr(real).statistic, abs=0.07)


def test_mean_rr_is_drawn_over_people_and_the_ratios_to_it_over_beats() -> None:
    context, person, labels = hearts()
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    means = np.log(np.unique(context[:, 2]))
    for name, early in (("N", 1.0), ("V", 0.6)):
        _, drawn = draw(prior, name, uniform(prior, 8000), {})
        assert np.median(drawn[:, 0] / drawn[:, 2]) == pytest.approx(early, rel=0.02)
        assert np.std(np.log(drawn[:, 0] / drawn[:, 2])) == pytest.approx(0.05, abs=0.01)
        assert np.log(drawn[:, 2]).mean() == pytest.approx(means.mean(), abs=0.03)
        assert np.log(drawn[:, 2]).std() == pytest.approx(means.std(), rel=0.15)


def test_a_style_is_about_as_fast_as_its_person_and_no_nearer() -> None:
    context, person, labels = hearts()
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    styles, drawn = draw(prior, "N", uniform(prior, 20000), {})
    own = np.array([context[person == one, 2][0] for one in range(18)])
    middle = np.array([np.median(drawn[styles == one, 2]) for one in range(18)])
    assert spearmanr(own, middle).statistic > 0.85
    assert len(np.unique(prior.classes["N"].slices, axis=0)) == 18 // PEOPLE
    for one in range(18):  # a third of all paces, and not the person's own
        assert np.ptp(drawn[styles == one, 2]) > 0.08


def test_people_whose_items_differ_much_keep_to_themselves() -> None:
    context, person, labels = hearts(10)
    context, person = context[labels == 0], person[labels == 0]
    restless = person >= 5
    random = np.random.default_rng(1)
    context[restless, 0] *= np.exp(random.normal(0, 0.3, int(restless.sum())))
    prior = ContextPrior.fit(set_of(context, person, None, RR), person)
    styles, drawn = draw(prior, "N", uniform(prior, 6000), {})
    spread = [np.std(np.log(drawn[styles == k, 0] / drawn[styles == k, 2])) for k in range(10)]
    assert max(spread[:5]) < 0.06
    assert min(spread[5:]) > 0.2


def test_items_differ_from_their_person_in_numbers_that_both_have() -> None:
    """As the length of a padded beat, or its size: a level of the person, and spread around it."""
    context, person, _ = hearts()
    random = np.random.default_rng(2)
    level = np.linspace(60, 160, 18)
    hidden = {"valid": level[person] + random.normal(0, 4, len(person))}
    prior = ContextPrior.fit(set_of(context, person, None, RR), person, hidden)
    styles, drawn = draw(prior, "N", uniform(prior, 20000), {})
    assert drawn[:, 3].std() == pytest.approx(hidden["valid"].std(), rel=0.15)
    assert drawn.shape[1] == 4
    assert set(styles) == set(range(18))


def test_classes_have_priors_of_their_own() -> None:
    real = correlated(4000, 0.5)
    labels = np.arange(4000) // 2000
    real[labels == 1, 0] *= 0.6
    prior = fitted(real, labels=labels)
    early, usually = (np.median(draw(prior, c, uniform(prior, 1000), {})[1][:, 0]) for c in "VN")
    assert early / usually == pytest.approx(0.6, rel=0.05)


def test_what_is_yes_or_no_is_drawn_so_in_its_share() -> None:
    random = np.random.default_rng(0)
    context = np.column_stack([random.normal(60, 12, 600), random.uniform(size=600) < 0.3])
    prior = fitted(context, 600, names=("age", "sex"))
    _, drawn = draw(prior, "N", uniform(prior, 5000), {})
    assert set(drawn[:, 1]) == {0.0, 1.0}
    assert drawn[:, 1].mean() == pytest.approx(context[:, 1].mean(), abs=0.04)
    assert drawn[:, 0].std() == pytest.approx(12, rel=0.15)  # without the tails
    _, women = draw(prior, "N", uniform(prior, 50), {"sex": 1.0})
    assert (women[:, 1] == 1).all()


# What a caller holds fixed is kept and conditions the rest.


def test_fixed_context_is_kept_and_conditions_the_rest() -> None:
    prior = fitted(correlated(6000, 0.8))
    middle = []
    for value in (0.65, 0.8, 1.0):
        _, drawn = draw(prior, "N", uniform(prior, 2000), {FLAT[0]: value})
        np.testing.assert_array_equal(drawn[:, 0], value)
        expected = 0.8 * (value / 0.8) ** 0.8  # of the log-normal pair
        middle.append(float(np.median(drawn[:, 1])))
        assert middle[-1] == pytest.approx(expected, rel=0.05)
    assert middle[0] < middle[1] < middle[2]


def test_fixed_context_leaves_an_unrelated_one_alone() -> None:
    prior = fitted(correlated(6000, 0.0))
    free, held = (draw(prior, "N", uniform(prior, 3000), f)[1][:, 1] for f in ({}, {FLAT[0]: 1.0}))
    for level in (0.1, 0.5, 0.9):
        assert np.quantile(held, level) == pytest.approx(np.quantile(free, level), rel=0.04)


def test_all_contexts_fixed_are_all_kept() -> None:
    prior = fitted(correlated(500, 0.5))
    _, drawn = draw(prior, "N", uniform(prior, 50), dict(zip(FLAT, (0.7, 5.0), strict=True)))
    np.testing.assert_array_equal(drawn, np.tile([0.7, 5.0], (50, 1)))


def test_a_fixed_mean_rr_chooses_the_styles_and_moves_the_beats() -> None:
    context, person, labels = hearts()
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    own = np.array([context[person == one, 2][0] for one in range(18)])
    slow = float(np.quantile(own, 0.9))
    styles, drawn = draw(prior, "V", uniform(prior, 4000), {RR[2]: slow})
    assert (drawn[:, 2] == slow).all()
    assert np.median(drawn[:, 0]) == pytest.approx(0.6 * slow, rel=0.02)
    assert np.median(own[styles]) > np.median(own)


def test_a_fixed_rr_before_is_early_or_of_a_fast_heart() -> None:
    context, person, labels = hearts()
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    free = draw(prior, "N", uniform(prior, 4000), {})[1]
    held = draw(prior, "N", uniform(prior, 4000), {RR[0]: 0.55})[1]
    assert (held[:, 0] == 0.55).all()
    assert np.median(held[:, 2]) < np.median(free[:, 2]) - 0.1
    assert np.median(held[:, 2]) == pytest.approx(0.56, abs=0.04)


# Whatever is stored comes of five people, or is coarse.


def test_one_persons_mean_rr_moves_no_stored_number_by_more_than_a_fifth() -> None:
    context, person, labels = hearts()
    sides = []
    for stretch in (1.0, 1.4):
        moved = np.where((person == 3)[:, None], stretch * context, context)
        prior = ContextPrior.fit(set_of(moved, person, labels, RR), person)
        sides.append(np.array([*numbers_in(prior.to_json()["classes"])]))
    change = np.abs(sides[1] - sides[0])
    rounding = 0.02  # a step of a tenth of the SD, .2
    assert 0 < change.max() < np.log(1.4) / PEOPLE + rounding


def test_two_sets_that_differ_by_one_person_do_not_give_that_persons_mean_rr() -> None:
    """Exact means of both would: n m - n' m' is what the items of that person add up to."""
    context, person, labels = hearts()
    every = ContextPrior.fit(set_of(context, person, labels, RR), person)
    own, seen, levels = [], [], []
    for one in range(18):
        rest = person != one
        others = set_of(context[rest], person[rest], labels[rest], RR)
        fewer = ContextPrior.fit(others, person[rest])
        own.append(context[~rest, 2][0])
        seen.append(18 * every.mean[2] - 17 * fewer.mean[2])
        middles = [prior.classes["N"].people.quantiles[2, 10] for prior in (every, fewer)]
        levels.append(np.exp(18 * middles[0] - 17 * middles[1]))
        assert 18 * context[:, 2].mean() - 17 * context[rest, 2].mean() == pytest.approx(own[-1])
    for guess in (seen, levels):
        near = np.abs(np.array(guess) / np.array(own) - 1)
        assert np.median(near) > 0.02 and (near < 0.001).sum() <= 1


def test_a_context_that_few_of_many_people_have_is_coarse() -> None:
    """The ages of two people among twenty."""
    ages = np.full((400, 1), np.nan)
    person = np.repeat(np.arange(20), 20)
    ages[person == 3], ages[person == 7] = 61.3, 64.9
    prior = ContextPrior.fit(set_of(ages, person, names=("age",)), np.zeros(400, np.int64))
    assert prior.mean.tolist() == [65.0] and prior.sd.tolist() == [1.8]
    assert prior.classes["N"].people.quantiles[0, 10] == 65.0


def test_no_mean_rr_of_a_person_can_be_found_in_what_a_prior_draws() -> None:
    context, person, labels = hearts()
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    own = np.unique(context[:, 2])
    others = own + 0.004
    for name in "NV":
        drawn = draw(prior, name, uniform(prior, 20000), {})[1][:, 2]
        near, beside = (shares_near(drawn, at, 0.001).sum() for at in (own, others))
        assert near == pytest.approx(beside, rel=0.25)


def test_nobody_counts_for_more_than_a_fifth_and_few_items_count_for_little() -> None:
    count = np.array([344, 123, 82, 11, 3, 3, 1])
    person = np.repeat(np.arange(7), count)
    share = np.bincount(person, person_weights(person))
    assert share.sum() == pytest.approx(1)
    assert share.max() == pytest.approx(1 / PEOPLE)
    assert (np.diff(share) <= 1e-12).all()
    assert share[-1] < share[3] / 3
    many = np.bincount(person := np.repeat(np.arange(9), 500), person_weights(person))
    np.testing.assert_allclose(many, 1 / 9)


@pytest.mark.parametrize("people", [1, 2, PEOPLE - 1])
def test_numbers_of_fewer_than_five_people_are_coarse(people: int) -> None:
    random = np.random.default_rng(people)
    level = random.uniform(0.5, 1.1, people)
    person = np.repeat(np.arange(people), 200)
    values = (np.log(level[person]) + random.normal(0, 0.002, len(person)))[:, None]
    law = fit_law(values, person, np.array([0.1]))
    middle = law.quantiles[0, 10]
    assert middle == pytest.approx(round(middle, 1))  # tenths of a logarithm
    assert law.moments(0)[1] > 0.08


def test_the_number_of_one_man_with_nearly_all_items_of_a_class_does_not_stand_out() -> None:
    context, person, labels = hearts()
    labels[:] = 0
    labels[person == 3] = 1
    for who in range(8, 13):
        labels[np.flatnonzero(person == who)[:2]] = 1
    own = person == 3
    context[own, 0] = 0.9137 * context[own, 2]
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    drawn = draw(prior, "V", uniform(prior, 8000), {})[1]
    ratio = drawn[:, 0] / drawn[:, 2]
    assert (np.abs(ratio - 0.9137) < 0.002).mean() < 0.1
    assert shares_near(drawn[:, 2], context[own, 2][:1], 0.001)[0] < 0.02


def test_shares_of_styles_are_coarse() -> None:
    np.testing.assert_allclose(
        round_to_steps(np.array([0.6, 0.07, 0.03, 0.012, 0.0081, 1.0])),
        [0.5, 0.05, 0.02, 0.01, 0.01, 1.0],
    )
    context, person, _ = hearts(6, 100)
    kept = np.concatenate([np.flatnonzero(person == k)[: 100 - 17 * k] for k in range(6)])
    prior = ContextPrior.fit(set_of(context[kept], person[kept], None, RR), person[kept])
    steps = round_to_steps(np.bincount(person[kept]) / len(kept))
    np.testing.assert_allclose(prior.classes["N"].shares, steps / steps.sum())


def test_a_group_of_styles_holds_five_people_and_more() -> None:
    context, person, labels = hearts(23)
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    for law in prior.classes.values():
        for kind in (law.slices[:, 0], law.kin):
            assert np.unique(kind, return_counts=True)[1].min() >= PEOPLE
        assert set(law.kin) == set(range(len(law.items)))


def test_a_label_of_fewer_than_five_people_has_no_prior_where_items_carry_several() -> None:
    label = np.zeros((300, 2), np.float32)
    label[:, 0] = 1
    label[:4, 1] = 1
    context = np.random.default_rng(0).normal(60, 9, (300, 1))
    ages = {"names": ("age",), "multilabel": True}
    rare = ContextPrior.fit(set_of(context, np.arange(300), label, **ages), np.zeros(300, np.int64))
    assert set(rare.classes) == {"N"}
    label[4, 1] = 1
    five = ContextPrior.fit(set_of(context, np.arange(300), label, **ages), np.zeros(300, np.int64))
    assert set(five.classes) == {"N", "V"}


# Bad input.


def test_a_set_that_names_no_people_counts_as_one_persons() -> None:
    context, _, labels = hearts(1)
    prior = ContextPrior.fit(set_of(context, None, labels, RR), np.zeros(len(context), np.int64))
    drawn = draw(prior, "V", uniform(prior, 4000), {})[1]
    assert np.isfinite(drawn).all()
    own = context[0, 2]
    assert 0.5 * own < np.median(drawn[:, 2]) < 2 * own
    assert shares_near(drawn[:, 2], np.array([own]), 0.001)[0] < 0.02
    assert np.median(drawn[:, 0] / drawn[:, 2]) == pytest.approx(0.6, rel=0.1)  # still early
    assert abs(prior.mean[2] - own) > 1e-4


def test_a_class_of_one_person_is_made_with_coarse_contexts() -> None:
    context, person, labels = hearts()
    labels[person != 4] = 0
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    styles, drawn = draw(prior, "V", uniform(prior, 4000), {})
    assert set(styles) == {4}
    assert 0.5 < np.median(drawn[:, 0] / drawn[:, 2]) < 0.7
    own = context[person == 4, 2][:1]
    assert shares_near(drawn[:, 2], own, 0.001)[0] < 0.03


def test_contexts_that_nobody_has_stay_unknown_and_the_model_sees_the_mean() -> None:
    context, person, labels = hearts()
    context[:, 1] = np.nan
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    again = ContextPrior.from_json(prior.spec, json.loads(json.dumps(prior.to_json())))
    for one in (prior, again):
        drawn = draw(one, "V", uniform(one, 200), {})[1]
        assert np.isnan(drawn[:, 1]).all()
        assert np.isfinite(drawn[:, [0, 2]]).all()
        assert (one.standardise(drawn)[:, 1] == 0).all()
        assert np.isnan(usual_ranges([one])[RR[1]]).all()
        held = draw(one, "V", uniform(one, 200), {RR[1]: 0.9})[1]
        assert (held[:, 1] == 0.9).all()


def test_a_set_whose_contexts_are_all_unknown_is_drawn_without_any() -> None:
    context, person, labels = hearts(6, 20)
    prior = ContextPrior.fit(set_of(context * np.nan, person, labels, RR), person)
    for fixed in ({}, {RR[2]: 0.8}):
        styles, drawn = draw(prior, "N", uniform(prior, 100), fixed)
        assert len(set(styles)) == 6
        assert np.isnan(drawn[:, :2]).all()


def test_a_class_whose_contexts_are_unknown_borrows_those_of_all() -> None:
    context, person, labels = hearts()
    context[labels == 1, :2] = np.nan
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    drawn = draw(prior, "V", uniform(prior, 1000), {})[1]
    assert np.isfinite(drawn).all()
    assert np.median(drawn[:, 0] / drawn[:, 2]) == pytest.approx(1, abs=0.05)


def test_a_time_of_nothing_counts_as_unknown() -> None:
    context, person, labels = hearts(6, 50)
    context[::7, 0] = 0
    context[3::7, 0] = -1
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person)
    assert (draw(prior, "N", uniform(prior, 500), {})[1] > 0).all()


def test_class_that_is_absent_has_no_prior() -> None:
    assert set(fitted(correlated(50, 0)).classes) == {"N"}


def test_set_without_contexts_still_draws_styles() -> None:
    spec = Spec(("MLII",), 360, 8, ("N",))
    ecg = Ecg(np.zeros((40, 1, 8)), spec, np.ones((40, 1)))
    prior = ContextPrior.fit(ecg, np.repeat([0, 1], 20))
    styles, drawn = draw(prior, "N", uniform(prior, 100), {})
    assert set(styles) == {0, 1}
    assert drawn.shape == (100, 0)
    assert usual_ranges([prior]) == {}


# In a card.


def test_prior_survives_json() -> None:
    context, person, labels = hearts()
    hidden = {"offset": np.random.default_rng(3).normal(0, 0.2, len(person))}
    prior = ContextPrior.fit(set_of(context, person, labels, RR), person, hidden)
    again = ContextPrior.from_json(prior.spec, json.loads(json.dumps(prior.to_json())))
    assert again.hidden == ("offset",)
    for fixed in ({}, {RR[1]: 0.9}):
        many = uniform(prior, 300)
        first, second = (draw(one, "N", many, fixed) for one in (prior, again))
        assert (first[0] == second[0]).mean() > 0.98  # shares are rounded
        same = first[0] == second[0]
        np.testing.assert_allclose(first[1][same], second[1][same], atol=2e-3)


@pytest.mark.parametrize(
    "damage",
    [{}, [], {"mean": [0, 0], "sd": [1, 1], "classes": {"N": [1]}},
     {"mean": [0, 0], "sd": [1, 1], "classes": {"N": {"styles": [0]}}},
     {"mean": [0], "sd": [1], "classes": {}},
     {"mean": [0, 0], "sd": [1, 0], "classes": {}},
     {"mean": [0, float("inf")], "sd": [1, 1], "classes": {}}],
)  # fmt: skip
def test_damaged_prior_in_a_card_is_named(damage: Any) -> None:
    with pytest.raises(EcgsynthError, match="context prior in the card is damaged"):
        ContextPrior.from_json(set_of(correlated(5, 0), None).spec, damage)


@pytest.mark.parametrize(
    "key, value",
    [("kin", [7]), ("by", 9), ("shares", [-1.0]), ("shares", [1.0, 1.0]), ("slices", [1]),
     ("slices", [[0.5, 9]]), ("shares", [float("inf")]),
     ("items", []), ("people", {"quantiles": [[3, 2]], "correlation": [[1]]})],
)  # fmt: skip
def test_a_law_that_points_nowhere_is_damage(key: str, value: Any) -> None:
    prior = fitted(correlated(100, 0.2))
    data = json.loads(json.dumps(prior.to_json()))
    data["classes"]["N"][key] = value
    with pytest.raises(EcgsynthError, match="context prior in the card is damaged"):
        ContextPrior.from_json(prior.spec, data)


def test_standardised_contexts_have_mean_0_and_sd_1_and_unknown_is_0() -> None:
    real = correlated(1000, 0.3)
    prior = fitted(real)
    z = prior.standardise(real)
    np.testing.assert_allclose(z.mean(0), 0, atol=0.06)  # both are kept in steps of a tenth
    np.testing.assert_allclose(z.std(0), 1, atol=0.06)
    assert prior.standardise(np.array([[np.nan, 1e9]])).tolist() == [[0.0, 5.0]]


def test_what_a_model_sees_is_standardised_without_the_hidden_contexts() -> None:
    real = correlated(500, 0.3)
    with_hidden = fitted(real, hidden={"offset": real[:, 0] * 3})
    np.testing.assert_array_equal(with_hidden.standardise(real), fitted(real).standardise(real))


def test_numbers_that_hang_together_as_no_normal_ones_can_still_be_drawn() -> None:
    """Ranks of three that exclude each other would have a negative eigenvalue."""
    turn = np.repeat(np.arange(3), 400)
    values = np.random.default_rng(2).normal(0, 1e-3, (1200, 3)) + np.eye(3)[turn]
    law = fit_law(values, np.arange(1200) % 12, np.zeros(3))
    assert np.linalg.eigvalsh(law.correlation).min() >= 0.02 - 1e-9
    many = np.random.default_rng(9).uniform(0.01, 0.99, (50, 3))
    assert np.isfinite(law.draw(many)).all()


def test_people_without_values_in_common_tell_a_spread_and_no_form() -> None:
    person = np.repeat(np.arange(6), 2 * ENOUGH_ITEMS)
    values = (person + np.random.default_rng(0).normal(0, 0.01, len(person)))[:, None]
    law = fit_law(values, person, np.zeros(1))
    expected = Law(law.quantiles, law.correlation).moments(0)
    assert expected[0] == pytest.approx(values.mean(), abs=0.05)
    assert expected[1] == pytest.approx(values.std(), rel=0.1)
