"""A folder of records of ours while it is written: RECORDS, items.csv, the card."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecgsynth.files import atomic_write
from ecgsynth.formats.wfdb.folder import record_names
from ecgsynth.formats.wfdb.writer import BEATS, TABLE, WAVES

CARD = "card.json"
OWN_RECORD = re.compile(r"ecg_\d{6,}")


@dataclass
class NewFolder:
    """Where records are written until they are whole. rows: of items.csv, its heads first."""

    path: Path
    table: Any
    names: list[str] = field(default_factory=list)

    def next_name(self) -> str:
        """The name of the next record."""
        self.names.append(f"ecg_{len(self.names):06d}")
        return self.names[-1]


@contextmanager
def new_folder(target: Path, heads: list[str], card: str) -> Iterator[NewFolder]:
    """A folder beside `target` that takes its name, or its files that folder's, at the end.

    heads: columns of items.csv behind the record and the number of the item. card: JSON.
    """
    target = target.resolve()
    there, missing = record_names(target)
    older = [
        f"{name}{ending}" for name in there + missing if OWN_RECORD.fullmatch(name)
        for ending in (".hea", ".dat", f".{BEATS}", f".{WAVES}")
    ]  # fmt: skip
    with atomic_write(target, older=older) as temporary:
        temporary.mkdir()
        with open(temporary / TABLE, "w", newline="", encoding="utf-8") as file:
            folder = NewFolder(temporary, csv.writer(file))
            folder.table.writerow(["wfdb_record", "item", *heads])
            yield folder
        (temporary / CARD).write_text(card, encoding="utf-8")
        (temporary / "RECORDS").write_text("\n".join(folder.names) + "\n", encoding="ascii")
