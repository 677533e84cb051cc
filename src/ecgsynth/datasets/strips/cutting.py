"""Strips of a recording: equal pieces of it with their beats, and why others are left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.beat_records import HELDOUT_FROM
from ecgsynth.signals import filters
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

FLAT_S = 2.0
"""A lead that stands still for so long, s, is off."""

SILENT_S = 4.0
"""Without an annotated beat for so long, s, beats are not annotated; pauses are shorter."""

AF = "(AFIB"

MISSING, FLAT, SILENT = "missing samples", "a flat lead", "no annotated beats"


@dataclass(frozen=True)
class Cut:
    """The strips of one recording.

    signal: [strip, lead, sample], mV. start_s: [strip]. fibrillates: [strip], whether half of it or
    more is atrial fibrillation. item, sample, symbol: [beat], of all strips. rhythms: codes that
    are annotated in the part that strips are from. left_out: reason -> strips.
    """

    signal: NDArray[np.float32]
    start_s: NDArray[np.float64]
    fibrillates: NDArray[np.bool_]
    item: NDArray[np.int64]
    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]
    rhythms: list[str]
    left_out: dict[str, int]


def cut_strips(
    recording: Recording, fs: float, band: tuple[float | None, float | None], seconds: float,
    step_s: float, split: str,
) -> Cut:  # fmt: skip
    """Strips of so many seconds, one every `step_s`.

    The whole recording is filtered, so that a strip has no edges of filters. `train` takes strips
    from the first nine tenths of it, `heldout` from the last one.

    fs: Hz, of the strips. band: edges in Hz, None = open: low by a 4th-order Butterworth high-pass,
    high by a steep FIR low-pass, both without phase shift.
    """
    raw = recording.signal
    signal = filters.resample(_filtered(raw, recording.fs, band), recording.fs, fs)
    samples, total = round(seconds * fs), signal.shape[1]
    first, last = {
        "train": (0.0, HELDOUT_FROM * total), "heldout": (HELDOUT_FROM * total, total),
    }.get(split, (0.0, total))  # fmt: skip
    starts = np.arange(int(np.ceil(first)), int(last) - samples + 1, round(step_s * fs))
    notes = recording.annotations
    beat = np.isin(notes.symbol, list(AAMI_OF_SYMBOL))
    at = np.round(notes.sample[beat] * (fs / recording.fs)).astype(np.int64)
    symbol = notes.symbol[beat]
    bounds = np.searchsorted(at, np.stack([starts, starts + samples]))
    bad = _unusable(raw, recording.fs)
    rhythms = _rhythms(recording)
    af = [(a, b) for a, b, code in rhythms if code == AF]
    kept, left_out = [], Counter[str]()
    for k, start in enumerate(starts.tolist()):
        one, end = start / fs, (start + samples) / fs
        own = at[bounds[0, k] : bounds[1, k]]
        reasons = [
            name for name, spans in bad.items() if any(a < end and b > one for a, b in spans)
        ]
        if np.diff(np.r_[start, own, start + samples]).max() > SILENT_S * fs:
            reasons.append(SILENT)
        if reasons:
            left_out[reasons[0]] += 1
        else:
            kept.append(k)
    rows = [slice(bounds[0, k], bounds[1, k]) for k in kept]
    empty = np.zeros((0, len(recording.leads), samples), np.float32)
    return Cut(
        np.stack([signal[:, starts[k] : starts[k] + samples] for k in kept]) if kept else empty,
        starts[kept] / fs,
        np.array([
            _seconds_inside(af, starts[k] / fs, starts[k] / fs + seconds) >= seconds / 2
            for k in kept
        ], bool),
        np.repeat(np.arange(len(kept)), [row.stop - row.start for row in rows]),
        np.concatenate([at[:0], *(at[r] - starts[k] for r, k in zip(rows, kept, strict=True))]),
        np.concatenate([symbol[:0], *(symbol[row] for row in rows)]),
        sorted({
            code for a, b, code in rhythms if _seconds_inside([(a, b)], first / fs, last / fs) > 0
        }),
        dict(left_out),
    )  # fmt: skip


def _filtered(
    signal: NDArray[np.float32], fs: float, band: tuple[float | None, float | None]
) -> NDArray[np.float32]:
    whole = np.nan_to_num(signal)  # a filter would smear a gap over all of it
    low, high = band
    if low is not None:
        whole = filters.bandpass(whole, fs, low, None)
    return filters.lowpass(whole, fs, high) if high is not None else np.asarray(whole, np.float32)


def _unusable(raw: NDArray[np.float32], fs: float) -> dict[str, list[tuple[float, float]]]:
    """By reason the stretches, s, in which a lead is missing or flat."""
    missing = np.isnan(raw)
    still = np.diff(raw, axis=1, prepend=np.nan) == 0
    found: dict[str, list[tuple[float, float]]] = {MISSING: [], FLAT: []}
    for gone, flat in zip(missing, still, strict=True):
        found[MISSING] += _runs(gone, fs, 0.0)
        found[FLAT] += _runs(flat, fs, FLAT_S)
    return found


def _runs(mask: NDArray[np.bool_], fs: float, least_s: float) -> list[tuple[float, float]]:
    edges = np.flatnonzero(np.diff(np.r_[False, mask, False])).reshape(-1, 2)
    return [(a / fs, b / fs) for a, b in edges.tolist() if b - a >= least_s * fs]


def _rhythms(recording: Recording) -> list[tuple[float, float, str]]:
    """Start and end, s, and code of every annotated rhythm, such as (AFIB."""
    notes = recording.annotations
    rows = [k for k, note in enumerate(notes.note) if note.startswith("(")]
    times = [*(notes.sample[rows] / recording.fs).tolist(), recording.seconds]
    codes = [notes.note[k].strip("\0 ") for k in rows]
    return list(zip(times[:-1], times[1:], codes, strict=True))


def _seconds_inside(spans: Iterable[tuple[float, float]], start: float, stop: float) -> float:
    return sum(max(0.0, min(b, stop) - max(a, start)) for a, b in spans)
