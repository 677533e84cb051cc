"""Synthetic items with their nearest training and held-out items, the most copy-like first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Trial, members
from ecgsynth.evaluation.metrics.privacy.memorisation import Neighbours, neighbours, shift_of
from ecgsynth.evaluation.report.html.charts import Picture
from ecgsynth.evaluation.report.html.svg import Paper
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.paper import LONG_S
from ecgsynth.signals.paper.sheet import panel_limits, plain_gain, wave_of
from ecgsynth.signals.paper.strips import STRIP_S

PAIRS = 4
"""Items of a class that are shown."""


@dataclass(frozen=True)
class Pair:
    """A synthetic item and its nearest real items: rows within the class, RMS distances."""

    synthetic: int
    trained: int
    to_trained: float
    held: int
    to_heldout: float


def closest_pairs(trial: Trial, group: str) -> list[Pair]:
    """The most copy-like pairs of a class: a copy lies near a training item only.

    Pairs are sorted by the distance to a training item divided by that to a held-out item, as in
    memorisation: quantised to 5 uV, minimum over small shifts.
    """
    if trial.test is None or trial.train is None:
        return []
    near = neighbours(trial).get(group)
    if not isinstance(near, Neighbours):
        return []
    spec, shift = trial.synthetic.spec, shift_of(trial)
    size = (len(spec.leads) * (spec.samples - 2 * shift)) ** 0.5
    share = near.to_train / np.maximum(near.to_test, 1e-9)
    at = np.searchsorted(members(trial.synthetic, group), near.rows)
    return [
        Pair(
            int(at[i]), int(near.by_train[i]), float(near.to_train[i] / size),
            int(near.by_test[i]), float(near.to_test[i] / size),
        )
        for i in np.argsort(share, kind="stable")[:PAIRS]
    ]  # fmt: skip


def draw_pairs(
    pairs: list[Pair], synthetic: Ecg | None, train: Ecg | None, test: Ecg | None, lead: int
) -> list[list[Picture]]:
    """For each pair the synthetic item over the training item and over the held-out item.

    Items that may not be shown are not drawn. Speed and gain are doubled to show differences.
    """
    if synthetic is None or train is None or not pairs:
        return []
    length = int(STRIP_S * synthetic.spec.fs)
    waves = [
        [
            wave_of(synthetic, pair.synthetic, lead)[:length],
            wave_of(train, pair.trained, lead)[:length],
        ]
        + ([wave_of(test, pair.held, lead)[:length]] if test is not None else [])
        for pair in pairs
    ]
    every = [wave for some in waves for wave in some]
    plain, unit = synthetic.spec.unit != "mV", synthetic.spec.unit
    gain = plain_gain(every) if plain else 20.0
    low, high = panel_limits(every, gain)
    speed = 25.0 if synthetic.spec.seconds >= LONG_S else 50.0

    def picture(over: NDArray, under: NDArray, words: str) -> Picture:
        paper = Paper(len(over) / synthetic.spec.fs, low, high, gain, plain, speed)
        paper.wave(under, synthetic.spec.fs, "real")
        paper.wave(over, synthetic.spec.fs, "synthetic over")
        return Picture(paper.markup(f"synthetic ECG over its {words}"), words)

    found = []
    for number, (pair, (one, *others)) in enumerate(zip(pairs, waves, strict=True), 1):
        words = (
            f"{number}: nearest training item, distance {pair.to_trained:.3f} {unit}",
            f"{number}: nearest held-out item, distance {pair.to_heldout:.3f} {unit}",
        )
        found.append([picture(one, w, text) for w, text in zip(others, words, strict=False)])
    return found
