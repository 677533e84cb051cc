"""The prior of contexts: it draws what it measured, and keeps nobody's values."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import spearmanr

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.prior import FEW, LEAST, ContextPrior
from ecgsynth.signals.spec import Spec

RR = ("rr_before_s", "rr_after_s")


def set_of(context: np.ndarray, labels: np.ndarray | None = None) -> Ecg:
    spec = Spec(("MLII",), 360, 8, ("N", "V"), context=RR)
    labels = np.zeros(len(context), int) if labels is None else labels
    return Ecg(np.zeros((len(context), 1, 8)), spec, one_hot(labels, 2), context)


def correlated(count: int, rho: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], count)
    return np.exp(0.15 * z) * 0.8  # skewed, as RR intervals are


def uniform(count: int, seed: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1e-6, 1 - 1e-6, (count, 3))


def one_style(count: int) -> np.ndarray:
    return np.zeros(count, np.int64)


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.9])
def test_drawn_contexts_have_the_quantiles_and_rank_correlation_of_the_measured(rho: float) -> None:
    real = correlated(5000, rho)
    prior = ContextPrior.fit(set_of(real), one_style(5000))
    _, drawn = prior.draw("N", uniform(5000), {})
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        np.testing.assert_allclose(
            np.quantile(drawn, level, axis=0), np.quantile(real, level, axis=0), rtol=0.02
        )
    assert spearmanr(drawn).statistic == pytest.approx(spearmanr(real).statistic, abs=0.05)


def test_no_draw_goes_beyond_the_kept_quantiles() -> None:
    real = correlated(2000, 0.5)
    prior = ContextPrior.fit(set_of(real), one_style(2000))
    _, drawn = prior.draw("N", uniform(5000), {})
    assert (drawn.min(0) >= np.quantile(real, 0.01, axis=0) - 1e-6).all()
    assert (drawn.max(0) <= np.quantile(real, 0.99, axis=0) + 1e-6).all()


def test_styles_come_in_their_shares_each_with_its_own_contexts() -> None:
    real = correlated(4000, 0.5)
    style = np.repeat([3, 7], [1000, 3000])
    real[style == 7] += 1.0
    prior = ContextPrior.fit(set_of(real), style)
    styles, drawn = prior.draw("N", uniform(4000), {})
    assert (styles == 3).mean() == pytest.approx(0.25, abs=0.03)
    assert drawn[styles == 3].max() < 1.5 < drawn[styles == 7].min() + 0.3


def test_fixed_context_is_kept_and_conditions_the_rest() -> None:
    prior = ContextPrior.fit(set_of(correlated(5000, 0.8)), one_style(5000))
    middle = []
    for value in (0.65, 0.8, 1.0):
        _, drawn = prior.draw("N", uniform(2000), {"rr_before_s": value})
        np.testing.assert_array_equal(drawn[:, 0], value)
        expected = 0.8 * (value / 0.8) ** 0.8  # of the log-normal pair
        middle.append(float(np.median(drawn[:, 1])))
        assert middle[-1] == pytest.approx(expected, rel=0.04)
    assert middle[0] < middle[1] < middle[2]


def test_fixed_context_leaves_an_unrelated_one_alone() -> None:
    prior = ContextPrior.fit(set_of(correlated(5000, 0.0)), one_style(5000))
    free, held = (prior.draw("N", uniform(3000), f)[1][:, 1] for f in ({}, {"rr_before_s": 1.0}))
    for level in (0.1, 0.5, 0.9):
        assert np.quantile(held, level) == pytest.approx(np.quantile(free, level), rel=0.03)


def test_all_contexts_fixed_are_all_kept() -> None:
    prior = ContextPrior.fit(set_of(correlated(500, 0.5)), one_style(500))
    _, drawn = prior.draw("N", uniform(50), {"rr_before_s": 0.7, "rr_after_s": 5.0})
    np.testing.assert_array_equal(drawn, np.tile([0.7, 5.0], (50, 1)))


def test_fixed_context_makes_the_styles_likelier_in_which_it_is_usual() -> None:
    real = correlated(2000, 0.5)
    style = np.repeat([0, 1], 1000)
    real[style == 1] += 0.6
    prior = ContextPrior.fit(set_of(real), style)
    styles, _ = prior.draw("N", uniform(500), {"rr_before_s": 1.4})
    assert (styles == 1).mean() > 0.95


def test_classes_have_priors_of_their_own() -> None:
    real = correlated(2000, 0.5)
    labels = np.repeat([0, 1], 1000)
    real[labels == 1, 0] *= 0.6
    prior = ContextPrior.fit(set_of(real, labels), one_style(2000))
    early, usual = (np.median(prior.draw(c, uniform(1000), {})[1][:, 0]) for c in "VN")
    assert early / usual == pytest.approx(0.6, rel=0.05)


@pytest.mark.parametrize("count", [1, 2, LEAST, FEW - 1])
def test_group_of_few_beats_keeps_none_of_their_values(count: int) -> None:
    real = correlated(500 + count, 0.5)
    real[-count:] = real[-count:] * 3 + 0.0123
    style = np.repeat([0, 1], [500, count])
    prior = ContextPrior.fit(set_of(real), style)
    few = next(group for group in prior.groups["N"] if group.style == 1)
    for column in range(2):
        gap = np.abs(few.quantiles[column][:, None] - real[-count:, column])
        assert gap.min() > 1e-6
    np.testing.assert_array_equal(few.correlation, np.eye(2))


def test_group_whose_contexts_are_unknown_borrows_those_of_its_class() -> None:
    real = correlated(300, 0.5)
    real[-8:] = np.nan
    prior = ContextPrior.fit(set_of(real), np.repeat([0, 1], [292, 8]))
    styles, drawn = prior.draw("N", uniform(2000), {})
    assert (styles == 1).any()
    assert np.isfinite(drawn).all()
    assert drawn[styles == 1].min() > 0.4


def test_class_that_is_absent_has_no_prior() -> None:
    assert set(ContextPrior.fit(set_of(correlated(50, 0)), one_style(50)).groups) == {"N"}


def test_prior_survives_json() -> None:
    prior = ContextPrior.fit(set_of(correlated(500, 0.6)), np.repeat([0, 4], 250))
    again = ContextPrior.from_json(prior.spec, json.loads(json.dumps(prior.to_json())))
    for fixed in ({}, {"rr_after_s": 0.9}):
        for first, second in zip(
            prior.draw("N", uniform(300), fixed), again.draw("N", uniform(300), fixed), strict=True
        ):
            np.testing.assert_allclose(first, second, atol=2e-3)


@pytest.mark.parametrize(
    "damage",
    [{}, {"mean": [0, 0], "sd": [1, 1], "groups": {"N": [{"style": 0}]}},
     {"mean": [0, 0], "sd": [1, 1],
      "groups": {"N": [{"style": 0, "share": 1, "quantiles": [1], "correlation": [1]}]}}],
)  # fmt: skip
def test_damaged_prior_in_a_card_is_named(damage: dict) -> None:
    with pytest.raises(EcgsynthError, match="context prior in the card is damaged"):
        ContextPrior.from_json(set_of(correlated(5, 0)).spec, damage)


def test_standardised_contexts_have_mean_0_and_sd_1_and_unknown_is_0() -> None:
    real = correlated(1000, 0.3)
    prior = ContextPrior.fit(set_of(real), one_style(1000))
    z = prior.standardise(real)
    np.testing.assert_allclose(z.mean(0), 0, atol=0.01)
    np.testing.assert_allclose(z.std(0), 1, atol=0.01)
    assert prior.standardise([[np.nan, 1e9]]).tolist() == [[0.0, 5.0]]


def test_set_without_contexts_still_draws_styles() -> None:
    spec = Spec(("MLII",), 360, 8, ("N",))
    ecg = Ecg(np.zeros((40, 1, 8)), spec, np.ones((40, 1)))
    prior = ContextPrior.fit(ecg, np.repeat([0, 1], 20))
    styles, drawn = prior.draw("N", uniform(100)[:, :1], {})
    assert set(styles) == {0, 1}
    assert drawn.shape == (100, 0)


def test_hidden_contexts_are_drawn_together_with_those_a_model_sees() -> None:
    real = correlated(4000, 0.5)
    size = np.log(real[:, 0]) * -2 + np.random.default_rng(4).normal(0, 0.05, 4000)
    hidden = {"log_scale": size, "valid": np.full(4000, 187.0)}
    prior = ContextPrior.fit(set_of(real), one_style(4000), hidden)
    assert (prior.hidden, prior.width) == (("log_scale", "valid"), 4)
    many = np.random.default_rng(9).uniform(1e-6, 1 - 1e-6, (4000, 5))
    _, drawn = prior.draw("N", many, {})
    assert (drawn[:, 3] == 187).all()
    for level in (0.05, 0.5, 0.95):
        assert np.quantile(drawn[:, 2], level) == pytest.approx(np.quantile(size, level), abs=0.03)
    measured = spearmanr(np.column_stack([real, size])).statistic
    np.testing.assert_allclose(spearmanr(drawn[:, :3]).statistic, measured, atol=0.05)
    _, early = prior.draw("N", many, {"rr_before_s": 0.6})
    assert np.median(early[:, 2]) == pytest.approx(-2 * np.log(0.6), abs=0.05)


def test_what_a_model_sees_is_standardised_without_the_hidden_contexts() -> None:
    real = correlated(500, 0.3)
    seen = ContextPrior.fit(set_of(real), one_style(500)).standardise(real)
    prior = ContextPrior.fit(set_of(real), one_style(500), {"offset": real[:, 0] * 3})
    np.testing.assert_array_equal(prior.standardise(real), seen)


def test_hidden_contexts_survive_json() -> None:
    real = correlated(500, 0.6)
    prior = ContextPrior.fit(set_of(real), one_style(500), {"offset": real[:, 1] - 1})
    again = ContextPrior.from_json(prior.spec, json.loads(json.dumps(prior.to_json())))
    assert again.hidden == ("offset",)
    many = np.random.default_rng(9).uniform(1e-6, 1 - 1e-6, (50, 4))
    np.testing.assert_allclose(
        prior.draw("N", many, {})[1], again.draw("N", many, {})[1], atol=2e-3
    )


def test_group_of_few_beats_keeps_none_of_their_hidden_values() -> None:
    hidden = {"offset": np.r_[np.linspace(-1, 1, 500), 3 + np.arange(FEW - 1) ** 2 * 0.0123]}
    real = correlated(500 + FEW - 1, 0.5)
    prior = ContextPrior.fit(set_of(real), np.repeat([0, 1], [500, FEW - 1]), hidden)
    few = next(group for group in prior.groups["N"] if group.style == 1)
    assert np.abs(few.quantiles[2][:, None] - hidden["offset"][500:]).min() > 1e-6
    np.testing.assert_array_equal(few.correlation, np.eye(3))


def test_contexts_that_hang_together_as_no_normal_ones_can_still_be_drawn() -> None:
    """Ranks of three that exclude each other would have a negative eigenvalue."""
    rng = np.random.default_rng(2)
    turn = np.repeat(np.arange(3), 400)
    real = rng.normal(0, 1e-3, (1200, 2)) + np.column_stack([turn == 0, turn == 1])
    hidden = {"offset": (turn == 2) + rng.normal(0, 1e-3, 1200)}
    prior = ContextPrior.fit(set_of(real), one_style(1200), hidden)
    (group,) = prior.groups["N"]
    assert np.linalg.eigvalsh(group.correlation).min() >= 0.02 - 1e-9
    _, drawn = prior.draw("N", np.random.default_rng(9).uniform(0.01, 0.99, (50, 4)), {})
    assert np.isfinite(drawn).all()
