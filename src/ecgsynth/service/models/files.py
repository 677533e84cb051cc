"""Files of models: identity and content."""

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
from ecgsynth.service.api.json_text import json_safe
from ecgsynth.service.models.description import Model
from ecgsynth.synthesizer.card import Card, holds_single_people

Stamp = tuple[str, int, int, int]
"""Path, size, modification time and inode: if unchanged, the content is unchanged."""


class NoFileError(EcgsynthError):
    """The path is a folder, a pipe, a socket or a device, which may never end."""


@dataclass(frozen=True)
class Served:
    """A served model: its name, its card, its description, and the SHA-256 of its file."""

    name: str
    path: Path
    stamp: Stamp
    sha256: str
    card: dict[str, Any] = field(repr=False)
    view: Model = field(repr=False)

    @property
    def id(self) -> str:
        """The id of the model, as in its card."""
        return self.view.id


def stamp_of(path: Path) -> Stamp:
    """The stamp of a file; of a link, that of its target.

    Raises
    ------
    OSError: there is none. NoFileError: it is something else.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise NoFileError(f"{path.name} is a folder, a pipe or a device, not a file; remove it.")
    return str(path), status.st_size, status.st_mtime_ns, status.st_ino


def read(stamp: Stamp, name: str, path: Path, shipped: bool) -> Served | str:
    """The model in a file, from its card; the reason if it cannot be used.

    Raises
    ------
    OSError: the file was deleted.
    """
    from safetensors import SafetensorError, safe_open

    if json_safe(str(path)) != str(path):  # PyTorch cannot open such a path
        return "its name contains bytes that are not text; rename it."
    try:
        digest = _digest(path)
        with safe_open(path, "np") as weights:
            text = (weights.metadata() or {}).get("card", "null")
    except (SafetensorError, ValueError):
        return f"{path.name} is not a complete safetensors file; copy or train it again."
    damaged = f"the card in {path.name} is damaged"
    try:
        card = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return f"{damaged}; copy or train it again."
    if not isinstance(card, dict) or not isinstance(card.get("spec"), dict):
        return f"{path.name} has no card, so it is not a model of ecgsynth."
    id = str(card.get("id") or f"{name}-{digest[:8]}")
    if not PLAIN.fullmatch(id):  # used as a file name
        return f"its id '{id[:80]}' is not a plain name (letters, digits, _ . -); save it again."
    try:
        if holds_single_people(card):
            card = Card.model_validate(card).model_dump(mode="json")
        json.dumps(card, allow_nan=False, ensure_ascii=False).encode()  # as it is sent to clients
        view = Model.of(id, name, shipped, digest, card)
    except EcgsynthError as problem:
        return f"{damaged} ({str(problem).rstrip('.')}); copy or train it again."
    except Exception:  # any exception is caused by the card
        return f"{damaged}; copy or train it again."
    return Served(name, path, stamp, digest, card, view)


def _digest(path: Path) -> str:
    """SHA-256 of a file; opened without waiting in case it was replaced by a pipe."""
    waitless = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | waitless)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is not a file any more")
        return hashlib.file_digest(file, "sha256").hexdigest()


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")
