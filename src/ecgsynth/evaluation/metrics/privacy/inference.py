"""What an attacker finds out about a person by the synthetic set: one item, or one number of it.

Both attacks are tried on training items, and on held-out items of the same people, from which no
generator learned. What succeeds on both is known of the population; the excess is what leaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    members,
    metric,
    once,
    pick,
    too_few,
)
from ecgsynth.evaluation.inputs import contexts_of
from ecgsynth.evaluation.intervals import Units, interval, joint, leave_one_out, weighted
from ecgsynth.evaluation.reference_models.instruments import embed
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

COMPONENTS = 8
"""Principal components of the signals, which stand for the form of an item."""

MOST = 1000
"""Most items of a class and set."""

GUESSES, CONDITIONS = 2000, 4
"""Predicates that are tried, and numbers in each."""

NEAR_SD = 0.1
"""A guess is right if it is nearer to the number than this share of its standard deviation."""


@METRICS.register("singling_out")
@metric(
    "singling_out", unit="share", goal="lower", needs=("test", "train"), question="privacy",
    reference="Giomi et al., PETS 2023 (Anonymeter): share of predicates with one synthetic item "
    "that one training item has, minus the same share of as many held-out items; 0 = nothing leaks",
)  # fmt: skip
def singling_out(trial: Trial) -> dict[str, Estimate]:
    """Excess of predicates of the synthetic set that single out a training item.

    A predicate is four conditions on contexts and principal components, such as RR before of .61 s
    or less. Those that exactly one synthetic item fulfils are tried on equally many training and
    held-out items. The interval is over their people.
    """
    found: dict[str, Estimate] = {}
    for name, one in _numbers_of_classes(trial).items():
        if isinstance(one, Estimate):
            found[name] = one
            continue
        random = trial.random(f"singling out {name}")
        count = min(len(one.synthetic), len(one.train), len(one.test))
        parts = [random.permutation(len(x))[:count] for x in (one.synthetic, one.train, one.test)]
        synthetic, train, test = (
            x[rows] for x, rows in zip((one.synthetic, one.train, one.test), parts, strict=True)
        )
        met = _predicates(synthetic, np.concatenate([train, test]), random)
        if not len(met):
            found[name] = Estimate(float("nan"), note="no predicate has exactly one synthetic item")
            continue
        units = _joint(one, parts[1], parts[2])
        left = leave_one_out(partial(_excess, met), units)
        shares = [float((side.sum(1) == 1).mean()) for side in np.split(met, 2, 1)]
        note = "{:.3f} of training and {:.3f} of held-out items".format(*shares)
        found[name] = interval(shares[0] - shares[1], left, least=-1.0, note=note)
    return found


@METRICS.register("attribute_inference")
@metric(
    "attribute_inference", unit="share", goal="lower", needs=("test", "train"),
    question="privacy",
    reference="Giomi et al., PETS 2023: a context is guessed from the synthetic item of the most "
    "similar form; share of guesses within .1 SD for training items, minus that for held-out "
    "items; 0 = nothing leaks",
)  # fmt: skip
def attribute_inference(trial: Trial) -> dict[str, Estimate]:
    """Excess of training items whose contexts follow from the synthetic item of the same form.

    The mean over the contexts. The interval is over people.

    Raises
    ------
    NotApplicable: the items have no contexts.
    """
    from sklearn.neighbors import NearestNeighbors

    found: dict[str, Estimate] = {}
    for name, one in _numbers_of_classes(trial).items():
        if isinstance(one, Estimate):
            found[name] = one
            continue
        if not one.contexts:
            raise NotApplicable("needs a context, such as rr_before_s, in all sets")
        form = [x[:, one.contexts :] for x in (one.synthetic, one.train, one.test)]
        real = np.concatenate(form[1:])
        near = NearestNeighbors(n_neighbors=1).fit(form[0]).kneighbors(real)[1][:, 0]
        secret = np.concatenate([one.train, one.test])[:, : one.contexts]
        right = np.abs(one.synthetic[near, : one.contexts] - secret) <= NEAR_SD * secret.std(0)
        success, size = right.mean(1), len(one.train)
        parts = np.arange(size), np.arange(len(one.test))

        def excess(weight: NDArray, success: NDArray = success, size: int = size) -> float:
            return weighted(success[:size], weight[:size]) - weighted(success[size:], weight[size:])

        left = leave_one_out(excess, _joint(one, *parts))
        note = (
            f"{success[:size].mean():.3f} of training and {success[size:].mean():.3f} of held-out "
            "items"
        )
        found[name] = interval(excess(np.ones(len(success))), left, least=-1.0, note=note)
    return found


@dataclass(frozen=True)
class _Numbers:
    """Numbers of the items of a class: contexts first, then principal components of the signal.

    synthetic, train, test: [item, number]. real: the items of training and held-out set.
    """

    synthetic: NDArray[np.float64]
    train: NDArray[np.float64]
    test: NDArray[np.float64]
    real: tuple[Ecg, Ecg]
    contexts: int


@once
def _numbers_of_classes(trial: Trial) -> dict[str, _Numbers | Estimate]:
    """Class, or "all" -> its numbers, or why there are none."""
    assert trial.train is not None
    assert trial.test is not None
    found: dict[str, _Numbers | Estimate] = {}
    sets = (trial.synthetic, trial.train, trial.test)
    names = [n for n in trial.synthetic.spec.context if all(n in e.spec.context for e in sets)]
    for group in trial.groups:
        random = trial.random(f"inference {group}")
        parts = []
        for ecg in sets:
            rows = members(ecg, group)
            known = np.isfinite(contexts_of(ecg, names)[rows]).all(1)
            parts.append(pick(ecg[rows[known]], MOST, random))
        if (fewest := min(map(len, parts))) < MIN_ITEMS:
            found[group or "all"] = too_few(fewest)
            continue
        flat = [_form(part.quantised(), trial.has("aligned")) for part in parts]
        real = np.concatenate(flat[1:])
        axes = np.linalg.svd(real - real.mean(0), full_matrices=False)[2][:COMPONENTS]
        synthetic, train, test = (
            np.hstack([contexts_of(part, names), (x - real.mean(0)) @ axes.T])
            for part, x in zip(parts, flat, strict=True)
        )
        found[group or "all"] = _Numbers(synthetic, train, test, (parts[1], parts[2]), len(names))
    return found


def _form(ecg: Ecg, aligned: bool) -> NDArray[np.float64]:
    """[item, number]: the samples of beats; of records, their coordinates."""
    numbers = ecg.signal.reshape(len(ecg), -1) if aligned else embed(ecg)
    return np.asarray(numbers, np.float64)


def _joint(one: _Numbers, train: NDArray[np.int64], test: NDArray[np.int64]) -> list[Units]:
    """The people of these items, training items first."""
    return joint((one.real[0], train), (one.real[1], test))


def _predicates(
    synthetic: NDArray[np.float64], real: NDArray[np.float64], random: np.random.Generator
) -> NDArray[np.bool_]:
    """[predicate, real item] whether it fulfils each predicate that one synthetic item fulfils."""
    middle = np.median(synthetic, 0)
    met = []
    for row in random.integers(len(synthetic), size=GUESSES):
        columns = random.permutation(synthetic.shape[1])[:CONDITIONS]
        sign = np.where(synthetic[row, columns] > middle[columns], 1.0, -1.0)
        least = sign * synthetic[row, columns]
        if ((sign * synthetic[:, columns]) >= least).all(1).sum() == 1:
            met.append(((sign * real[:, columns]) >= least).all(1))
    return np.array(met, bool).reshape(-1, len(real))


def _excess(met: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """Share of predicates with one training item minus that with one held-out item."""
    train, test = np.split(met * (weight > 0), 2, 1)
    return float((train.sum(1) == 1).mean() - (test.sum(1) == 1).mean())
