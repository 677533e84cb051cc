"""WFDB annotation files: times and symbols (PhysioNet, annot(5), the MIT format)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.wfdb.header import read_bytes

SYMBOLS = {
    code: symbol
    for code, symbol in enumerate(' NLRaVFJASEj/Q~ | sT*D"=pB^t+u?![]en@xf()r')
    if symbol != " "
}
"""The code of the WFDB library -> its symbol."""

RESOLUTION = re.compile(r"## time resolution: *([0-9.eE+-]+)")
DEFINITIONS, END = "## annotation type definitions", "## end of definitions"
"""Comments at sample 0, in which a file describes itself."""

COMMENT = 22
SKIP, NUMBER, SUBTYPE, CHANNEL, TEXT = 59, 60, 61, 62, 63
"""Codes that are no annotations, but belong to the one before them (`SKIP`: to the next)."""

FARTHEST = 2.0**53
"""Samples: no recording is as long, and every smaller number is exact."""

AHA_CODES = frozenset(b"EFNOPQRUV")


@dataclass(frozen=True)
class Annotations:
    """All annotations of one file.

    Attributes
    ----------
    tick: time, in ticks of `rate` a second, or in frames of the record where `rate` is None.
    symbol: of the WFDB library, or as the file defines it ("[42]" for a code without a definition).
    subtype, channel, number: WFDB's other numbers. note: free text.
    whole: whether the file ends with the mark of its end.
    """

    tick: NDArray[np.int64]
    symbol: NDArray[np.str_]
    subtype: NDArray[np.int64]
    channel: NDArray[np.int64]
    number: NDArray[np.int64]
    note: NDArray[np.str_]
    rate: float | None = None
    whole: bool = True

    def samples_at(self, fs: float, frame_rate: float) -> NDArray[np.int64]:
        """Samples of a lead at `fs` Hz, in a record of `frame_rate` frames a second."""
        sample = np.floor(self.tick * (fs / (self.rate or frame_rate)) + 0.5)
        return np.clip(sample, -FARTHEST, FARTHEST).astype(np.int64)


def read_annotations(path: Path, *, sort: bool = True) -> Annotations:
    """The annotations of a file, without the comments in which it describes itself.

    sort: in order of time; else as they stand in the file.

    Raises
    ------
    EcgsynthError: it is missing, cut short or corrupt, or in the format of the AHA database.
    """
    content = read_bytes(path)
    if content[:1] == b"\0" and content[1:2] and content[1] in AHA_CODES:
        raise EcgsynthError(
            f"{path.name} is in the format of the AHA database, which is not read; convert it "
            "with PhysioNet's rdann and wrann."
        )
    try:
        codes, rows, whole = _parse(content)
    except (IndexError, ValueError):
        raise DamagedFileError(f"{path.name} is damaged or cut short; copy it again.") from None
    symbols, rate, rows, codes = _apply_definitions(codes, rows)
    order = np.argsort([row[0] for row in rows], kind="stable") if sort else np.arange(len(rows))
    tick, subtype, channel, number = (
        np.array([row[k] for row in rows], np.int64)[order] for k in range(4)
    )
    symbol = np.array([symbols.get(code, f"[{code}]") for code in codes], np.str_)[order]
    note = np.array([row[4] for row in rows], np.str_)[order]
    return Annotations(tick, symbol, subtype, channel, number, note, rate, whole)


Row = tuple[int, int, int, int, str]
"""Tick, subtype, channel, number and note."""


def _parse(content: bytes) -> tuple[list[int], list[Row], bool]:
    """Code and row of every annotation, and whether the end is marked."""
    if len(content) % 2:
        raise ValueError
    words = np.frombuffer(content, "<u2").tolist()
    codes: list[int] = []
    rows: list[list] = []
    tick = at = 0
    while at < len(words):
        word, at = words[at], at + 1
        code, low = word >> 10, word & 1023
        if word == 0:
            return codes, [tuple(row) for row in rows], True
        if code == SKIP:  # a signed number of 32 bits, the high half first
            tick += (words[at] << 16 | words[at + 1]) - ((words[at] >> 15) << 32)
            at += 2
        elif code == TEXT:
            size = low & 255
            rows[-1][4] = _text(content[2 * at : 2 * at + size], size)
            at += (size + 1) // 2
        elif code in (SUBTYPE, CHANNEL, NUMBER):
            value = low & 255
            place = {SUBTYPE: 1, CHANNEL: 2, NUMBER: 3}[code]
            rows[-1][place] = value - 256 if value > 127 and code != CHANNEL else value
        else:
            tick += low
            channel, number = rows[-1][2:4] if rows else (0, 0)  # these two hold until changed
            codes.append(code)
            rows.append([tick, 0, channel, number, ""])
    return codes, [tuple(row) for row in rows], False


def _text(content: bytes, size: int) -> str:
    if len(content) < size:
        raise ValueError
    content = content.rstrip(b"\0")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _apply_definitions(
    codes: list[int], rows: list[Row]
) -> tuple[dict[int, str], float | None, list[Row], list[int]]:
    """Symbols and rate by the comments that open the file, and the annotations without these."""
    symbols, rate = dict(SYMBOLS), None
    own: set[int] = set()
    inside = False
    for k, (code, row) in enumerate(zip(codes, rows, strict=True)):
        if code != COMMENT or row[0] != 0:
            break
        resolution = RESOLUTION.match(row[4])
        words = row[4].split(maxsplit=2)
        if resolution:
            rate = _rate(resolution[1])
        elif row[4].startswith((DEFINITIONS, END)):
            inside = row[4].startswith(DEFINITIONS)
        elif inside and len(words) > 1 and words[0].isdecimal():
            symbols[int(words[0])] = words[1]
        else:
            continue  # a comment like any other
        own.add(k)
    kept = [k for k in range(len(rows)) if k not in own and codes[k]]
    return symbols, rate, [rows[k] for k in kept], [codes[k] for k in kept]


def _rate(text: str) -> float | None:
    try:
        rate = float(text)
    except ValueError:
        return None
    return rate if 0 < rate < float("inf") else None
