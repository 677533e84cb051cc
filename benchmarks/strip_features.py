"""What a classifier sees of strips of ten seconds and of windows of 60 RR, and QT over RR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.rhythms import Beats
from ecgsynth.signals.filters import bandpass, resample

Table = NDArray[np.float64]

STRIP_S, STRIPS = 10.0, 12
"""Length of a strip, and how many of each person, evenly spread."""

FS, BAND = 250.0, (0.5, 40.0)
"""Rate and band of all strips: what is beyond is the recorder's."""

BEATS = 60
"""RR intervals of a window."""

BEFORE, AFTER = 50, 110
"""Samples of a beat around R."""

LEAST_STRIPS, LEAST_SPREAD_S = 8, 0.015
"""From which the slope of QT over RR is measured."""


@dataclass(frozen=True)
class Person:
    """Beats in time, and [sample] mV at FS, within BAND."""

    beats: Beats
    signal: NDArray[np.float32]

    def strips(self) -> list[tuple[NDArray[np.float32], Table, NDArray[np.str_]]]:
        """Signal, [beat] samples of R and kinds of each strip with three beats."""
        size, found = round(STRIP_S * FS), []
        r = np.round(self.beats.time_s * FS).astype(np.int64)
        for start in np.linspace(size, len(self.signal) - 2 * size, STRIPS).astype(np.int64):
            inside = (r >= start) & (r < start + size)
            if inside.sum() >= 3:
                piece = self.signal[start : start + size]
                found.append((piece, r[inside] - start, self.beats.kind[inside]))
        return found


def with_signal(beats: Beats, signal: NDArray, fs: float) -> Person:
    """A person with his signal, [sample] mV, brought to FS and BAND."""
    wave = bandpass(np.nan_to_num(np.asarray(signal, np.float32)), fs, *BAND)
    return Person(beats, resample(wave, fs, FS))


def strip_features(people: Sequence[Person]) -> tuple[Table, NDArray[np.str_]]:
    """[strip, feature] spectrum, amplitudes, median beat and its spread, rate; [strip] person."""
    from scipy.signal import welch

    rows, names = [], []
    levels = [0.005, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 0.995]
    for one in people:
        for wave, r, _ in one.strips():
            power = np.log10(welch(wave, FS, nperseg=256)[1][1:45] + 1e-9)
            slope = np.quantile(np.abs(np.diff(wave)), levels)
            beats = _beats(wave, r)
            median, spread = np.median(beats, 0), beats.std(0)
            rr = np.diff(r) / FS
            rate = [rr.mean(), rr.std(), len(r)]
            parts = [power, np.quantile(wave, levels), slope, median[::4], spread[::8], rate]
            rows.append(np.concatenate(parts))
            names.append(one.beats.person)
    return np.array(rows), np.array(names)


def _beats(wave: NDArray[np.float32], r: NDArray) -> Table:
    """[beat, sample] around each R, at the edges less."""
    wide = np.pad(wave, (BEFORE, AFTER), mode="edge")
    return np.asarray([wide[at : at + BEFORE + AFTER] for at in r], np.float64)


def window_features(people: Sequence[Person]) -> tuple[Table, NDArray[np.str_]]:
    """[window, feature] of 60 RR intervals with the kinds of their beats; [window] person."""
    rows, names = [], []
    for one in people:
        rr, kind = np.diff(one.beats.time_s), one.beats.kind[1:]
        for start in range(0, len(rr) - BEATS, BEATS):
            piece = slice(start, start + BEATS)
            rows.append(_window(rr[piece], kind[piece]))
            names.append(one.beats.person)
    return np.array(rows), np.array(names)


def _window(rr: Table, kind: NDArray[np.str_]) -> Table:
    usual = np.median(rr)
    share = rr / usual
    steps = np.diff(share)
    levels = [0.02, 0.1, 0.25, 0.75, 0.9, 0.98]
    wave = share - share.mean()
    power = np.abs(np.fft.rfft(wave)) ** 2
    bands = [np.log10(part.sum() + 1e-9) for part in np.array_split(power[1:], 6)]
    norm = max(float((wave**2).sum()), 1e-9)
    memory = [float((wave[k:] * wave[:-k]).sum()) / norm for k in (1, 2, 3, 4)]
    found = [np.log(usual), share.std(), np.sqrt((steps**2).mean()), np.abs(steps).mean()]
    found += [*np.quantile(share, levels), *np.quantile(steps, levels), *bands, *memory]
    for name in "SVFQ":
        at = np.flatnonzero(kind == name)
        inner = at[at < len(rr) - 1]
        runs = int((np.diff(at) == 1).sum()) if len(at) else 0
        found += [len(at), share[at].mean() if len(at) else 0.0,
                  share[inner + 1].mean() if len(inner) else 0.0, runs]  # fmt: skip
    return np.array(found, np.float64)


def qt_slope(one: Person) -> float:
    """Slope of QT over RR of a person's normal strips, ms/s; NaN where RR hardly varies."""
    from ecgsynth.evaluation.reference_models.delineation import delineate
    from ecgsynth.signals.fiducials import Fiducials, measure

    strips = [(wave, r) for wave, r, kind in one.strips() if np.all(kind == "N")]
    if len(strips) < LEAST_STRIPS or not one.beats.sinus.mean() > 0.9:
        return float("nan")
    signal = np.stack([wave for wave, _ in strips])
    points = delineate(signal[:, None], FS)
    qt = measure(signal, Fiducials(points.sample[:, 0], FS))["qt"]
    rr = np.array([np.diff(r).mean() / FS for _, r in strips])
    known = np.isfinite(qt)
    if known.sum() < LEAST_STRIPS or rr[known].std() < LEAST_SPREAD_S:
        return float("nan")
    return float(np.polyfit(rr[known], qt[known], 1)[0])
