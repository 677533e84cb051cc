"""Recordings from a local archive or folder: unpacked safely, checked, then put in place."""

from __future__ import annotations

import logging
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from rich.progress import Progress

from ecgsynth.datasets.fetching import checksums
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import written_beside

log = logging.getLogger("ecgsynth")


def install(
    name: str, source: Path, target: Path, markers: tuple[str, ...], progress: Progress
) -> int:
    """Put the recordings of `source` into `target`; returns how many files match their
    published checksums (0 where `source` brings no list of them).

    source: .tar.xz, .tar.gz, .tgz, .tar or .zip, or a folder; what stands above the recordings
    inside (such as `mitdb/`) is stripped. markers: files of which a whole set holds one.
    Files that `target` has already and `source` has not stay.

    Raises
    ------
    EcgsynthError: not there, not an archive, damaged, unsafe, the wrong recordings, or a
        checksum does not match; `target` is then as it was.
    """
    if not source.exists():
        raise EcgsynthError(f"there is no archive or folder {source}.")
    if not os.access(source, os.R_OK):
        raise EcgsynthError(f"{source} may not be read; mend its permissions.")
    if source.is_dir() and target.exists() and source.resolve() == target.resolve():
        return _verify(source, source)
    with written_beside(target) as beside:
        try:
            if source.is_dir():
                shutil.copytree(source, beside)
            else:
                beside.mkdir()
                _extract(source, beside, progress)
            inner = _set_folder(beside, markers)
            if inner is None:
                raise EcgsynthError(
                    f"{source.name} holds no {' or '.join(markers)}, so it is not '{name}'; "
                    "choose the archive of that data set."
                )
            compared = _verify(inner, source)
            if inner != beside:
                stripped = beside.with_name(beside.name + ".inner")
                inner.rename(stripped)
                shutil.rmtree(beside)
                stripped.rename(beside)
            if target.is_dir():
                _merge(beside, target, markers)
        finally:
            shutil.rmtree(beside.with_name(beside.name + ".inner"), ignore_errors=True)
    return compared


def _extract(source: Path, into: Path, progress: Progress) -> None:
    name = source.name
    try:
        if zipfile.is_zipfile(source):
            _extract_zip(source, into, progress)
        else:
            _extract_tar(source, into, progress)
    except (tarfile.FilterError, zipfile.LargeZipFile) as problem:
        raise EcgsynthError(
            f"{name} wants to write outside its folder ({problem}); it is refused, get the "
            "recordings from their publisher."
        ) from None
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, zlib.error, EOFError) as problem:
        raise EcgsynthError(_damaged(name, problem)) from None
    except OSError as problem:
        if problem.errno is None:  # gzip reports damage this way; a full disk has a number
            raise EcgsynthError(_damaged(name, problem)) from None
        raise
    except (RuntimeError, NotImplementedError) as problem:  # zip: a password, an odd method
        raise EcgsynthError(f"{name} cannot be unpacked ({problem}).") from None


def _extract_tar(source: Path, into: Path, progress: Progress) -> None:
    with (
        progress.open(source, "rb", description=f"unpacking {source.name}") as file,
        tarfile.open(fileobj=file, mode="r:*") as archive,
    ):
        for member in archive:
            checksums.check_inside(member.name, source.name)
            if not (member.isfile() or member.isdir()):
                raise EcgsynthError(
                    f"{source.name} holds a link or device ('{member.name}'), which no recording "
                    "is; it is refused."
                )
            archive.extract(member, into, filter="data")


def _extract_zip(source: Path, into: Path, progress: Progress) -> None:
    with zipfile.ZipFile(source) as archive:
        members = archive.infolist()
        task = progress.add_task(
            f"unpacking {source.name}", total=sum(member.file_size for member in members)
        )
        for member in members:
            checksums.check_inside(member.filename, source.name)
            archive.extract(member, into)  # checks the CRC of every file
            progress.advance(task, member.file_size)


def _damaged(name: str, problem: Exception) -> str:
    reason = str(problem).split("\n")[0].rstrip(": ")
    return f"{name} is damaged or not a tar or zip archive ({reason}); copy it again."


def _set_folder(folder: Path, markers: tuple[str, ...]) -> Path | None:
    """The folder that holds a marker, at most two levels down."""
    for pattern in ("", "*/", "*/*/"):
        for marker in markers:
            found = sorted(folder.glob(pattern + marker))
            if found:
                return found[0].parent
    return None


def _verify(folder: Path, source: Path) -> int:
    compared, spoils, others = checksums.mismatches(folder)
    if spoils:
        raise EcgsynthError(
            f"{source.name} is damaged: {len(spoils)} of {compared} files do not match "
            f"{checksums.LIST} ({checksums.some(spoils)}); copy it again."
        )
    if others:
        log.warning(
            "%s differ from %s; they are no recordings and are kept.",
            checksums.some(others),
            checksums.LIST,
        )
    return compared - len(others)


def _merge(beside: Path, target: Path, markers: tuple[str, ...]) -> None:
    """Move files one by one into a folder that is there; the marker last, as it says "whole"."""
    files = [file for file in beside.rglob("*") if file.is_file()]
    for file in sorted(files, key=lambda file: (file.name in markers, file)):
        place = target / file.relative_to(beside)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, place)
    shutil.rmtree(beside)
    beside.mkdir()
