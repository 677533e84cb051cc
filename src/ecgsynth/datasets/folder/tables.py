"""The user's own tables: NPZ, CSV or Parquet of any layout, mapped to an `Ecg`."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.contract import named
from ecgsynth.formats.foreign.arrays import Archive
from ecgsynth.formats.foreign.items import TableOptions
from ecgsynth.formats.stream import damaged
from ecgsynth.formats.wfdb.writer import FACTS, TABLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import choose_leads, rename_leads

if TYPE_CHECKING:
    from ecgsynth.datasets.folder import Folder


TABLES = ("npz", "csv", "parquet")
"""Formats whose files may have any layout."""


def read_table(path: Path, kind: str, settings: Folder.Settings) -> Ecg:
    """All rows of a table in the unit of its numbers (uV becomes mV), none dropped yet.

    kind: name of a format. A file of ecgsynth's own layout, and one that is no table, states
    everything; for a foreign table, `settings` fills in what is missing.

    Raises
    ------
    EcgsynthError: damaged, or something that is needed is neither in the file nor in `settings`.
    """
    if kind not in TABLES or is_own_layout(path, kind):
        ecg = formats.read(path, format=kind)
        if kind == "wfdb" and path.is_dir() and ecg.patient is None and ecg.record is None:
            _check_all_rows(path, len(ecg))
        ecg = rename_leads(ecg, settings.rename) if settings.rename else ecg
        return ecg if settings.leads is None else choose_leads(ecg, settings.leads, path.name)
    asked = TableOptions(
        **{name: getattr(settings, name) for name in TableOptions.__dataclass_fields__}
    )
    with formats.naming(path):
        ecg = named(kind).read(path, asked)  # type: ignore[call-arg]
    return rename_leads(ecg, settings.rename) if settings.rename else ecg


def _check_all_rows(folder: Path, items: int) -> None:
    """Rows without people are known by their number, which a damaged record before them changes."""
    with (folder / TABLE).open(newline="", encoding="utf-8") as file:
        rows = sum(1 for _ in csv.DictReader(file))
    if rows != items:
        raise EcgsynthError(
            f"{rows - items} of {rows} items of {folder} cannot be read, and without people the "
            "splits of the others are unknown; copy the damaged records again."
        )


def is_own_layout(path: Path, kind: str) -> bool:
    """Whether the file, or the header of a WFDB record, states a spec of ecgsynth."""
    if kind == "wfdb":
        try:
            header = path.read_text(encoding="utf-8", errors="replace")
        except OSError as problem:
            raise damaged(path, problem) from None
        lines = [line.lstrip("# ") for line in header.splitlines() if line.startswith("#")]
        return any(line.startswith(FACTS.strip()) for line in lines)
    if kind == "npz":
        with Archive(path) as archive:
            return archive.own
    if kind == "csv":
        with path.open("rb") as file:
            return any(file.readline(200).startswith(b"# ecgsynth:") for _ in range(5))
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return b"ecgsynth" in (pq.read_schema(path).metadata or {})
    except (pa.ArrowException, OSError) as problem:
        raise damaged(path, problem) from None
