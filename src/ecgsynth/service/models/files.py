"""Files of models: by what they are known again, and what one holds."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.archives import PLAIN
from ecgsynth.service.api.json_text import sayable
from ecgsynth.service.models.description import Model
from ecgsynth.synthesizer.card import Card, holds_single_people

Stamp = tuple[str, int, int, int]
"""Path, size, time of change and inode: as long as it stays, so does the content."""


class NoFileError(EcgsynthError):
    """A folder, a pipe, a socket or a device: reading it may never end."""


@dataclass(frozen=True)
class Served:
    """A model on the shelf: its name here, its card, what is said of it, its file's SHA-256."""

    name: str
    path: Path
    stamp: Stamp
    sha256: str
    card: dict[str, Any] = field(repr=False)
    view: Model = field(repr=False)

    @property
    def id(self) -> str:
        return self.view.id


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file; of a link that of what it leads to.

    Raises
    ------
    OSError: there is none. NoFileError: it is something else.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise NoFileError(f"{path.name} is no file but a folder, a pipe or a device; remove it.")
    return str(path), status.st_size, status.st_mtime_ns, status.st_ino


def read(stamp: Stamp, name: str, path: Path, shipped: bool) -> Served | str:
    """What a file holds, from its card alone; the reason where it cannot be used.

    Raises
    ------
    OSError: it is not there any more.
    """
    from safetensors import SafetensorError, safe_open

    if sayable(str(path)) != str(path):  # no model can be loaded from there
        return "its name holds bytes that are no text; rename it."
    try:
        digest = _digest(path)
        with safe_open(path, "np") as weights:
            text = (weights.metadata() or {}).get("card", "null")
    except (SafetensorError, ValueError):
        return f"{path.name} is not a whole safetensors file; copy or train it again."
    damaged = f"the card in {path.name} is damaged"
    try:
        card = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return f"{damaged}; copy or train it again."
    if not isinstance(card, dict) or not isinstance(card.get("spec"), dict):
        return f"{path.name} carries no card, so it is not a model of ecgsynth."
    id = str(card.get("id") or f"{name}-{digest[:8]}")
    if not PLAIN.fullmatch(id):  # files are named by it
        return f"its id '{id[:80]}' is no plain name (letters, digits, _ . -); save it anew."
    try:
        if holds_single_people(card):
            card = Card.model_validate(card).model_dump(mode="json")
        json.dumps(card, allow_nan=False, ensure_ascii=False).encode()  # as it is handed out
        view = Model.of(id, name, shipped, digest, card)
    except EcgsynthError as problem:
        return f"{damaged} ({str(problem).rstrip('.')}); copy or train it again."
    except Exception:  # whatever it is, it comes of the card: nothing else was looked at
        return f"{damaged}; copy or train it again."
    return Served(name, path, stamp, digest, card, view)


def _digest(path: Path) -> str:
    """SHA-256 of a file; opening what became a pipe meanwhile does not wait for its other end."""
    waitless = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | waitless)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no file any more")
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
