"""Zip archives of strangers: their table is checked before anything is unpacked."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ecgsynth.errors import EcgsynthError

MOST_RATIO = 200
"""Signals are not packed more tightly than this; bombs are."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What `zipfile` raises over a damaged archive, and one that it cannot read."""

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""A name without a way in it."""

DEEPEST = 32
"""Most folders in one another."""

PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways of packing that are unpacked in bounded pieces; a few bytes of others fill a memory."""

MOST_ENTRY = 512
"""Bytes of a file's row in the table of an archive; its name is 128 characters long at most."""

_SIZE_OF_TABLE = 5
"""Where `zipfile` has the bytes of the table in what it reads at an archive's end."""


@contextmanager
def open_archive(file: BinaryIO, most_bytes: int, most_files: int) -> Iterator[zipfile.ZipFile]:
    """An archive whose table, which alone has been read, has nothing that is refused.

    Raises
    ------
    EcgsynthError: it is damaged, now or while it is used; it unpacks to more than `most_bytes` or
        `most_files`; a file of it is locked, a link, or has a name that leads elsewhere.
    """
    try:
        _check_table(file, most_files)
        with zipfile.ZipFile(file) as archive:
            _check_sizes(files_in(archive), most_bytes, most_files)
            for member in files_in(archive):
                _check_member(member)
            _check_places([PurePosixPath(member.filename) for member in files_in(archive)])
            yield archive
    except (*BROKEN, OSError) as problem:
        raise EcgsynthError(
            f"the file is not a whole archive ({problem}); it is damaged or cut short, send it "
            "again."
        ) from None


def files_in(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The rows of its table that are no folders."""
    # `ZipInfo.is_dir` fails where a damaged table has an empty name.
    return [member for member in archive.infolist() if not member.filename.endswith("/")]


def unpacked(archive: Path, folder: Path) -> None:
    """Unpack a checked archive into a folder.

    Raises
    ------
    EcgsynthError: a file in it is damaged.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            for member in files_in(file):  # rows of folders are not counted, and not needed
                file.extract(member, folder)  # at most as many bytes as its table states
    except BROKEN as problem:
        raise EcgsynthError(f"the archive is damaged ({problem}); send it again.") from None


def _check_table(file: BinaryIO, most_files: int) -> None:
    """Refuse an archive whose table alone is larger than that of so many files."""
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is None:
        raise zipfile.BadZipFile("it has no table of its files")
    if end[_SIZE_OF_TABLE] > most_files * MOST_ENTRY + (1 << 16):
        raise EcgsynthError(
            f"the directory of the archive has {end[_SIZE_OF_TABLE]:,} bytes, more than "
            f"{most_files} files need; send fewer."
        )


def _check_sizes(members: list[zipfile.ZipInfo], most_bytes: int, most_files: int) -> None:
    size = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if len(members) > most_files:
        raise EcgsynthError(
            f"the archive holds {len(members)} files; {most_files} are allowed, so send fewer."
        )
    if size > most_bytes or size > MOST_RATIO * max(packed, 1024):
        raise EcgsynthError(
            f"the archive unpacks from {packed:,} to {size:,} bytes, which is more than is read "
            f"here ({most_bytes:,}, and {MOST_RATIO} times its size); send fewer items."
        )


def _check_places(files: list[PurePosixPath]) -> None:
    """Refuse files that cannot all be written: a name used twice, or for a file and a folder."""
    names = [*files, *{folder for file in files for folder in file.parents}]
    if twice := sorted({str(one) for one, count in Counter(names).items() if count > 1}):
        raise EcgsynthError(f"the archive holds '{twice[0][:80]}' twice; give each file its name.")


def _check_member(member: zipfile.ZipInfo) -> None:
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if not (0 < len(parts) <= DEEPEST and all(PLAIN.fullmatch(part) for part in parts)):
        raise EcgsynthError(
            f"the archive holds '{member.filename[:80]}', which is no plain name of a file inside "
            "it; pack it again from within its folder."
        )
    if member.compress_type not in PACKED:
        raise EcgsynthError(
            f"'{member.filename[:80]}' is packed in a way that is not read here; pack it by "
            "deflate, as usual."
        )
    if member.flag_bits & 1:
        raise EcgsynthError("the archive is locked by a password; send it without.")
    if (member.external_attr >> 16) & 0o170000 == 0o120000:
        raise EcgsynthError(f"the archive holds a link ('{member.filename[:80]}'); send files.")


def readable(size: int) -> str:
    """A number of bytes for people."""
    if size > 1 << 60:
        return "more than any file has"
    return f"{size:,} bytes" if size < 1 << 20 else f"{size >> 20:,} MiB"
