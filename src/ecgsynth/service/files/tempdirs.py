"""One temporary folder a server: all that it and its jobs put down lies there and goes with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # no locks on folders here: what a killed server leaves stays until cleared
    fcntl = None  # type: ignore[assignment]

PREFIX = "ecgsynth-serve-"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A new temporary folder for this process and those that it starts, for `tempfile` too.

    Folders of servers that were killed go first, with what was uploaded to them. Whatever is
    written meanwhile, there or elsewhere, is nobody else's on this machine.
    """
    clear_stale()
    mask = os.umask(0o077)
    before, told = tempfile.gettempdir(), os.environ.get("TMPDIR")
    place = _made()
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    try:
        yield place
    finally:
        os.umask(mask)
        tempfile.tempdir = before
        if told is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = told
        shutil.rmtree(place, ignore_errors=True)


def hold() -> None:
    """Keep the folder in use until this process ends, where its server made one: a worker may
    outlive the process that started it."""
    place = Path(tempfile.gettempdir())
    if place.name.startswith(PREFIX):
        _held(place)


def clear_stale() -> None:
    """Remove the folders of this user's servers that no living process holds.

    A lock ends with its process, however that ended; a number of a process may be another's now.
    """
    if fcntl is None:
        return
    mine = Path(tempfile.gettempdir())
    root = mine.parent if mine.name.startswith(PREFIX) else mine
    for place in root.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # held, gone in the meantime, or somebody else's
            if place.is_symlink() or place.stat().st_uid != os.getuid():
                continue
            handle = os.open(place, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(handle)


def _made() -> Path:
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX))
        _held(place)
        if place.is_dir():  # else another server cleared it before it was held
            return place


def _held(place: Path) -> None:
    """Lock the folder until this process ends."""
    if fcntl is not None:
        fcntl.flock(os.open(place, os.O_RDONLY), fcntl.LOCK_SH)
