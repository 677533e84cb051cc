"""What is compared: annotation files, tables of beats, folders of them, and objects of Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth.arguments import check_path, check_rate, quote
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import open_record, record_of
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.formats.wfdb.header import Header, read_header
from ecgsynth.scoring.csv_beats import read_table, to_annotations
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.columns import number_array
from ecgsynth.signals.recording import Recording

TRUTH = "atr"
"""The annotator of the truth, where none is named."""

TABLE = "csv"

OTHERS = frozenset({"hea", "dat", "xws", "json", "txt", "md", "html", "mat", "xyz", "zip", ""})
"""Endings of files in a folder of records that are no annotations."""


@dataclass(frozen=True)
class Side:
    """The annotations of one record, not read yet.

    read: gives them at a rate, Hz, as they stand in the file. rate: Hz, of the ticks; None where it
    is not stated. folder: where a header may lie; None for objects of Python. fs, length: of the
    record, where they are known; Hz and samples. named: whether `record` is its name for sure, as
    in a folder, a mapping or a column; a single file may be called anything.
    """

    record: str
    read: Callable[[float], Annotations]
    rate: float | None = None
    folder: Path | None = None
    fs: float | None = None
    length: int = 0
    named: bool = False


def sides_of(
    source: Any, annotator: str = "", default: str = "", truth: Any = None
) -> dict[str, Side]:
    """Record -> its annotations, of a file, a folder, or objects of Python.

    annotator: ending of the files in a folder. default: which one it is where none is named. truth:
    the folder with the truth, whose annotations are not taken.

    Raises
    ------
    EcgsynthError: there are no annotations, or several annotators to choose from.
    """
    if isinstance(source, Mapping):
        return {
            str(name): replace(_object(one), record=str(name), named=True)
            for name, one in source.items()
        }
    if not isinstance(source, str | Path):
        return {"": _object(source)}
    path = check_path(source, "what is compared")
    if path.is_dir():
        return _folder(path, annotator or _annotator(path, default, truth))
    return _file(path, annotator or default)


def _object(one: Any) -> Side:
    """Annotations, a recording, or [beat] samples, which are all of class N."""
    if isinstance(one, Recording):
        return Side(one.name, lambda _: one.annotations, one.fs, None, one.fs, one.samples)
    if isinstance(one, Annotations):
        return Side("", lambda _: one)
    if isinstance(one, str | Path):
        return next(iter(sides_of(one).values()))
    try:
        flat = np.ndim(one) == 1 and not isinstance(one, bytes)
    except Exception:  # lists of several lengths, or without end
        flat = False
    if not flat:
        raise EcgsynthError(
            f"annotations are a file, a folder, Annotations or a list of samples; got {quote(one)}."
        )
    sample = number_array(one, "beats", np.int64)
    return Side("", lambda _: Annotations(sample, np.full(len(sample), "N")))


def _file(path: Path, annotator: str) -> dict[str, Side]:
    """An annotation file, a table, or a record by its name."""
    if path.suffix == ".hea":
        path = path.with_suffix("")
    if not path.is_file():
        named = path.with_name(f"{path.name}.{annotator or TRUTH}")
        if not named.is_file():
            raise EcgsynthError(
                f"there is no file {path}; name an annotation file (as in mitdb/100.atr), a table "
                "(.csv) or a folder of them."
            )
        path = named
    if path.suffix == f".{TABLE}":
        return _table(path)
    if (record := record_of(path)) is not None:
        return {path.stem: _recording(record, path.stem)}
    return {path.stem: _annotations(path, path.stem)}


def _recording(path: Path, name: str) -> Side:
    """The annotations in a file of one record, or beside it."""
    recording = open_record(path)
    return replace(_object(recording), record=name, folder=path.parent)


def _annotations(path: Path, record: str) -> Side:
    notes = read_annotations(path, sort=False)

    def read(fs: float) -> Annotations:
        return Annotations(
            notes.samples_at(fs, fs), notes.symbol, notes.channel, notes.subtype, notes.number,
            tuple(notes.note.tolist()),
        )  # fmt: skip

    return Side(record, read, notes.rate, path.parent)


def _table(path: Path) -> dict[str, Side]:
    records, seconds, named = read_table(path)

    def side(name: str) -> Side:
        rows = records[name]
        return Side(
            name, lambda fs: to_annotations(rows, fs if seconds else None), None, path.parent,
            named=named,
        )  # fmt: skip

    return {name: side(name) for name in records}


def _endings(folder: Path) -> dict[str, list[Path]]:
    """Annotator -> the files of a folder, or below it, that may be its annotations."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        ending = path.suffix.removeprefix(".")
        if ending not in OTHERS and not path.name.startswith(".") and path.is_file():
            found.setdefault(ending, []).append(path)
    records = {one for one in found if record_of(found[one][0]) is not None}
    alone = records == {*found}  # else recordings lie with annotation files of theirs
    return {one: files for one, files in found.items() if alone or one not in records}


def _annotator(folder: Path, default: str, truth: Any) -> str:
    """The one annotator of a folder whose files are to be read."""
    endings = _endings(folder)
    if default in endings:
        return default
    if isinstance(truth, str | Path) and folder.resolve() == Path(truth).resolve():
        endings.pop(TRUTH, None)
    if len(endings) == 1:
        return next(iter(endings))
    if not endings:
        raise EcgsynthError(
            f"{folder} holds no annotations and no tables of beats; name a folder of files such as "
            "100.qrs or 100.csv."
        )
    raise EcgsynthError(
        f"{folder} holds annotations of several kinds ({', '.join(sorted(endings))}); name one "
        f"with --annotator, as in --annotator {min(endings)}."
    )


def _folder(folder: Path, annotator: str) -> dict[str, Side]:
    files = _endings(folder).get(annotator.removeprefix("."), [])
    if not files:
        raise EcgsynthError(
            f"{folder} has no files .{annotator}; name another annotator, as in --annotator atr."
        )
    found: dict[str, Side] = {}
    for path in files:
        if annotator == TABLE:
            found |= _table(path)
            continue
        name = path.relative_to(folder).as_posix().removesuffix(f".{annotator}")
        record = record_of(path)
        found[name] = _annotations(path, name) if record is None else _recording(record, name)
    return {name: replace(one, named=True) for name, one in found.items()}


def rate_of(truth: Side, test: Side, fs: float | None) -> tuple[float, int]:
    """Rate, Hz, and length, samples, of a record; 0 where the length is unknown.

    The rate is that of the record's header, else `fs`, else the resolution of an annotation file.

    Raises
    ------
    EcgsynthError: no rate is known, or a header is damaged.
    """
    header = _header(truth) or _header(test)
    if header is not None:
        frames = header.frames or sum(frames for _, frames in header.segments)
        return check_rate(header.rate), frames
    rate = truth.fs or test.fs or fs or truth.rate or test.rate
    if rate is None:
        raise EcgsynthError(
            f"the sampling rate of {truth.record or 'the record'} is not known, as there is no "
            "header (.hea) beside its annotations; state it, as in --fs 360."
        )
    return check_rate(rate), truth.length or test.length


def _header(side: Side) -> Header | None:
    if side.folder is None:
        return None
    path = side.folder / Path(side.record).name
    return read_header(path) if path.with_name(f"{path.name}.hea").is_file() else None
