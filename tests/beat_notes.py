"""Annotations from short texts: `N1000 ~(-1)1500 +(AFIB)2000`."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from ecgsynth.formats.wfdb.annotations import SKIP, SUBTYPE, SYMBOLS, TEXT
from ecgsynth.signals.annotations import Annotations

CODES = {symbol: code for code, symbol in SYMBOLS.items()}


def notes(text: str, offset: int = 0) -> Annotations:
    """One annotation a word: symbol, subtype or note in brackets, sample; in this order."""
    rows = []
    for word in text.split():
        symbol, extra, at = re.fullmatch(r"(.)(?:\{(.*)\})?(-?\d+)", word).groups()
        subtype = int(extra) if extra and symbol == "~" else 0
        rows.append((int(at) + offset, symbol, subtype, extra or ""))
    column = [np.array([row[k] for row in rows], np.int64) for k in (0, 2)]
    return Annotations(
        column[0], np.array([row[1] for row in rows] or [], np.str_), subtype=column[1],
        note=tuple(row[3] for row in rows),
    )  # fmt: skip


def write_notes(path: Path, given: Annotations, resolution: float | None = None) -> None:
    """An annotation file in the MIT format, in the order given."""
    content, before = bytearray(), 0
    comment = [] if resolution is None else [f"## time resolution: {resolution:g}"]
    texts = given.note or ("",) * len(given)
    subtypes = given.subtype.tolist() or [0] * len(given)
    rows = [(0, '"', 0, text) for text in comment]
    rows += list(zip(given.sample.tolist(), given.symbol.tolist(), subtypes, texts, strict=True))
    for time, symbol, subtype, text in rows:
        gap, before = time - before, time
        if not 0 <= gap < 1024:
            content += struct.pack("<HHH", SKIP << 10, (gap >> 16) & 0xFFFF, gap & 0xFFFF)
            gap = 0
        content += struct.pack("<H", CODES[symbol] << 10 | gap)
        if subtype:
            content += struct.pack("<H", SUBTYPE << 10 | (subtype & 255))
        if text:
            raw = text.encode()
            content += struct.pack("<H", TEXT << 10 | len(raw)) + raw + b"\0" * (len(raw) % 2)
    path.write_bytes(bytes(content) + b"\0\0")


def write_header(folder: Path, record: str, fs: float = 1000, samples: int = 100_000) -> None:
    (folder / f"{record}.hea").write_text(f"{record} 0 {fs:g} {samples}\n")
