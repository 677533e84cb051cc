"""The rows of the user's own table: dropped, filtered, relabelled and split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecgsynth.datasets.beats import prepare
from ecgsynth.datasets.own import people
from ecgsynth.datasets.own.found import (
    Found,
    of_classes,
    ordered,
    persons,
    persons_of,
    refuse_microvolts,
)
from ecgsynth.datasets.own.tables import read_table, renamed
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals import filters
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.datasets.folder import Folder


def of_table(path: Path, kind: str, settings: Folder.Settings) -> Found:
    ecg = read_table(path, kind, settings)
    notes = []
    if not len(ecg):
        raise EcgsynthError(f"{path.name} holds no rows; export it again.")
    missing = ~np.isfinite(ecg.signal).all((1, 2))
    flat = ~missing & ~(np.ptp(ecg.signal, axis=2) > 0).all(1)
    for what, rows in (("hold missing numbers", missing), ("hold a flat lead", flat)):
        if rows.any():
            notes.append(f"{rows.sum()} of {len(ecg)} rows of {path.name} {what}; dropped.")
    rows = len(ecg)
    ecg = ecg[~(missing | flat)]
    if not len(ecg):
        raise EcgsynthError(
            f"none of the {rows} rows of {path.name} is usable: {notes[0]} Export it again, or "
            "leave out the lead that is not connected."
        )
    refuse_microvolts(ecg, path)
    ecg = _filtered(ecg, settings)
    if settings.label_map is not None:
        ecg = _relabelled(ecg, settings.label_map, notes)
    ecg = of_classes(ecg, settings.classes, path)
    if ecg.patient is None and ecg.record is not None:
        record = ecg.record
        ecg = replace(ecg, patient=persons(record, settings.patients, notes))
    elif ecg.patient is None:
        notes.append(
            f"{path.name} names no people, so every row counts as a person of its own, and one "
            "person may be in train and in test; name the column, as in data.patient=NAME."
        )
        ecg = replace(ecg, patient=np.array([f"row {k}" for k in range(len(ecg))]))
    elif (ecg.patient == "").any():
        lost = int((ecg.patient == "").sum())
        notes.append(f"{lost} rows of {path.name} name no person; dropped.")
        ecg = ecg[np.flatnonzero(ecg.patient != "")]
    split = people.sides(persons_of(ecg), settings.seed, settings.validation, settings.test)
    last = people.hold_out_last(
        persons_of(ecg), ecg.record, ecg.onset_s, ecg.spec.seconds, settings.heldout
    )
    records = len(np.unique(ecg.record)) if ecg.record is not None else len(ecg)
    return Found(ecg, np.where(split == "train", last, split), records, notes=notes)


def _filtered(ecg: Ecg, settings: Folder.Settings) -> Ecg:
    """Filters that were asked for, then rate and length."""
    asked = settings.model_fields_set
    spec = ecg.spec
    signal = ecg.signal
    if {"baseline", "band"} & asked:
        baseline = settings.baseline and "baseline" in asked
        if baseline and spec.seconds < 2:
            raise EcgsynthError(
                f"items of {spec.seconds:.2g} s are too short to find a baseline in; leave "
                "data.baseline out."
            )
        band = settings.band if "band" in asked else (None, None)
        cutting = settings.model_copy(update={"baseline": baseline, "band": band})
        signal = prepare(signal, spec.fs, spec.fs, cutting)
        spec = replace(spec, band=band if band != (None, None) else spec.band)
    if settings.fs is not None and settings.fs != spec.fs:
        signal = filters.resample(signal, spec.fs, settings.fs)
        spec = _at(spec, settings.fs, signal.shape[-1])
    if settings.samples is not None and settings.samples != spec.samples:
        stretch = (settings.samples - 1) / (spec.samples - 1)
        signal = filters.resample_length(signal, settings.samples)
        spec = _at(spec, spec.fs * stretch, settings.samples)
    if "window" in asked and spec.r_sample is None:
        pre, post = settings.span_at(spec.fs)
        if pre + post == spec.samples:
            spec = replace(spec, r_sample=pre)
    if spec == ecg.spec and signal is ecg.signal:
        return ecg
    changed = spec.samples != ecg.spec.samples
    more: dict[str, Any] = {"marks": None, "valid": None} if changed else {}
    return replace(ecg, signal=signal, spec=spec, **more)


def _at(spec: Spec, fs: float, samples: int) -> Spec:
    r = None if spec.r_sample is None else round(spec.r_sample * fs / spec.fs)
    return replace(spec, fs=fs, samples=samples, r_sample=r)


def _relabelled(ecg: Ecg, label_map: dict[str, str], notes: list[str]) -> Ecg:
    names = renamed(ecg.labels_str, label_map)
    lost = names == ""
    if lost.any():
        notes.append(f"{lost.sum()} of {len(ecg)} rows have labels outside label_map; dropped.")
    classes = ordered(label_map.values())
    label = one_hot([classes.index(n) if n else -1 for n in names.tolist()], len(classes))
    bare = replace(ecg, spec=replace(ecg.spec, classes=(), multilabel=False), label=None)
    kept = np.flatnonzero(~lost)
    spec = replace(bare.spec, classes=classes)
    return replace(bare[kept], spec=spec, label=label[kept])
