"""Headers of ISHNE Holter files (Badilini 1998): 522 bytes, a block of any text, a checksum."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ecgsynth.errors import DamagedFileError, EcgsynthError

SIGNAL, BEATS = b"ISHNE1.0", b"ANN  1.0"
"""First bytes of a file of signals, and of one of annotated beats."""

FIXED = "<iiiih40s40s20shh3h3h3h3hh12h12h12hh40sh80s80s88s"
"""After the checksum: sizes, places and names of the parts of a file; little-endian."""

BEGIN, SIZE = 10, 522
"""Bytes before what the checksum covers, and of the header without its block."""

MOST_LEADS = 12
ABSENT = -9
"""The value of a field that is not known."""

UNKNOWN, BIPOLAR = 0, 1
CODES = {
    "X": 2, "Y": 3, "Z": 4, "I": 5, "II": 6, "III": 7, "aVR": 8, "aVL": 9, "aVF": 10,
    **{f"V{k}": 10 + k for k in range(1, 7)},
}  # fmt: skip
"""Lead -> its number; others are bipolar leads of a Holter recorder."""

NAMES = {number: lead for lead, number in CODES.items()}


@dataclass(frozen=True)
class Header:
    """The header of a file.

    samples: of each lead. leads: their numbers. step_nv: of each lead, nV. first, last, code: names
    and number of the person. sex: 1 male, 2 female, 0 unknown. recorder, text: of the device, and
    in free fields. block: of any length.
    """

    magic: bytes
    samples: int
    leads: tuple[int, ...]
    step_nv: tuple[int, ...]
    fs: int
    start: datetime | None = None
    first: str = ""
    last: str = ""
    code: str = ""
    sex: int = 0
    pacemaker: int = ABSENT
    recorder: str = ""
    text: str = ""
    block: bytes = b""

    @property
    def size(self) -> int:
        """Bytes before the data."""
        return SIZE + len(self.block)

    def to_bytes(self) -> bytes:
        """The header with its block and checksum."""
        day = self.start
        date = (day.day, day.month, day.year) if day else (ABSENT,) * 3
        time = (day.hour, day.minute, day.second) if day else (ABSENT,) * 3
        unused = (ABSENT,) * (MOST_LEADS - len(self.leads))
        content = struct.pack(
            FIXED, len(self.block), self.samples, SIZE, self.size, 1,
            *(_bytes(t, n) for t, n in ((self.first, 40), (self.last, 40), (self.code, 20))),
            self.sex, 0, *(ABSENT,) * 3, *date, *date, *time, len(self.leads),
            *self.leads, *unused, *(UNKNOWN,) * len(self.leads), *unused,
            *self.step_nv, *unused, self.pacemaker, _bytes(self.recorder, 40), self.fs,
            _bytes(self.text, 80), _bytes(self.text, 80), _bytes(self.text, 88),
        )  # fmt: skip
        content += self.block
        return self.magic + struct.pack("<H", binascii.crc_hqx(content, 0xFFFF)) + content


def _bytes(text: str, size: int) -> bytes:
    return text.encode("ascii", "replace")[: size - 1]


def read_header(raw: bytes, path: Path, magic: bytes = SIGNAL) -> tuple[Header, int, bool]:
    """Header, first byte of the data, and whether the checksum is right, from a file's first bytes.

    raw: of the file, the block included.

    Raises
    ------
    EcgsynthError: it is no such file, is cut short, or its fields contradict each other.
    """
    if raw[:8] != magic:
        what = "an ISHNE file" if magic == SIGNAL else "a file of annotated beats of ISHNE"
        raise DamagedFileError(f"{path.name} is not {what}: its first bytes are others.")
    if len(raw) < SIZE:
        raise DamagedFileError(f"{path.name} is cut short in its header; copy it again.")
    fields = struct.unpack(FIXED, raw[BEGIN:SIZE])
    block, samples, place, data = fields[:4]
    texts = [_text(field) for field in fields if isinstance(field, bytes)]
    (count,), leads = fields[22:23], fields[23:35]
    step_nv, pacemaker, fs = fields[47:59], fields[59], fields[61]
    if not (block >= 0 and place == SIZE and data == SIZE + block) and magic == SIGNAL:
        raise DamagedFileError(
            f"{path.name} is damaged: its header places the data at byte {data}, and its text "
            f"takes {block} bytes from {place}."
        )
    if not 1 <= count <= MOST_LEADS or fs <= 0:
        raise EcgsynthError(
            f"{path.name} states {count} leads at {fs} Hz; ISHNE has 1 to {MOST_LEADS} leads, in "
            "little-endian numbers, so it is damaged or was written in the wrong byte order."
        )
    if samples < 0 or min(step_nv[:count]) <= 0:
        raise DamagedFileError(
            f"{path.name} is damaged: its header states {samples:,} samples in steps of "
            f"{min(step_nv[:count])} nV."
        )
    right = struct.unpack("<H", raw[8:10])[0] == binascii.crc_hqx(raw[BEGIN:data], 0xFFFF)
    header = Header(
        magic, samples, leads[:count], step_nv[:count], fs, _start(fields[13:16], fields[19:22]),
        texts[0], texts[1], texts[2], fields[8], pacemaker, texts[3], texts[4], raw[SIZE:data],
    )  # fmt: skip
    return header, data, right


def _text(field: bytes) -> str:
    text = field.split(b"\0")[0].decode("latin-1").strip()
    return "".join(one if one.isprintable() else "?" for one in text)


def _start(date: Sequence[int], time: Sequence[int]) -> datetime | None:
    with suppress(ValueError):
        return datetime(date[2], date[1], date[0], time[0], time[1], time[2])
    return None
