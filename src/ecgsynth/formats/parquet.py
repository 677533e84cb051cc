"""Parquet: one row an item and one column a lead, for tables larger than memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgsynth.files import atomic_write
from ecgsynth.formats import cells, stream
from ecgsynth.formats.contract import Format
from ecgsynth.formats.foreign.columns import ColumnTable
from ecgsynth.formats.foreign.items import TableOptions, read_items
from ecgsynth.formats.foreign.sample_rows import are_samples, read_samples
from ecgsynth.formats.foreign.tables import ParquetCells
from ecgsynth.formats.stream import ITEM_COLUMNS
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_BYTES = 32 * 2**20
"""Signal in one row group; what a reader must hold at least."""


@FORMATS.register("parquet")
class Parquet(Format):
    """Parquet: a fixed-size list of samples per lead, labels and context as columns.

    Columns: `label`, `labels_id`, the context's names, `patient`, `record`, `valid`, `onset_s`,
    `start` and `marks` where known (aligned beats without marks have one at R, by their class), and
    one of type list<float>[samples] per lead, in mV. Of partly real items `synthetic_mask` is a
    list<bool>, lead by lead, true where a model made the sample.
    `label_row` [class] stands beside where an item may carry several classes. A context or lead
    that is called like another column has an underscore behind it.
    The schema's metadata has `statement`, `synthetic`, `source`, `ecgsynth` (spec) and `card`.
    """

    title = "Parquet"
    endings = (".parquet", ".pq")
    media_type = "application/vnd.apache.parquet"
    compressed = True
    any_layout = True

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        from pyarrow.parquet import ParquetWriter

        first, chunks = stream.begin(chunks)
        spec = first.spec
        metadata = {
            "statement": stream.statement(first),
            "synthetic": json.dumps(first.synthetic),
            "source": first.source,
            "ecgsynth": json.dumps(stream.facts(first)),
            "card": stream.card_json(first),
        }
        schema = _table(first[:0]).schema.with_metadata(metadata)
        texts = [name for name in ("label", "patient", "record") if name in schema.names]
        rows = max(1, GROUP_BYTES // (4 * spec.samples * len(spec.leads)))
        with (
            atomic_write(target) as temporary,
            ParquetWriter(
                temporary.absolute(), schema, compression="zstd", use_dictionary=texts
            ) as writer,
        ):
            for group in stream.regroup(chunks, rows):
                writer.write_table(_table(group).replace_schema_metadata(metadata))

    @staticmethod
    def read(path: Path, asked: TableOptions | None = None) -> Ecg:
        """Read a file that `write` wrote; one of others with a row an item (see
        `ecgsynth.formats.foreign.items`) or a row a sample (`.sample_rows`).

        Raises
        ------
        EcgsynthError: damaged, or a Parquet file of others that states no sampling rate.
        """
        import pyarrow as pa
        from pyarrow.parquet import read_schema, read_table

        try:
            metadata = read_schema(path.absolute()).metadata or {}
            if b"ecgsynth" not in metadata:
                cells_of_others = ParquetCells(path)
                if are_samples(*cells_of_others.layout):
                    return read_samples(cells_of_others.samples(), asked)
                return read_items(ColumnTable(path, cells_of_others), asked)
            stated = {k.decode(): v.decode() for k, v in metadata.items()}
            table = read_table(path.absolute(), partitioning=None)
        except (pa.ArrowException, OSError, ValueError) as problem:
            raise stream.damaged(path, problem) from None
        spec, source, columns = stream.read_facts(stated["ecgsynth"], path)
        contexts, leads = _names(spec)
        try:
            if any(table[lead].type.list_size != spec.samples for lead in leads):
                raise ValueError("a lead has more or fewer samples than its header states")
            signal = np.empty((len(table), len(leads), spec.samples), np.float32)
            for k, lead in enumerate(leads):
                signal[:, k] = _list_rows(table[lead], spec.samples)
            context = np.empty((len(table), len(contexts)), np.float32)
            for k, name in enumerate(contexts):
                context[:, k] = table[name].to_numpy()
            label = (
                _list_rows(table["label_row"], len(spec.classes))
                if spec.multilabel and spec.classes
                else cells.label_rows(table["label"].to_pylist(), spec)
            )
            return Ecg(
                signal,
                spec,
                label=label,
                context=context,
                marks=_read_marks(table["marks"]) if "marks" in columns else None,
                synthetic_mask=_read_mask(table["synthetic_mask"], signal.shape)
                if "synthetic_mask" in columns
                else None,
                source=source,
                card=stream.read_card(stated.get("card", ""), path),
                **{name: table[name].to_numpy() for name in columns if name in ITEM_COLUMNS},
            )
        except (pa.ArrowException, KeyError, ValueError, TypeError, AttributeError) as problem:
            raise stream.damaged(path, problem) from None


def _table(ecg: Ecg) -> pa.Table:
    import pyarrow as pa

    assert ecg.label is not None and ecg.context is not None
    spec: Spec = ecg.spec
    columns: dict[str, pa.Array] = {
        "label": pa.array(cells.label_texts(ecg), pa.string()),
        "labels_id": pa.array(ecg.labels_id, pa.int64()),
    }
    if spec.multilabel and spec.classes:
        columns["label_row"] = _lists(ecg.label)
    for name in stream.ITEM_COLUMNS:
        values = getattr(ecg, name)
        if values is not None:
            columns[name] = stream.arrow(values)
    contexts, leads = _names(spec)
    for name, values in zip(contexts, ecg.context.T, strict=True):
        columns[name] = pa.array(np.ascontiguousarray(values))
    if (marks := stream.marks_of(ecg)) is not None:
        columns["marks"] = _marks(marks, len(ecg))
    if ecg.synthetic_mask is not None:
        flat = pa.array(np.ascontiguousarray(ecg.synthetic_mask).ravel())
        columns["synthetic_mask"] = pa.FixedSizeListArray.from_arrays(
            flat, len(spec.leads) * spec.samples
        )
    for k, lead in enumerate(leads):
        columns[lead] = _lists(ecg.signal[:, k])
    return pa.table(columns)


def _names(spec: Spec) -> tuple[list[str], list[str]]:
    """Names of the columns of contexts and of leads."""
    contexts = cells.column_names(spec.context, cells.FIXED)
    return contexts, cells.column_names(spec.leads, [*cells.FIXED, *contexts])


def _lists(rows: NDArray[np.float32]) -> pa.Array:
    import pyarrow as pa

    flat = pa.array(np.ascontiguousarray(rows, np.float32).ravel())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def _list_rows(column: pa.ChunkedArray, width: int) -> NDArray[np.float32]:
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    flat = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return flat.astype(np.float32, copy=False).reshape(len(column), width)


def _read_mask(column: pa.ChunkedArray, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    parts = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks]
    return (np.concatenate(parts) if parts else np.zeros(0, bool)).reshape(shape)


def _marks(marks: Marks, count: int) -> pa.Array:
    """A list of {lead, sample, symbol} per item."""
    import pyarrow as pa

    order = np.argsort(marks.item, kind="stable")
    offsets = np.searchsorted(marks.item[order], np.arange(count + 1), "left").astype(np.int32)
    fields = [
        pa.array(marks.lead[order]),
        pa.array(marks.sample[order]),
        pa.array(marks.symbol[order].tolist(), pa.string()),
    ]
    rows = pa.StructArray.from_arrays(fields, ["lead", "sample", "symbol"])
    return pa.ListArray.from_arrays(pa.array(offsets), rows)


def _read_marks(column: pa.ChunkedArray) -> Marks:
    import pyarrow as pa

    lists = pa.concat_arrays(column.chunks)
    rows = lists.flatten()
    lengths = np.asarray(lists.value_lengths().to_numpy(zero_copy_only=False), np.int64)
    return Marks(
        np.repeat(np.arange(len(lists)), lengths),
        rows.field("lead").to_numpy(zero_copy_only=False),
        rows.field("sample").to_numpy(zero_copy_only=False),
        np.array(rows.field("symbol").to_pylist(), np.str_),
    )
