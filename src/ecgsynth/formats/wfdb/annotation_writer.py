"""Writing WFDB annotation files (PhysioNet, annot(5), the MIT format), many at once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.annotations import (
    CHANNEL,
    COMMENT,
    NUMBER,
    SKIP,
    SUBTYPE,
    SYMBOLS,
    TEXT,
)

CODE_OF = {symbol: code for code, symbol in SYMBOLS.items()}

FARTHEST_STEP = 1023
"""Ticks from one annotation to the next that fit into its own word."""

MOST_BYTES = 255
"""Of a note."""


def encode_annotations(
    tick: ArrayLike,
    symbol: Sequence[str] | NDArray[np.str_],
    *,
    note: Sequence[str] = (),
    number: ArrayLike = (),
    subtype: ArrayLike = (),
    channel: ArrayLike = (),
    rate: float | None = None,
) -> bytes:
    """The bytes of an annotation file; annotations are put in order of time.

    Parameters
    ----------
    tick: [annotation], time in ticks, from 0. symbol: [annotation], of the WFDB library.
    note, number, subtype, channel: [annotation], or empty where none has one.
    rate: ticks a second, where the file states it; None: those of the record.

    Raises
    ------
    EcgsynthError: WFDB has no such symbol, or a note is longer than 255 bytes.
    """
    at = np.asarray(tick, np.int64)
    order = np.argsort(at, kind="stable")
    columns = {"number": number, "subtype": subtype, "channel": channel}
    file = io.BytesIO()
    writer = AnnotationWriter(file, rate)
    writer.write(
        at[order], np.asarray(symbol, np.str_)[order],
        note=[str(note[k]) for k in order] if len(note) else [],
        **{name: np.asarray(one, np.int64)[order] for name, one in columns.items() if np.size(one)},
    )  # fmt: skip
    writer.end()
    return file.getvalue()


class AnnotationWriter:
    """An annotation file that is written part by part, in order of time."""

    def __init__(self, file: BinaryIO, rate: float | None = None) -> None:
        self.file, self.count, self._last = file, 0, 0
        self._held = {CHANNEL: 0, NUMBER: 0}  # these hold until they change
        if rate is not None:
            stated = f"## time resolution: {rate:.12g}".encode()
            file.write(_words([(COMMENT << 10, TEXT << 10 | len(stated))]) + _padded(stated))

    def write(
        self, tick: NDArray[np.int64], symbol: NDArray[np.str_], *, note: Sequence[str] = (),
        number: ArrayLike = (), subtype: ArrayLike = (), channel: ArrayLike = (),
    ) -> None:  # fmt: skip
        """Write annotations behind those before; parameters and errors are those of
        `encode_annotations`."""
        if not len(tick):
            return
        names, where = np.unique(symbol, return_inverse=True)
        if unknown := {*names.tolist()} - {*CODE_OF}:
            raise EcgsynthError(
                f"WFDB has no symbol {sorted(unknown)[0]!r}; write it as a note of another symbol."
            )
        code = np.array([CODE_OF[one] for one in names.tolist()], np.int64)[where]
        texts = [one.encode() for one in note]
        columns = []
        for kind, values in ((SUBTYPE, subtype), (CHANNEL, channel), (NUMBER, number)):
            if np.size(values):
                column = np.asarray(values, np.int64)
                before = self._held.get(kind)
                change = column != 0 if before is None else np.diff(column, prepend=before) != 0
                columns.append((kind, column, change))
                if before is not None:
                    self._held[kind] = int(column[-1])
        self.file.write(_body(np.diff(tick, prepend=self._last), code, columns, texts))
        self._last, self.count = int(tick[-1]), self.count + len(tick)

    def end(self) -> None:
        """Write the end of the file."""
        self.file.write(b"\0\0")


def _body(
    step: NDArray[np.int64], code: NDArray[np.int64],
    changed: list[tuple[int, NDArray[np.int64], NDArray[np.bool_]]], texts: list[bytes],
) -> bytes:  # fmt: skip
    """The words of all annotations: where each begins is known before any is written."""
    far = (step > FARTHEST_STEP) | (step < 0)
    size = np.array([len(text) for text in texts] or [0] * len(step), np.int64)
    if len(size) and size.max() > MOST_BYTES:
        raise EcgsynthError(f"a note of WFDB has at most {MOST_BYTES} bytes; shorten it.")
    length = 1 + 3 * far + sum((change for _, _, change in changed), np.zeros(len(step), np.int64))
    length = length + (size > 0) * (1 + (size + 1) // 2)
    first = np.concatenate([[0], np.cumsum(length)])
    words = np.zeros(int(first[-1]), np.uint16)
    place = first[:-1]
    rows = place[far]
    words[rows] = SKIP << 10
    words[rows + 1], words[rows + 2] = step[far] >> 16 & 0xFFFF, step[far] & 0xFFFF
    place = place + 3 * far
    words[place] = code << 10 | np.where(far, 0, step)
    place = place + 1
    for kind, values, change in changed:
        words[place[change]] = kind << 10 | values[change] & 0xFF
        place = place + change
    content = bytearray(words.astype("<u2").tobytes())
    for k in np.flatnonzero(size).tolist():
        start = 2 * int(place[k])
        text = _words([(TEXT << 10 | len(texts[k]),)]) + _padded(texts[k])
        content[start : start + len(text)] = text
    return bytes(content)


def _words(rows: Sequence[tuple[int, ...]]) -> bytes:
    return np.array(rows, "<u2").tobytes()


def _padded(text: bytes) -> bytes:
    return text + b"\0" * (len(text) % 2)
