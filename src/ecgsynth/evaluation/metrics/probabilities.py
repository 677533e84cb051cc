"""Calibration of the probabilities of classifiers that were trained on synthetic items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, Trial, metric
from ecgsynth.evaluation.inputs import select_classes
from ecgsynth.evaluation.intervals import (
    DOMINANT_SHARE,
    LeaveOneOut,
    Units,
    interval,
    leave_one_out_seeds,
    units,
)
from ecgsynth.evaluation.metrics.utility import (
    predictions_of_real_model,
    predictions_of_synthetic_model,
)
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

BINS = 15
"""Bins of equal width of the calibration error, as in Guo et al. 2017."""

Sums = NDArray[np.float64]
"""[person, ...] sums over the items of each person, which add up to those of a set."""


@METRICS.register("tstr_ece")
@metric(
    "tstr_ece", unit="share", goal="lower", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="expected calibration error (Guo et al., ICML 2017), 15 bins of equal width: of the "
    "most probable class (all), of each class's probability; by the networks of TSTR",
)  # fmt: skip
def tstr_ece(trial: Trial) -> dict[str, Estimate]:
    """Mean gap between probability and frequency, of a classifier trained on the set alone.

    The note gives that of the classifier trained on real items.
    """
    return _compare(trial, _bin_sums, calibration_error)


@METRICS.register("tstr_brier")
@metric(
    "tstr_brier", unit="squared error", goal="lower", needs=("train", "new_patients"),
    question="new patients", costly=True,
    reference="Brier 1950: squared error of the probabilities, summed over the classes (all), and "
    "of each class; by the networks of TSTR",
)  # fmt: skip
def tstr_brier(trial: Trial) -> dict[str, Estimate]:
    """Brier score on new patients of a classifier trained on the set alone.

    The note gives that of the classifier trained on real items.
    """
    return _compare(trial, _square_sums, _mean)


def _compare(
    trial: Trial, sums: Callable[..., Sums], figure: Callable[[Sums], NDArray]
) -> dict[str, Estimate]:
    assert trial.new_patients is not None
    test = select_classes(trial.new_patients, trial.classes)
    people, facts, found = units(test), test.people_per_class(), {}
    truth = np.asarray(test.label) > 0
    outputs = [predictions_of_synthetic_model(trial), predictions_of_real_model(trial)]
    for name, pairs in _pairs(test, truth, outputs).items():
        each = [
            np.stack([sums(*pair, people) for pair in output]) for output in pairs
        ]  # [seed, ...]
        value, real_value = (figure(output.sum(1)) for output in each)
        note = f"of the network trained on real items {real_value.mean():.3f}"
        if facts.get(name, {}).get("largest_share", 0) > DOMINANT_SHARE:
            found[name] = Estimate(float(value.mean()), note=f"{note}; one patient")
            continue
        without = figure(each[0].sum(1, keepdims=True) - each[0]).mean(0)
        left = [LeaveOneOut(without, people, people.freedom()), leave_one_out_seeds(value)]
        found[name] = interval(float(value.mean()), left, note=note)
    return found


Pair = tuple[NDArray[np.floating], NDArray[np.bool_]]
"""[item] or [item, class] probabilities, and whether they came true."""


def _pairs(
    test: Ecg, truth: NDArray[np.bool_], outputs: list[NDArray[np.floating]]
) -> dict[str, list[list[Pair]]]:
    """Class -> output -> seed -> what to compare; "all" where an item has one class."""
    found: dict[str, list[list[Pair]]] = {}
    if not test.spec.multilabel:
        found["all"] = [[(one, truth) for one in output] for output in outputs]
    for k, name in enumerate(test.spec.classes):
        found[name] = [[(one[:, k], truth[:, k]) for one in output] for output in outputs]
    return found


def _bin_sums(probability: NDArray, truth: NDArray[np.bool_], people: Units) -> Sums:
    """[person, bin, (probability, truth, items)]; of the most probable class of several."""
    if probability.ndim == 2:
        first = probability.argmax(1)
        at = np.arange(len(first)), first
        probability, truth = probability[at], truth[at]
    bin_of = np.minimum((probability * BINS).astype(int), BINS - 1)
    cell = people.of * BINS + bin_of
    size = len(people) * BINS
    columns = [np.bincount(cell, w, size) for w in (probability, truth, np.ones(len(cell)))]
    return np.stack(columns, -1).reshape(len(people), BINS, 3).astype(float)


def calibration_error(sums: Sums) -> NDArray[np.float64]:
    """[...] mean gap between probability and frequency. sums: [..., bin, 3]."""
    gap = np.abs(sums[..., 0] - sums[..., 1]).sum(-1)
    return np.asarray(gap / np.maximum(sums[..., 2].sum(-1), 1))


def _square_sums(probability: NDArray, truth: NDArray[np.bool_], people: Units) -> Sums:
    """[person, (squared error, items)]."""
    error = (np.asarray(probability, np.float64) - truth) ** 2
    error = error.sum(1) if error.ndim == 2 else error
    columns: list[Any] = [np.bincount(people.of, w, len(people)) for w in (error, None)]
    return np.stack(columns, -1).astype(float)


def _mean(sums: Sums) -> NDArray[np.float64]:
    return np.asarray(sums[..., 0] / np.maximum(sums[..., 1], 1))
