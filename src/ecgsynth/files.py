"""Atomic writes: write a temporary file next to the target, then rename it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from errno import ENAMETOOLONG, ENOTDIR
from glob import escape
from pathlib import Path

from safetensors import SafetensorError

from ecgsynth.errors import EcgsynthError

DEEPEST = 200
"""Most nested folders; Python cannot walk through a thousand."""

MOVING = ".moving"
"""Ending of a folder whose files are being moved into another one."""

STALE_S = 3600.0
"""Seconds after which the temporary file of a killed process is deleted."""


@contextmanager
def atomic_write(target: str | Path, older: Collection[str] = ()) -> Iterator[Path]:
    """A temporary path next to `target`; it is renamed to `target` when the block succeeds.

    On any error, Ctrl-C included, the temporary path is removed and an older `target` stays.
    A folder `target` that is there already receives the new files, one rename each; until the last
    of them `check_whole` refuses it.

    older: names of files in such a folder that belong to what is replaced; they are removed.

    Raises
    ------
    EcgsynthError: the disk is full or the folder cannot be written.
    """
    target = Path(target)
    if target.name in ("", ".."):  # the folder that one is in, or above
        target = target.resolve()
    if not target.name:
        raise EcgsynthError(f"{target} is the root of all files; name one in it.")
    if not target.parent.name.endswith(".part"):  # a folder that is new has none
        _clear_stale(target)
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        make_folder(target.parent)
        yield temporary
        if temporary.is_file():  # some writers make files that only their owner may read
            temporary.chmod(0o666 & ~_umask())
        if temporary.is_dir() and target.is_dir():
            _move_files(temporary, target, older)
        else:
            os.replace(temporary, target)
        for left in _half_moved(target):  # of a killed process
            shutil.rmtree(left, ignore_errors=True)
    except (OSError, SafetensorError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise EcgsynthError(
            f"{target} could not be written ({reason}); free some space or choose another place."
        ) from problem
    finally:
        if os.path.isdir(temporary):  # false, and no error, where nothing may be looked at
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            with suppress(OSError):  # the first error is the one to report
                temporary.unlink(missing_ok=True)


def _move_files(temporary: Path, target: Path, older: Collection[str]) -> None:
    """Bring the files of a folder into another one. Its name states it until all are there."""
    moving = temporary.with_suffix(MOVING)
    os.replace(temporary, moving)
    new = sorted(file.name for file in moving.iterdir())
    for name in new:
        os.replace(moving / name, target / name)
    for name in {*older} - {*new}:
        (target / name).unlink(missing_ok=True)
    moving.rmdir()


def _half_moved(target: Path) -> list[Path]:
    """The folders whose files are being moved into `target`, or were when their process ended."""
    return [*target.parent.glob(f".{escape(target.name)}.*{MOVING}")]


def check_whole(folder: Path) -> None:
    """Check that a folder does not hold files of two sets.

    Raises
    ------
    EcgsynthError: a process ended while it replaced the files.
    """
    for left in _half_moved(folder.absolute()):
        raise EcgsynthError(
            f"{folder} holds files of two sets, since the process that replaced them ended; write "
            f"it again with --force, or delete {left.name} beside it."
        )


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; those that are there stay.

    Raises
    ------
    OSError: it cannot be made, or lies in more folders than programs that walk them can follow.
    """
    if len(folder.parts) > DEEPEST:
        raise OSError(ENAMETOOLONG, f"it lies in {len(folder.parts)} folders, one in the other")
    for one in (*reversed(folder.parents), folder):
        try:
            one.mkdir(exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(ENOTDIR, f"{one} is not a folder") from None


@contextmanager
def describe_read_errors(place: str | Path) -> Iterator[None]:
    """An `OSError` of a file or folder in `place` becomes one sentence that names it.

    Raises
    ------
    EcgsynthError: something there cannot be read.
    """
    try:
        yield
    except OSError as problem:
        name = str(problem.filename or place)[:200]
        raise EcgsynthError(
            f"{name} cannot be read ({problem.strerror or problem}); correct its permissions, or "
            "name another place."
        ) from problem


def expand_home(path: str | Path) -> Path:
    """A path with its `~` or `~user` written out.

    Raises
    ------
    EcgsynthError: there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise EcgsynthError(
            f"the folder that {path} begins with is not known; write it out, or put ./ before it."
        ) from None


def holds_files(folder: Path) -> bool:
    """Whether a folder is there with anything in it; hidden files, such as .git, do not count."""
    return folder.is_dir() and any(not one.name.startswith(".") for one in folder.iterdir())


def check_writable(target: str | Path) -> None:
    """Check before long work that `atomic_write` can write there.

    Raises
    ------
    EcgsynthError: a file can not be written there.
    """
    target = Path(target)
    if target.is_dir():
        raise EcgsynthError(f"{target} is a folder; name a file in it.")
    try:
        with tempfile.TemporaryFile(dir=_nearest_existing(target.parent)):
            pass
    except OSError as problem:
        raise EcgsynthError(
            f"{target} could not be written ({problem.strerror or problem}); choose another place."
        ) from None


def _nearest_existing(folder: Path) -> Path:
    """The folder itself, or its nearest parent that exists."""
    return next(one for one in (folder, *folder.absolute().parents) if os.path.exists(one))


def _clear_stale(target: Path) -> None:
    """Remove the temporary files of killed processes, but not those that others write now."""
    with suppress(OSError):
        for left in target.parent.glob(f".{escape(target.name)}.*.part"):
            newest = max(path.stat().st_mtime for path in [left, *left.glob("*")])
            if time.time() - newest > STALE_S:
                shutil.rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
