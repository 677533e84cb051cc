"""Leads of one heart: the algebra of the limb leads, and correlations between leads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, NotApplicable, Trial
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.evaluation.metrics.fidelity.leads import LEVELS, correlations, mutual_information
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12
from ecgsynth.simulator.records import Noise, simulate_beats

RESIDUALS = ("einthoven_residual", "goldberger_residual")


def measure(name: str, trial: Trial, group: str = "N") -> Estimate:
    return METRICS.get(name).measure(trial)[group]


@pytest.fixture(scope="module")
def hearts() -> Ecg:
    """300 beats of 12 leads whose limb leads agree."""
    beats = simulate_beats(
        300,
        leads=LEADS_12,
        patients=10,
        beats={"N": 0.7, "V": 0.3},
        noise=Noise(muscle_mv=0.02),
        seed=1,
    ).with_classes(("N", "V"))
    signal = np.array(beats.signal, np.float64)
    one, two = signal[:, 0], signal[:, 1]
    signal[:, 2:6] = np.stack([two - one, -(one + two) / 2, one - two / 2, two - one / 2], 1)
    return replace(beats, signal=signal.astype(np.float32), marks=None)


def noisy(ecg: Ecg, sd: float, lead: str | None = None) -> Ecg:
    signal = np.array(ecg.signal)
    rows = slice(None) if lead is None else ecg.spec.leads.index(lead)
    signal[:, rows] += sd * np.random.default_rng(0).standard_normal(signal[:, rows].shape)
    return replace(ecg, signal=signal.astype(np.float32))


def chosen(ecg: Ecg, *leads: str) -> Ecg:
    rows = [ecg.spec.leads.index(lead) for lead in leads]
    return replace(ecg, signal=ecg.signal[:, rows], spec=replace(ecg.spec, leads=leads))


@pytest.mark.parametrize("name", RESIDUALS)
def test_derived_leads_leave_no_residual(hearts: Ecg, name: str) -> None:
    for group in ("N", "V"):
        assert measure(name, Trial(hearts), group).value == pytest.approx(0, abs=1e-6)


def test_rounding_to_the_grid_leaves_as_much_as_is_said(hearts: Ecg) -> None:
    # Three leads, each off by a uniform error of 5 uV; a sum of three is off by sqrt(3/12) steps.
    found = measure("einthoven_residual", Trial(hearts.quantised()))
    assert found.value == pytest.approx(0.005 * np.sqrt(3 / 12), rel=0.1)
    assert "% of lead II's RMS" in found.note


@pytest.mark.parametrize(
    ("lead", "einthoven", "goldberger"),
    [("III", 1, 0), ("aVF", 0, 3**-0.5), ("I", 1, 0.5**0.5), ("V1", 0, 0)],
)
def test_an_error_of_one_lead_shows_where_it_must(
    hearts: Ecg, lead: str, einthoven: float, goldberger: float
) -> None:
    """Of 0.1 mV in I, aVR and aVF miss half and aVL all: sqrt((.25 + 1 + .25) / 3)."""
    trial = Trial(noisy(hearts, 0.1, lead))
    for name, share in zip(RESIDUALS, (einthoven, goldberger), strict=True):
        assert measure(name, trial).value == pytest.approx(0.1 * share, rel=0.03, abs=1e-6)


@pytest.mark.parametrize("name", (*RESIDUALS, "lead_correlation_error"))
def test_more_noise_is_worse_and_order_is_nothing(hearts: Ecg, name: str) -> None:
    made, test = hearts[:150], hearts[150:]
    found = [measure(name, Trial(noisy(made, sd), test)).value for sd in (0.0, 0.1, 0.5)]
    assert found[0] < found[1] < found[2]
    size = min(made.counts()["N"], test.counts()["N"])
    made, test = made.with_classes(("N",))[:size], test.with_classes(("N",))[:size]
    order = np.random.default_rng(0).permutation(size)
    one, other = Trial(noisy(made, 0.1), test), Trial(noisy(made, 0.1)[order], test[order])
    assert measure(name, one).value == pytest.approx(measure(name, other).value, rel=1e-4)


def test_intervals_hold_the_value(hearts: Ecg) -> None:
    found = measure("einthoven_residual", Trial(noisy(hearts, 0.1)))
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high < 1.2 * found.low


def test_leads_of_different_hearts_are_found(hearts: Ecg) -> None:
    """Each lead for itself is right, but V1 is late."""
    made, test = hearts[::2], hearts[1::2]
    signal = np.array(made.signal)
    signal[:, 6] = np.roll(signal[:, 6], 60, axis=1)
    torn = measure("lead_correlation_error", Trial(replace(made, signal=signal), test))
    whole = measure("lead_correlation_error", Trial(made, test))
    assert torn.value > 2 * whole.value
    assert "V1" in torn.note


def test_correlations_are_those_of_numpy(hearts: Ecg) -> None:
    centred = hearts.signal - hearts.signal.mean(2, keepdims=True)
    flat = centred.transpose(1, 0, 2).reshape(12, -1)
    np.testing.assert_allclose(correlations(hearts), np.corrcoef(flat), atol=1e-4)


def test_a_flat_lead_correlates_with_nothing(hearts: Ecg) -> None:
    signal = np.array(hearts.signal)
    signal[:, 1] = 0
    flat = replace(hearts, signal=signal)
    assert np.isfinite(correlations(flat)).all()
    assert measure("lead_correlation_error", Trial(flat, hearts)).value > 0.1
    assert measure("einthoven_residual", Trial(flat)).note == "II is flat"


def test_leads_that_are_absent_are_named(hearts: Ecg) -> None:
    some = chosen(hearts, "I", "II", "aVL")
    assert "without aVR, aVF" in measure("goldberger_residual", Trial(some)).note
    with pytest.raises(NotApplicable, match="needs the leads I, II and III; the set has I, II"):
        measure("einthoven_residual", Trial(some))
    scaled = replace(hearts, spec=replace(hearts.spec, unit="normalised"))
    with pytest.raises(NotApplicable, match="needs mV"):
        measure("einthoven_residual", Trial(scaled))


def test_one_lead_leaves_the_three_out_with_their_reason(hearts: Ecg) -> None:
    single = replace(chosen(hearts, "II"), source="synthetic:one")
    names = (*RESIDUALS, "lead_correlation_error")
    report = evaluate(single, single, metrics=names, controls=False)
    assert report.rows == []
    assert {*report.left_out} == {*names}
    assert report.left_out["lead_correlation_error"] == "needs several leads; the set has II"


@pytest.mark.parametrize("name", (*RESIDUALS, "lead_correlation_error"))
def test_too_few_beats_of_a_class_give_their_number(hearts: Ecg, name: str) -> None:
    few = hearts[hearts.labels_id == 0][:5]
    found = measure(name, Trial(few, hearts))
    assert np.isnan(found.value)
    assert "5 items; at least 10" in found.note


# ---- mutual information ----------------------------------------------------------------------


def two_leads(first: NDArray, second: NDArray) -> Ecg:
    signal = np.stack([first, second], 1).astype(np.float32)
    return Ecg(signal, Spec(("I", "II"), 100.0, signal.shape[2]))


def test_a_lead_determines_any_rising_function_of_itself_and_nothing_of_noise() -> None:
    noise = np.random.default_rng(0).standard_normal((2, 3, 1200))
    whole = mutual_information(two_leads(noise[0], np.exp(noise[0])))
    assert whole == pytest.approx(np.log(LEVELS), abs=1e-6)
    none = mutual_information(two_leads(*noise))
    bias = (LEVELS - 1) ** 2 / (2 * noise.shape[2])  # Miller 1955
    assert none == pytest.approx(bias, abs=0.02)


def test_mutual_information_equals_that_of_scikit_learn() -> None:
    from sklearn.metrics import mutual_info_score

    one, other = np.random.default_rng(1).standard_normal((2, 600))
    mixed = one + other
    level = [np.argsort(np.argsort(x)) * LEVELS // 600 for x in (one, mixed)]
    found = mutual_information(two_leads(one[None], mixed[None]))[0]
    assert found == pytest.approx(mutual_info_score(*level), abs=1e-6)


def test_leads_of_other_records_lack_mutual_information() -> None:
    first = np.random.default_rng(2).standard_normal((40, 300))
    real = two_leads(first, 0.8 * first + np.roll(first, 1, 1))
    apart = two_leads(first, np.roll(real.signal[:, 1], 7, 0))
    same, other = (measure("lead_mutual_information", Trial(e, real), "all") for e in (real, apart))
    assert same.value == pytest.approx(0)
    assert same.low is not None and same.low <= 0
    assert other.high is not None and other.high < 0
