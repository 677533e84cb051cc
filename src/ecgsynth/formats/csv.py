"""CSV: one row an item, for spreadsheets, pandas and R."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats import cells, stream
from ecgsynth.formats.breaking import (
    CUT,
    WRONG,
    Broken,
    Files,
    main_of,
    usual_faults,
    with_main,
)
from ecgsynth.formats.contract import KEEPABLE, Format
from ecgsynth.formats.foreign.columns import ColumnTable
from ecgsynth.formats.foreign.items import TableOptions, read_items
from ecgsynth.formats.foreign.sample_rows import are_samples, read_samples
from ecgsynth.formats.foreign.sample_text import TextTable, holds_samples
from ecgsynth.formats.foreign.tables import CsvCells
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    import pyarrow as pa

FACTS = "# ecgsynth: "
CARD = "# card: "
END = "# items: "
DECIMALS = 3
"""Of a mV: 1 uV. Normalised signals are written in full."""


ROWS = 1024
"""Items turned into text at a time."""

CELL = 32
"""Most bytes of a cell, on the average."""


@FORMATS.register("csv")
class Csv(Format):
    """Comma-separated values: `label`, patient and context, then `{lead}_{k}` for every sample.

    Lines that begin with # come first and state what it is; the last one counts the items, so that
    a file that was cut short is known by it. `pandas.read_csv(path, comment="#")`
    reads the table. Amplitudes in mV with three decimals (1 uV). An unknown number is an empty
    cell; several classes of one item are joined by "|". Text that a spreadsheet would run as a
    formula has an apostrophe before it, and a context that is called like another column an
    underscore behind it. Of partly real items `synthetic_mask` has the stretches that a model made,
    as in "2,3:0-5000": numbers of leads, first sample, the one after the last. Marks are not kept.
    """

    title = "CSV"
    endings = (".csv",)
    shared_endings = (".txt", ".tsv", ".asc", ".tab")
    any_layout = True
    media_type = "text/csv"
    step_mv = 10.0**-DECIMALS
    keeps = frozenset(KEEPABLE) - {"marks"}
    uploads = True

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        from pyarrow.csv import CSVWriter, WriteOptions

        first, chunks = stream.begin(chunks)
        with atomic_write(target) as temporary, open(temporary, "wb") as file:
            for line in (
                f"# {stream.statement(first)}",
                FACTS + cells.json_line(json.dumps(stream.facts(first))),
                CARD + cells.json_line(stream.card_json(first)),
            ):
                file.write(line.encode() + b"\n")
            options = WriteOptions(quoting_style="needed")
            count = 0
            with CSVWriter(file, _table(first[:0]).schema, write_options=options) as writer:
                for rows in stream.regroup(chunks, ROWS):
                    writer.write_table(_table(rows))
                    count += len(rows)
            file.write(f"{END}{count}\n".encode())

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        """The usual faults, and lines that do not fit."""
        yield from usual_faults(files)
        *head, row, end = main_of(files).rstrip(b"\n").split(b"\n")
        first, comma, _ = row.rpartition(b",")
        for name, lines, kind, reason in (
            ("cut-in-rows", [row], CUT, "the line that counts the rows is missing"),
            ("word", [first + comma + b"high", end], WRONG, "a sample is a word"),
            ("ragged", [first, end], WRONG, "a row has fewer cells than the line of names"),
            ("no-rows", [end], WRONG, "there are fewer rows than are stated"),
        ):
            content = b"\n".join([*head, *lines]) + b"\n"
            yield Broken(name, with_main(files, content), kind, reason)

    @staticmethod
    def check_upload(file: BinaryIO, *_: int) -> None:
        """Refuse what is no text."""
        if b"\0" in file.read(4096):
            raise EcgsynthError("the file is no CSV: it holds bytes that are no text.")

    @staticmethod
    def recognises(head: bytes) -> bool:
        return holds_samples(head)

    @staticmethod
    def read(path: Path, asked: TableOptions | None = None) -> Ecg:
        """Read a file that `write` wrote; one of others with a row an item (see
        `ecgsynth.formats.foreign.items`) or a row a sample (`.sample_rows`).

        Raises
        ------
        EcgsynthError: damaged, or a CSV of others that states no sampling rate.
        """
        import pyarrow as pa
        from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

        head: list[str] = []
        header: list[str] = []
        try:
            with open(path, encoding="utf-8", newline="") as file:
                for line in file:
                    if not line.startswith("#"):
                        if any(text.startswith(FACTS) for text in head):
                            header = next(csv.reader(chain([line], file)))
                        break
                    head.append(line.rstrip("\r\n"))
        except (UnicodeDecodeError, csv.Error) as problem:
            if isinstance(problem, UnicodeDecodeError) and not head:
                return _read_foreign(path, asked)
            raise stream.damaged(path, problem) from None
        except OSError as problem:
            raise stream.damaged(path, problem) from None
        stated = {
            key: "".join(x[len(key) :] for x in head if x.startswith(key)) for key in (FACTS, CARD)
        }
        if not stated[FACTS]:
            return _read_foreign(path, asked)
        spec, source, columns = stream.read_facts(stated[FACTS], path)
        if spec.samples * len(spec.leads) > len(header):
            raise stream.damaged(path, "it has fewer columns than samples in its header")
        texts = ("label", "patient", "record", "start", "synthetic_mask")
        kinds = dict.fromkeys(texts, pa.string())
        kinds |= {"valid": pa.int32(), "onset_s": pa.float64()}
        samples, contexts = _samples(spec), _contexts(spec)
        try:
            table = read_csv(
                path,
                # A block holds the longest line, which that of a whole recording can be.
                ReadOptions(skip_rows=len(head), block_size=max(1 << 20, CELL * len(header))),
                # The line that counts the items has one cell, which is "invalid" in a table.
                ParseOptions(
                    newlines_in_values=True, invalid_row_handler=lambda row: _judge(row.text)
                ),
                convert_options=ConvertOptions(
                    column_types=kinds | dict.fromkeys([*contexts, *samples], pa.float32())
                ),
            )
            if _last_line(path) != f"{END}{len(table)}":
                raise stream.damaged(path, "its last line does not count its items")
            values = np.empty((len(table), len(samples)), np.float32)
            for k, name in enumerate(samples):
                values[:, k] = table[name].to_numpy()
            context = np.empty((len(table), len(contexts)), np.float32)
            for k, name in enumerate(contexts):
                context[:, k] = table[name].to_numpy()
            others: dict[str, Any] = {
                name: _column(table[name]) for name in columns if name != "synthetic_mask"
            }
            if "synthetic_mask" in columns:
                others["synthetic_mask"] = cells.read_masks(_texts(table["synthetic_mask"]), spec)
            return Ecg(
                values.reshape(len(table), len(spec.leads), spec.samples),
                spec,
                label=cells.label_rows(_texts(table["label"]), spec),
                context=context,
                source=source,
                card=stream.read_card(stated[CARD], path),
                **others,
            )
        except (pa.ArrowException, KeyError, ValueError, TypeError) as problem:
            raise stream.damaged(path, problem) from None


def _read_foreign(path: Path, asked: TableOptions | None) -> Ecg:
    text = TextTable(path)
    if text.table is not None and are_samples(text.table.names, len(text.text)):
        return read_samples(text.table, asked)
    return read_items(ColumnTable(path, CsvCells(path)), asked)


def _judge(line: str) -> str:
    return "skip" if line.startswith(END) else "error"


def _last_line(path: Path) -> str:
    with open(path, "rb") as file:
        file.seek(-min(64, path.stat().st_size), 2)
        return file.read().decode(errors="replace").splitlines()[-1]


def _table(ecg: Ecg) -> pa.Table:
    import pyarrow as pa

    assert ecg.context is not None
    columns: dict[str, pa.Array] = {"label": _guarded(cells.label_texts(ecg))}
    for name in stream.ITEM_COLUMNS:
        values = getattr(ecg, name)
        if values is not None:
            text = values.dtype.kind == "U"
            columns[name] = _guarded(values.tolist()) if text else pa.array(values)
    if ecg.synthetic_mask is not None:
        columns["synthetic_mask"] = pa.array(cells.mask_texts(ecg), pa.string())
    for name, values in zip(_contexts(ecg.spec), ecg.context.T, strict=True):
        columns[name] = _numbers(values)
    wide = ecg.signal.reshape(len(ecg), len(ecg.spec.leads) * ecg.spec.samples)
    if ecg.spec.unit == "mV":
        # Rounded in double precision: the nearest single then prints as three decimals.
        wide = (np.round(wide.astype(np.float64), DECIMALS) + 0.0).astype(np.float32)
    for name, values in zip(_samples(ecg.spec), wide.T, strict=True):
        columns[name] = _numbers(values)
    return pa.table(columns)


def _guarded(texts: Iterable[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array([cells.guarded(text) for text in texts], pa.string())


def _texts(column: pa.ChunkedArray) -> list[str]:
    return [cells.bare(text) for text in column.to_pylist()]


def _column(column: pa.ChunkedArray) -> NDArray:
    """A column of items, whose text gets rid of its guards."""
    import pyarrow as pa

    text = column.type == pa.string()
    return np.array(_texts(column), np.str_) if text else column.to_numpy()


def _numbers(values: NDArray[np.float32]) -> pa.Array:
    """NaN becomes an empty cell."""
    import pyarrow as pa

    return pa.array(np.ascontiguousarray(values), pa.float32(), from_pandas=True)


def _samples(spec: Spec) -> list[str]:
    """Names of the columns of samples."""
    return [cells.guarded(f"{lead}_{k}") for lead in spec.leads for k in range(spec.samples)]


def _contexts(spec: Spec) -> list[str]:
    """Names of the columns of the context."""
    return cells.column_names(map(cells.guarded, spec.context), [*cells.FIXED, *_samples(spec)])
