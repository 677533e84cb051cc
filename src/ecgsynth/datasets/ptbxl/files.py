"""The files of PTB-XL: its table of records, and the records at one of two rates."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import store
from ecgsynth.datasets.ptbxl.statements import parse, read_table
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.progress import recordings
from ecgsynth.signals import filters
from ecgsynth.signals.vocabulary import LEADS_12

SECONDS = 10
TABLE = "ptbxl_database.csv"
RECORDS = 21_799
"""In the whole database; any part of it can be read."""

COLUMNS = (
    "ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", "filename_lr", "filename_hr",
)  # fmt: skip

OLDEST = 90.0
"""Years: "90 or over", which the database writes as 300."""


class Row(NamedTuple):
    """A record's row of the table; age (years, NaN unknown), sex (0 male, 1 female, NaN)."""

    ecg_id: int
    patient: str
    age: float
    sex: float
    fold: int
    stated: dict[str, float]
    files: dict[float, Path]


def find_database() -> Path:
    """The folder of the database, or of the part of it that is here."""
    return store.find_folder("ptbxl", TABLE)


def table(folder: Path) -> list[Row]:
    """The records that the table names, in its order; `files` are those that are here.

    Raises
    ------
    EcgsynthError: the table is not PTB-XL's, or a row of it cannot be understood.
    """
    rows = []
    for row in read_table(folder / TABLE, COLUMNS):
        try:
            age = float(row["age"] or "nan")
            sex = float(row["sex"] or "nan")
            number, fold = int(row["ecg_id"]), int(float(row["strat_fold"]))
            patient = f"{float(row['patient_id']):.0f}"
            stated = parse(row["scp_codes"])
        except (ValueError, TypeError) as problem:
            raise EcgsynthError(
                f"{folder / TABLE}: the row of record {row['ecg_id']} cannot be read ({problem})."
            ) from None
        files = {
            fs: folder / row[column]
            for fs, column in ((100.0, "filename_lr"), (500.0, "filename_hr"))
            if (folder / f"{row[column]}.hea").is_file()
        }
        rows.append(Row(number, patient, min(age, OLDEST), sex, fold, stated, files))
    return rows


def arrays(folder: Path, rows: list[Row], fs: float) -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Every record of the table at `fs` in uV, from the cache where they were parsed before."""
    paths = [file.with_suffix(".dat") for row in rows for file in row.files.values()]
    key = {
        "folder": str(folder.resolve()),
        "fs": fs,
        "files": store.stamp(path for path in paths if path.is_file()),
    }
    return store.cached_arrays("ptbxl", key, partial(_parse, folder, rows, fs))


def _parse(folder: Path, rows: list[Row], fs: float) -> tuple[dict[str, NDArray], dict[str, Any]]:
    here = [row for row in rows if row.files]
    signal = np.zeros((len(here), len(LEADS_12), round(SECONDS * fs)), np.int16)
    read: list[int] = []
    skipped: dict[str, str] = {}
    resampled = 0
    for row in recordings(here, len(here)):
        try:
            signal[len(read)] = read_row(row, fs)
        except EcgsynthError as problem:
            skipped[str(row.ecg_id)] = str(problem)
            continue
        resampled += fs not in row.files
        read.append(row.ecg_id)
    if not read:
        raise EcgsynthError(
            f"none of the {len(rows):,} records that {folder / TABLE} names can be read"
            + (f"; the first error: {next(iter(skipped.values()))}" if skipped else ".")
            + " Get them with `ecgsynth data fetch ptbxl`."
        )
    arrays: dict[str, NDArray] = {"signal": signal[: len(read)], "ecg_id": np.array(read)}
    return arrays, {"skipped": skipped, "resampled": resampled}


def read_row(row: Row, fs: float) -> NDArray[np.int16]:
    """[12, sample] uV at `fs`; 1 uV is the database's own step.

    Raises
    ------
    EcgsynthError: it is damaged, or holds what is no record of the database.
    """
    path = row.files[fs if fs in row.files else max(row.files)]
    recording = read_recording(path, leads=tuple(lead.upper() for lead in LEADS_12))
    if recording.signal.shape[1] != round(SECONDS * recording.fs):
        raise EcgsynthError(f"{path.name} does not last {SECONDS} s; fetch ptbxl again.")
    if not np.isfinite(recording.signal).all():
        raise EcgsynthError(f"{path.name} has samples that are marked as missing.")
    signal = filters.resample(recording.signal, recording.fs, fs)[:, : round(SECONDS * fs)]
    return np.clip(np.round(1000 * signal), -32767, 32767).astype(np.int16)
