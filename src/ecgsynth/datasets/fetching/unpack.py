"""Recordings from a local archive or folder: checked, compared, then put in place."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

from rich.progress import Progress

from ecgsynth.datasets.fetching import checksums
from ecgsynth.datasets.fetching.archives import copy_folder, extract
from ecgsynth.datasets.fetching.download import Source
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write, make_folder

log = logging.getLogger("ecgsynth")

TIMES, SPARE = 4, 1 << 30
"""An archive may hold more than the data set, but not so many times its size and so many bytes."""


def install(name: str, source: Path, target: Path, known: Source, progress: Progress) -> int:
    """Put the recordings of `source` into `target`; returns how many files match their
    published checksums (0 where neither side has a list of them).

    source: .tar.xz, .tar.gz, .tgz, .tar or .zip, or a folder; what stands above the recordings
    inside (such as `mitdb/`) is stripped. known: what a whole set holds, and its size.
    Files that `target` has already and `source` has not stay. A list of checksums in `target`
    is the one that counts, and is never replaced.

    Raises
    ------
    EcgsynthError: not there, not an archive, damaged, unsafe, too large, the wrong recordings, or
        a checksum does not match; or files of `target` would be replaced that no checksum covers;
        `target` is then as it was.
    """
    if not source.exists():
        raise EcgsynthError(f"there is no archive or folder {source}.")
    if not os.access(source, os.R_OK):
        raise EcgsynthError(f"{source} may not be read; mend its permissions.")
    if not (source.is_file() or source.is_dir()):
        raise EcgsynthError(f"{source} is neither an archive nor a folder; name one of them.")
    if source.is_dir() and target.exists() and source.resolve() == target.resolve():
        return _verify(source, source)
    with atomic_write(target) as temporary:
        try:
            if source.is_dir():
                copy_folder(source, temporary)
            else:
                temporary.mkdir()
                extract(source, temporary, TIMES * known.size + SPARE, progress)
            inner = _set_folder(temporary, known.markers)
            if inner is None:
                raise EcgsynthError(
                    f"{source.name} holds no {' or '.join(known.markers)}, so it is not '{name}'; "
                    "choose the archive of that data set."
                )
            compared = max(_verify(inner, source), _check_against_target(inner, source, target))
            if inner != temporary:
                stripped = temporary.with_name(temporary.name + ".inner")
                inner.rename(stripped)
                shutil.rmtree(temporary)
                stripped.rename(temporary)
            if target.is_dir():
                _merge(temporary, target, known.markers)
        finally:
            shutil.rmtree(temporary.with_name(temporary.name + ".inner"), ignore_errors=True)
    return compared


def _set_folder(folder: Path, markers: tuple[str, ...]) -> Path | None:
    """The folder that holds a marker, at most two levels down."""
    for pattern in ("", "*/", "*/*/"):
        for marker in markers:
            found = sorted(folder.glob(pattern + marker))
            if found:
                return found[0].parent
    return None


def _verify(folder: Path, source: Path) -> int:
    """Compare recordings with the list that came with them."""
    compared, spoils, others = checksums.mismatches(folder, checksums.read_list(folder))
    if spoils:
        raise EcgsynthError(
            f"{source.name} is damaged: {len(spoils)} of {compared} files do not match "
            f"{checksums.LIST} ({checksums.first_names(spoils)}); copy it again."
        )
    if others:
        log.warning(
            "%s differ from %s, but in no signal or beat; they are kept.",
            checksums.first_names(others),
            checksums.LIST,
        )
    return compared - len(others)


def _check_against_target(folder: Path, source: Path, target: Path) -> int:
    """Compare what is to come with what is in `target`; what would change there for no reason is
    taken out of `folder`.

    Raises
    ------
    EcgsynthError: recordings are other than those of the list in `target`, or a file would be
        replaced that no list names.
    """
    kept = checksums.read_list(target)
    compared, spoils, others = checksums.mismatches(folder, kept)
    if spoils:
        raise EcgsynthError(
            f"{source.name} holds other recordings than {target}: {len(spoils)} of {compared} "
            f"files do not match the {checksums.LIST} there "
            f"({checksums.first_names(spoils)}); if they are meant to replace them, move that "
            "folder away first."
        )
    if kept:
        (folder / checksums.LIST).unlink(missing_ok=True)
    for name in others:
        if (target / name).exists():
            (folder / name).unlink()
    named = kept or checksums.read_list(folder)
    files = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    strangers = [
        name for name in sorted(files)
        if name not in named and name != checksums.LIST and _differ(folder / name, target / name)
    ]  # fmt: skip
    if strangers:
        raise EcgsynthError(
            f"{target} holds other files of the names {checksums.first_names(strangers)}, and no "
            f"{checksums.LIST} lists the right ones; move them away first."
        )
    return compared - len(others)


def _differ(new: Path, old: Path) -> bool:
    """Whether a file would be replaced by another one."""
    if not os.path.lexists(old):
        return False
    return not old.is_file() or checksums.sha256(new) != checksums.sha256(old)


def _merge(temporary: Path, target: Path, markers: tuple[str, ...]) -> None:
    """Move files one by one into a folder; the marker, which means "complete", comes last."""
    files = [file for file in temporary.rglob("*") if file.is_file()]
    for file in sorted(files, key=lambda file: (file.name in markers, file)):
        place = target / file.relative_to(temporary)
        make_folder(place.parent)
        os.replace(file, place)
    shutil.rmtree(temporary)
    temporary.mkdir()
