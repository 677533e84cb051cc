"""The user's own tables: NPZ, CSV or Parquet of any layout, mapped to an `Ecg`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth import formats
from ecgsynth.datasets.own.layouts import Arrays, Frame, arrays_of, damaged
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, one_hot
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.datasets.folder import Folder

LABELS = ("label", "labels_str", "labels", "class", "y", "labels_id")
PATIENTS = ("patient", "pid", "patient_id", "subject", "subject_id")
RECORDS = ("record", "record_id")
"""Names looked for where the settings say none, in this order."""


def read_table(path: Path, kind: str, settings: Folder.Settings) -> Ecg:
    """All rows of a table in the unit of its numbers (uV becomes mV), none dropped yet.

    kind: "npz", "csv", "parquet", or "wfdb" for a folder that ecgsynth wrote. A file of
    ecgsynth's own layout says all of itself; of any other, `settings` tells what it does not.

    Raises
    ------
    EcgsynthError: damaged, or something that is needed is neither in the file nor in `settings`.
    """
    if kind == "wfdb" or is_ours(path, kind):
        ecg = formats.read(path, format=kind)
        return ecg if settings.leads is None else _of_leads(ecg, settings.leads, path)
    table = Arrays(path) if kind == "npz" else Frame(path, kind)
    signal, leads = table.signal(settings.signal, settings.leads)
    fs = settings.fs if settings.fs is not None else table.number("fs")
    if fs is None:
        raise EcgsynthError(
            f"{path.name} states no sampling rate; give it in Hz, as in data.fs=360."
        )
    stated = table.stated(signal.shape[-1])
    unit = settings.unit or stated.unit or "mV"
    named = table.classes(len(signal)) if settings.label is None else None
    label = None if named else table.column(settings.label, LABELS, "label")
    patient = table.column(settings.patient, PATIENTS, "patient")
    record = table.column(None, RECORDS, "record")
    for name, values in (("label", label), ("patient", patient), ("record", record)):
        if values is not None and len(values) != len(signal):
            raise EcgsynthError(
                f"{path.name} has {len(values)} values of '{name}' for {len(signal)} signals; "
                "mend the file."
            )
    classes, ids = named or _numbered(np.full(len(signal), "") if label is None else label)
    spec = Spec(
        leads=leads,
        fs=fs,
        samples=signal.shape[-1],
        classes=classes,
        unit="normalised" if unit == "normalised" else "mV",
        band=stated.band,
        r_sample=stated.r_sample,
    )
    return Ecg(
        signal=signal / np.float32(1000) if unit == "uV" else signal,
        spec=spec,
        label=one_hot(ids, len(classes)),
        patient=patient,
        record=record,
        source=(SYNTHETIC if stated.synthetic else "folder:") + path.name,
    )


def _numbered(names: NDArray[np.str_]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Class names that occur, in their own order, and a number an item, -1 for none."""
    classes = tuple(sorted({str(name) for name in names} - {""}, key=_natural))
    index = {name: k for k, name in enumerate(classes)}
    return classes, np.array([index.get(str(name), -1) for name in names], np.int64)


def is_ours(path: Path, kind: str) -> bool:
    """Whether the file, or the header of a WFDB record, states a spec of ecgsynth."""
    if kind == "wfdb":
        from ecgsynth.formats.wfdb_writing import FACTS

        try:
            header = path.read_text(encoding="utf-8", errors="replace")
        except OSError as problem:
            raise damaged(path, problem) from None
        lines = [line.lstrip("# ") for line in header.splitlines() if line.startswith("#")]
        return any(line.startswith(FACTS.strip()) for line in lines)
    if kind == "npz":
        return "spec" in arrays_of(path, only="spec")
    if kind == "csv":
        with path.open("rb") as file:
            return any(file.readline(200).startswith(b"# ecgsynth:") for _ in range(5))
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"ecgsynth" in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError) as problem:
        raise damaged(path, problem) from None


def _of_leads(ecg: Ecg, leads: tuple[str, ...], path: Path) -> Ecg:
    absent = [lead for lead in leads if lead not in ecg.spec.leads]
    if absent:
        raise EcgsynthError(
            f"{path.name} has no lead {', '.join(absent)}; it has {', '.join(ecg.spec.leads)}."
        )
    if leads == ecg.spec.leads:
        return ecg
    rows = [ecg.spec.leads.index(lead) for lead in leads]
    return replace(ecg, signal=ecg.signal[:, rows], spec=replace(ecg.spec, leads=leads), marks=None)


def _natural(word: str) -> list[tuple[int, str]]:
    """Sorts "2" before "10"."""
    parts = re.split(r"(\d+)", word)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def renamed(names: NDArray[np.str_], names_to: Mapping[str, str]) -> NDArray[np.str_]:
    """Words by a mapping; a word that is not in it becomes ""."""
    return np.array([names_to.get(str(name), "") for name in names], np.str_)
