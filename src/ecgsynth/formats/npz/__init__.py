"""NPZ (NumPy): the arrays of an `Ecg` under plain names, for NumPy and everything built on it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import stream
from ecgsynth.formats.breaking import Broken, Files, usual_faults
from ecgsynth.formats.contract import Format
from ecgsynth.formats.foreign.arrays import Archive, ArrayTable
from ecgsynth.formats.foreign.items import TableOptions, read_items
from ecgsynth.formats.npz.broken import archive_faults
from ecgsynth.formats.npz.new_archive import new_archive
from ecgsynth.formats.npz.uploads import check
from ecgsynth.registry import FORMATS
from ecgsynth.signals.draft import moved
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks

NAMES = {"patient": "pid"}
"""Keys that are not called as the attribute of `Ecg`."""

_MARKS = ("item", "lead", "sample", "symbol")


@FORMATS.register("npz")
class Npz(Format):
    """NumPy archive: `data [item, lead, sample]`, labels, patients, context, card.

    Per item: `data`, `labels_id`, `labels_str`, `label` [item, class], `context` and, where known,
    `pid`, `record`, `valid`, `onset_s`, `start`. Once: `classes`, `leads`, `fs` (Hz), `unit`,
    `context_names`, `synthetic`, `source`, `statement`, and `spec` and `card` as JSON.
    `synthetic_mask` [item, lead, sample] is True where a model made a sample of partly real items.
    Marks, where there are any: `marks_item`, `marks_lead`, `marks_sample`, `marks_symbol`; aligned
    beats without marks have one at R, by their class.
    """

    title = "NPZ"
    endings = (".npz",)
    media_type = "application/x-npz"
    in_pieces = True
    uploads = True
    any_layout = True

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        """Chunks go to one growing .npy file per array, which are packed at the end.

        In memory stands one chunk; on the disk, for a while, twice the size of the result.
        """
        first, chunks = stream.begin(chunks)
        with new_archive(target) as archive:
            start = 0
            for chunk in chunks:
                archive.append(_arrays(chunk, start))
                start += len(chunk)
            archive.finish(_constants(first))

    @staticmethod
    def write_pieces(recordings: Iterable[stream.InPieces], target: Path) -> None:
        """Write recordings of one spec, each piece by piece: in memory stands a piece."""
        with new_archive(target) as archive:
            head: Ecg | None = None
            for item, one in enumerate(recordings):
                if head is not None and one.head.spec != head.spec:
                    raise EcgsynthError(
                        "the recordings differ in leads, rate or length; write them one by one."
                    )
                head, start = one.head, 0
                arrays = _arrays(head, item)
                along = {
                    name: archive.along_time(name, arrays.pop(name))
                    for name in ("data", "synthetic_mask") if name in arrays
                }  # fmt: skip
                archive.append(arrays)
                for signal, made, marks in one.pieces:
                    for name, column in along.items():
                        column.write(item, start, signal if name == "data" else made)
                    if marks is not None:
                        archive.append(_mark_arrays(moved(marks, start), item))
                    start += signal.shape[1]
            assert head is not None
            archive.finish(_constants(head))

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        yield from usual_faults(files)
        yield from archive_faults(files)

    @staticmethod
    def check_upload(file: BinaryIO, most_bytes: int, most_files: int) -> None:
        check(file, most_bytes, most_files)

    @staticmethod
    def read(path: Path, asked: TableOptions | None = None) -> Ecg:
        """Files of ours come back exactly; of others see `ecgsynth.formats.foreign.items`.

        `data` (or signal, signals, X, x) is [item, lead, sample] or [item, sample], `fs` in Hz;
        `leads`, `labels` (or label, labels_str, labels_id, class, y), `classes`, `unit` (mV, uV, V
        or normalised), `pid` (or patient, subject), `record`, `r_sample` (of the R peak in every
        item), `band` ([low, high], Hz) and `synthetic` are taken where they are there.

        Raises
        ------
        EcgsynthError: damaged, Python objects inside (never opened), a needed key is missing, or
            what is there can mean several things.
        """
        with Archive(path) as archive:
            return _own(archive) if archive.own else read_items(ArrayTable(archive), asked)


def _arrays(ecg: Ecg, start: int) -> dict[str, NDArray]:
    """The arrays that grow with the items; `start`: number of the chunk's first item."""
    assert ecg.label is not None and ecg.context is not None
    arrays: dict[str, NDArray] = {
        "data": ecg.signal,
        "label": ecg.label,
        "labels_id": ecg.labels_id,
        "labels_str": ecg.labels_str,
        "context": ecg.context,
    }
    for name in stream.ITEM_COLUMNS:
        if getattr(ecg, name) is not None:
            arrays[NAMES.get(name, name)] = getattr(ecg, name)
    if ecg.synthetic_mask is not None:
        arrays["synthetic_mask"] = ecg.synthetic_mask
    marks = stream.marks_of(ecg)
    return arrays if marks is None else arrays | _mark_arrays(marks, start)


def _mark_arrays(marks: Marks, start: int) -> dict[str, NDArray]:
    """The columns of marks; `start`: number of the first item."""
    return {f"marks_{name}": getattr(marks, name) for name in _MARKS} | {
        "marks_item": marks.item + start
    }


def _constants(ecg: Ecg) -> dict[str, Any]:
    spec = ecg.spec
    return {
        "classes": np.array(spec.classes, np.str_),
        "leads": np.array(spec.leads, np.str_),
        "fs": spec.fs,
        "unit": spec.unit,
        "context_names": np.array(spec.context, np.str_),
        "synthetic": ecg.synthetic,
        "source": ecg.source,
        "statement": stream.statement(ecg),
        "spec": json.dumps(stream.facts(ecg)),
        "card": stream.card_json(ecg),
    }


def _own(archive: Archive) -> Ecg:
    path = archive.path
    spec, source, columns = stream.read_facts(str(archive["spec"]), path)
    try:
        marks = None
        if "marks" in columns:
            marks = Marks(*(archive[f"marks_{name}"] for name in _MARKS))
            columns.remove("marks")
        return Ecg(
            archive["data"],
            spec,
            label=archive["label"],
            context=archive["context"],
            marks=marks,
            source=source,
            card=stream.read_card(str(archive["card"]) if "card" in archive else "", path),
            **{name: archive[NAMES.get(name, name)] for name in columns},
        )
    except (ValueError, TypeError) as problem:
        raise stream.damaged(path, problem) from None
