"""Cells of foreign CSV and Parquet files, as they are written."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.foreign.sample_rows import SampleTable
from ecgsynth.formats.stream import damaged

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATORS = (",", ";", "\t")

CELL = 32
"""Most bytes of a cell, on the average."""

WITH_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")
"""A number as many countries write it."""


class CsvCells:
    """Text separated by commas, semicolons or tabs; lines that begin with # are comments.

    A separator at the end of every row is no column; a first column without a name (the row
    names of R) is ignored. With semicolons and tabs numbers may have a comma.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with open(path, encoding="utf-8-sig", newline="") as file:
                self._skipped = 0
                line = ""
                for line in file:
                    if line.strip() and not line.startswith("#"):
                        break
                    self._skipped += 1
                self.separator = max(SEPARATORS, key=line.count)
                rows = csv.reader(chain([line], file), delimiter=self.separator)
                names = [name.strip() for name in next(rows, [])]
                self._skipped += rows.line_num
                first = next((row for row in rows if row and not row[0].startswith("#")), None)
        except (OSError, UnicodeDecodeError, csv.Error) as problem:
            raise damaged(path, problem) from None
        if not any(names):
            raise damaged(path, "it holds no line of names")
        self.rows = first is not None
        self._block = max(1 << 20, CELL * len(names), 2 * len(line))  # holds the longest line
        if first is not None and len(first) == len(names) + 1:
            names = [*names, ""] if not first[-1].strip() else ["", *names]
        self.names = names
        self._comma = self.separator != "," and any(map(WITH_COMMA.fullmatch, first or []))

    def texts(self, name: str) -> NDArray:
        import pyarrow as pa

        cells = self._read([name], pa.string()).column(0).to_pylist()
        if self._comma:
            cells = [c.replace(",", ".") if WITH_COMMA.fullmatch(c) else c for c in cells]
        return np.array(cells, np.str_)

    def numbers(self, names: Sequence[str]) -> NDArray[np.float32]:
        import pyarrow as pa

        try:
            table = self._read(names, pa.float32())
        except pa.ArrowException as problem:
            raise ValueError(str(problem).split(":")[-1].strip()) from None
        return np.stack([column.to_numpy() for column in table.columns], axis=1)

    def _read(self, names: Sequence[str], kind: pa.DataType) -> pa.Table:
        import pyarrow as pa
        from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

        place = {name: str(k) for k, name in reversed([*enumerate(self.names)])}  # the first one
        places = [place[name] for name in names]
        if not self.rows:
            return pa.table({place: pa.array([], kind) for place in places})
        nothing = [*ConvertOptions().null_values, "None", "none"]
        try:
            return read_csv(
                self.path,
                ReadOptions(
                    skip_rows=self._skipped,
                    column_names=[str(k) for k in range(len(self.names))],
                    block_size=self._block,
                ),
                ParseOptions(
                    delimiter=self.separator,
                    newlines_in_values=True,
                    invalid_row_handler=lambda row: "skip" if row.text[:1] == "#" else "error",
                ),
                ConvertOptions(
                    include_columns=places,
                    column_types=dict.fromkeys(places, kind),
                    null_values=nothing,
                    decimal_point="," if self._comma else ".",
                ),
            )
        except pa.ArrowException as problem:
            ragged = re.search(r"Expected (\d+) columns, got (\d+)", str(problem))
            if ragged is None:
                if "conversion error" in str(problem):
                    raise
                raise damaged(self.path, problem) from None
            raise EcgsynthError(
                f"a row of {self.path.name} has {ragged[2]} cells where others have {ragged[1]}; "
                "export it again."
            ) from None


class ParquetCells:
    """The columns of a Parquet file."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        from pyarrow.parquet import read_schema

        self.path = path
        try:
            self.names: list[str] = read_schema(path).names
        except (pa.ArrowException, OSError, ValueError) as problem:
            raise damaged(path, problem) from None

    @property
    def layout(self) -> tuple[list[str], int]:
        """Names of the columns and number of the rows; no name where a cell may hold a list."""
        import pyarrow as pa
        from pyarrow.parquet import read_metadata, read_schema

        lists = any(pa.types.is_nested(column.type) for column in read_schema(self.path))
        return ([] if lists else self.names), read_metadata(self.path).num_rows

    def samples(self) -> SampleTable:
        """The columns as those of one recording."""
        return SampleTable(self.path, self.names, self._column)

    def _column(self, place: int) -> NDArray[np.float64] | None:
        import pyarrow as pa

        column = self._read([self.names[place]]).column(0)
        if pa.types.is_timestamp(column.type):
            return np.asarray(column.cast(pa.timestamp("ns")).cast(pa.int64()).to_numpy() * 1e-9)
        if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            return column.to_numpy().astype(np.float64)
        return None

    def texts(self, name: str) -> NDArray:
        import pyarrow as pa

        column = self._read([name]).column(0)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_integer(column.type) and not column.null_count:
            return np.asarray(column.to_numpy())
        if pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
            return np.asarray(column.to_numpy())
        values = column.to_pylist()
        if any(isinstance(value, list) for value in values):
            return np.array(values)
        cells = np.empty(len(values), object)
        cells[:] = values
        return cells

    def numbers(self, names: Sequence[str]) -> NDArray[np.float32]:
        import pyarrow as pa

        table = self._read(names)
        for name, column in zip(names, table.columns, strict=True):
            if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
                raise ValueError(f"{name} is of the type {column.type}")
        with np.errstate(over="ignore"):  # beyond 32 bits is infinite, which the reader names
            return np.stack([c.to_numpy().astype(np.float32) for c in table.columns], axis=1)

    def _read(self, names: Sequence[str]) -> pa.Table:
        import pyarrow as pa
        from pyarrow.parquet import read_table

        try:
            return read_table(self.path, columns=list(names), partitioning=None).select(list(names))
        except (pa.ArrowException, OSError, ValueError, KeyError) as problem:
            raise damaged(self.path, problem) from None
