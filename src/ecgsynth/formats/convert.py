"""Files of one format in another: a file, or all recordings of a folder, and what each loses."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ecgsynth.arguments import check_path
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write, describe_read_errors
from ecgsynth.formats import check_target, contract, format_for, naming, open_record, stream
from ecgsynth.formats import read as read_set
from ecgsynth.formats.cells import column_names
from ecgsynth.formats.contract import Format
from ecgsynth.formats.conversion import MANIFEST, Conversion, Row, write_manifest
from ecgsynth.formats.folders import INDEX, older_files
from ecgsynth.formats.one_set import as_part_of
from ecgsynth.formats.recording_pieces import pieces_of
from ecgsynth.formats.wfdb.folder import record_names
from ecgsynth.progress import recordings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import rename_leads, standard_leads

log = logging.getLogger("ecgsynth")

LONG = 5_000_000
"""Samples of a recording, in all leads, from which it is converted piece by piece."""

Rename = Mapping[str, str] | None


@dataclass(frozen=True)
class Reading:
    """How files are read: names of leads, and what tables of others leave open."""

    rename: Rename = None
    fs: float | None = None
    unit: str | None = None


def convert(
    source: str | Path, target: str, rename: Rename = None, dry_run: bool = False, *,
    fs: float | None = None, unit: str | None = None,
) -> Conversion:  # fmt: skip
    """Convert a file, or the recordings of a folder and the folders in it.

    A format whose file holds one record gives a folder of files with the names of the sources;
    other formats one set of all items. What cannot be read, or written so, is left out, with the
    reason in the manifest. A long recording is converted piece by piece.

    Parameters
    ----------
    rename: name of a lead in the files -> name in the result. dry_run: read all, write nothing.
    fs, unit: of tables that do not state them, as in `ecgsynth.read`.

    Raises
    ------
    EcgsynthError: there is nothing that can be converted, or the target cannot be written.
    """
    path, place = check_path(source), Path(target)
    check_target(target)
    kind = format_for(target)
    contract.refuse_place(kind, place.resolve())
    with describe_read_errors(path):
        sources = sources_of(path)
    of_file = contract.kind_of_file(place.name)
    conversion, asked = Conversion(target, kind), Reading(rename, fs, unit)
    if of_file is not None and of_file.one_record and kind.container == "folder":
        conversion.kind = of_file
        _write_files(sources, conversion, asked, dry_run)
    else:
        _write_set(sources, conversion, asked, dry_run)
    conversion.check_done()
    return conversion


def sources_of(path: Path) -> dict[str, Path]:
    """Name -> file of every recording or set in a folder and those below it, or of the one file.

    Raises
    ------
    EcgsynthError: there is none.
    """
    if not path.is_dir():
        return {_name(path, path.parent): path}
    usual = contract.by_ending()["/"]
    if (path / usual.own_file).is_file():  # a set of ours is one
        return {path.resolve().name: path}
    files = {name: path / f"{name}{usual.endings[-1]}" for name in record_names(path)[0]}
    for file in sorted(path.rglob("*")):
        kind = contract.kind_at(file)
        if kind is not None and kind is not usual and file.name != MANIFEST:
            files.setdefault(_name(file, path), file)
    if not files:
        raise EcgsynthError(f"{path} holds no file of a format that is read; name another folder.")
    return files


def _name(file: Path, folder: Path) -> str:
    """A file's name below a folder without the ending of its format."""
    kind, name = contract.kind_at(file), file.relative_to(folder).as_posix()
    endings = () if kind is None else (*kind.endings, *kind.shared_endings)
    known = [ending for ending in endings if name.lower().endswith(ending)]
    return name[: -len(max(known, key=len))] if known else name


def _write_files(
    sources: Mapping[str, Path], conversion: Conversion, asked: Reading, dry_run: bool
) -> None:
    """A file for each item, in a folder."""
    kind, target = conversion.kind, Path(conversion.target).resolve()
    plain = column_names([name.replace("/", "_") for name in sources], ())
    place: Any = nullcontext(target) if dry_run else atomic_write(target, older_files(kind, target))
    with place as folder:
        if not dry_run:
            folder.mkdir()
        for name, file in recordings(zip(plain, sources.values(), strict=True), len(sources)):
            conversion.rows += _convert_source(file, name, kind, folder, asked, dry_run)
        conversion.check_done()
        if not dry_run:
            made = {row.synthetic for row in conversion.done}
            whose = {True: "SYNTHETIC ECG", False: "ECG, some of it SYNTHETIC"}[all(made)]
            whose = whose if any(made) else "ECG"
            index = {
                "statement": f"{whose}: converted by ecgsynth; not for diagnosis.",
                "format": kind.title, "files": [row.file for row in conversion.done],
            }  # fmt: skip
            (folder / INDEX).write_text(json.dumps(index) + "\n", encoding="utf-8")
            write_manifest(conversion.rows, folder / MANIFEST)


def _convert_source(
    file: Path, name: str, kind: type[Format], folder: Path, asked: Reading, dry_run: bool
) -> list[Row]:
    """The items of a file, each in a file of its own."""
    rows: list[Row] = []
    whole: Ecg | None = None
    try:
        with describe_read_errors(file):
            whole = None if kind.in_pieces and _is_long(file) else _read(file, asked)
        count = 1 if whole is None else len(whole)
        for k in range(count):
            row = Row(str(file), f"{name}{f'_{k:06d}' if count > 1 else ''}{kind.endings[0]}")
            rows.append(row)
            if whole is None:
                _convert_long(file, row, kind, folder / row.file, asked, dry_run)
            else:
                _write_item(whole[k : k + 1], row, kind, folder / row.file, dry_run)
    except EcgsynthError as problem:
        rows[:] = [row for row in rows if row.problem or whole is not None]
        rows.append(Row(str(file), problem=str(problem)))
    return rows


def _write_item(ecg: Ecg, row: Row, kind: type[Format], place: Path, dry_run: bool) -> None:
    try:
        contract.refuse(kind, ecg.spec, 1)
        kind.check(ecg)
        row.describe(ecg, kind)
        # What is refused sample by sample, as one that is missing, only writing finds.
        with TemporaryDirectory() if dry_run else nullcontext(place.parent) as folder:
            kind.write([stream.without(ecg, row.lost)], Path(folder) / place.name)
    except EcgsynthError as problem:
        row.problem, row.file = str(problem), ""
        log.warning("%s is left out: %s", row.source, problem)


def _is_long(file: Path) -> bool:
    """Whether a file is read piece by piece: a long recording whose samples stay on the disk, and
    that has nothing which only the whole item keeps: labels, contexts, a mask of what was made, and
    samples without a value by its facts."""
    kind = contract.kind_at(file)
    if kind is None or not kind.on_disk:
        return False
    try:
        recording = open_record(file)
        if recording.samples * len(recording.leads) <= LONG:
            return False
        text = kind.facts(file)
        spec, _, columns = stream.read_facts(text, file) if text else (None, "", [])
    except EcgsynthError:  # whoever reads it hears the reason
        return False
    if spec is None:
        return True
    more = spec.classes or {*spec.context} - {"age", "sex"} or {*columns} & {"synthetic_mask"}
    return not more and not json.loads(text).get("item", {}).get("missing")


def _convert_long(
    file: Path, row: Row, kind: type[Format], place: Path, asked: Reading, dry_run: bool
) -> None:
    """A recording that is read and written piece by piece."""
    recording = open_record(file)
    recording = replace(recording, leads=standard_leads(recording.leads, asked.rename))
    pieces = pieces_of(recording)
    contract.refuse(kind, pieces.head.spec, 1)
    row.describe(pieces.head, kind)
    kind.check(pieces.head)
    with TemporaryDirectory() if dry_run else nullcontext(place.parent) as folder:
        kind.write_pieces([pieces], Path(folder) / place.name)


def _read(file: Path, asked: Reading) -> Ecg:
    ecg = read_set(file, fs=asked.fs, unit=asked.unit)
    return rename_leads(ecg, asked.rename) if asked.rename else ecg


def _write_set(
    sources: Mapping[str, Path], conversion: Conversion, asked: Reading, dry_run: bool
) -> None:
    """One set of all items."""
    kind, target = conversion.kind, Path(conversion.target)
    first_file = next(iter(sources.values()))
    if len(sources) == 1 and kind.in_pieces and _is_long(first_file):
        row = Row(str(first_file), target.name)
        conversion.rows.append(row)
        _convert_long(first_file, row, kind, target, asked, dry_run)
        return
    chunks = _alike(sources, conversion, asked)
    if dry_run:
        for _ in chunks:
            pass
        return
    first = next(chunks, None)
    if first is not None:
        with naming(target):
            kind.write(_chained(first, chunks), target)
        if kind.container == "folder" and len(sources) > 1:
            write_manifest(conversion.rows, target / MANIFEST)


def _chained(first: Ecg, rest: Iterable[Ecg]) -> Iterator[Ecg]:
    yield first
    yield from rest


def _alike(sources: Mapping[str, Path], conversion: Conversion, asked: Reading) -> Iterator[Ecg]:
    """The sets of all files as parts of one.

    Raises
    ------
    EcgsynthError: as of `as_part_of`.
    """
    kind, first, count = conversion.kind, None, 0
    for file in recordings(sources.values(), len(sources)):
        row = Row(str(file), Path(conversion.target).name)
        conversion.rows.append(row)
        try:
            with describe_read_errors(file):
                ecg = _read(file, asked)
        except EcgsynthError as problem:
            row.problem, row.file = str(problem), ""
            log.warning("%s is left out: %s", file, problem)
            continue
        count += len(ecg)
        contract.refuse(kind, ecg.spec, count)
        if first is None:
            first = ecg
            kind.check(ecg)
        ecg = as_part_of(first, ecg, file)
        row.describe(ecg, kind)
        yield stream.without(ecg, row.lost)
