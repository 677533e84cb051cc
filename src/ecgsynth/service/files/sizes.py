"""Compare the stated size of an uploaded file with its content, before memory is allocated."""

from __future__ import annotations

import math
import re
import zipfile
from typing import BinaryIO

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.header import GAP, Header, read_header

_SIZE_OF_TABLE = 5
"""Index of the directory's size in the end record that `zipfile` reads."""

PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions that are unpacked in limited pieces; others can exhaust memory."""

MOST_ENTRY = 512
"""Most bytes of a file's entry in the directory of an archive, with a name of 128 characters."""

SPREAD = 4
"""Bytes in memory per byte in a file: WFDB has 8 bits or more, which become 32."""

MAGIC = b"\x93NUMPY"
MOST_HEADER = 1 << 16
DESCR = re.compile(rb"['\"]descr['\"]:\s*['\"]([<>|=]?[a-zA-Z]\d{0,9}(?:\[\w{1,9}\])?)['\"]")
SHAPE = re.compile(rb"['\"]shape['\"]:\s*\(([\d, ]*)\)")


def check_table(file: BinaryIO, most_files: int) -> None:
    """Reject an archive whose directory is too large for `most_files` files.

    Raises
    ------
    EcgsynthError: it is. zipfile.BadZipFile: there is no directory.
    """
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
    if end is None:
        raise zipfile.BadZipFile("it has no directory")
    if end[_SIZE_OF_TABLE] > most_files * MOST_ENTRY + (1 << 16):
        raise EcgsynthError(
            f"the directory of the archive has {end[_SIZE_OF_TABLE]:,} bytes, more than "
            f"{most_files} "
            "files need; send fewer."
        )


def check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Reject an .npy whose header states more data than it has: NumPy allocates the stated size.

    A file that is no .npy at all is left to the reader.

    Raises
    ------
    EcgsynthError: it is. zipfile.BadZipFile and zlib.error: it is damaged.
    """
    with archive.open(member) as file:
        head = file.read(MOST_HEADER + 12)
    if not head.startswith(MAGIC) or len(head) < 12:
        return
    wide = head[6] > 1
    length = int.from_bytes(head[8 : 12 if wide else 10], "little")
    begin = (12 if wide else 10) + length
    text = head[12 if wide else 10 : begin]
    descr, shape = DESCR.search(text), SHAPE.search(text)
    if length > MOST_HEADER or descr is None or shape is None:
        raise EcgsynthError(f"'{member.filename}' is not a plain array of numbers or text.")
    try:
        size = np.dtype(descr[1].decode()).itemsize
        stated = math.prod(int(number) for number in shape[1].split(b",") if number.strip()) * size
    except (TypeError, ValueError):
        raise EcgsynthError(
            f"'{member.filename}' is not a plain array of numbers or text."
        ) from None
    there = member.file_size - begin
    if stated > there and descr[1] != b"|O":  # objects are never read
        raise EcgsynthError(
            f"'{member.filename}' states {_readable(stated)} in its header and has "
            f"{_readable(max(there, 0))}; it is damaged or cut short, save it again."
        )


def check_header(name: str, text: str, most_bytes: int) -> int:
    """Bytes of the signal of a WFDB header, at 32 bits per sample.

    Raises
    ------
    EcgsynthError: more than `most_bytes`.
    """
    rows = [row.split() for row in text.splitlines() if row.strip() and row[0] != "#"]
    stated = [word for word in rows[0][1:4:2] if word.isdecimal()] if rows else []
    if len(stated) < 2:  # the number of samples follows from the files
        return 0
    leads, samples = (int(word[:20]) for word in stated)
    frames = [re.match(r"\d+x(\d{1,9})", row[1]) for row in rows[1:] if len(row) > 1]
    size = 4 * samples * max(leads, sum(int(found[1]) if found else 1 for found in frames))
    return _at_most(name, size, most_bytes)


def check_segments(record: Header, most_bytes: int) -> int:
    """Bytes of the signal of a multi-segment WFDB record, which may repeat a segment.

    It has all leads of its segments, at the highest rate.

    Raises
    ------
    EcgsynthError: more than `most_bytes`, or the header of a segment is missing or damaged.
    """
    names = {name for name, _ in record.segments if name != GAP}
    signals = [each for name in names for each in read_header(record.of_segment(name)).signals]
    leads = len({each.name for each in signals})
    samples = sum(frames for _, frames in record.segments)
    samples *= max((each.per_frame for each in signals), default=1)
    return _at_most(f"{record.path.name}.hea", 4 * leads * samples, most_bytes)


def _at_most(name: str, size: int, most_bytes: int) -> int:
    """Check that the signal of a header has at most `most_bytes`; returns its bytes."""
    if size > most_bytes:
        raise EcgsynthError(
            f"{name} states {_readable(size)} of signal, more than the limit "
            f"({_readable(most_bytes)}); send less at a time."
        )
    return size


def _readable(size: int) -> str:
    if size > 1 << 60:
        return "more than any file has"
    return f"{size:,} bytes" if size < 1 << 20 else f"{size >> 20:,} MiB"
