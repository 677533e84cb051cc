"""A set in a format whose file holds one record: a folder of such files, one an item."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ecgsynth.files import atomic_write
from ecgsynth.formats import stream
from ecgsynth.formats.contract import Format
from ecgsynth.signals.ecg import Ecg, concatenate

INDEX = "ecgsynth.json"
"""The file by which such a folder is known: what the set is, and the names of its files."""


OWN = re.compile(r"ecg_\d{6,}\.\w{1,16}")


def folder_of(kind: type[Format]) -> type[Format]:
    """The format of a folder of files of a format, which is otherwise as the format declares."""
    changed = {
        "endings": (),
        "container": "folder",
        "one_record": False,
        "own_file": INDEX,
        "write": staticmethod(partial(_write, kind)),
        "read": staticmethod(partial(_read, kind)),
    }
    return type(f"{kind.__name__}Folder", (kind,), changed)


def _write(kind: type[Format], chunks: Iterable[Ecg], target: Path) -> None:
    first, chunks = stream.begin(chunks)
    target = target.resolve()
    older = _listed(target)
    names: list[str] = []
    with atomic_write(target) as temporary:
        temporary.mkdir()
        for chunk in chunks:
            for row in range(len(chunk)):
                names.append(f"ecg_{len(names):06d}{kind.endings[0]}")
                kind.write([chunk[row : row + 1]], temporary / names[-1])
        index = {
            "statement": stream.statement(first), "format": kind.title, "files": names,
            "card": first.card,
        }  # fmt: skip
        (temporary / INDEX).write_text(json.dumps(index, default=str) + "\n", encoding="utf-8")
    for name in {*older} - {*names}:  # of the set that had this name before
        (target / name).unlink(missing_ok=True)


def _read(kind: type[Format], path: Path) -> Ecg:
    """The items of all files in a folder, in the order of their names.

    Raises
    ------
    EcgsynthError: there are none, one is damaged, or they differ in leads, rate or length.
    """
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in kind.endings)
    if not files:
        raise stream.damaged(path, f"it holds no file of {kind.title}")
    return concatenate([kind.read(file) for file in files])


def _listed(folder: Path) -> list[str]:
    """The files that the index of a folder names, of those that lie in it."""
    try:
        names = json.loads((folder / INDEX).read_text(encoding="utf-8"))["files"]
        return [name for name in names if OWN.fullmatch(name)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
