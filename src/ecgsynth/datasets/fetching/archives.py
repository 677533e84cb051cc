"""Safe unpacking of archives and folders from untrusted sources, within size limits."""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path

from rich.progress import Progress

from ecgsynth.datasets.fetching import checksums
from ecgsynth.errors import EcgsynthError

MOST_FILES = 200_000
"""In an archive; PTB-XL has 87,000."""

MOST_HEADER = 1 << 20
"""Bytes of a member's name and notes in a tar, which are read at once."""


def copy_folder(source: Path, into: Path) -> None:
    """Copy a folder; links are followed.

    Raises
    ------
    EcgsynthError: it holds a device, a pipe, a link to nothing, or a link to a folder above it.
    """
    for place, folders, files in os.walk(source, followlinks=True):
        for name in folders:
            if Path(place).resolve().is_relative_to(Path(place, name).resolve()):
                raise EcgsynthError(
                    f"{Path(place, name)} leads back to a folder that holds it; take the link out."
                )
        for name in files:
            if not Path(place, name).is_file():
                raise EcgsynthError(
                    f"{Path(place, name)} is a device or a link to nothing, which no recording "
                    "is; take it out."
                )
    shutil.copytree(source, into)


def extract(source: Path, into: Path, most: int, progress: Progress) -> None:
    """Unpack a tar or zip archive of at most so many bytes.

    Raises
    ------
    EcgsynthError: it is none, damaged, unsafe, or unfolds to more than that.
    """
    name = source.name
    try:
        if zipfile.is_zipfile(source):
            _extract_zip(source, into, most, progress)
        else:
            _extract_tar(source, into, most, progress)
    except (tarfile.FilterError, zipfile.LargeZipFile) as problem:
        raise EcgsynthError(
            f"{name} wants to write outside its folder ({problem}); it is refused, get the "
            "recordings from their publisher."
        ) from None
    except (
        tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError, ValueError,
    ) as problem:  # fmt: skip
        raise EcgsynthError(_damage_text(name, problem)) from None
    except OSError as problem:
        if problem.errno is None:  # gzip reports damage this way; a full disk has a number
            raise EcgsynthError(_damage_text(name, problem)) from None
        raise
    except (RuntimeError, NotImplementedError) as problem:  # zip: a password, an odd method
        raise EcgsynthError(f"{name} cannot be unpacked ({problem}).") from None


class _Member(tarfile.TarInfo):
    """A member whose name and notes are not read where they are longer than any can be."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in tarfile.REGULAR_TYPES and self.size > MOST_HEADER:
            raise tarfile.ReadError("a member has too long a name, or is of an unknown kind")
        return super()._proc_member(archive)  # type: ignore[misc, no-any-return]


def _extract_tar(source: Path, into: Path, most: int, progress: Progress) -> None:
    left = _Budget(source.name, most)
    with (
        progress.open(source, "rb", description=f"unpacking {source.name}") as file,
        tarfile.open(fileobj=file, mode="r:*", tarinfo=_Member) as archive,
    ):
        for member in archive:
            checksums.check_inside(member.name, source.name)
            if not (member.isfile() or member.isdir()) or member.issparse():
                raise EcgsynthError(
                    f"{source.name} holds a link or device ('{member.name}'), which no recording "
                    "is; it is refused."
                )
            left.take(member.size)
            archive.extract(member, into, filter="data")


def _extract_zip(source: Path, into: Path, most: int, progress: Progress) -> None:
    left = _Budget(source.name, most)
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        for member in members:
            checksums.check_inside(member.filename, source.name)
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise EcgsynthError(
                    f"{source.name} holds a link or device ('{member.filename}'), which no "
                    "recording is; it is refused."
                )
            left.take(member.file_size)
        task = progress.add_task(
            f"unpacking {source.name}", total=sum(member.file_size for member in members)
        )
        for member in members:
            archive.extract(member, into)  # checks the CRC, and reads no more than was declared
            progress.advance(task, member.file_size)


class _Budget:
    """What an archive may still unfold to."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.most, self.size, self.files = name, size, size, MOST_FILES

    def take(self, size: int) -> None:
        """One more file of so many bytes.

        Raises
        ------
        EcgsynthError: it is too much.
        """
        self.size -= size
        self.files -= 1
        if self.size < 0 or self.files < 0:
            raise EcgsynthError(
                f"{self.name} unfolds to more than {self.most / 1e9:.1f} GB or {MOST_FILES:,} "
                "files, which these recordings are not; get them from their publisher."
            )


def _damage_text(name: str, problem: Exception) -> str:
    reason = str(problem).split("\n")[0].rstrip(": ")
    return f"{name} is damaged or not a tar or zip archive ({reason}); copy it again."
