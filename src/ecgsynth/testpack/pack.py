"""A folder of files without a patient by which the authors of a reader test it."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecgsynth.arguments import check_choice, check_flag, check_integer, check_names, check_path
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write, check_writable, holds_files
from ecgsynth.formats import contract, read_silently, write
from ecgsynth.formats.contract import Format
from ecgsynth.progress import count_bar
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.testpack.cases import CASES, SMALL, Case
from ecgsynth.testpack.readme import LICENCE, readme
from ecgsynth.testpack.truth import Fault, File, Truth, truth_of

TRUTH, SCHEMA, INDEX = "truth", "truth.schema.json", "pack.json"
TABLE, BROKEN = "files.csv", "broken"


@dataclass
class Pack:
    """What a pack holds.

    rows: case, format, file, and why there is none. broken: format, fault, file, kind of the fault,
    what a reader should state, and what ecgsynth states.
    """

    folder: Path
    seed: int
    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    broken: list[tuple[str, str, str, str, str, str]] = field(default_factory=list)


def write_testpack(
    to: str | Path, *, seed: int = 0, day: bool = False, cases: Sequence[str] | None = None,
    formats: Sequence[str] | None = None,
) -> Pack:  # fmt: skip
    """Write recordings in every format with their truth, and files that are broken on purpose.

    Everything is simulated and has the mark of synthetic ECG. The same seed gives the same bytes.
    What a format cannot hold is named with the reason. The folder appears when all is written.

    Parameters
    ----------
    to: a folder that is new or empty. seed: of the people and rhythms. day: with a recording of 24
    h, in the formats that are written piece by piece. cases, formats: only these; None: all.

    Raises
    ------
    EcgsynthError: the folder holds files or cannot be written, or a name is unknown.
    """
    folder = check_path(to, "the folder of the pack")
    seed, day = check_integer(seed, "the seed"), check_flag(day, "day")
    known = {case.name: case for case in CASES}
    chosen = [known[name] for name in _chosen(cases, known, "a case of the pack")]
    chosen = [case for case in chosen if day or not case.day or cases is not None]
    kinds = {name: contract.named(name) for name in _chosen(formats, FORMATS.names(), "a format")}
    if folder.exists() and (holds_files(folder) or not folder.is_dir()):
        raise EcgsynthError(f"{folder} holds something already; name a new folder, or empty it.")
    check_writable(folder / INDEX)
    pack = Pack(folder, seed)
    with atomic_write(folder) as place, _progress(len(kinds) * (len(chosen) + 1)) as advance:
        place.mkdir()
        for case in chosen:
            _write_case(case, kinds, pack, place, advance)
        for name, kind in kinds.items():
            _write_broken(name, kind, pack, place)
            advance(name)
        _write_tables(pack, place, kinds)
    return pack


def _chosen(names: Any, known: Iterable[str], what: str) -> list[str]:
    if names is None:
        return [*known]
    return [check_choice(name, what, known) for name in check_names(names, what)]


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    with count_bar("files") as progress:
        task = progress.add_task("writing the pack", total=total)
        yield lambda what: progress.update(task, advance=1, description=f"writing {what}")


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Losses and faults are in the tables of the pack, not in the log."""
    log = logging.getLogger("ecgsynth")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before


def _write_case(
    case: Case, kinds: Mapping[str, type[Format]], pack: Pack, place: Path, advance: Any
) -> None:
    """The files of a recording, and its truth beside them."""
    ecg, faults = case.draw(pack.seed)
    folder = place / case.name
    folder.mkdir()
    files = []
    for name, kind in kinds.items():
        advance(f"{case.name}, {kind.title}")
        reason = _problem(case, kind)
        ending = kind.endings[0] if kind.container == "file" else f".{name}"
        target = folder / (case.name + ending)
        try:
            if not reason:
                with _without_warnings():
                    write(ecg, target, name)
        except EcgsynthError as problem:
            reason = str(problem)
        pack.rows.append((case.name, name, "" if reason else f"{case.name}/{target.name}", reason))
        if not reason:
            lost = contract.lost(kind, ecg)
            files.append(File(file=target.name, format=name, step_mv=kind.step_mv, lost=lost))
    _write_truth(ecg, faults, files, case, pack.seed, folder)


def _problem(case: Case, kind: type[Format]) -> str:
    """Why a format, by its declaration, does not hold a recording; "" where it may."""
    if case.day and not kind.in_pieces:
        others = contract.titles(lambda other: other.in_pieces)
        return f"{kind.title} is not written piece by piece, which a day needs; write {others}."
    return ""


def _write_truth(
    ecg: Ecg, faults: Sequence[Fault], files: list[File], case: Case, seed: int, folder: Path
) -> None:
    write(ecg, folder / f"{TRUTH}.npz")
    truth = truth_of(ecg, faults, files, case.name, case.text, seed)
    (folder / f"{TRUTH}.json").write_text(truth.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _write_broken(name: str, kind: type[Format], pack: Pack, place: Path) -> None:
    """Files of a format with one fault each, with what ecgsynth states of them.

    Raises
    ------
    EcgsynthError: ecgsynth reads one of them.
    """
    base, _ = SMALL.draw(pack.seed)
    folder = place / BROKEN / name
    folder.mkdir(parents=True)
    suffix = "" if kind.container == "folder" else kind.endings[0]
    whole = folder / f"whole{suffix}"
    with _without_warnings():
        write(base, whole, name)
        held = sorted(whole.iterdir()) if whole.is_dir() else sorted(folder.iterdir())
        main = [one for one in held if one.name.endswith(kind.endings[-1])] or [whole]
        held = [main[0], *(one for one in held if one != main[0])]
        files = {one.name: one.read_bytes() for one in held}
        for broken in kind.broken(files):
            target = folder / f"{broken.name}{suffix}"
            if kind.container == "folder":
                target.mkdir()
            for file, content in broken.files.items():
                inside = target / file if target.is_dir() else folder / file
                if not target.is_dir():
                    inside = folder / file.replace("whole", broken.name, 1)
                inside.write_bytes(content)
            try:
                read_silently(target, name)
            except EcgsynthError as problem:
                stated = str(problem).replace(f"{place}/", "")
            else:
                raise EcgsynthError(
                    f"{kind.title} takes {target.name}, though {broken.reason}; correct its reader."
                )
            pack.broken.append(
                (name, broken.name, f"{BROKEN}/{name}/{target.name}", broken.kind, broken.reason,
                 stated)
            )  # fmt: skip


def _write_tables(pack: Pack, place: Path, kinds: Mapping[str, type[Format]]) -> None:
    """Tables of all files, the schema of the truth, licence, README and checksums."""
    _write_table(place / TABLE, ("case", "format", "file", "why_not"), pack.rows)
    head = ("format", "fault", "file", "kind", "reason", "ecgsynth")
    _write_table(place / BROKEN / TABLE, head, pack.broken)
    schema = json.dumps(Truth.model_json_schema(), indent=1)
    (place / SCHEMA).write_text(schema + "\n", encoding="utf-8")
    (place / "LICENSE").write_text(LICENCE, encoding="utf-8")
    text = readme(pack.rows, CASES, kinds, pack.seed)
    (place / "README.md").write_text(text, encoding="utf-8")
    files = sorted(one for one in place.rglob("*") if one.is_file())
    sums = {str(one.relative_to(place)): _checksum(one) for one in files}
    index = {"pack": 1, "synthetic": True, "seed": pack.seed, "sha256": sums}
    (place / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def _write_table(path: Path, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(head)
        table.writerows(rows)


def _checksum(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
