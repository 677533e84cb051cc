"""Beats of one simulated crowd in exchangeable parts, and what is done to them to try metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecgsynth.evaluation import Metric, Trial
from ecgsynth.registry import METRICS
from ecgsynth.simulator.records import Noise, simulate_beats


def exchangeable(count: int = 1500, draw: int = 0) -> Trial:
    """N and V beats in three random parts: as if synthetic, held out and trained."""
    beats = simulate_beats(
        count, patients=12, beats={"N": 0.6, "V": 0.4}, noise=Noise(muscle_mv=0.01), seed=3
    ).with_classes(("N", "V"))
    beats = replace(beats, record=None, onset_s=None, patient=None, marks=None)
    parts = np.array_split(np.random.default_rng(draw).permutation(len(beats)), 3)
    return Trial(*(beats[rows] for rows in parts), quick=True)


def values(name: str, trial: Trial) -> dict[str, float]:
    metric: Metric = METRICS.get(name)
    return {group: estimate.value for group, estimate in metric.measure(trial).items()}


def with_noise(trial: Trial, sd_mv: float) -> Trial:
    """The synthetic set under white noise."""
    signal = trial.synthetic.signal
    noise = sd_mv * np.random.default_rng(0).standard_normal(signal.shape)
    return trial.with_synthetic(
        replace(trial.synthetic, signal=(signal + noise).astype(np.float32))
    )


def shuffled(trial: Trial) -> tuple[Trial, Trial]:
    """The trial with equal counts, so that nothing is drawn, and the same in another order."""
    synthetic, test = trial.matched
    random = np.random.default_rng(1)
    mixed = [part[random.permutation(len(part))] for part in (synthetic, test)]
    return (
        replace(trial, synthetic=synthetic, test=test),
        replace(trial, synthetic=mixed[0], test=mixed[1]),
    )


def constant(trial: Trial) -> Trial:
    """Flat lines for synthetic beats."""
    return trial.with_synthetic(
        replace(trial.synthetic, signal=np.zeros_like(trial.synthetic.signal))
    )


def few(trial: Trial) -> Trial:
    """Five synthetic beats of N, none of V."""
    return trial.with_synthetic(trial.synthetic.of_class("N")[:5])
