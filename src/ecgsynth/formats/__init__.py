"""Files in and out: one file a format; every writer takes a stream, every reader gives an `Ecg`."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ecgsynth.arguments import check_instance, check_path, quote
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import check_writable
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.units import scale_problem, unit_problem

log = logging.getLogger("ecgsynth")


class Format(Protocol):
    """A registered format: a class with these attributes, never instantiated.

    suffixes: file endings that mean this format; "/" stands for a folder.
    """

    suffixes: tuple[str, ...]

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        """Write chunks of one spec as they come, in memory bounded by one chunk where the format
        allows; nothing is left behind on an error (`ecgsynth.files.atomic_write`)."""
        ...

    @staticmethod
    def read(path: Path) -> Ecg:
        """Read what `write` wrote, and files of others in the same layout as far as they go."""
        ...


def write(ecg: Ecg | Iterable[Ecg], target: str | Path, format: str | None = None) -> Path:
    """Write an `Ecg` or a stream of them; the format follows from the ending.

    Raises
    ------
    EcgsynthError: unknown ending or format; the target cannot be written; a name is no text.
    """
    path = check_path(target, "the target")
    kind = _by_suffix(str(target)) if format is None else FORMATS.get(format)
    chunks = [ecg] if isinstance(ecg, Ecg) else _each(ecg)
    try:
        kind.write(chunks, path)
    except UnicodeEncodeError as problem:  # half of a pair of surrogates, which no file can hold
        raise EcgsynthError(
            f"{path} was not written: {problem.object[:40]!r} holds a character that is no text; "
            "rename it."
        ) from None
    return path


def _each(parts: Iterable[Ecg]) -> Iterator[Ecg]:
    """The parts of a stream, looked at one by one."""
    what = "what is written is an Ecg, or a stream of them"
    try:
        stream = None if isinstance(parts, str | bytes | Mapping) else iter(parts)
    except Exception:  # a 0-d array says that it is iterable
        stream = None
    if stream is None:
        raise EcgsynthError(f"{what}; got {quote(parts)}.")
    return (check_instance(part, Ecg, what) for part in stream)


def check_target(target: str | Path) -> None:
    """Say before long work what `write` would say after it.

    Raises
    ------
    EcgsynthError: unknown ending, a place where nothing can be written, a folder of others.
    """
    from ecgsynth.formats.wfdb.writer import refuse_folder

    path = check_path(target, "the target")
    kind = _by_suffix(str(target))
    if "/" in kind.suffixes:
        refuse_folder(path.resolve())
        path /= "RECORDS"
    check_writable(path)


def read(path: str | Path, format: str | None = None) -> Ecg:
    """Read a file or folder of any registered format.

    A unit that is doubtful, by the amplitudes or in a WFDB header, is named in the log.

    Raises
    ------
    EcgsynthError: it is not there, of an unknown ending, or damaged.
    """
    ecg = read_silently(path, format)
    if doubt := unit_problem(ecg) or scale_problem(ecg):
        log.warning("THE UNIT IS DOUBTFUL: of %s the %s.", path, doubt)
    return ecg


def read_silently(path: str | Path, format: str | None = None) -> Ecg:
    """As `read`, for a caller who names a doubtful unit himself.

    Raises
    ------
    EcgsynthError: as there.
    """
    if not check_path(path).exists():
        header = Path(f"{path}.hea")  # a WFDB record is known by its name without an ending
        if not header.is_file():
            raise EcgsynthError(f"there is no file or folder {path}.")
        path = header
    kind = _by_suffix(str(path)) if format is None else FORMATS.get(format)
    with naming(Path(path)):
        ecg: Ecg = kind.read(Path(path))
    return ecg


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Every error of this file names it."""
    try:
        yield
    except EcgsynthError as problem:
        if path.name in str(problem):
            raise
        raise EcgsynthError(f"{path}: {problem}") from None
    except RecursionError:
        raise EcgsynthError(f"{path} has too many folders in each other to look through.") from None


def _by_suffix(target: str) -> Format:
    path = Path(target)
    ending = "/" if target.endswith("/") or path.is_dir() or not path.suffix else path.suffix
    known = {}
    for name in FORMATS.names():
        kind: Format = FORMATS.get(name)
        for suffix in kind.suffixes:
            known[suffix] = kind
    if ending.lower() not in known:
        raise EcgsynthError(
            f"no format is known for '{ending}' ({target}); endings: "
            f"{', '.join(sorted(known))} (a name ending in / is a WFDB folder)."
        )
    return known[ending.lower()]
