"""Relative time of each metric, for the progress bar of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable

from ecgsynth.evaluation import Metric

LOADING_S = 4.0
"""To read the real sets, before the first figure."""

SECONDS = {
    "adherence": 0.7, "alpha_precision": 2.6, "amplitude_w1": 0.3, "authenticity": 4.3,
    "c2st": 1.4, "c2st_conditional": 2.2, "c2st_minutes": 1.4, "c2st_trained": 2.2,
    "copy_share": 9.0, "delineation_failure": 1.0, "domias": 1.3, "dtw": 0.6, "frechet_ratio": 1.5,
    "nn_distance_ratio": 0.8, "nn_membership": 0.6, "rr_morphology": 0.3, "singling_out": 1.0,
    "wavelet_coherence": 0.9,
}  # fmt: skip
"""For 2,000 beats of 256 samples, on one core; shared computations count for the first metric."""

WHOLE_SECONDS = {
    "c2st": 20.0, "c2st_minutes": 20.0, "discriminative_score": 4.0, "predictive_score": 6.0,
    "tstr_brier": 0.1, "tstr_ece": 0.1,
}  # fmt: skip
"""In an evaluation that is not quick."""

FAST_S, NETWORK_S = 0.04, 30.0
"""For other metrics, and for other metrics that train a network."""


def cost(metric: Metric, quick: bool, seeds: int = 1) -> float:
    """Approximate seconds that a metric takes; only the ratios matter."""
    if not quick and metric.name in WHOLE_SECONDS:
        return WHOLE_SECONDS[metric.name] * seeds
    return NETWORK_S * seeds if metric.costly else SECONDS.get(metric.name, FAST_S)


def total(metrics: Iterable[Metric], quick: bool, seeds: int = 1) -> float:
    """Seconds that metrics take together."""
    return sum(cost(metric, quick, seeds) for metric in metrics)
