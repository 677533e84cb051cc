"""Reference statistics of a real set, for use without its recordings.

Embedding moments, spectra, histograms of amplitude and RR, and the calibrated floors and ceilings
of every metric. They contain no recording and no single beat.
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
from ecgsynth.evaluation import (
    MIN_ITEMS,
    Trial,
    members,
    once,
)
from ecgsynth.evaluation.baselines.calibration import Calibration, from_json, to_json
from ecgsynth.evaluation.reference_models.instruments import embed, embedded, instrument
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

log = logging.getLogger("ecgsynth")

AMPLITUDE_EDGES = np.linspace(0, 8, 81)
"""Bins of peak-to-peak amplitude, mV."""

DRAWN = "draws/"
"""Prefix of tensor names with figures of real samples: draws/CALIBRATION/METRIC/GROUP."""

RR_EDGES = np.linspace(0, 2.5, 51)
"""Bins of the RR interval before a beat, s."""


@dataclass(frozen=True)
class Reference:
    """Statistics per class of a real set.

    Attributes
    ----------
    source: "mitbih:heldout".
    spec: of the items.
    counts: items per class.
    statistics: class -> part -> array: `mean` [32] and `covariance`
        [32, 32] of the embedding, `psd`, `psd_sd` [frequency] (log10 mV^2/Hz), `amplitude`
        (share of beats per bin of peak-to-peak mV), `rr` (likewise of RR before the beat, s),
        `beat` [lead, sample] (the mean beat, mV). Shipped statistics leave out values of fewer than
        five people.
    calibrations: floors and ceilings at several sizes; against the training set `train`.
    instrument: hash of the embedding; None if no instrument fits such signals.
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

        points: [item, 32] of its embedding, if known.
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
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, {"facts": json.dumps(facts)})

    @classmethod
    def load(cls, path: Path) -> Reference:
        """Read a file of `save`.

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
    """Hash of the embedding for these signals."""
    known = instrument(ecg.spec)
    return known.hash if known else None


def shipped(source: str, spec: Spec) -> Reference | None:
    """The shipped statistics of a set, if made from items of this shape."""
    stem = source.replace(":", "-")
    path = Path(str(files("ecgsynth"))) / "pretrained" / "references" / f"{stem}.safetensors"
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
    """Share of items per bin of the RR interval before them; None if it is not known."""
    if "rr_before_s" not in ecg.spec.context:
        return None
    assert ecg.context is not None
    rr = ecg.context[:, ecg.spec.context.index("rr_before_s")]
    counts, _ = np.histogram(np.clip(rr[np.isfinite(rr)], 0, RR_EDGES[-1] - 1e-6), RR_EDGES)
    return counts / counts.sum() if counts.sum() else None


@once
def statistics_of(trial: Trial) -> Reference:
    """The reference statistics of the synthetic set, shared by several metrics."""
    return Reference.measure(trial.synthetic, embedded(trial)[0] if trial.test else None)
