"""What was uploaded: looked at before anything reads it, unpacked without leaving its folder."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import archives, contract

if TYPE_CHECKING:
    from ecgsynth.formats.contract import Format
    from ecgsynth.signals.ecg import Ecg

FORMS = ("/v1/evaluations", "/v1/augmentations")
"""Addresses that take a form with a file."""

ZIP = ".zip"
"""The ending of a set of several files."""

MOST_UNPACKED = 512 << 20


def accepted() -> list[str]:
    """Endings of what may be uploaded."""
    return list(dict.fromkeys(one for kind in _read().values() for one in endings_of(kind)))


def endings_of(kind: type[Format]) -> list[str]:
    """Endings under which a set of one format may be uploaded."""
    return [*_of_file(kind), *[ZIP] * contract.in_folder(kind)] if kind.uploads else []


def sentence() -> str:
    """The same in words: ".csv, .npz, or a .zip of WFDB records"."""
    inside = [kind.title for kind in _read().values() if contract.in_folder(kind)]
    words = [ending for ending in accepted() if ending != ZIP]
    if inside:
        words.append(f"or a {ZIP} of {contract.listed(inside)} records")
    return ", ".join(words)


def kind_of(
    name: str, inside: Sequence[str] = (), head: Callable[[str], bytes] = lambda _: b""
) -> str:
    """The name of the format that an upload is of.

    inside: names of the files in it, where it is a zip of several. head: gives the first bytes of a
    file by its name.

    Raises
    ------
    EcgsynthError: the ending is not one of these.
    """
    if PurePosixPath(name).suffix.lower() == ZIP:
        return _kind_inside(inside, head)
    found = contract.kind_of_file(name, partial(head, name))
    for format, kind in _read().items():
        if kind is found and _of_file(kind):
            return format
    raise EcgsynthError(f"'{name[:80]}' is of no kind that is read here; upload {sentence()}.")


def _kind_inside(names: Sequence[str], head: Callable[[str], bytes]) -> str:
    kinds = {format: kind for format, kind in _read().items() if contract.in_folder(kind)}
    there = [contract.kind_of_file(PurePosixPath(one).name, partial(head, one)) for one in names]
    for format, kind in kinds.items():
        if kind in there:
            return format
    endings = [ending for kind in kinds.values() for ending in kind.endings if ending != "/"]
    raise EcgsynthError(
        f"the archive holds no {contract.listed(endings)} file, so it has no "
        f"{contract.listed([kind.title for kind in kinds.values()])} records."
    )


def _head_in(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as file:
        return file.read(contract.HEAD)


def stored_name(name: str) -> str:
    """What a job calls its upload: with the ending of `name`, in small letters."""
    return f"upload{PurePosixPath(name).suffix.lower()}"


def check(file: BinaryIO, name: str, most_bytes: int, most_files: int) -> str:
    """Refuse what is of no format, is cut short, unpacks to too much or leaves its folder.

    Nothing is unpacked: only the table of an archive and the heads of its files are read. Returns
    the name of the format.

    Raises
    ------
    EcgsynthError: any of these.
    """
    file.seek(0)
    if PurePosixPath(name).suffix.lower() == ZIP:
        with archives.open_archive(file, most_bytes, most_files) as archive:
            inside = [member.filename for member in archives.files_in(archive)]
            return kind_of(name, inside, partial(_head_in, archive))
    head = file.read(contract.HEAD)
    file.seek(0)
    format = kind_of(name, head=lambda _: head)
    contract.named(format).check_upload(file, most_bytes, most_files)
    return format


def read(folder: Path, asked: Mapping[str, Any]) -> Ecg:
    """The set that a job was given, from its folder.

    Raises
    ------
    EcgsynthError: it cannot be read.
    """
    from ecgsynth.formats import read

    file, format = folder / asked["name"], asked["upload_kind"]
    if file.suffix == ZIP:
        most = asked.get("most_unpacked", MOST_UNPACKED)
        file = unpack(file, folder / "upload", contract.named(format), most)
    return read(file, format)


def unpack(
    archive: Path, folder: Path, kind: type[Format], most_bytes: int = MOST_UNPACKED
) -> Path:
    """The records of a checked archive; returns the folder that holds them.

    Raises
    ------
    EcgsynthError: a file is damaged, the records lie in several folders, or the format refuses
        what is in them (`Format.check_folder`).
    """
    archives.unpacked(archive, folder)
    records = [path for path in folder.rglob("*") if contract.kind_at(path) is kind]
    places = {path.parent for path in records}
    if len(places) != 1:
        raise EcgsynthError("the archive holds records in several folders; put them into one.")
    (place,) = places
    if kind.one_record:
        for record in records:
            with open(record, "rb") as file:
                kind.check_upload(file, most_bytes, len(records))
    kind.check_folder(place, most_bytes)
    return place


def _read() -> dict[str, type[Format]]:
    """The formats that are read from an upload."""
    return {name: kind for name, kind in contract.every().items() if kind.uploads}


def _of_file(kind: type[Format]) -> tuple[str, ...]:
    """The endings under which a set is uploaded as it is."""
    return (*kind.endings, *kind.shared_endings) if kind.container == "file" else ()
