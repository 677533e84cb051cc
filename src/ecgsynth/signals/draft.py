"""A recording that is about to be made: its facts are known, its samples come piece by piece."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks

GATHERED = 250_000_000
"""Samples of all leads together that are gathered in memory."""


class Piece(NamedTuple):
    """A stretch of a recording: signal [lead, sample], mV, and its marks, from its own start."""

    signal: NDArray[np.float32]
    marks: Marks


@dataclass(frozen=True)
class Draft:
    """A recording of one item that is about to be made.

    head: the item; its samples are a placeholder that takes no memory, and it has no marks yet.
    make: its pieces along time, anew with each call.
    """

    head: Ecg
    make: Callable[[], Iterator[Piece]]

    @classmethod
    def of(cls, ecg: Ecg, item: int) -> Draft:
        """An item in memory as one piece."""
        one = ecg[item]
        marks = no_marks() if one.marks is None else one.marks
        empty = None if one.marks is None else no_marks()
        head = replace(one, signal=placeholder(*one.signal.shape[1:]), marks=empty)
        return cls(head, lambda: iter([Piece(one.signal[0], marks)]))

    def pieces(self) -> Iterator[Piece]:
        """The pieces along time."""
        return self.make()

    def ecg(self) -> Ecg:
        """The whole as one item.

        Raises
        ------
        EcgsynthError: it is too long to be gathered in memory.
        """
        spec = self.head.spec
        leads, samples = len(spec.leads), spec.samples
        if leads * samples > GATHERED:
            raise EcgsynthError(
                f"{spec.seconds / 3600:,.1f} h of {leads} leads at {spec.fs:g} Hz do not fit into "
                f"memory ({GATHERED / leads / spec.fs / 3600:.1f} h at most); write WFDB (a "
                "folder) or NPZ with `ecgsynth record`, which take it piece by piece."
            )
        signal, marks, done = np.empty((leads, samples), np.float32), [], 0
        for piece in self.pieces():
            signal[:, done : done + piece.signal.shape[1]] = piece.signal
            marks.append(moved(piece.marks, done))
            done += piece.signal.shape[1]
        whole = None if self.head.marks is None else together(marks)
        return replace(self.head, signal=signal[None], marks=whole)


@contextmanager
def spooled(draft: Draft, folder: Path) -> Iterator[Draft]:
    """The recording with its samples in a temporary file, so that it is made once and read twice.

    Raises
    ------
    EcgsynthError: the file cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            count = 0
            for piece in draft.pieces():
                marks = piece.marks
                for column in (piece.signal, marks.lead, marks.sample, marks.symbol):
                    np.save(file, column, allow_pickle=False)
                count += 1

            def read() -> Iterator[Piece]:
                file.seek(0)
                for _ in range(count):
                    signal, lead, sample, symbol = (np.load(file) for _ in range(4))
                    yield Piece(signal, Marks(np.zeros(len(lead), int), lead, sample, symbol))

            yield replace(draft, make=read)
    except OSError as problem:
        raise EcgsynthError(
            f"a temporary file in {folder} could not be written ({problem.strerror}); free some "
            "space or choose another place."
        ) from problem


def placeholder(leads: int, samples: int) -> NDArray[np.float32]:
    """[1, lead, sample] in the place of samples that are not made yet, without memory."""
    return np.broadcast_to(np.float32(0), (1, leads, samples))


def no_marks() -> Marks:
    """An item's marks before any is made."""
    none = np.zeros(0, np.int64)
    return Marks(none, none.astype(np.int16), none, np.zeros(0, "<U1"))


def marks_from(sample: NDArray[np.int64], symbol: NDArray[np.str_], samples: int) -> Marks:
    """Marks of all leads in order of time, of those that lie within a piece of so many samples."""
    rows = np.flatnonzero((sample >= 0) & (sample < samples))
    rows = rows[np.argsort(sample[rows], kind="stable")]
    return Marks(np.zeros(len(rows), np.int64), np.full(len(rows), -1), sample[rows], symbol[rows])


def moved(marks: Marks, samples: int) -> Marks:
    """The marks so many samples later."""
    return replace(marks, sample=marks.sample + samples)


def together(parts: Iterable[Marks]) -> Marks:
    """The marks of pieces of one item as those of the item."""
    parts = [part for part in parts if len(part)]
    return replace(Marks.join(parts, [0] * len(parts))) if parts else no_marks()


def in_pieces_of(pieces: Iterable[Piece], samples: int) -> Iterator[Piece]:
    """The same recording in pieces of so many samples, the last one shorter."""
    signal: NDArray[np.float32] | None = None
    marks = no_marks()
    for piece in pieces:
        before = 0 if signal is None else signal.shape[1]
        signal = piece.signal if signal is None else np.concatenate([signal, piece.signal], 1)
        marks = together([marks, moved(piece.marks, before)])
        whole = signal.shape[1] // samples * samples
        edges = np.searchsorted(marks.sample, np.arange(0, whole + 1, samples))
        for k, start in enumerate(range(0, whole, samples)):
            rows = slice(edges[k], edges[k + 1])
            yield Piece(signal[:, start : start + samples], _rows(marks, rows, start))
        signal, marks = signal[:, whole:], _rows(marks, slice(edges[-1], None), whole)
    if signal is not None and signal.shape[1]:
        yield Piece(signal, marks)


def _rows(marks: Marks, rows: slice, start: int) -> Marks:
    return Marks(marks.item[rows], marks.lead[rows], marks.sample[rows] - start, marks.symbol[rows])
