"""The sets of records that are judged: of a model, of other systems, and real ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

import ecgsynth as es
from benchmarks.records import deepfake
from ecgsynth.datasets.ptbxl.statements import SUPERCLASSES
from ecgsynth.datasets.store import cached_arrays
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Trial
from ecgsynth.evaluation.baselines.samplers import class_gaussian
from ecgsynth.evaluation.inputs import select_classes
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.events import marks_of
from ecgsynth.signals.filters import bandpass
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12, twelve_leads
from ecgsynth.simulator.records import simulate_record
from ecgsynth.synthesizer.rates import with_rate
from ecgsynth.synthesizer.sampler import NetworkSampler
from ecgsynth.training.data.events import known_events

FS, BAND = 100.0, (0.5, 40.0)
"""Rate and band at which records are judged, Hz."""

SEVERAL = 3
"""A system of normal records alone makes so many times the normal records of the split."""

SUPERCLASS = {
    "NORM": "NORM", "CLBBB": "CD", "CRBBB": "CD", "1AVB": "CD", "WPW": "CD", "LNGQT": "STTC",
}  # fmt: skip
"""The diagnostic superclass of the statements of models without superclasses (PTB-XL)."""

OTHERS = ("real", "gaussian", "simulator", "deepfake-ecg")
"""Systems that are no model of ours."""


@dataclass(frozen=True)
class Sets:
    """A system's records and the real ones, at 100 Hz, with their superclasses.

    Attributes
    ----------
    synthetic: those that are judged; of `real`, the records of half of the training people.
    train: what the system learned from. test: of the split, with the beats that the delineator
    finds; both of the classes that the system makes.
    whole: the synthetic records with all labels of the model, where it has more.
    """

    synthetic: Ecg
    train: Ecg
    test: Ecg
    whole: Ecg | None = None


def real_records(split: str, classes: tuple[str, ...] = tuple(SUPERCLASSES)) -> Ecg:
    """Records of a split of PTB-XL, those without any of these labels among them."""
    given: dict[str, Any] = {"classes": classes, "fs": FS, "band": BAND}
    return es.load(f"ptbxl:{split}", **given)


def sets_of(system: str | es.Synthesizer, split: str, count: int, seed: int) -> Sets:
    """The sets of a system: a model, its name or its file, or one of OTHERS.

    count: records; 0 = as many as there are in the training set.

    Raises
    ------
    EcgsynthError: there is no such model, or deepfake-ecg cannot be installed.
    """
    train, test = real_records("train"), real_records(split)
    test = replace(test, marks=marks_of(known_events(test), FS))
    if system == "real":
        half = _half_of_people(train)
        return Sets(train[half], train[~half], test)
    whole = None
    if system == "gaussian":
        synthetic = class_gaussian(Trial(train, train=train, seed=seed)).synthetic
    elif system in OTHERS:
        normal = int((test.labels_id == list(SUPERCLASSES).index("NORM")).sum())
        make = _simulated if system == "simulator" else _deepfake
        synthetic = make(count or SEVERAL * normal, seed)
    else:
        model = es.Synthesizer.load(system) if isinstance(system, str) else system
        whole = generated(model, count or len(train), seed)
        synthetic = _in_superclasses(whole)
    made = [name for name, number in synthetic.counts().items() if number]
    if len(made) < len(SUPERCLASSES):
        train, test = (_of_classes(ecg, made) for ecg in (train, test))
    return Sets(synthetic, train, test, whole)


def generated(model: es.Synthesizer, count: int, seed: int) -> Ecg:
    """Records of a model at FS and BAND, kept in the cache of the recordings."""
    key = {"model": model.card.id, "count": count, "seed": seed, "fs": FS, "band": BAND,
           "made": model.card.run["model"], "prior": model.card.prior}  # fmt: skip

    def build() -> tuple[dict[str, NDArray], dict[str, Any]]:
        chunks = [_banded(chunk) for chunk in _at_low_rate(model).stream(count, seed=seed)]
        ecg = concatenate(chunks)
        arrays = {"signal": ecg.signal, "label": np.asarray(ecg.label),
                  "context": np.asarray(ecg.context)}  # fmt: skip
        if ecg.marks is not None:
            arrays |= {name: getattr(ecg.marks, name) for name in ("item", "lead", "sample")}
            arrays["symbol"] = ecg.marks.symbol
        return arrays, {"spec": ecg.spec.to_json()}

    arrays, facts = cached_arrays("records", key, build)
    marks = None
    if "item" in arrays:
        marks = Marks(*(np.array(arrays[name]) for name in ("item", "lead", "sample", "symbol")))
    return Ecg(
        np.array(arrays["signal"]), Spec.from_json(facts["spec"]), np.array(arrays["label"]),
        np.array(arrays["context"]), marks=marks, source=SYNTHETIC + model.card.id,
    )  # fmt: skip


def _at_low_rate(model: es.Synthesizer) -> es.Synthesizer:
    """The model at FS, where its family has any rate and its band fits."""
    if not isinstance(model.sampler, NetworkSampler):
        return model
    try:
        return es.Synthesizer.of(with_rate(model.sampler, FS))
    except EcgsynthError:
        return model


def _banded(ecg: Ecg) -> Ecg:
    """The set at FS and in BAND."""
    low, high = ecg.spec.band
    if (low, high) != BAND:
        signal = bandpass(
            ecg.signal, ecg.spec.fs, BAND[0] if (low or 0) < BAND[0] else None,
            BAND[1] if (high or ecg.spec.fs / 2) > BAND[1] else None,
        )  # fmt: skip
        ecg = replace(ecg, signal=signal, spec=replace(ecg.spec, band=BAND))
    return at_rate(ecg, FS)


def _in_superclasses(ecg: Ecg) -> Ecg:
    """The set labelled by superclasses; those of statements where the model has none."""
    if set(SUPERCLASSES) & {*ecg.spec.classes} - {"NORM"}:
        return select_classes(ecg, tuple(SUPERCLASSES))
    label = np.zeros((len(ecg), len(SUPERCLASSES)), np.float32)
    for k, name in enumerate(ecg.spec.classes):
        if name in SUPERCLASS:
            column = list(SUPERCLASSES).index(SUPERCLASS[name])
            label[:, column] = np.maximum(label[:, column], np.asarray(ecg.label)[:, k])
    spec = replace(ecg.spec, classes=tuple(SUPERCLASSES), multilabel=True)
    return replace(ecg, label=label, spec=spec)[label.any(1)]


def _of_classes(ecg: Ecg, names: list[str]) -> Ecg:
    """The records that have one of these classes."""
    columns = [ecg.spec.class_index(name) for name in names]
    return ecg[np.asarray(ecg.label)[:, columns].any(1)]


def _half_of_people(ecg: Ecg) -> NDArray[np.bool_]:
    """[item] whether it is of the first half of the people, in an order by chance."""
    names, person = np.unique(np.asarray(ecg.patient), return_inverse=True)
    return np.asarray(np.random.default_rng(0).permutation(len(names))[person] < len(names) / 2)


def _normal(signal: NDArray, fs: float, marks: Marks | None, source: str) -> Ecg:
    """Twelve leads of normal records, at FS and in BAND."""
    spec = Spec(LEADS_12, fs, signal.shape[2], tuple(SUPERCLASSES), multilabel=True)
    label = np.zeros((len(signal), len(SUPERCLASSES)), np.float32)
    label[:, list(SUPERCLASSES).index("NORM")] = 1
    ecg = Ecg(signal.astype(np.float32), spec, label, marks=marks, source=SYNTHETIC + source)
    return _banded(ecg)


def _simulated(count: int, seed: int) -> Ecg:
    """Records of the simulator, each of another person, with the noise of its defaults."""
    parts = [simulate_record(10.0, 250.0, seed=seed, patient=k) for k in range(count)]
    beats = []
    for k, part in enumerate(parts):
        marks = part.marks
        assert marks is not None
        kept = marks.symbol == "N"
        at = marks.sample[kept]
        beats.append((np.full(len(at), k), np.full(len(at), -1), at, marks.symbol[kept]))
    marks = Marks(*(np.concatenate(column) for column in zip(*beats, strict=True)))
    return _normal(np.concatenate([part.signal for part in parts]), 250.0, marks, "simulator")


def _deepfake(count: int, seed: int) -> Ecg:
    signal = deepfake.generate(count, seed)
    return _normal(twelve_leads(signal), deepfake.FS, None, "deepfake-ecg")
