"""The size that the arrays of a stranger's NPZ state, compared with what they hold."""

from __future__ import annotations

import math
import re
import zipfile
from typing import BinaryIO

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import archives
from ecgsynth.formats.archives import readable

MAGIC = b"\x93NUMPY"
MOST_HEADER = 1 << 16
DESCR = re.compile(rb"['\"]descr['\"]:\s*['\"]([<>|=]?[a-zA-Z]\d{0,9}(?:\[\w{1,9}\])?)['\"]")
SHAPE = re.compile(rb"['\"]shape['\"]:\s*\(([\d, ]*)\)")


def check(file: BinaryIO, most_bytes: int, most_files: int) -> None:
    """Refuse an NPZ for its table and the headers of its arrays, which alone are read.

    Raises
    ------
    EcgsynthError: it is no archive of arrays, damaged, or an array states more than it holds.
    """
    with archives.open_archive(file, most_bytes, most_files) as archive:
        members = archives.files_in(archive)
        if not all(member.filename.endswith(".npy") for member in members):
            raise EcgsynthError("the file is a zip, but no NPZ: not all in it are .npy arrays.")
        for member in members:
            if {*member.filename} & {"/", "\\"}:
                raise EcgsynthError(
                    f"the archive holds '{member.filename[:80]}', and the arrays of an NPZ lie in "
                    "no folder; save it again."
                )
            check_array(archive, member)


def check_array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse an .npy that states more than it has: NumPy takes memory for what is stated.

    What is no .npy at all is left to those who read it.

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
    if stated > there and descr[1] != b"|O":  # objects are never read, whatever is stated
        raise EcgsynthError(
            f"'{member.filename}' states {readable(stated)} in its header and has "
            f"{readable(max(there, 0))}; it is damaged or cut short, save it again."
        )
