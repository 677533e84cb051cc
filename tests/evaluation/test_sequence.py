"""Laws of the recurrent networks: what they tell apart, and what they learn to foretell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from crowd import constant, exchangeable, few, shuffled, values, with_noise

from ecgsynth.evaluation import NotApplicable, Trial
from ecgsynth.evaluation.baselines.controls import CONTROLS
from ecgsynth.evaluation.metrics.fidelity import sequence
from ecgsynth.evaluation.metrics.fidelity.sequence import _frames, chance_level
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

NAMES = ("discriminative_score", "predictive_score")


@pytest.fixture(scope="module", autouse=True)
def short() -> pytest.MonkeyPatch:
    """A quarter of the steps: laws are seen as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sequence, "STEPS", 100)
        yield patch


@pytest.fixture(scope="module")
def trial() -> Trial:
    return exchangeable(1000)


def test_frames_hold_the_signal_at_120_hz_in_order() -> None:
    ramp = np.arange(64, dtype=np.float32)
    signal = np.stack([ramp, ramp + 1000])[None]
    frames = _frames(Ecg(signal, Spec(("I", "II"), 120.0, 64)))
    assert frames.shape == (1, 16, 8)
    assert frames[0, 1].tolist() == [4, 1004, 5, 1005, 6, 1006, 7, 1007]
    long = _frames(Ecg(np.zeros((1, 1, 3600)), Spec(("I",), 360.0, 3600)))
    assert long.shape == (1, 90, 4)  # the middle three of ten seconds


def test_two_halves_of_a_crowd_are_told_apart_by_chance_alone(trial: Trial) -> None:
    found = METRICS.get("discriminative_score").measure(trial)["all"]
    limit = float(found.note.split("under ")[1])
    assert limit == pytest.approx(0.98 / np.sqrt(2 * len(trial.matched[0])), abs=1e-3)
    assert found.value < 1.6 * limit
    assert found.low < limit
    assert found.low <= found.value <= found.high


def test_chance_is_what_guessing_gives() -> None:
    guesses = np.random.default_rng(0).random((4000, 1000)) < 0.5
    away = np.abs(guesses.mean(1) - 0.5)
    mean, most = chance_level(1000)
    assert mean == pytest.approx(away.mean(), rel=0.05)
    assert most == pytest.approx(np.quantile(away, 0.95), rel=0.05)


def test_noise_and_collapse_are_told_apart(trial: Trial) -> None:
    assert values("discriminative_score", with_noise(trial, 0.3))["all"] > 0.4
    assert values("discriminative_score", CONTROLS["mean beat"](trial))["all"] > 0.2


def test_who_learns_from_noise_or_one_beat_foretells_worse(trial: Trial) -> None:
    real = METRICS.get("predictive_score").measure(trial)
    assert set(real) == {"N", "V", "all"}
    noise = values("predictive_score", with_noise(trial, 0.5))
    one = values("predictive_score", CONTROLS["mean beat"](trial))
    for group, estimate in real.items():
        still, trained = (float(part.split()[-1]) for part in estimate.note.split(", "))
        assert estimate.value < 0.9 * still
        assert estimate.value == pytest.approx(trained, rel=0.15)
        assert noise[group] > 1.2 * estimate.value
        assert estimate.low < estimate.value < estimate.high
    assert one["V"] > 1.1 * real["V"].value


def test_without_training_set_nothing_real_stands_beside(trial: Trial) -> None:
    found = METRICS.get("predictive_score").measure(replace(trial, train=None))["all"]
    assert np.isfinite(found.value)
    assert "trained" not in found.note


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_items_changes_little(trial: Trial, name: str) -> None:
    one, other = (values(name, each)["all"] for each in shuffled(trial))
    assert one == pytest.approx(other, abs=0.06 if name == "discriminative_score" else 0.1 * one)


@pytest.mark.parametrize("name", NAMES)
def test_networks_leave_the_random_state_alone(trial: Trial, name: str) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1).item()
    torch.manual_seed(3)
    first = values(name, trial)
    assert torch.rand(1).item() == expected
    assert values(name, trial) == first


@pytest.mark.parametrize("name", NAMES)
def test_flat_lines_few_items_and_short_ones_are_not_crashed_on(trial: Trial, name: str) -> None:
    flat = values(name, constant(trial))["all"]
    assert flat > 0.4 if name == "discriminative_score" else flat > 1.2 * values(name, trial)["all"]
    little = METRICS.get(name).measure(few(trial))["all"]
    assert np.isnan(little.value)
    assert "are needed" in little.note

    def cut(ecg: Ecg | None) -> Ecg:
        assert ecg is not None
        spec = replace(ecg.spec, samples=20, r_sample=None)
        return replace(ecg, signal=ecg.signal[..., :20], spec=spec)

    short = Trial(cut(trial.synthetic), cut(trial.test), cut(trial.train))
    with pytest.raises(NotApplicable, match="shorter than two frames"):
        METRICS.get(name).measure(short)
