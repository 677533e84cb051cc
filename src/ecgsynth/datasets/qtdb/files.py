"""The files of the QT Database: signals in mV, beats, and waves that were marked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import store
from ecgsynth.datasets.leads import lead_names
from ecgsynth.datasets.ludb.files import pair_waves
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.formats.wfdb.header import read_header
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

FS = 250.0
READERS = ("q1c", "q2c")
"""Who marked waves by hand: the first reader all records, the second eleven."""

AUTOMATIC = "pu0"
"""Marks of all beats by a program, in the first lead."""


def find_database() -> Path:
    """The folder of the database."""
    return store.find_folder("qtdb", "sel100.hea")


def read(folder: Path, record: str) -> tuple[Recording, tuple[str, ...]]:
    """Both leads of a record in mV, and their names."""
    path = folder / record
    own = tuple(signal.name for signal in read_header(path).signals)
    return read_recording(path, own), lead_names(path)


def read_marks(
    folder: Path, record: str, reader: str, recording: Recording
) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[int, str]]:
    """Samples of the marks, their places in `FIDUCIALS`, and sample of R -> symbol of the beat."""
    notes = read_annotations(folder / f"{record}.{reader}")
    sample, symbol = notes.samples_at(recording.fs, recording.fs), notes.symbol
    inside = (sample >= 0) & (sample < recording.samples)
    sample, symbol = sample[inside], symbol[inside]
    kinds = {int(at): str(s) for at, s in zip(sample, symbol, strict=True) if s in AAMI_OF_SYMBOL}
    marks = np.array(pair_waves(sample, symbol), np.int64).reshape(-1, 2)
    return marks[:, 0], marks[:, 1], kinds


def read_beats(folder: Path, record: str, recording: Recording) -> NDArray[np.int64]:
    """Samples of all beats: the reference beats, or without these the automatic ones."""
    own = folder / f"{record}.atr"
    notes = read_annotations(own if own.is_file() else folder / f"{record}.{AUTOMATIC}")
    beat = np.isin(notes.symbol, list(AAMI_OF_SYMBOL))
    return notes.samples_at(recording.fs, recording.fs)[beat]
