"""Text files of one recording: CSV with commas, semicolons, tabs or blanks, with or without names,
units below them, and lines of facts above."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.foreign.sample_rows import (
    LEAST_ROWS,
    MOST_COLUMNS,
    UNIT_OF_TIME,
    SampleTable,
)
from ecgsynth.formats.stream import damaged
from ecgsynth.signals.units import per_mv

HEAD = 1 << 16
"""Bytes, or characters, in which the table must begin."""

NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*"
                    r"|\s*[+-]?(?i:inf(inity)?)\s*")  # fmt: skip
NOTHING = ("", "-", "nan", "NaN", "NA", "null", "None", "none", "NULL", "N/A", "n/a")
CLOCK = re.compile(r"\[?\s*(?:(?:\d{4}-\d\d-\d\d)[T ])?(?:(\d+):)?(\d+):(\d+(?:[.,]\d+)?)"
                   r"(?:[ Z].*|[+-]\d\d:?\d\d)?\]?'?")  # fmt: skip
DAY = 24 * 3600.0

SEPARATORS = (";", "\t", ",", " ", "")
"""Between cells: any number of blanks, and none in a table of one column."""

OTHER_UNITS = ("adu", "nu", "a.u.", "au", "hh:mm:ss.mmm", "mmhg", "bpm", "%", "deg", "-")


class TextTable:
    """The rows of numbers in a text; `table` is None where the text holds none of a recording."""

    def __init__(self, path: Path) -> None:
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise damaged(path, problem) from None
        self.path, self.text = path, decoded(content)
        lines = self.text[:HEAD].splitlines(keepends=True)
        lines = lines[:-1] if len(self.text) > HEAD else lines
        self.separator, first = _first_row(lines)
        self.table: SampleTable | None = None
        if first is None:
            return
        row = _cells(lines[first], self.separator)
        _check_above(lines[:first], row, self.separator, path)
        above = [line for line in lines[:first] if line.strip()]
        names, units, facts = _names(above, len(row), self.separator)
        if len(names) == 1 and len(row) == 2 and self.separator == ",":  # 0,123 below one name
            self.separator, row = "", [lines[first].strip()]
        if not any(names) and len(row) > 1 and row == [str(k) for k in range(len(row))]:
            first += 1  # pandas numbers columns without names
        self.names = [*names, *[""] * (len(row) - len(names))]
        if len(names) == len(row) - 1 and names and row[-1].strip():  # R leaves row names unnamed
            self.names = ["", *names]
        some = [_cells(line, self.separator) for line in lines[first : first + LEAST_ROWS]]
        self.comma = any("," in c and NUMBER.fullmatch(c) for cells in some for c in cells)
        self.start = sum(map(len, lines[:first]))
        self.table = SampleTable(
            path, self.names, partial(self._column), units,
            {key.casefold(): value for key, value in facts},
        )  # fmt: skip
        self._kept: dict[int, NDArray | None] = {}

    def _column(self, place: int) -> NDArray[np.float64] | None:
        if not self._kept:
            self._kept = dict(enumerate(self._columns()))
        return self._kept[place]

    def _columns(self) -> list[NDArray[np.float64] | None]:
        """Numbers of all columns.

        Raises
        ------
        EcgsynthError: a row has more or fewer cells than the others.
        """
        import pyarrow as pa
        from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

        text = self.text[self.start :]
        if self.separator == " ":
            text = re.sub(r"[ \t]+", " ", re.sub(r"(?m)^[ \t]+|[ \t]+$", "", text))
        names = [str(k) for k in range(len(self.names))]
        try:
            found = read_csv(
                pa.BufferReader(text.encode()),
                ReadOptions(column_names=names),
                ParseOptions(
                    delimiter=self.separator or "\x1f",
                    invalid_row_handler=lambda row: "skip" if row.text[:1] == "#" else "error",
                ),
                ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
            )  # fmt: skip
        except pa.ArrowException as problem:
            raise damaged(self.path, problem) from None
        return [self._numbers(found.column(k)) for k in range(len(names))]

    def _numbers(self, column) -> NDArray[np.float64] | None:  # type: ignore[no-untyped-def]
        import pyarrow as pa
        from pyarrow import compute

        text = compute.utf8_trim_whitespace(column)
        plain = compute.replace_substring(text, ",", ".") if self.comma else text
        plain = compute.if_else(
            compute.is_in(plain, value_set=pa.array(NOTHING)), pa.scalar(None, pa.string()), plain
        )
        if plain.null_count == len(plain):
            return None
        try:
            return compute.cast(plain, pa.float64()).to_numpy().astype(np.float64)
        except pa.ArrowInvalid:
            return clock_s(text.to_pylist())


def decoded(content: bytes) -> str:
    """The text of bytes in UTF-8, UTF-16 with its mark, or else Latin-1."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def holds_samples(head: bytes) -> bool:
    """Whether a text that begins so has rows of numbers; for files of an ending of many."""
    if b"\0" in head[:4096] and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return False
    try:
        text = head.decode("utf-8-sig" if head[:2] not in (b"\xff\xfe", b"\xfe\xff") else "utf-16")
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    return _first_row(text.splitlines(keepends=True)[:-1])[1] is not None


def clock_s(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Times of a clock in s, past midnight too; None where one is none."""
    found = np.empty(len(texts))
    for k, text in enumerate(texts):
        match = CLOCK.fullmatch((text or "").strip("'\" "))
        if match is None:
            return None
        found[k] = (
            3600 * int(match[1] or 0) + 60 * int(match[2]) + float(match[3].replace(",", "."))
        )
    return found + DAY * np.cumsum(np.diff(found, prepend=found[:1]) < -DAY / 2)


def _cells(line: str, separator: str) -> list[str]:
    line = line.strip("\r\n")
    if separator == " ":
        return line.split()
    if not separator:
        return [line.strip()]
    return next(csv.reader([line], delimiter=separator), [])


def _kind(cell: str) -> str:
    cell = cell.strip()
    if NUMBER.fullmatch(cell) or cell in NOTHING:
        return "number"
    return "clock" if CLOCK.fullmatch(cell.strip("'\" ")) else "text"


def _first_row(lines: Sequence[str]) -> tuple[str, int | None]:
    """Separator and place of the first of many rows of numbers; None where there are none."""
    for separator in SEPARATORS:
        shapes = []
        for line in lines:
            cells = _cells(line, separator)
            split = separator in ("", " ") or separator in line
            good = split and line.strip() and line[:1] != "#" and len(cells) <= MOST_COLUMNS
            good = good and (separator != " " or len(cells) > 1)
            kinds = ["" if c.strip() in NOTHING else _kind(c) for c in cells] if good else []
            numbers = sum(kind in ("number", "clock", "") for kind in kinds)
            good = good and "number" in kinds and 2 * numbers > len(kinds)
            shapes.append(len(cells) if good else 0)
        for k in range(len(shapes) - LEAST_ROWS + 1):
            if shapes[k] and len({*shapes[k : k + LEAST_ROWS]}) == 1:
                return separator, k
    return "", None


def _check_above(
    lines: Sequence[str], row: Sequence[str], separator: str, path: Path
) -> None:  # fmt: skip
    """Check that no row of numbers stands above the first of many, where it would be lost.

    row: the cells of that first one.

    Raises
    ------
    EcgsynthError: one does, since a row between them has a word or another number of cells.
    """
    kind, lost = _kind(row[0]), False
    for number, line in enumerate(lines, 1):
        cells = _cells(line, separator)
        if not line.strip() or line[:1] == "#":
            continue
        starts = len(cells) == len(row) and _kind(cells[0]) == kind != "text"
        odd = [c.strip() for c in cells if _kind(c) == "text"]
        if lost and (odd or not starts):
            has = f"'{odd[0][:40]}'" if odd else f"{len(cells)} cells in place of {len(row)}"
            raise EcgsynthError(
                f"line {number} of {path.name} is no row of numbers as the one before it: it has "
                f"{has}; leave the cell of a missing value empty."
            )
        lost |= starts


def _names(
    above: Sequence[str], count: int, separator: str
) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """Names and units of the columns, and facts as (word, value), from the lines above them."""
    rows = [_cells(line.lstrip("# ") if line[:1] == "#" else line, separator) for line in above]
    if separator == " ":  # a name may have blanks
        wide = [re.split(r"\s{2,}|\t", line.strip("# \r\n")) for line in above]
        rows = [
            a if len(a) in (count, count - 1) and len(b) != count else b
            for a, b in zip(wide, rows, strict=True)
        ]
    rows = [[cell.strip().strip("'\"").strip() for cell in row] for row in rows]
    names: list[str] = []
    units: list[str] = []
    fits = (count, count - 1) if count > 1 else (1,)
    if rows and separator == "," and count == 2 and len(rows[-1]) == 1 and above[-1][:1] != "#":
        names = rows.pop()
    if not names and rows and len(rows[-1]) in fits and not _is_fact(above[len(rows) - 1], count):
        names = rows.pop()
        if rows and all(map(_is_unit, names)) and len(rows[-1]) in fits:
            names, units = rows.pop(), names
    facts = []
    for line in above[: len(rows)]:
        parts = re.split(r"\s*[:=;,\t]\s*", line.strip("# \r\n"), maxsplit=1)
        facts.append((parts[0].strip(" '\""), parts[1].strip(" '\"") if len(parts) > 1 else ""))
    return names, units, facts


def _is_fact(line: str, count: int) -> bool:
    """Whether a line above one column states something and is no name."""
    return count == 1 and bool(re.search(r"[:=,;\t]", line)) and line.strip()[:1] not in "'\""


def _is_unit(cell: str) -> bool:
    word = cell.strip(" []()'\"").casefold()
    return not word or bool(per_mv(word)) or word in UNIT_OF_TIME or word in OTHER_UNITS
