"""Reference statistics: what is known of a real set where its recordings are not.

Embedding moments, spectra, histograms of amplitude and RR, and the calibrated floors and ceilings
of every metric; no recordings and no single beat.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import MIN_ITEMS, Estimate, NotApplicable, Trial, members, metric, too_few
from ecgsynth.evaluation.baselines.calibration import Calibration, from_json, to_json
from ecgsynth.evaluation.reference_models.instruments import embed, instrument
from ecgsynth.files import written_beside
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

log = logging.getLogger("ecgsynth")

AMPLITUDE_EDGES = np.linspace(0, 8, 81)
"""Bins of peak-to-peak amplitude, mV."""

DRAWN = "draws/"
"""Begins the names of the tensors with what real samples reach: draws/CALIBRATION/METRIC/GROUP."""

RR_EDGES = np.linspace(0, 2.5, 51)
"""Bins of the RR interval before a beat, s."""


@dataclass(frozen=True)
class Reference:
    """Statistics per class of a real set.

    Attributes
    ----------
    source: "mitbih:heldout". spec: of the items.
    counts: items per class. statistics: class -> part -> array: `mean` [32] and `covariance`
        [32, 32] of the embedding, `psd`, `psd_sd` [frequency] (log10 mV^2/Hz), `amplitude`
        (share of beats per bin of peak-to-peak mV), `rr` (likewise of RR before the beat, s),
        `beat` [lead, sample] (the mean beat, mV). What is shipped leaves out what comes of fewer
        than five people.
    calibrations: floors and ceilings at several sizes; against the training set `train`.
    instrument: hash of the embedding that was used; None where it does not know such signals.
    """

    source: str
    spec: Spec
    counts: dict[str, int]
    statistics: dict[str, dict[str, NDArray[np.float64]]]
    calibrations: list[Calibration] = field(default_factory=list)
    train: str = ""
    instrument: str | None = None

    @classmethod
    def measure(cls, ecg: Ecg, points: NDArray | None = None) -> Reference:
        """The statistics of a set; classes with fewer than 10 items have none.

        points: [item, 32] of its embedding, where that is known.
        """
        ecg, statistics = ecg.quantised(), {}
        points = embed(ecg) if points is None else points
        for name in ecg.spec.classes or ("",):
            rows = members(ecg, name)
            if len(rows) < MIN_ITEMS:
                continue
            spectrum = log_psd(ecg[rows])
            statistics[name] = {
                "mean": points[rows].mean(0),
                "covariance": np.cov(points[rows].T),
                "psd": spectrum.mean(0),
                "psd_sd": spectrum.std(0),
                "amplitude": histogram(ecg[rows]),
                "beat": ecg.signal[rows].mean(0, dtype=np.float64),
            }
            rr = rr_histogram(ecg[rows])
            if rr is not None:
                statistics[name]["rr"] = rr
        return cls(ecg.source, ecg.spec, ecg.counts(), statistics, instrument=instrument_hash(ecg))

    def save(self, path: Path) -> None:
        """Write as safetensors; numbers in 32 bits, the rest as JSON."""
        from safetensors.numpy import save_file

        tensors = {
            f"{name}/{part}": np.ascontiguousarray(value, np.float32)
            for name, parts in self.statistics.items()
            for part, value in parts.items()
        } | {
            f"{DRAWN}{k}/{name}/{group}": np.array(values, np.float32)
            for k, one in enumerate(self.calibrations)
            for name, row in one.draws.items()
            for group, values in row.items()
        }
        facts = {
            "source": self.source,
            "spec": self.spec.to_json(),
            "counts": self.counts,
            "calibrations": to_json([replace(one, draws={}) for one in self.calibrations]),
            "train": self.train,
            "instrument": self.instrument,
        }
        with written_beside(path) as beside:
            save_file(tensors, beside, {"facts": json.dumps(facts)})

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Read what `save` wrote.

        Raises
        ------
        EcgsynthError: the file is damaged.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "np") as file:
                facts: dict[str, Any] = json.loads(file.metadata()["facts"])
                calibrations = from_json(facts["calibrations"])
                statistics: dict[str, dict[str, NDArray[np.float64]]] = {}
                for key in file.keys():  # noqa: SIM118
                    if key.startswith(DRAWN):
                        k, name, group = key.removeprefix(DRAWN).split("/", 2)
                        row = calibrations[int(k)].draws.setdefault(name, {})
                        row[group] = file.get_tensor(key).tolist()
                        continue
                    name, part = key.rsplit("/", 1)
                    statistics.setdefault(name, {})[part] = file.get_tensor(key).astype(float)
            return cls(
                facts["source"], Spec.from_json(facts["spec"]), facts["counts"], statistics,
                calibrations, facts["train"], facts.get("instrument"),
            )  # fmt: skip
        except (SafetensorError, OSError, LookupError, TypeError, ValueError) as problem:
            text = (
                f"the reference statistics {path} are damaged ({problem}); install ecgsynth again."
            )
            raise EcgsynthError(text) from None


def instrument_hash(ecg: Ecg) -> str | None:
    """Of the embedding in which these signals are measured."""
    known = instrument(ecg.spec)
    return known.hash if known else None


def shipped(source: str, spec: Spec) -> Reference | None:
    """The shipped statistics of a set, where they were made from items of this shape."""
    stem = source.replace(":", "-")
    path = Path(str(files("ecgsynth.pretrained"))) / "references" / f"{stem}.safetensors"
    if not path.is_file():
        return None
    known = Reference.load(path)
    same = ("leads", "fs", "samples", "r_sample", "unit")
    if any(getattr(known.spec, name) != getattr(spec, name) for name in same):
        return None
    eye = instrument(spec)
    if known.instrument != (eye.hash if eye else None):
        log.warning("%s was measured with another instrument and is not used.", path.name)
        return None
    return known


def log_psd(ecg: Ecg) -> NDArray[np.float64]:
    """[item, frequency]: log10 of the power density (mV^2/Hz), leads averaged, floor 1e-9."""
    from scipy.signal import welch

    _, power = welch(ecg.signal, ecg.spec.fs, nperseg=min(128, ecg.spec.samples), axis=-1)
    return np.log10(power.mean(1) + 1e-9)


def histogram(ecg: Ecg) -> NDArray[np.float64]:
    """Share of items per bin of peak-to-peak amplitude."""
    height = np.ptp(ecg.signal, axis=2).max(1)
    counts, _ = np.histogram(np.clip(height, 0, AMPLITUDE_EDGES[-1] - 1e-6), AMPLITUDE_EDGES)
    return counts / max(counts.sum(), 1)


def rr_histogram(ecg: Ecg) -> NDArray[np.float64] | None:
    """Share of items per bin of the RR interval before them; None where it is not known."""
    if "rr_before_s" not in ecg.spec.context:
        return None
    assert ecg.context is not None
    rr = ecg.context[:, ecg.spec.context.index("rr_before_s")]
    counts, _ = np.histogram(np.clip(rr[np.isfinite(rr)], 0, RR_EDGES[-1] - 1e-6), RR_EDGES)
    return counts / counts.sum() if counts.sum() else None


NOT_KEPT = "the real statistics do not hold what this is measured with"
WHY = "the real statistics are kept class by class, and the set has no labels"


def _per_class(trial: Trial, measure: Any) -> dict[str, Estimate]:
    assert trial.reference is not None
    mine = trial.measured
    found = {}
    for name in trial.groups:
        if name not in mine.statistics or name not in trial.reference.statistics:
            counts = (mine.counts.get(name, 0), trial.reference.counts.get(name, 0))
            few = too_few(min(counts))
            found[name or "all"] = few if name else Estimate(float("nan"), note=WHY)
            continue
        value = float(measure(mine.statistics[name], trial.reference.statistics[name]))
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
        lambda a, b: between_gaussians(a["mean"], a["covariance"], b["mean"], b["covariance"]),
    )


def between_gaussians(one: NDArray, a: NDArray, other: NDArray, b: NDArray) -> float:
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
    """How far the peak-to-peak amplitudes lie from the real ones."""
    return _per_class(trial, lambda a, b: _of_histograms(a, b, "amplitude", AMPLITUDE_EDGES))


@METRICS.register("rr_w1")
@metric(
    "rr_w1", unit="s", goal="lower", needs=("reference",), question="match", by_size=True,
    reference="Wasserstein-1 distance of the histograms of RR before the beat, of the contexts: "
    "how the beats look has no part in it",
)  # fmt: skip
def rr_w1(trial: Trial) -> dict[str, Estimate]:
    """How far the RR intervals before the beats lie from the real ones."""
    if "rr_before_s" not in trial.synthetic.spec.context:
        raise NotApplicable("needs the context rr_before_s")
    if trial.test is not None and "rr_before_s" not in trial.test.spec.context:
        raise NotApplicable("needs the context rr_before_s of the real items")
    return _per_class(trial, lambda a, b: _of_histograms(a, b, "rr", RR_EDGES))


def _of_histograms(one: dict, other: dict, part: str, edges: NDArray) -> float:
    """Their distance; NaN where either is not kept."""
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
