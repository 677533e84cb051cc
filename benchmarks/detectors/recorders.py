"""Five minutes of each person: as recorded, and as recorders draw them anew.

A recorder of `ecgsynth record` replays the person's own rhythm, beat by beat. neurokit2's simulator
cannot: it gets the mean and the SD of the heart rate, and states no beats, so that these are the
sharp maxima of its clean signal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.recorder import FS, LEAD, draw_recording
from ecgsynth.datasets.people import DS2
from ecgsynth.datasets.store import find_folder
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

START_S, STOP_S = 300.0, 600.0
"""The part of each recording: the first five minutes of EC57's test period."""

RECORDS = tuple(map(str, DS2))
"""Each of another person (`datasets.people`)."""

REAL, NEUROKIT = "real", "neurokit2"

BEND_S = 0.02
"""An R rises from so far before and falls so far after it; a T is much wider."""

MOST_SD = 10.0
"""Of the heart rate, 1/min: neurokit2 puts beats within 200 ms of each other where it is larger."""

Signal = NDArray[np.float32]


def part_of(recorder: str, record: str) -> Ecg:
    """One item of five minutes of one lead, with its beats as marks.

    recorder: `real`, `neurokit2`, or a model of `ecgsynth record`.

    Raises
    ------
    EcgsynthError: the recordings are not on this machine, or there is no such recorder.
    """
    return MAKERS.get(recorder, lambda name: _replayed(recorder, name))(record)


def _database() -> Path:
    return find_folder("mitbih", "100.hea")


def _real(record: str) -> Ecg:
    recording = read_recording(_database() / record)
    notes = read_annotations(_database() / f"{record}.atr")
    signal = np.asarray(recording.signal[recording.leads.index(LEAD)], np.float32)
    return _cut(signal, notes.tick, notes.symbol, record)


def _replayed(model: str, record: str) -> Ecg:
    """The whole rhythm by `ecgsynth record`, of which the part is cut."""
    ecg = draw_recording(model, "--replay", str(_database() / f"{record}.atr"), "--seed", record)
    assert ecg.marks is not None
    return _cut(ecg.signal[0, 0], ecg.marks.sample, ecg.marks.symbol, record)


def _by_neurokit(record: str) -> Ecg:
    import neurokit2
    from scipy.signal import find_peaks

    real = _real(record)
    assert real.marks is not None
    rates = 60 * FS / np.diff(real.marks.sample)
    wave = neurokit2.ecg_simulate(
        duration=round(STOP_S - START_S), sampling_rate=round(FS), noise=0, method="ecgsyn",
        heart_rate=float(1 / np.mean(1 / rates)), heart_rate_std=min(float(rates.std()), MOST_SD),
        random_state=int(record),
    )  # fmt: skip
    signal = np.asarray(wave, np.float32)[: real.spec.samples]
    width = round(BEND_S * FS)
    bend = np.zeros(len(signal))
    bend[width:-width] = 2 * signal[width:-width] - signal[: -2 * width] - signal[2 * width :]
    beats, _ = find_peaks(bend, height=np.quantile(bend, 0.999) / 3, distance=round(0.2 * FS))
    return _item(signal, beats, np.full(len(beats), "N"), record)


def _cut(signal: Signal, tick: NDArray, symbol: NDArray[np.str_], record: str) -> Ecg:
    """The part of a whole recording, and the beats in it."""
    first, stop = round(START_S * FS), round(STOP_S * FS)
    inside = (tick >= first) & (tick < stop) & np.isin(symbol, [*AAMI_OF_SYMBOL])
    return _item(signal[first:stop], tick[inside] - first, symbol[inside], record)


def _item(signal: Signal, beats: NDArray, symbol: NDArray[np.str_], record: str) -> Ecg:
    count = len(beats)
    marks = Marks(np.zeros(count, np.int64), np.full(count, -1), beats, symbol)
    spec = Spec(leads=(LEAD,), fs=FS, samples=len(signal))
    return Ecg(signal[None, None], spec, record=np.array([record]), marks=marks, source=record)


MAKERS: dict[str, Callable[[str], Ecg]] = {REAL: _real, NEUROKIT: _by_neurokit}
"""Recorders that are no models of `ecgsynth record`."""
