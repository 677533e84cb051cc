"""Annotations of EDF+: lists of times and texts in a signal of their own (edfplus.info, 2.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError

ENTRY = re.compile(rb"([+-]\d{1,15}(?:\.\d{0,15})?)(?:\x15[\d.]{0,31})?\x14([^\0]*?)\x14?\0")
"""Onset, perhaps a duration, and one or more texts with 0x14 between them."""

ROOM = 1.25
"""How much wider than the mean need of records their annotations are, so that those of a crowded
second stand in one of the next records."""

GROW = 1.1
MOST_ENTRY = 12_000
"""Bytes of one annotation; more would make every record as wide."""


@dataclass
class Texts:
    """Annotations of a file in the order in which they stand there, collected block by block.

    onset_s: of blocks, s from the start in the header. code: of blocks, index into `names`. names:
    every text once.
    """

    onset_s: list[NDArray[np.float64]] = field(default_factory=list)
    code: list[NDArray[np.int64]] = field(default_factory=list)
    names: dict[bytes, int] = field(default_factory=dict)

    def add(self, content: bytes) -> None:
        """Add the annotations of the bytes of some records; times of records are none."""
        onsets, codes = [], []
        for onset, text in ENTRY.findall(content + b"\0"):
            for part in text.split(b"\x14"):
                if part:
                    onsets.append(onset)
                    codes.append(self.names.setdefault(part, len(self.names)))
        if codes:
            self.onset_s.append(np.array(onsets, "S32").astype(np.float64))
            self.code.append(np.array(codes, np.int64))

    def columns(self) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
        """Onset, index of the text of every annotation, and the texts."""
        texts = [_text(one) for one in self.names]
        if not self.code:
            return np.zeros(0), np.zeros(0, np.int64), texts
        return np.concatenate(self.onset_s), np.concatenate(self.code), texts


def encode(onset_s: float, text: str, duration_s: float | None = None) -> bytes:
    """One annotation, with its end.

    Raises
    ------
    EcgsynthError: the text is longer than a record should be, or holds a control character.
    """
    content = text.encode("utf-8")
    if len(content) > MOST_ENTRY or not text.isprintable():
        raise EcgsynthError(
            f"a mark is called {text[:40]!r}; EDF+ keeps names of visible characters, up to "
            f"{MOST_ENTRY:,} bytes, so rename it, or write NPZ or Parquet."
        )
    length = b"" if duration_s is None else b"\x15" + time_text(duration_s).encode()
    return f"{time_text(onset_s, '+')}".encode() + length + b"\x14" + content + b"\x14\0"


def time_text(seconds: float, sign: str = "") -> str:
    """A time to the microsecond, without zeros at its end."""
    text = f"{seconds:{sign}.6f}".rstrip("0").rstrip(".")
    return text if text not in ("-0", "") else f"{sign}0"


def pack(
    entries: Sequence[bytes], record: Sequence[int] | NDArray[np.int64], times: Sequence[bytes],
    multiple: int,
) -> NDArray[np.uint8]:  # fmt: skip
    """[record, byte]: the annotations of every record, each in its own or a later one.

    entries: as `encode` gives them, in order. record: the first in which each may stand, ascending.
    times: of every record what opens it: its own start. multiple: of which the width must be one.
    """
    count = len(times)
    opening = max(map(len, times))
    sizes = np.array([len(one) for one in entries], np.int64)
    first = np.minimum(np.asarray(record, np.int64), count - 1)
    after = np.bincount(first, sizes, count)[::-1].cumsum() / np.arange(1, count + 1)
    need = max(after.max(), sizes.max(initial=0)) * (ROOM if count > 1 else 1)
    width = opening + int(np.ceil(need))
    while (places := _places(sizes, first, width - opening, count)) is None:
        width = int(width * GROW) + 1
    width += -width % multiple
    packed = np.zeros((count, width), np.uint8)
    rows: list[list[bytes]] = [[time] for time in times]
    for entry, place in zip(entries, places, strict=True):
        rows[place].append(entry)
    for k, row in enumerate(rows):
        content = b"".join(row)
        packed[k, : len(content)] = np.frombuffer(content, np.uint8)
    return packed


def _places(
    sizes: NDArray[np.int64], first: NDArray[np.int64], room: int, count: int
) -> list[int] | None:
    """The record of every annotation; None where so many bytes a record are too few."""
    places, at, left = [], 0, room
    for size, earliest in zip(sizes.tolist(), first.tolist(), strict=True):
        if earliest > at:
            at, left = earliest, room
        if size > left:
            at, left = at + 1, room
        if at >= count or size > room:
            return None
        left -= size
        places.append(at)
    return places


def start_of_record(content: bytes) -> float | None:
    """The time at which a record begins, s, from its first annotation; None where it has none."""
    match = ENTRY.match(content)
    return float(match[1]) if match else None


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return "".join(one if one.isprintable() else "?" for one in text).strip()
