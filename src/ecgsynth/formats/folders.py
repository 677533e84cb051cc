"""A set in a format whose file holds one record: a folder of such files, one an item."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from ecgsynth.files import atomic_write
from ecgsynth.formats import contract, stream
from ecgsynth.formats.contract import Format
from ecgsynth.formats.statements import with_same_classes
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate

INDEX = "ecgsynth.json"
"""The file by which such a folder is known: what the set is, and the names of its files."""


def folder_of(kind: type[Format]) -> type[Format]:
    """The format of a folder of files of a format, which is otherwise as the format declares."""
    changed = {
        "endings": (),
        "container": "folder",
        "one_record": False,
        "own_file": INDEX,
        "write": staticmethod(partial(_write, kind)),
        "read": staticmethod(partial(_read, kind)),
        "write_pieces": staticmethod(partial(_write_pieces, kind)),
    }
    return type(f"{kind.__name__}Folder", (kind,), changed)


def _write(kind: type[Format], chunks: Iterable[Ecg], target: Path) -> None:
    first, chunks = stream.begin(chunks)
    with _new_folder(kind, first, target) as new_file:
        for chunk in chunks:
            for row in range(len(chunk)):
                kind.write([chunk[row : row + 1]], new_file())


def _write_pieces(kind: type[Format], recordings: Iterable[stream.InPieces], target: Path) -> None:
    parts = iter(recordings)
    first = next(parts)
    with _new_folder(kind, first.head, target) as new_file:
        for one in chain([first], parts):
            kind.write_pieces([one], new_file())


@contextmanager
def _new_folder(kind: type[Format], first: Ecg, target: Path) -> Iterator[Callable[[], Path]]:
    """What gives the next file of a folder, which gets its name at the end."""
    target = target.resolve()
    names: list[str] = []
    with atomic_write(target, older=older_files(kind, target)) as temporary:
        temporary.mkdir()

        def new_file() -> Path:
            names.append(f"ecg_{len(names):06d}{kind.endings[0]}")
            return temporary / names[-1]

        yield new_file
        index = {
            "statement": stream.statement(first), "format": kind.title, "files": names,
            "card": first.card,
        }  # fmt: skip
        (temporary / INDEX).write_text(json.dumps(index, default=str) + "\n", encoding="utf-8")


def _read(kind: type[Format], path: Path) -> Ecg:
    """The items of all files in a folder, in the order of their names.

    Raises
    ------
    EcgsynthError: there are none, one is damaged, or they differ in leads, rate or length.
    """
    files = sorted(file for file in path.iterdir() if contract.kind_at(file) is kind)
    if not files:
        raise stream.damaged(path, f"it holds no file of {kind.title}")
    ecg = concatenate(with_same_classes([kind.read(file) for file in files]))
    card = _index(path).get("card")
    return replace(ecg, card=card) if isinstance(card, dict) else ecg


def older_files(kind: type[Format], folder: Path) -> list[str]:
    """The files of a format that the index of a folder names, with their companions: those of the
    set that is there."""
    names = _index(folder).get("files")
    own = [
        name for name in (names if isinstance(names, list) else ())
        if isinstance(name, str) and Path(name).name == name
        and any(name.lower().endswith(ending) for ending in kind.endings)
    ]  # fmt: skip
    return own + [str(Path(name).with_suffix(e)) for name in own for e in kind.companions]


def _index(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
