"""The rows of the user's own table: split as they stand in the file, then dropped and changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.beats import prepare
from ecgsynth.datasets.folder import splits
from ecgsynth.datasets.folder.checks import (
    FolderContents,
    assign_people,
    check_microvolts,
    order_classes,
    select_classes,
)
from ecgsynth.datasets.folder.tables import read_table
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.rates import at_length, at_rate
from ecgsynth.signals.units import scale_problem, unit_problem

if TYPE_CHECKING:
    from ecgsynth.datasets.folder import Folder


def read_rows(path: Path, kind: str, settings: Folder.Settings) -> FolderContents:
    """The usable rows that were asked for, each on the side on which it is whatever is asked."""
    ecg = read_table(path, kind, settings)
    if not len(ecg):
        raise EcgsynthError(f"{path.name} holds no rows; export it again.")
    notes: list[str] = []
    usable = _usable(ecg, path, notes)
    who = _people(ecg, path, settings, notes)
    ecg = replace(ecg, patient=who)
    side = splits.splits_of_people(who, settings.seed, settings.validation, settings.test)
    last = splits.hold_out_last(who, ecg.record, ecg.onset_s, ecg.spec.seconds, settings.heldout)
    split = np.where(side == "train", last, side)
    kept = np.flatnonzero(usable & (who != ""))
    if not len(kept):
        raise EcgsynthError(
            f"none of the {len(ecg)} rows of {path.name} is usable: {notes[0]} Export it again, "
            "or leave out the lead that is not connected."
        )
    ecg, split = ecg[kept], split[kept]
    check_microvolts(ecg, path)
    if problem := unit_problem(ecg) or scale_problem(ecg):
        notes.append(f"THE UNIT IS DOUBTFUL: the {problem}.")
    ecg = _filter(ecg, settings)
    if settings.label_map is not None:
        ecg, split = _relabel(ecg, split, settings.label_map, path, notes)
    if settings.classes is not None and settings.classes != ecg.spec.classes:
        chosen, label = select_classes(ecg, settings.classes, path), ecg.label
        assert label is not None
        columns = [ecg.spec.class_index(name) for name in settings.classes]
        ecg, split = chosen, split[label[:, columns].any(1)]
    records = len(np.unique(ecg.record)) if ecg.record is not None else len(ecg)
    return FolderContents(ecg, split, records, notes=notes)


def _people(ecg: Ecg, path: Path, settings: Folder.Settings, notes: list[str]) -> NDArray[np.str_]:
    """The person of every row; "" of a row that names none."""
    if settings.patients and (ecg.record is None or ecg.patient is not None):
        has = "names its people itself" if ecg.patient is not None else "names no records"
        raise EcgsynthError(
            f"data.patients gives the person of each record, but {path.name} {has}; leave "
            "data.patients out."
        )
    if ecg.patient is not None:
        who = ecg.patient
    elif ecg.record is not None:
        who = assign_people(ecg.record, settings.patients, notes)
    else:
        notes.append(
            f"{path.name} names no people, so every row counts as a person of its own, and one "
            "person may be in train and in test; name the column, as in data.patient=NAME."
        )
        return np.array([f"row {k}" for k in range(len(ecg))])
    if lost := int((who == "").sum()):
        notes.append(f"{lost} rows of {path.name} name no person; dropped.")
    return who


def _usable(ecg: Ecg, path: Path, notes: list[str]) -> NDArray[np.bool_]:
    missing = ~np.isfinite(ecg.signal).all((1, 2))
    flat = ~missing & ~(np.ptp(ecg.signal, axis=2) > 0).all(1)
    for what, rows in (("hold missing numbers", missing), ("hold a flat lead", flat)):
        if rows.any():
            notes.append(f"{rows.sum()} of {len(ecg)} rows of {path.name} {what}; dropped.")
    return ~(missing | flat)


def _filter(ecg: Ecg, settings: Folder.Settings) -> Ecg:
    """Filters that were asked for, then rate and length."""
    asked = settings.model_fields_set
    if {"baseline", "band"} & asked:
        baseline = settings.baseline and "baseline" in asked
        if baseline and ecg.spec.seconds < 2:
            raise EcgsynthError(
                f"items of {ecg.spec.seconds:.2g} s are too short to find a baseline in; leave "
                "data.baseline out."
            )
        band = settings.band if "band" in asked else (None, None)
        cutting = settings.model_copy(update={"baseline": baseline, "band": band})
        signal = prepare(ecg.signal, ecg.spec.fs, ecg.spec.fs, cutting)
        kept = band if band != (None, None) else ecg.spec.band
        ecg = replace(ecg, signal=signal, spec=replace(ecg.spec, band=kept))
    ecg = at_rate(ecg, settings.fs or ecg.spec.fs)
    ecg = at_length(ecg, settings.samples or ecg.spec.samples)
    if "window" in asked and ecg.spec.r_sample is None:
        pre, post = settings.span_at(ecg.spec.fs)
        if pre + post == ecg.spec.samples:
            return replace(ecg, spec=replace(ecg.spec, r_sample=pre))
    return ecg


def _relabel(
    ecg: Ecg, split: NDArray[np.str_], label_map: dict[str, str], path: Path, notes: list[str]
) -> tuple[Ecg, NDArray[np.str_]]:
    """The rows whose labels are in the map, under the classes that it gives them."""
    assert ecg.label is not None
    classes = order_classes(label_map.values())
    label = np.zeros((len(ecg), len(classes)), np.float32)
    for name, column in zip(ecg.spec.classes, ecg.label.T, strict=True):
        if name in label_map:
            place = classes.index(label_map[name])
            label[:, place] = np.maximum(label[:, place], column)
    kept = np.flatnonzero(label.any(1))
    if not len(kept):
        there = ", ".join(ecg.spec.classes) or "none"
        raise EcgsynthError(
            f"no row of {path.name} has a label of data.label_map (it has: {there}); mend it."
        )
    if len(kept) < len(ecg):
        lost = len(ecg) - len(kept)
        notes.append(f"{lost} of {len(ecg)} rows have labels outside label_map; dropped.")
    bare = replace(ecg, spec=replace(ecg.spec, classes=()), label=None)[kept]
    spec = replace(bare.spec, classes=classes)
    return replace(bare, spec=spec, label=label[kept]), split[kept]
