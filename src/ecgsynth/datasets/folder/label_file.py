"""The user's own vocabulary of labels in a file: what stands in the recordings -> class."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml

from ecgsynth.files import expand_home

MOST_BYTES = 1 << 20
HEADINGS = ("code", "label", "symbol", "from", "class", "name", "statement", "snomed")
"""First cells, in small letters, of a line of names above the rows."""


def mapping_of(value: Any) -> Any:
    """The mapping in a file that is named; anything else as it is.

    A CSV has a label and its class in the first two columns, with `,`, `;` or a tab between; a
    YAML or JSON file has a mapping.

    Raises
    ------
    ValueError: it cannot be read, or holds no mapping of words.
    """
    if not isinstance(value, str | Path):
        return value
    path = expand_home(Path(value))
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"{path} is no file of labels: it has more than 1 MiB")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"names the file {path}, which cannot be read as text") from None
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return _rows(text, path)
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        raise ValueError(f"names {path}, which is neither CSV nor YAML nor JSON") from None
    if not isinstance(found, dict):
        raise ValueError(f"names {path}, which holds no mapping, as in 164889003: AFIB")
    return found


def _rows(text: str, path: Path) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip() and line[:1] != "#"]
    separator = max(",;\t", key=lines[0].count) if lines else ","
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    if rows and rows[0][0].casefold() in HEADINGS:
        rows = rows[1:]
    found: dict[str, str] = {}
    for row in rows:
        if len(row) < 2 or not row[0] or not row[1]:
            raise ValueError(f"names {path}, where the row {row[:2]} has no label and class")
        if found.setdefault(row[0], row[1]) != row[1]:
            raise ValueError(f"names {path}, where '{row[0]}' is both {found[row[0]]} and {row[1]}")
    if not found:
        raise ValueError(f"names {path}, which holds no row")
    return found
