"""Distances of the statistics of two sets: moments of the embedding, spectra, histograms, means."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import Estimate, NotApplicable, Trial, metric, too_few
from ecgsynth.evaluation.baselines.statistics import AMPLITUDE_EDGES, RR_EDGES, statistics_of
from ecgsynth.registry import METRICS

NOT_KEPT = "the reference statistics do not contain the values that this metric needs"
WHY = "the reference statistics are per class, and the set has no labels"


def _per_class(trial: Trial, measure: Any) -> dict[str, Estimate]:
    assert trial.reference is not None
    own_statistics = statistics_of(trial)
    found = {}
    for name in trial.groups:
        if name not in own_statistics.statistics or name not in trial.reference.statistics:
            counts = (own_statistics.counts.get(name, 0), trial.reference.counts.get(name, 0))
            few = too_few(min(counts))
            found[name or "all"] = few if name else Estimate(float("nan"), note=WHY)
            continue
        value = float(measure(own_statistics.statistics[name], trial.reference.statistics[name]))
        found[name or "all"] = Estimate(value, note=NOT_KEPT if np.isnan(value) else "")
    return found


@METRICS.register("frechet")
@metric(
    "frechet", unit="distance", goal="lower", needs=("reference",), question="match", by_size=True,
    reference="Heusel et al., NeurIPS 2017, in the fixed instrument's embedding (PCA 32)",
)  # fmt: skip
def frechet(trial: Trial) -> dict[str, Estimate]:
    """Frechet distance between synthetic and real beats in the fixed embedding."""
    return _per_class(
        trial,
        lambda a, b: gaussian_frechet(a["mean"], a["covariance"], b["mean"], b["covariance"]),
    )


def gaussian_frechet(one: NDArray, a: NDArray, other: NDArray, b: NDArray) -> float:
    """Frechet distance (squared, as usual) of Gaussians from their means and covariances."""
    root = np.sqrt(np.maximum(np.linalg.eigvals(a @ b).real, 0)).sum()
    return float(((one - other) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root)


@METRICS.register("psd_distance")
@metric(
    "psd_distance", unit="dB", goal="lower", needs=("reference",), question="match", by_size=True,
    reference="log-spectral distance of the mean log power spectra",
)  # fmt: skip
def psd_distance(trial: Trial) -> dict[str, Estimate]:
    """RMS difference of the mean log power spectra."""
    return _per_class(trial, lambda a, b: 10 * np.sqrt(((a["psd"] - b["psd"]) ** 2).mean()))


@METRICS.register("amplitude_w1")
@metric(
    "amplitude_w1", unit="mV", goal="lower", needs=("reference",), question="match", by_size=True,
    reference="Wasserstein-1 distance of peak-to-peak amplitude histograms",
)  # fmt: skip
def amplitude_w1(trial: Trial) -> dict[str, Estimate]:
    """Distance of the peak-to-peak amplitudes to the real ones."""
    return _per_class(trial, lambda a, b: _of_histograms(a, b, "amplitude", AMPLITUDE_EDGES))


@METRICS.register("rr_w1")
@metric(
    "rr_w1", unit="s", goal="lower", needs=("reference",), question="match", by_size=True,
    reference="Wasserstein-1 distance of the histograms of RR before the beat, from the "
    "contexts: it does not depend on the signals",
)  # fmt: skip
def rr_w1(trial: Trial) -> dict[str, Estimate]:
    """Distance of the RR intervals before the beats to the real ones."""
    if "rr_before_s" not in trial.synthetic.spec.context:
        raise NotApplicable("needs the context rr_before_s")
    if trial.test is not None and "rr_before_s" not in trial.test.spec.context:
        raise NotApplicable("needs the context rr_before_s of the real items")
    return _per_class(trial, lambda a, b: _of_histograms(a, b, "rr", RR_EDGES))


def _of_histograms(one: dict, other: dict, part: str, edges: NDArray) -> float:
    """Distance of two histograms; NaN if one is absent."""
    if part not in one or part not in other:
        return float("nan")
    return _w1(one[part], other[part], edges)


def _w1(one: NDArray, other: NDArray, edges: NDArray) -> float:
    """Wasserstein-1 distance of two histograms over the same bins."""
    return float(np.abs(np.cumsum(one - other)).sum() * (edges[1] - edges[0]))


@METRICS.register("mean_beat_error")
@metric(
    "mean_beat_error", unit="mV", goal="lower", needs=("reference", "aligned"), question="match",
    by_size=True,
    reference="RMS difference of the class-mean beats",
)  # fmt: skip
def mean_beat_error(trial: Trial) -> dict[str, Estimate]:
    """RMS difference between the mean synthetic and the mean real beat."""
    return _per_class(trial, lambda a, b: np.sqrt(((a["beat"] - b["beat"]) ** 2).mean()))
