"""The files of the Lobachevsky University Database: signals in mV, marks lead by lead."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import store
from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.formats.wfdb.header import read_header
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.progress import recordings
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, FIDUCIALS, LEADS_12

FS = 500.0
SAMPLES = 5000
RECORDS = range(1, 201)

WAVES = {
    "p": ("p_onset", "p_peak", "p_offset"),
    "N": ("qrs_onset", "r_peak", "qrs_offset"),
    "t": ("t_onset", "t_peak", "t_offset"),
}
"""The annotators' symbol of a wave's peak -> our names of its onset, peak and offset. Any symbol
of a beat stands for a QRS complex, as N does."""


def find_database() -> Path:
    """The folder of the database."""
    return store.find_folder("ludb", "1.hea")


def arrays() -> tuple[dict[str, NDArray], dict[str, Any]]:
    """Every record and mark, from the cache where they were parsed before."""
    folder = find_database()
    key = {
        "folder": str(folder.resolve()),
        "files": store.stamp(f for f in folder.iterdir() if f.name[:1].isdigit()),
    }
    return store.cached_arrays("ludb", key, partial(_parse, folder))


def _parse(folder: Path) -> tuple[dict[str, NDArray], dict[str, Any]]:
    signal: list[NDArray[np.float32]] = []
    record: list[int] = []
    marks: list[NDArray[np.int64]] = []
    skipped: dict[str, str] = {}
    for name in recordings(RECORDS, len(RECORDS)):
        try:
            wave, rows = read(folder, name)
        except EcgsynthError as problem:
            skipped[str(name)] = str(problem)
            continue
        marks.append(np.concatenate([np.full((len(rows), 1), len(signal)), rows], 1))
        signal.append(wave)
        record.append(name)
    if not signal:
        raise EcgsynthError(
            f"none of the {len(RECORDS)} records in {folder} can be read; the first error: "
            f"{next(iter(skipped.values()))}"
        )
    columns = dict(zip(("item", "lead", "sample", "symbol"), np.concatenate(marks).T, strict=True))
    arrays: dict[str, NDArray] = {n: column.astype(np.int32) for n, column in columns.items()}
    arrays |= {"signal": np.stack(signal), "record": np.array(record, np.int16)}
    return arrays, {"skipped": skipped}


def read(folder: Path, record: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """(signal [12, 5000] mV, marks [mark, 3]: lead, sample, number of the fiducial)."""
    recording = read_recording(folder / str(record), leads=tuple(n.lower() for n in LEADS_12))
    if recording.signal.shape[1] != SAMPLES or recording.fs != FS:
        raise DamagedFileError(
            f"{record} has not {SAMPLES} samples at {FS:g} Hz; fetch ludb again."
        )
    signal = _to_millivolts(recording.signal, folder / str(record))
    rows = []
    for lead, name in enumerate(LEADS_12):
        path = folder / f"{record}.{name.lower()}"
        marks = read_annotations(path)
        sample = marks.samples_at(FS, FS)
        inside = (sample >= 0) & (sample < SAMPLES)
        rows += [(lead, *mark) for mark in pair_waves(sample[inside], marks.symbol[inside])]
    return signal, np.array(rows, np.int64).reshape(-1, 3)


def _to_millivolts(signal: NDArray[np.float32], path: Path) -> NDArray[np.float32]:
    """The converter's counts, which are microvolts, as mV.

    The headers of version 1.0.1 give every lead a gain by which it spans just 1 "mV" from its
    lowest to its highest sample. The counts themselves obey III = II - I exactly, so they share
    one unit, and their QRS has the height of a QRS if that unit is 1 uV.
    """
    by_name = {signal.name: signal for signal in read_header(path).signals}
    signals = [by_name[name.lower()] for name in LEADS_12]
    gain = np.array([signal.gain for signal in signals])[:, None]
    baseline = np.array([signal.baseline for signal in signals], np.float64)[:, None]
    return (np.round(signal * gain + baseline) / 1000).astype(np.float32)


def pair_waves(sample: NDArray[np.int64], symbol: NDArray[np.str_]) -> list[tuple[int, int]]:
    """(sample, number of the fiducial) of every wave out of "(", peak, ")" rows in time order.

    A bracket belongs only to the peak next to it, and is dropped without one. A peak without a
    bracket has no onset or offset.
    """
    found = []
    for k in np.flatnonzero(np.isin(symbol, [*WAVES, *AAMI_OF_SYMBOL])):
        wave = WAVES.get(str(symbol[k]), WAVES["N"])
        onset, peak, offset = (FIDUCIALS.index(name) for name in wave)
        if k > 0 and symbol[k - 1] == "(":
            found.append((int(sample[k - 1]), onset))
        found.append((int(sample[k]), peak))
        if k + 1 < len(symbol) and symbol[k + 1] == ")":
            found.append((int(sample[k + 1]), offset))
    return found
