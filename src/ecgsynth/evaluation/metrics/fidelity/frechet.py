"""The Frechet ratio: distance of synthetic to held-out points over that of training points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, members, metric, too_few
from ecgsynth.evaluation.intervals import LeaveOneOut, interval, joint, leave_one_out
from ecgsynth.evaluation.reference_models.instruments import embedded
from ecgsynth.registry import METRICS

ENOUGH = 1000
"""With fewer items the distance depends mostly on their number."""

DRAWS = 20
"""Most draws of equal size, whose distances are averaged."""

TRIED_DRAWS = 2
"""Draws in which the ratio is computed without each person."""

TRAINED, QUICK_TRAINED = 8000, 2000
"""Most training items of a class to embed, in all draws together."""

Draw = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Rows of a class in the synthetic, the held-out and the training set, in random order."""


@METRICS.register("frechet_ratio")
@metric(
    "frechet_ratio", unit="ratio", goal="lower", needs=("test", "train"), question="match",
    reference="Frechet distance to held-out beats, as a ratio to that of training beats, all "
    "three at one size; 1 = as near as earlier minutes of the same recordings",
)  # fmt: skip
def frechet_ratio(trial: Trial) -> dict[str, Estimate]:
    """How many times farther synthetic than training beats are from held-out beats.

    Both distances are means over draws of the same size, because the distance between two samples
    of one distribution decreases with their size. For the interval a person is left out of the
    training and of the held-out beats.
    """
    from ecgsynth.evaluation.reference_models.instruments import embed

    assert trial.test is not None and trial.train is not None
    random = trial.random("frechet_ratio")
    found: dict[str, Estimate] = {}
    most = QUICK_TRAINED if trial.quick else TRAINED
    drawn: dict[str, list[list[Draw]]] = {}
    for name in trial.groups:
        sets = (trial.synthetic, trial.test, trial.train)
        ours, held, learned = (members(ecg, name) for ecg in sets)
        size = min(len(ours), len(held), len(learned))
        if size < MIN_ITEMS:
            found[name or "all"] = too_few(size)
            continue

        def draw(rows: NDArray[np.int64], size: int = size) -> NDArray[np.int64]:
            return random.permutation(rows)[:size]

        times = min(DRAWS, max(1, most // size))
        drawn[name] = [[(draw(ours), draw(held), draw(learned))] for _ in range(times)]
    if not drawn:
        return found
    used = np.unique(np.concatenate([one[0][2] for draws in drawn.values() for one in draws]))
    trained = np.zeros((len(trial.train), embedded(trial)[1].shape[1]))
    trained[used] = embed(trial.train[used].quantised())
    points = (*embedded(trial), trained)
    if len(drawn) > 1:  # for all classes together, as many draws as for the largest class
        together = zip(*drawn.values(), strict=False)
        drawn["all"] = [[part for one in draws for part in one] for draws in together]
    for name, draws in drawn.items():
        size = sum(len(ours) for ours, _, _ in draws[0])
        few = f"; {ENOUGH} are needed to trust it" if size < ENOUGH else ""
        left = _without_people(trial, points, draws)
        note = f"{size} items per set{few}"
        found[name or "all"] = interval(_ratio(points, draws), left, note=note)
    return found


def _ratio(
    points: Sequence[NDArray], draws: Sequence[Sequence[Draw]], kept: Sequence[NDArray] = ()
) -> float:
    """The ratio of the mean distances over the draws; NaN if no items are left.

    points: [row, dimension] of the three sets. kept: [row] which held-out and training items count
    (all by default); each class is cut to its remaining items.
    """
    pairs = []
    for draw in draws:
        cut = []
        for generated, *real in draw:
            left = [r[k[r]] for r, k in zip(real, kept, strict=True)] if kept else real
            size = min(map(len, (generated, *left)))
            cut.append([one[:size] for one in (generated, *left)])
        rows = (np.concatenate(side) for side in zip(*cut, strict=True))
        synthetic, held, trained = (of[row] for of, row in zip(points, rows, strict=True))
        if len(held) < 2:
            return float("nan")
        pairs.append([frechet_distance(one, held) for one in (synthetic, trained)])
    distance, least = np.mean(pairs, 0)
    return float(max(0.0, distance) / max(least, 1e-12))  # of rounding


def _without_people(
    trial: Trial, points: Sequence[NDArray], draws: Sequence[Sequence[Draw]]
) -> list[LeaveOneOut]:
    """The ratio without each person in the first draws, centred on the ratio over all draws."""
    assert trial.test is not None and trial.train is not None
    held, learned = (
        np.unique(np.concatenate([part[k] for draw in draws for part in draw])) for k in (1, 2)
    )
    tried = draws[:TRIED_DRAWS]

    def ratio(weight: NDArray[np.float64]) -> float:
        kept = [np.zeros(len(of), bool) for of in points[1:]]
        kept[0][held], kept[1][learned] = (w > 0 for w in np.split(weight, [len(held)]))
        return _ratio(points, tried, kept)

    shift = _ratio(points, draws) - _ratio(points, tried)
    left = leave_one_out(ratio, joint((trial.test, held), (trial.train, learned)))
    return [replace(one, values=one.values + shift) for one in left]


def frechet_distance(one: NDArray, other: NDArray) -> float:
    """Between the Gaussians that fit two sets of points [item, dimension] (Heusel et al. 2017)."""
    from ecgsynth.evaluation.metrics.fidelity.moments import gaussian_frechet

    return gaussian_frechet(one.mean(0), np.cov(one.T), other.mean(0), np.cov(other.T))
