"""What was uploaded: looked at before anything reads it, unpacked without leaving its folder."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.header import GAP, read_header
from ecgsynth.service.files import sizes

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg

FORMS = ("/v1/evaluations", "/v1/augmentations")
"""Addresses that take a form with a file."""

KINDS = {".npz": "npz", ".csv": "csv", ".zip": "wfdb"}
"""What may be uploaded, by the ending of its name; .zip holds WFDB records."""

MOST_UNPACKED = 512 << 20

MOST_RATIO = 200
"""Signals are not packed more tightly than this; bombs are."""

BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
"""What `zipfile` raises over a damaged archive, and one that it cannot read."""

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
"""A name without a way in it."""


def kind_of(name: str) -> str:
    """npz, csv or wfdb.

    Raises
    ------
    EcgsynthError: the ending is not one of these.
    """
    ending = PurePosixPath(name).suffix.lower()
    if ending not in KINDS:
        raise EcgsynthError(
            f"'{name[:80]}' is of no kind that is read here; upload .npz, .csv, or a .zip of "
            "WFDB records."
        )
    return KINDS[ending]


def check(file: BinaryIO, kind: str, most_bytes: int, most_files: int) -> None:
    """Refuse what is not of its kind, is cut short, unpacks to too much or leaves its folder.

    Nothing is unpacked: only the table of an archive and the heads of its arrays are read.

    Raises
    ------
    EcgsynthError: any of these.
    """
    file.seek(0)
    if kind == "csv":
        if b"\0" in file.read(4096):
            raise EcgsynthError("the file is no CSV: it holds bytes that are no text.")
        file.seek(0)
        return
    try:
        sizes.check_table(file, most_files)
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            _check(members, kind, most_bytes, most_files)
            for member in members if kind == "npz" else []:
                sizes.check_array(archive, member)
    except (*BROKEN, OSError) as problem:
        raise EcgsynthError(
            f"the file is not a whole archive ({problem}); it is damaged or cut short, send it "
            "again."
        ) from None
    file.seek(0)


def _check(members: list[zipfile.ZipInfo], kind: str, most_bytes: int, most_files: int) -> None:
    """Reject an archive by its directory."""
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
    for member in members:
        _check_member(member, kind)
    names = [PurePosixPath(member.filename).name for member in members]
    if kind == "wfdb" and not any(name.endswith(".hea") for name in names):
        raise EcgsynthError("the archive holds no .hea file, so it has no WFDB records.")
    if kind == "npz" and not all(name.endswith(".npy") for name in names):
        raise EcgsynthError("the file is a zip, but no NPZ: not all in it are .npy arrays.")


def _check_member(member: zipfile.ZipInfo, kind: str) -> None:
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if not all(PLAIN.fullmatch(part) for part in parts) or (kind == "npz" and len(parts) != 1):
        raise EcgsynthError(
            f"the archive holds '{member.filename[:80]}', which is no plain name of a file inside "
            "it; pack it again from within its folder."
        )
    if member.compress_type not in sizes.PACKED:
        raise EcgsynthError(
            f"'{member.filename[:80]}' is packed in a way that is not read here; pack it by "
            "deflate, as usual."
        )
    if member.flag_bits & 1:
        raise EcgsynthError("the archive is locked by a password; send it without.")
    if (member.external_attr >> 16) & 0o170000 == 0o120000:
        raise EcgsynthError(f"the archive holds a link ('{member.filename[:80]}'); send files.")


def read(folder: Path, asked: Mapping[str, Any]) -> Ecg:
    """The set that a job was given, from its folder.

    Raises
    ------
    EcgsynthError: it cannot be read.
    """
    from ecgsynth.formats import read

    file = folder / asked["name"]
    if asked["upload_kind"] == "wfdb":
        file = unpack(file, folder / "upload", asked.get("most_unpacked", MOST_UNPACKED))
    return read(file, asked["upload_kind"])


def unpack(archive: Path, folder: Path, most_bytes: int = MOST_UNPACKED) -> Path:
    """The records of a checked archive; returns the folder that holds them.

    Raises
    ------
    EcgsynthError: a file is damaged, or a header names a file that was not sent with it, or they
        speak of more signal than files of `most_bytes` hold.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                file.extract(member, folder)  # at most as many bytes as its directory states
    except BROKEN as problem:
        raise EcgsynthError(f"the archive is damaged ({problem}); send it again.") from None
    headers = sorted(folder.rglob("*.hea"))
    places = {header.parent for header in headers}
    if len(places) != 1:
        raise EcgsynthError("the archive holds records in several folders; put them into one.")
    (place,) = places
    there = {path.name for path in place.iterdir()}
    left = sizes.SPREAD * most_bytes
    for header in headers:
        left -= _check_header(header, there, left)
    listed = place / "RECORDS"
    if listed.is_file():
        for name in listed.read_text(encoding="utf-8", errors="replace").split():
            if f"{name}.hea" not in there:
                raise EcgsynthError(f"RECORDS names '{name[:80]}', which was not sent with it.")
    return place


def _check_header(header: Path, there: set[str], most_bytes: int) -> int:
    """A WFDB header names its signal files or segments: they must be beside it, nowhere else.

    Returns the bytes of signal that it speaks of.
    """
    text = header.read_text(encoding="utf-8", errors="replace")
    size = sizes.check_header(header.name, text, most_bytes)
    rows = [row.split() for row in text.splitlines() if row.strip() and row[0] != "#"]
    several = bool(rows) and "/" in rows[0][0]
    what, ending = ("segment", ".hea") if several else ("file", "")
    for row in rows[1:]:
        there_is = f"{row[0]}{ending}" in there and PLAIN.fullmatch(row[0])
        if row[0] != GAP and not there_is:  # a gap has no file
            raise EcgsynthError(
                f"{header.name} names the {what} '{row[0][:80]}', which was not sent with it."
            )
    if several:
        size = sizes.check_segments(read_header(header.with_suffix("")), most_bytes)
    return size
