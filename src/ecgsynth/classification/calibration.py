"""Probabilities that mean what they are, fitted on people whose beats the classifier never had."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PULLS = (0.0, 2.0, 4.0, 6.0)
"""What may be taken from the score of S in atrial fibrillation."""

LEAST_GAIN = 0.003
"""Of a macro F1, for which more is taken."""

LEAST_THRESHOLD = 0.25
"""Lowest probability of S or V, against all others, at which a beat is called so."""


@dataclass(frozen=True)
class Calibration:
    """How scores become probabilities, and probabilities a class.

    scale, shift: [class], logits are scores x scale + shift (vector scaling; Guo et al., ICML
    2017). pull: what is taken from the score of S in atrial fibrillation. offset: [class], what is
    added to the logits before the class is chosen, so that the macro F1 of N, S and V is best.
    """

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]
    pull: NDArray[np.float64]
    offset: NDArray[np.float64]

    def probability(self, scores: NDArray, fibrillation: NDArray) -> NDArray[np.float64]:
        """[beat, class]. scores: [beat, class], logits. fibrillation: [beat], 0 to 1."""
        return softmax(pulled(scores, fibrillation, self.pull) * self.scale + self.shift)

    def classes(self, probability: NDArray[np.floating]) -> NDArray[np.int64]:
        """[beat] number of the class that a beat is called."""
        return (np.log(np.maximum(probability, 1e-12)) + self.offset).argmax(1)


def softmax(logits: NDArray) -> NDArray[np.float64]:
    """Probabilities along the last axis."""
    power = np.exp(logits - logits.max(-1, keepdims=True))
    return power / power.sum(-1, keepdims=True)


def pulled(scores: NDArray, fibrillation: NDArray, pull: NDArray | float) -> NDArray[np.float64]:
    """Scores [beat, class] with that of S lower in atrial fibrillation."""
    found = np.array(scores, np.float64)
    found[:, 1] -= pull * fibrillation
    return found


def fit_calibration(
    scores: NDArray, fibrillation: NDArray, label: NDArray[np.int64], weight: NDArray[np.float64]
) -> Calibration:
    """Fit on scores that people-wise cross-validation gave.

    scores: [beat, class]. fibrillation, label: [beat]. weight: [beat] in the likelihood, such as
    equal weights of people. The pull is the one of `PULLS` with the best macro F1 of N, S and V.
    """
    best, found = -1.0, None
    for pull in PULLS:
        lower = pulled(scores, fibrillation, pull)
        scale, shift = _scaling(lower, label, weight)
        probability = softmax(lower * scale + shift)
        offset = best_offset(probability, label)
        called = Calibration(scale, shift, np.array(pull), offset).classes(probability)
        value = float(f1_of(label, called)[:3].mean())
        if value > best + LEAST_GAIN:
            best, found = value, Calibration(scale, shift, np.array(pull), offset)
    assert found is not None
    return found


def _scaling(
    scores: NDArray, label: NDArray[np.int64], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and shift [class] of the greatest likelihood."""
    from scipy.optimize import minimize

    count, rows = scores.shape[1], np.arange(len(label))
    weight = weight / weight.sum()
    start = np.concatenate([np.ones(count), np.zeros(count)])

    def loss(numbers: NDArray) -> tuple[float, NDArray]:
        share = softmax(scores * numbers[:count] + numbers[count:])
        value = -(weight * np.log(np.maximum(share[rows, label], 1e-12))).sum()
        away = share * weight[:, None]
        away[rows, label] -= weight
        back = 1e-4 * (numbers - start)  # what few beats leave open stays where it was
        slope = np.concatenate([(away * scores).sum(0), away.sum(0)]) + 2 * back
        return float(value + (back * (numbers - start)).sum()), slope

    numbers = minimize(loss, start, jac=True, method="L-BFGS-B").x
    return numbers[:count], numbers[count:]


def best_offset(probability: NDArray, label: NDArray[np.int64]) -> NDArray[np.float64]:
    """[class] what is added to the log probabilities of S and V, so that their F1 is best.

    Of calibrated probabilities the best threshold is half of the best F1 (Lipton, Elkan &
    Naryanaswamy, ECML PKDD 2014); so no number is searched for.
    """
    threshold = np.clip(f1_of(label, probability.argmax(1)) / 2, LEAST_THRESHOLD, 0.5)
    offset = np.log((1 - threshold) / threshold)
    return offset * [0, 1, 1, 0]


def f1_of(label: NDArray[np.int64], called: NDArray[np.int64], count: int = 4) -> NDArray:
    """[class] F1; 0 where undefined. Beats of a class beyond `count` are no class of their own."""
    known = label < count
    cell = label[known] * count + called[known]
    table = np.bincount(cell, minlength=count * count).reshape(count, count)
    total = table.sum(0) + table.sum(1)
    return 2 * np.diag(table) / np.maximum(total, 1)


def calibration_error(
    confidence: NDArray[np.floating], right: NDArray[np.bool_], bins: int = 15
) -> float:
    """Expected calibration error over bins of equal numbers of beats; NaN without beats.

    confidence: [beat] probability of the class that the beat is called. right: [beat].
    """
    if not len(confidence):
        return float("nan")
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(confidence[part].mean() - right[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(confidence))
