"""One temporary folder per server for all its files and jobs, deleted at its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # no locks on folders here: folders of a killed server are not deleted
    fcntl = None  # type: ignore[assignment]

PREFIX = "ecgsynth-serve-"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A new temporary folder for this process and its children, also for `tempfile`.

    Folders of killed servers, with their uploads, are deleted first. Files written meanwhile are
    not readable for other users.
    """
    clear_stale()
    mask = os.umask(0o077)
    before, setting = tempfile.gettempdir(), os.environ.get("TMPDIR")
    place = _create()
    os.environ["TMPDIR"] = tempfile.tempdir = str(place)
    try:
        yield place
    finally:
        os.umask(mask)
        tempfile.tempdir = before
        if setting is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = setting
        shutil.rmtree(place, ignore_errors=True)


def hold() -> None:
    """Lock the server's folder until this process ends: a worker may outlive its parent process."""
    place = Path(tempfile.gettempdir())
    if place.name.startswith(PREFIX):
        _held(place)


def clear_stale() -> None:
    """Delete the folders of this user's servers that no process has locked.

    A lock ends with its process; a process number could be reused.
    """
    if fcntl is None:
        return
    folder = Path(tempfile.gettempdir())
    root = folder.parent if folder.name.startswith(PREFIX) else folder
    for place in root.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # locked, already deleted, or of another user
            if place.is_symlink() or place.stat().st_uid != os.getuid():
                continue
            handle = os.open(place, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(handle)


def _create() -> Path:
    while True:
        place = Path(tempfile.mkdtemp(prefix=PREFIX))
        _held(place)
        if place.is_dir():  # else another server deleted it before it was locked
            return place


def _held(place: Path) -> None:
    """Lock the folder until this process ends."""
    if fcntl is not None:
        fcntl.flock(os.open(place, os.O_RDONLY), fcntl.LOCK_SH)
