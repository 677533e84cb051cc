"""Beats in tables: CSV with `sample` or `time_s`, and `label` and `record` where they are known."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.cells import bare
from ecgsynth.scoring.rules import ENDLESS
from ecgsynth.signals.annotations import Annotations

NORMAL = "N"
"""The label of beats in a table without labels."""

Rows = list[tuple[float, str]]


def read_table(path: Path) -> tuple[dict[str, Rows], bool, bool]:
    """Record -> (position, label) of its beats; whether these are in s; whether it names records.

    A table without `record` is one record, named as the file. Lines that begin with # are comments.

    Raises
    ------
    EcgsynthError: a column is missing, or a cell is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = (line for line in file if not line.startswith("#"))
            return _parse(csv.DictReader(lines, skipinitialspace=True), path)
    except (OSError, UnicodeError, csv.Error) as problem:
        raise DamagedFileError(
            f"{path} cannot be read as a table ({problem}); write CSV in UTF-8."
        ) from None


def _parse(reader: csv.DictReader[str], path: Path) -> tuple[dict[str, Rows], bool, bool]:
    columns = reader.fieldnames or []
    place = next((name for name in ("sample", "time_s") if name in columns), None)
    if place is None:
        raise EcgsynthError(
            f"{path} has no column 'sample' or 'time_s' with the time of each beat; it has "
            f"{', '.join(columns) or 'none'}."
        )
    found: dict[str, Rows] = {} if "record" in columns else {path.stem: []}
    for row in reader:
        text = (row[place] or "").strip()
        try:
            at = float(text)
        except ValueError:
            at = math.nan
        if not abs(at) < ENDLESS:
            raise EcgsynthError(
                f"{path}, line {reader.line_num}: '{text[:40]}' is no {place}; write a number, as "
                f"in {'3605' if place == 'sample' else '10.014'}."
            )
        label = bare((row.get("label") or "").strip()) or NORMAL
        name = bare(row["record"] or "") if "record" in columns else path.stem
        found.setdefault(name, []).append((at, label))
    return found, place == "time_s", "record" in columns


def to_annotations(rows: Rows, fs: float | None) -> Annotations:
    """The beats of a table; fs: Hz, where positions are in seconds."""
    times = np.array([at for at, _ in rows], np.float64) * (fs or 1)
    sample = np.floor(times + 0.5).astype(np.int64)
    return Annotations(sample, np.array([label for _, label in rows] or [], np.str_))
