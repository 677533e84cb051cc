"""Permissions: uploaded data are in files and folders that other users cannot read."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from ecgsynth.errors import EcgsynthError

DATABASE_ENDINGS = ("", "-wal", "-shm", "-journal")
"""Endings of SQLite's additional files, which have the database's modes."""


def private_database(path: Path) -> None:
    """Create a database file, or correct its modes, so that only this user can read it (0600).

    Its folder is created if absent. A folder with nothing else in it is closed too (0700); any
    other folder, such as that of a project, is unchanged.

    Raises
    ------
    EcgsynthError: it belongs to another user or is no file, or other users may replace files in the
    folder. OSError: it cannot be created.
    """
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for ending in DATABASE_ENDINGS:
        _close(path.with_name(path.name + ending), make=not ending)
    if os.name != "posix":  # modes have no meaning there
        return
    status = folder.stat()
    ours = {path.name + ending for ending in DATABASE_ENDINGS}
    if status.st_uid == os.geteuid() and {one.name for one in folder.iterdir()} <= ours:
        folder.chmod(0o700)
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX:
        raise EcgsynthError(
            f"other users can write to {folder} and so replace the jobs database; close the "
            "folder (chmod go-w) or name another place with --jobs-db."
        )


def _close(path: Path, make: bool) -> None:
    """Remove a file's modes for group and others; a new file never has them.

    An existing file is not opened: closing it would release the locks of SQLite.
    """
    if make:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        status = path.stat()
    except FileNotFoundError:
        if make:
            raise
        return
    if not stat.S_ISREG(status.st_mode):
        raise EcgsynthError(f"{path} is not a file; choose another path with --jobs-db.")
    if os.name == "posix":
        if status.st_uid != os.geteuid():
            raise EcgsynthError(
                f"{path} belongs to another user, who could read uploads; choose another path with "
                "--jobs-db."
            )
        path.chmod(0o600)
