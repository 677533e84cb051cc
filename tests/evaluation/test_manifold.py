"""Precision, recall, collapse and the Frechet ratio against cases whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from crowd import constant, exchangeable, few, shuffled, values, with_noise
from numpy.typing import NDArray

from ecgsynth.datasets import load
from ecgsynth.evaluation import Estimate, Trial
from ecgsynth.evaluation.baselines.controls import CONTROLS
from ecgsynth.evaluation.metrics.diversity.manifold import BETAS, _gap, _reach, _recall
from ecgsynth.evaluation.metrics.fidelity.frechet import frechet_distance
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec

NAMES = ("alpha_precision", "beta_recall", "collapse", "frechet_ratio")
SPEC = Spec(("MLII",), 360.0, 32, ("N",))


@pytest.fixture(scope="module")
def trial() -> Trial:
    return exchangeable()


def ecg(signal: NDArray) -> Ecg:
    """Items of 32 samples, which are their own coordinates but for a rotation."""
    return Ecg(signal[:, None], SPEC, one_hot(np.zeros(len(signal), int), 1))


def normal(count: int, seed: int, scale: float = 1.0) -> NDArray:
    return scale * np.random.default_rng(seed).standard_normal((count, 32))


def measure(name: str, synthetic: NDArray, real: NDArray, train: NDArray | None = None) -> Estimate:
    learned = None if train is None else ecg(train)
    return METRICS.get(name).measure(Trial(ecg(synthetic), ecg(real), learned))["N"]


# ---- definitions ---------------------------------------------------------------------------


def test_precision_of_a_set_half_as_wide_is_a_half() -> None:
    # On a line, P(alpha) = min(2 alpha, 1): 1 - 2 integral |P - alpha| = 1/2.
    grid = (np.arange(1000) + 0.5) / 1000
    ones = np.ones(1000)
    assert 1 - 2 * _gap(grid / 2, grid, ones, ones) == pytest.approx(0.5, abs=2e-3)
    assert 1 - 2 * _gap(grid, grid, ones, ones) == pytest.approx(1, abs=2e-3)


def test_all_at_the_centre_or_all_outside_has_no_precision() -> None:
    real = normal(400, 0)
    inside = measure("alpha_precision", np.tile(real.mean(0), (50, 1)), real)
    outside = measure("alpha_precision", normal(50, 1) + 100, real)
    assert inside.value == pytest.approx(0, abs=0.02)
    assert outside.value == pytest.approx(0, abs=0.02)


def test_an_exact_sampler_has_all_precision_even_among_few_items() -> None:
    assert measure("alpha_precision", normal(2000, 0), normal(2000, 1)).value > 0.95
    # Spheres around a centre that the items themselves drew near would leave all others outside.
    few_items = [measure("alpha_precision", normal(400, k), normal(20, 100 + k)).value
                 for k in range(10)]  # fmt: skip
    assert np.mean(few_items) > 0.75


def test_recall_of_identical_distributions_is_that_of_coverage() -> None:
    flat = np.arange(32) < 2  # in few dimensions: in many, nearest items are central ones
    found = [measure("beta_recall", normal(400, k) * flat, normal(400, 100 + k) * flat).value
             for k in range(5)]  # fmt: skip
    assert np.mean(found) == pytest.approx(1 - 2**-5, abs=0.03)
    everything = BETAS[None, 1:].T <= BETAS
    assert _recall(np.ones(len(everything)), everything) == pytest.approx(1, abs=0.03)


def test_reach_is_the_rank_outwards_of_the_nearest_synthetic_item() -> None:
    real = np.arange(10.0)[:, None]
    synthetic = np.array([[4.0], [5.2], [8.0], [1.0]])  # centre 4.55: ranks 1/4, 2/4, 3/4, 1
    assert _reach(synthetic, real)[[4, 5, 8, 1]].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert _reach(synthetic + 100, real).tolist() == [2.0] * 10


def test_one_real_item_in_a_hundred_is_as_near_to_another_as_the_alarm_asks() -> None:
    found = [measure("collapse", normal(500, k), normal(500, 100 + k)).value for k in range(8)]
    assert np.mean(found) == pytest.approx(0.01, abs=0.008)


def test_items_that_are_given_twice_raise_the_alarm() -> None:
    real, half = normal(400, 0), normal(200, 1)
    twice = measure("collapse", np.concatenate([half, half]), real)
    assert twice.value == 1
    assert twice.low is not None
    assert twice.low > 0.9
    some = measure("collapse", np.concatenate([half, normal(180, 2), half[:20]]), real)
    assert some.value == pytest.approx(0.1, abs=0.03)


def test_frechet_distance_of_normal_sets_is_known() -> None:
    # Between N(0, I) and N(m, s^2 I): |m|^2 + d (1 - s)^2.
    one, other = normal(20_000, 0), normal(20_000, 1, scale=1.5) + 0.2
    assert frechet_distance(one, other) == pytest.approx(32 * (0.04 + 0.25), rel=0.03)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-6)


def test_frechet_ratio_is_one_for_an_exact_sampler_at_any_size() -> None:
    for size in (40, 1200):
        found = measure("frechet_ratio", normal(size, 0), normal(size, 1), normal(3 * size, 2))
        assert found.value == pytest.approx(1, abs=0.12)
        assert (f"{size} items" in found.note) and ("needed" in found.note) == (size < 1000)


# ---- laws ----------------------------------------------------------------------------------


def test_half_of_a_crowd_fills_what_the_other_half_fills(trial: Trial) -> None:
    for name, least in (("alpha_precision", 0.85), ("beta_recall", 0.85)):
        for estimate in METRICS.get(name).measure(trial).values():
            assert estimate.value > least
            assert estimate.low <= estimate.value <= estimate.high
    assert max(values("collapse", trial).values()) < 0.06


def test_parts_of_one_crowd_are_as_far_from_each_other_by_frechet() -> None:
    """On the average of draws: one alone depends on which part the few strange beats fall to."""
    draws = [values("frechet_ratio", exchangeable(draw=k)) for k in range(6)]
    assert set(draws[0]) == {"N", "V", "all"}
    for name in draws[0]:
        assert 0.6 < np.exp(np.mean([np.log(one[name]) for one in draws])) < 1.6


def test_noise_and_collapse_are_worse_than_real(trial: Trial) -> None:
    noisy, collapsed = with_noise(trial, 0.3), CONTROLS["mean beat"](trial)
    for name in ("alpha_precision", "beta_recall"):
        real = values(name, trial)
        for one in (noisy, collapsed):
            assert all(value < real[group] - 0.2 for group, value in values(name, one).items())
    for one in (noisy, collapsed):
        assert min(values("frechet_ratio", one).values()) > 3
    # The crowd is as alike as 10 uV of noise: the alarm is plain all the same.
    assert min(values("collapse", collapsed).values()) > 2 * max(values("collapse", trial).values())


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_items_changes_nothing(trial: Trial, name: str) -> None:
    one, other = (values(name, each) for each in shuffled(trial))
    for group in one:
        tolerance = 0.25 if name == "frechet_ratio" else 1e-4  # which trained ones are drawn
        assert one[group] == pytest.approx(other[group], rel=tolerance, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_flat_lines_are_judged_and_not_crashed_on(trial: Trial, name: str) -> None:
    worst = {"alpha_precision": 0.5, "beta_recall": 0.2, "collapse": 1.0, "frechet_ratio": 3.0}
    for value in values(name, constant(trial)).values():
        assert value <= worst[name] if "_" in name and "ratio" not in name else value >= worst[name]
    assert trial.test is not None
    flat = replace(trial, test=replace(trial.test, signal=np.zeros_like(trial.test.signal)))
    assert all(np.isfinite(value) for value in values(name, flat).values())


@pytest.mark.parametrize("name", NAMES)
def test_too_few_items_and_a_missing_class_give_their_reason(trial: Trial, name: str) -> None:
    for estimate in METRICS.get(name).measure(few(trial)).values():
        assert np.isnan(estimate.value)
        assert "at least 10" in estimate.note


@pytest.mark.data
def test_on_real_recordings_the_controls_stand_in_their_order() -> None:
    heldout, train = (load("mitbih", s, classes=("N", "V")) for s in ("heldout", "train"))
    rows = np.random.default_rng(0).permutation(len(train))[:3000]
    trial = Trial(train[np.sort(rows)], heldout, train, quick=True)
    crude = ("real", "class gaussian", "mean beat")
    real, gaussian, collapsed = (CONTROLS[n](trial) for n in crude)
    for name in ("alpha_precision", "beta_recall"):
        found = [values(name, one) for one in (collapsed, gaussian, real)]
        assert all(found[0][n] < found[1][n] < found[2][n] for n in ("N", "V"))
    ratio = [values("frechet_ratio", one) for one in (real, gaussian, collapsed)]
    assert all(ratio[0][n] < ratio[1][n] < ratio[2][n] for n in ("N", "V", "all"))
    alarm = [values("collapse", one) for one in (real, collapsed)]
    assert max(alarm[0].values()) < 0.05
    assert min(alarm[1].values()) > 0.9
