"""The calibration of a classifier's probabilities, against its formulas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecgsynth.evaluation import Trial
from ecgsynth.evaluation.metrics.probabilities import tstr_brier, tstr_ece
from ecgsynth.evaluation.metrics.utility import (
    predictions_of_real_model,
    predictions_of_synthetic_model,
)
from ecgsynth.simulator.records import simulate_beats

SEEDS = 2


@pytest.fixture(scope="module")
def trial() -> Trial:
    """New patients for whom half of the probabilities of .8 and .6 come true as often."""
    half = {"N": 0.5, "V": 0.5}
    test = simulate_beats(3000, patients=10, beats=half, seed=1).with_classes(("N", "V"))
    random = np.random.default_rng(0)
    known = random.choice([0.1, 0.4, 0.6, 0.9], (SEEDS, len(test)))
    # Labels are given, so that the probabilities are drawn to come true as often as they state.
    truth = test.labels_id == 1
    share = np.where(
        random.random(known.shape) < np.where(truth, known, 1 - known), known, 1 - known
    )
    exact = np.stack([1 - share, share], -1)
    one = Trial(replace(test, source="synthetic:test"), test, test, test)
    one.know(predictions_of_real_model, exact)
    one.know(predictions_of_synthetic_model, exact)
    return one


def with_probabilities(trial: Trial, predicted: np.ndarray) -> Trial:
    other = replace(trial)
    other.know(predictions_of_real_model, predictions_of_real_model(trial))
    other.know(predictions_of_synthetic_model, predicted)
    return other


def test_probabilities_that_come_true_as_often_have_no_error(trial: Trial) -> None:
    found = tstr_ece.measure(trial)
    assert set(found) == {"all", "N", "V"}
    for one in found.values():
        assert one.value < 0.06
        assert one.low <= one.value <= one.high
        assert "real items" in one.note


def test_too_certain_probabilities_have_their_gap(trial: Trial) -> None:
    right = predictions_of_synthetic_model(trial)
    certain = (right > 0.5).astype(float)
    found = tstr_ece.measure(with_probabilities(trial, certain))["all"]
    wrong = (certain.argmax(2) != trial.new_patients.labels_id).mean()
    assert found.value == pytest.approx(wrong)


def test_the_brier_score_equals_that_of_scikit_learn(trial: Trial) -> None:
    from sklearn.metrics import brier_score_loss

    found, right = tstr_brier.measure(trial), predictions_of_synthetic_model(trial)
    truth = trial.new_patients.labels_id == 1
    theirs = np.mean([brier_score_loss(truth, one[:, 1]) for one in right])
    assert found["V"].value == pytest.approx(theirs)
    assert found["all"].value == pytest.approx(2 * theirs)


def test_a_class_of_one_patient_has_no_interval(trial: Trial) -> None:
    test = trial.new_patients
    person = np.where(test.labels_id == 1, "one", test.patient)
    alone = replace(trial, new_patients=replace(test, patient=person))
    alone.know(predictions_of_real_model, predictions_of_real_model(trial))
    alone.know(predictions_of_synthetic_model, predictions_of_synthetic_model(trial))
    found = tstr_brier.measure(alone)["V"]
    assert found.low is None
    assert "one patient" in found.note
