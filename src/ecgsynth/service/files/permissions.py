"""What is kept of those who upload is their own: files and folders that nobody else can read."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from ecgsynth.errors import EcgsynthError

BESIDE = ("", "-wal", "-shm", "-journal")
"""Endings of the files that SQLite keeps beside a database, with the database's own modes."""


def private_database(path: Path) -> None:
    """Make a database file, or mend the modes of one, so that only this user reads it (0600).

    Its folder is made where it is not there. A folder that holds nothing else is closed too
    (0700); another, such as the one that a project lies in, stays as it is.

    Raises
    ------
    EcgsynthError: the file is another user's or no file, or others may replace what is in the
        folder. OSError: it cannot be made.
    """
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for ending in BESIDE:
        _close(path.with_name(path.name + ending), make=not ending)
    if os.name != "posix":  # there rights are another matter, and modes say nothing
        return
    status = folder.stat()
    ours = {path.name + ending for ending in BESIDE}
    if status.st_uid == os.geteuid() and {one.name for one in folder.iterdir()} <= ours:
        folder.chmod(0o700)
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX:
        raise EcgsynthError(
            f"others may write to {folder}, and so replace the jobs database in it; close the "
            "folder (chmod go-w) or name another place with --jobs-db."
        )


def _close(path: Path, make: bool) -> None:
    """Take a file's modes for group and others away; a new one never has them.

    One that is there is not opened: to close it again would end the locks that SQLite holds on it.
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
        raise EcgsynthError(f"{path} is no file; name another place with --jobs-db.")
    if os.name == "posix":
        if status.st_uid != os.geteuid():
            raise EcgsynthError(
                f"{path} belongs to another user, who could read what is uploaded; name another "
                "place with --jobs-db."
            )
        path.chmod(0o600)
