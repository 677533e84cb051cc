"""The user's own WFDB records: beats where they are annotated, whole records where not."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import Inventory, store
from ecgsynth.datasets.beats import Cutting, cut_beats, prepare
from ecgsynth.datasets.folder import splits
from ecgsynth.datasets.folder.checks import (
    FolderContents,
    assign_people,
    check_microvolts,
    order_classes,
    people_of_items,
    select_classes,
)
from ecgsynth.datasets.folder.record_leads import Layout, layout_of, read_leads, usual_layout
from ecgsynth.datasets.folder.rows import read_rows
from ecgsynth.datasets.folder.tables import is_own_layout
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.folder import files_of, record_names, summarise
from ecgsynth.progress import recordings
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, one_hot
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.rr import RR
from ecgsynth.signals.spec import Spec, band_below
from ecgsynth.signals.units import unit_problem
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

if TYPE_CHECKING:
    from ecgsynth.datasets.folder import Folder


def read_records(path: Path, settings: Folder.Settings) -> FolderContents:
    """The beats or windows of all records in a WFDB folder.

    Raises
    ------
    EcgsynthError: nothing can be read, or a setting does not fit.
    """
    if settings.unit not in (None, "mV"):
        raise EcgsynthError(
            "WFDB headers state the unit of every lead; leave data.unit out (and mend a header "
            "that is wrong)."
        )
    folder, names, missing = _records(path)
    if is_own_layout(
        folder / f"{names[0]}.hea", "wfdb"
    ):  # its items stand end to end: no recording
        return read_rows(path if path.is_dir() else path.with_suffix(".hea"), "wfdb", settings)
    annotated = [n for n in names if (folder / f"{n}.{settings.annotations}").is_file()]
    if not annotated and "annotations" in settings.model_fields_set:
        raise EcgsynthError(
            f"no record in {folder} has annotations .{settings.annotations}; check "
            "data.annotations, or leave it out to take records whole."
        )
    read = partial(_parse, folder, names, bool(annotated), settings)
    parsed = settings.model_dump(
        include={*Cutting.model_fields, "fs", "leads", "rename", "label_map", "annotations"}
    )
    files = {file for n in names for file in files_of(folder, n, settings.annotations)}
    key = parsed | {"folder": str(folder.resolve()), "names": names}
    key["files"] = store.stamp(file for file in files if file.is_file())
    columns, facts = store.cached_arrays("folder", key, read)
    notes = list(facts["notes"])
    record = np.asarray(columns["record"])
    classes = tuple(facts["classes"])
    ecg = Ecg(
        signal=columns["signal"],
        spec=Spec(
            leads=tuple(facts["leads"]),
            fs=facts["fs"],
            samples=columns["signal"].shape[-1],
            classes=classes,
            context=RR if annotated else (),
            band=band_below(settings.band, facts["fs"]),
            r_sample=facts["r_sample"],
        ),
        label=one_hot(columns["label"], len(classes)) if annotated else None,
        context=np.asarray(columns["rr"]) if annotated else None,
        patient=assign_people(record, settings.patients, notes),
        record=record,
        onset_s=np.asarray(columns["onset_s"]),
        source=(SYNTHETIC if facts["synthetic"] else "") + "folder",
    )
    check_microvolts(ecg, folder)
    if problem := unit_problem(ecg):
        notes.append(f"THE UNIT IS DOUBTFUL: the {problem}, or mend the headers.")
    split = splits.splits_of_people(
        people_of_items(ecg), settings.seed, settings.validation, settings.test
    )
    if annotated:
        edge = 1 - settings.heldout  # in time, within every record
        last = np.full(len(ecg), splits.GAP, "<U10")
        last[np.asarray(columns["end"]) <= edge] = "train"
        last[np.asarray(columns["start"]) >= edge] = "heldout"
    else:
        last = splits.hold_out_last(people_of_items(ecg), record, None, 0.0, settings.heldout)
    split = np.where(split == "train", last, split)
    if settings.classes is not None:
        kept = np.isin(ecg.labels_str, settings.classes)
        ecg, split = select_classes(ecg, settings.classes, folder), split[kept]
    return FolderContents(
        ecg, split, len(names), facts["damaged"], facts["left_out"], missing=missing, notes=notes
    )


def _records(path: Path) -> tuple[Path, list[str], list[str]]:
    """Folder, names of the records in it, and names that RECORDS lists but are not there."""
    if not path.is_dir():
        return path.parent, [path.with_suffix("").name], []
    names, missing = record_names(path)
    if not names:
        raise EcgsynthError(
            f"{path} holds no WFDB records (*.hea); point data.path to the folder with the "
            "headers, or to an NPZ, CSV or Parquet file."
        )
    return path, names, missing


def _parse(
    folder: Path, names: list[str], annotated: bool, settings: Folder.Settings
) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Items of all records as columns, and what was found out about them."""
    label_map = settings.label_map or AAMI_OF_SYMBOL
    order = order_classes(label_map.values())
    label_of = {symbol: order.index(name) for symbol, name in label_map.items()}
    leads, own_fs = _common_layout(folder, names, settings)
    fs = settings.fs or own_fs
    aside = Inventory()
    warnings: dict[str, tuple[str, ...]] = {}
    columns: dict[str, dict[str, NDArray]] = {}
    synthetic = False

    def one(name: str) -> tuple[dict[str, NDArray], Recording] | EcgsynthError:
        try:
            if annotated:
                return _beats(folder, name, leads, label_of, fs, settings)
            recording = read_leads(folder / name, leads, settings.rename, None)
            return _whole_record(recording, fs, settings), recording
        except EcgsynthError as problem:
            return problem

    with ThreadPoolExecutor(2) as pool:
        for name, part in zip(names, recordings(pool.map(one, names), len(names)), strict=True):
            if isinstance(part, EcgsynthError):
                aside.add_unused(name, part)
                continue
            cut, recording = part
            columns[name] = cut | {"record": np.full(len(cut["onset_s"]), name)}
            warnings[name] = recording.assumptions
            synthetic |= any("synthetic" in line.lower() for line in recording.comments)
    if not annotated:
        aside.left_out |= _equal_length(columns, settings.samples, warnings)
    if not columns:
        reason = (aside.damaged | aside.left_out)[names[0]]
        raise EcgsynthError(
            f"none of the {len(names)} records in {folder} is usable; {names[0]}: {reason}"
        )
    arrays = {n: np.concatenate([c[n] for c in columns.values()]) for n in [*_any(columns)]}
    facts: dict[str, Any] = {
        "damaged": aside.damaged, "left_out": aside.left_out, "leads": leads, "fs": fs,
        "notes": [*summarise(warnings)], "synthetic": synthetic, "classes": [], "r_sample": None,
    }  # fmt: skip
    if annotated:
        pre, post = settings.span_at(fs)
        stretch = ((settings.samples or pre + post) - 1) / (pre + post - 1)
        present = np.unique(arrays["label"])
        arrays["label"] = np.searchsorted(present, arrays["label"]).astype(np.int8)
        facts["classes"] = [order[k] for k in present]
        facts["fs"], facts["r_sample"] = fs * stretch, round(pre * stretch)
    return arrays, facts


def _common_layout(folder: Path, names: list[str], settings: Folder.Settings) -> Layout:
    """What the settings leave open: the leads of most records, and the rate of the first that
    has the leads."""
    found: list[Layout] = []
    problems: list[EcgsynthError] = []
    for name in names:
        try:
            found.append(layout_of(folder / name, settings.leads, settings.rename))
        except EcgsynthError as problem:
            problems.append(problem)
    if not found:
        raise EcgsynthError(
            f"none of the {len(names)} records in {folder} can be read; the first error: "
            f"{problems[0]}"
        )
    return usual_layout(found)


def _beats(
    folder: Path,
    name: str,
    leads: tuple[str, ...],
    label_of: dict[str, int],
    fs: float,
    settings: Folder.Settings,
) -> tuple[dict[str, NDArray], Recording]:
    if not (folder / f"{name}.{settings.annotations}").is_file():
        raise EcgsynthError(f"it has no annotations .{settings.annotations}.")
    recording = read_leads(folder / name, leads, settings.rename, settings.annotations)
    cut = cut_beats(recording, label_of, fs, settings, name)
    if not len(cut["onset_s"]):
        raise EcgsynthError("no beat of label_map is annotated in it, or none is whole.")
    return cut, recording


def _whole_record(recording: Recording, fs: float, settings: Folder.Settings) -> dict[str, NDArray]:
    signal = prepare(recording.signal, recording.fs, fs, settings)
    if not np.isfinite(signal).all() or not (np.ptp(signal, axis=1) > 0).all():
        raise EcgsynthError("it has gaps or a flat lead.")
    return {"signal": signal[None], "onset_s": np.zeros(1)}


def _equal_length(
    columns: dict[str, dict[str, NDArray]],
    samples: int | None,
    warnings: dict[str, tuple[str, ...]],
) -> dict[str, str]:
    """Cut longer records to `samples` (the commonest length, with a warning) and leave shorter
    ones out, with the reason."""
    lengths = {name: part["signal"].shape[-1] for name, part in columns.items()}
    if not lengths:
        return {}
    wanted = samples or Counter(lengths.values()).most_common(1)[0][0]
    for name, length in lengths.items():
        if length < wanted:
            del columns[name]
        elif length > wanted:
            columns[name]["signal"] = columns[name]["signal"][..., :wanted]
            if samples is None:
                warnings[name] += (f"only its first {wanted} samples, of {length}, are taken.",)
    return {
        name: f"it is shorter ({length} samples) than the items ({wanted})."
        for name, length in lengths.items()
        if length < wanted
    }


def _any(columns: dict[str, dict[str, NDArray]]) -> dict[str, NDArray]:
    return next(iter(columns.values()))
