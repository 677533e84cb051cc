"""What the headers of a stranger's records name and speak of, before a signal is read."""

from __future__ import annotations

import re
from pathlib import Path

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.archives import PLAIN, readable
from ecgsynth.formats.wfdb.header import GAP, Header, read_header

SPREAD = 4
"""Bytes in memory for each in a file: of 8 bits, the fewest of WFDB, become 32."""


def check(folder: Path, most_bytes: int) -> None:
    """Refuse records of a folder that reach out of it or take too much memory.

    most_bytes: of files.

    Raises
    ------
    EcgsynthError: a header or RECORDS names a file that is not in the folder, or the headers speak
        of more signal than files of `most_bytes` hold.
    """
    there = {path.name for path in folder.iterdir()}
    left = SPREAD * most_bytes
    for header in sorted(folder.glob("*.hea")):
        left -= _check_header(header, there, left)
    listed = folder / "RECORDS"
    if listed.is_file():
        for name in listed.read_text(encoding="utf-8", errors="replace").split():
            if f"{name}.hea" not in there:
                raise EcgsynthError(f"RECORDS names '{name[:80]}', which was not sent with it.")


def _check_header(header: Path, there: set[str], most_bytes: int) -> int:
    """A WFDB header names its signal files or segments: they must be beside it, nowhere else.

    Returns the bytes of signal that it speaks of.
    """
    text = header.read_text(encoding="utf-8", errors="replace")
    size = _stated_size(header.name, text, most_bytes)
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
        size = _segments_size(read_header(header.with_suffix("")), most_bytes)
    return size


def _stated_size(name: str, text: str, most_bytes: int) -> int:
    """Bytes of the signal that a WFDB header states, as 32 bits a sample.

    Raises
    ------
    EcgsynthError: more than `most_bytes`.
    """
    rows = [row.split() for row in text.splitlines() if row.strip() and row[0] != "#"]
    sizes = [word for word in rows[0][1:4:2] if word.isdecimal()] if rows else []
    if len(sizes) < 2:  # how many samples there are follows from the files
        return 0
    leads, samples = (int(word[:20]) for word in sizes)
    frames = [re.match(r"\d+x(\d{1,9})", row[1]) for row in rows[1:] if len(row) > 1]
    size = 4 * samples * max(leads, sum(int(found[1]) if found else 1 for found in frames))
    return _at_most(name, size, most_bytes)


def _segments_size(record: Header, most_bytes: int) -> int:
    """Bytes of the signal of a WFDB record of several segments, in which one may come many times.

    It has every lead that a segment has, at the rate of the fastest.

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
    """The bytes of signal that a header states, where they are no more than `most_bytes`."""
    if size > most_bytes:
        raise EcgsynthError(
            f"{name} states {readable(size)} of signal, more than the limit "
            f"({readable(most_bytes)}); send less at a time."
        )
    return size
