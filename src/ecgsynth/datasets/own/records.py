"""The user's own WFDB records: beats where they are annotated, whole records where not."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import store
from ecgsynth.datasets.beats import Cutting, cut_beats, prepare
from ecgsynth.datasets.own import people
from ecgsynth.datasets.own.found import (
    Found,
    of_classes,
    ordered,
    persons,
    persons_of,
    refuse_microvolts,
)
from ecgsynth.datasets.own.rows import of_table
from ecgsynth.datasets.own.tables import is_ours
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb_reading import Recording, read_recording
from ecgsynth.progress import recordings
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, one_hot
from ecgsynth.signals.segments import RR
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

if TYPE_CHECKING:
    from ecgsynth.datasets.folder import Folder


def of_wfdb(path: Path, settings: Folder.Settings) -> Found:
    if settings.unit not in (None, "mV"):
        raise EcgsynthError(
            "WFDB headers state the unit of every lead; leave data.unit out (and mend a header "
            "that is wrong)."
        )
    folder, names, missing = _records(path)
    if is_ours(folder / f"{names[0]}.hea", "wfdb"):  # its items stand end to end: no recording
        return of_table(path if path.is_dir() else path.with_suffix(".hea"), "wfdb", settings)
    annotated = [n for n in names if (folder / f"{n}.{settings.annotations}").is_file()]
    if not annotated and "annotations" in settings.model_fields_set:
        raise EcgsynthError(
            f"no record in {folder} has annotations .{settings.annotations}; check "
            "data.annotations, or leave it out to take records whole."
        )
    read = partial(_parse, folder, names, bool(annotated), settings)
    parsed = settings.model_dump(
        include={*Cutting.model_fields, "fs", "leads", "label_map", "annotations"}
    )
    files = [file for n in names for file in folder.glob(f"{n}.*")]
    key = parsed | {"folder": str(folder.resolve()), "names": names, "files": store.stamp(files)}
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
            band=settings.band,
            r_sample=facts["r_sample"],
        ),
        label=one_hot(columns["label"], len(classes)) if annotated else None,
        context=np.asarray(columns["rr"]) if annotated else None,
        patient=persons(record, settings.patients, notes),
        record=record,
        onset_s=np.asarray(columns["onset_s"]),
        source=(SYNTHETIC if facts["synthetic"] else "") + "folder",
    )
    refuse_microvolts(ecg, folder)
    split = people.sides(persons_of(ecg), settings.seed, settings.validation, settings.test)
    if annotated:
        edge = 1 - settings.heldout  # in time, within every record
        last = np.full(len(ecg), people.GAP, "<U10")
        last[np.asarray(columns["end"]) <= edge] = "train"
        last[np.asarray(columns["start"]) >= edge] = "heldout"
    else:
        last = people.hold_out_last(persons_of(ecg), record, None, 0.0, settings.heldout)
    split = np.where(split == "train", last, split)
    if settings.classes is not None:
        kept = np.isin(ecg.labels_str, settings.classes)
        ecg, split = of_classes(ecg, settings.classes, folder), split[kept]
    return Found(ecg, split, len(names), facts["skipped"], missing, notes)


def _records(path: Path) -> tuple[Path, list[str], list[str]]:
    """Folder, names of the records in it, and names that RECORDS lists but are not there."""
    if not path.is_dir():
        return path.parent, [path.with_suffix("").name], []
    listed: list[str] = []
    if (path / "RECORDS").is_file():
        listed = (path / "RECORDS").read_text(encoding="utf-8", errors="replace").split()
    names = [name for name in listed if (path / f"{name}.hea").is_file()]
    missing = [name for name in listed if name not in names and not name.endswith("/")]
    if not names:
        names = sorted(f.relative_to(path).with_suffix("").as_posix() for f in path.rglob("*.hea"))
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
    order = ordered(label_map.values())
    label_of = {symbol: order.index(name) for symbol, name in label_map.items()}
    ending = settings.annotations if annotated else None
    first, leads, skipped = _first(folder, names, settings)
    fs = settings.fs or first.fs

    def one(name: str) -> tuple[dict[str, NDArray], bool] | str:
        try:
            recording = read_recording(folder / name, leads=leads, annotations=ending)
            cut = (
                cut_beats(recording, label_of, fs, settings, name)
                if annotated
                else _whole(recording, fs, settings)
            )
        except EcgsynthError as problem:
            return str(problem)
        marked = any("synthetic" in line.lower() for line in recording.comments)
        return cut | {"record": np.full(len(cut["onset_s"]), name)}, marked

    with ThreadPoolExecutor(2) as pool:
        work = recordings(pool.map(one, names), len(names))
        parsed = dict(zip(names, work, strict=True))
    skipped |= {name: reason for name, reason in parsed.items() if isinstance(reason, str)}
    columns = {name: part[0] for name, part in parsed.items() if not isinstance(part, str)}
    synthetic = any(part[1] for part in parsed.values() if not isinstance(part, str))
    notes: list[str] = []
    if not annotated:
        skipped |= _equal_length(columns, settings.samples)
    else:
        silent = [name for name, part in columns.items() if not len(part["onset_s"])]
        skipped |= dict.fromkeys(silent, "no beat of label_map is annotated in it")
        columns = {n: part for n, part in columns.items() if n not in silent}
    if not columns:
        reason = skipped[names[0]]
        raise EcgsynthError(
            f"none of the {len(names)} records in {folder} is usable; {names[0]}: {reason}"
        )
    arrays = {n: np.concatenate([c[n] for c in columns.values()]) for n in [*_any(columns)]}
    facts: dict[str, Any] = {
        "skipped": skipped, "leads": leads, "fs": fs, "notes": notes, "synthetic": synthetic,
        "classes": [], "r_sample": None,
    }  # fmt: skip
    if annotated:
        pre, post = settings.span_at(fs)
        stretch = ((settings.samples or pre + post) - 1) / (pre + post - 1)
        present = np.unique(arrays["label"])
        arrays["label"] = np.searchsorted(present, arrays["label"]).astype(np.int8)
        facts["classes"] = [order[k] for k in present]
        facts["fs"], facts["r_sample"] = fs * stretch, round(pre * stretch)
    return arrays, facts


def _first(
    folder: Path, names: list[str], settings: Folder.Settings
) -> tuple[Recording, tuple[str, ...], dict[str, str]]:
    """The first readable record: it sets what is left open, rate and leads."""
    skipped: dict[str, str] = {}
    for name in names:
        try:
            first = read_recording(folder / name, leads=settings.leads)
            return first, first.leads, skipped
        except EcgsynthError as problem:
            skipped[name] = str(problem)
    raise EcgsynthError(
        f"none of the {len(names)} records in {folder} can be read; the first says: "
        f"{skipped[names[0]]}"
    )


def _whole(recording: Recording, fs: float, settings: Folder.Settings) -> dict[str, NDArray]:
    signal = prepare(recording.signal, recording.fs, fs, settings)
    if not np.isfinite(signal).all() or not (np.ptp(signal, axis=1) > 0).all():
        raise EcgsynthError("it has gaps or a flat lead.")
    return {"signal": signal[None], "onset_s": np.zeros(1)}


def _equal_length(columns: dict[str, dict[str, NDArray]], samples: int | None) -> dict[str, str]:
    """Cut longer records to `samples` (the commonest length); take shorter ones out, told why."""
    lengths = {name: part["signal"].shape[-1] for name, part in columns.items()}
    if not lengths:
        return {}
    wanted = samples or Counter(lengths.values()).most_common(1)[0][0]
    for name, length in lengths.items():
        if length < wanted:
            del columns[name]
        else:
            columns[name]["signal"] = columns[name]["signal"][..., :wanted]
    return {
        name: f"it is shorter ({length} samples) than the items ({wanted})."
        for name, length in lengths.items()
        if length < wanted
    }


def _any(columns: dict[str, dict[str, NDArray]]) -> dict[str, NDArray]:
    return next(iter(columns.values()))
