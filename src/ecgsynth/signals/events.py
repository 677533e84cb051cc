"""Events: the beats of an item in time, with their kinds and their P and T waves.

They are what a renderer draws, and what the annotations of its items are made from.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL, SYMBOL_OF_AAMI

EVENT = ("r_s", "kind", "p_s", "t_s")
"""Columns of an event: time of R; kind, as an index into `AAMI_CLASSES`; time of the peak of P, NaN
where there is none; of the peak of T, NaN where it is not known. Times in s from the start."""

Events = NDArray[np.float32]
"""[item, beat, EVENT], beats in order of time; rows of NaN fill up items with fewer beats."""

R, KIND, P, T = range(len(EVENT))

NEAREST_S = 0.15
"""Two beats are never nearer: a ventricle that has just contracted answers no second time."""

SAME_BEAT_S = 0.15
"""An annotated beat has the P and T of a detected one that is as near."""


def stack_events(parts: Sequence[NDArray], beats: int = 0) -> Events:
    """Events of items, each [beat, EVENT], filled up to one length, of at least `beats`."""
    longest = max([beats, *(len(part) for part in parts)])
    events = np.full((len(parts), longest, len(EVENT)), np.nan, np.float32)
    for row, part in zip(events, parts, strict=True):
        row[: len(part)] = part
    return events


def shift_events(events: Events, start_s: NDArray, seconds: float) -> Events:
    """The events of windows of items: times from their starts, beats outside filled with NaN.

    events: [item, beat, EVENT]. start_s: [item]. seconds: length of the windows.
    """
    moved = events.copy()
    moved[..., [R, P, T]] -= np.asarray(start_s, np.float32)[:, None, None]
    outside = ~((moved[..., R] >= 0) & (moved[..., R] < seconds))
    moved[outside] = np.nan
    return moved


def check_events(events: NDArray, seconds: float) -> Events:
    """The events of items of so many seconds.

    Raises
    ------
    EcgsynthError: beats outside the item, out of order, nearer than NEAREST_S, of unknown kinds.
    """
    events = np.asarray(events, np.float32)
    if events.ndim != 3 or events.shape[2] != len(EVENT):
        raise EcgsynthError(
            f"events are [item, beat, {len(EVENT)}] ({', '.join(EVENT)}); got shape {events.shape}."
        )
    time, kind = events[..., R], events[..., KIND]
    there = np.isfinite(time)
    if ((time < 0) | (time >= seconds))[there].any():
        outside = float(time[there][((time < 0) | (time >= seconds))[there]][0])
        raise EcgsynthError(
            f"a beat at {outside:g} s lies outside an item of {seconds:g} s; leave it out."
        )
    if not np.isin(kind[there], range(len(AAMI_CLASSES))).all():
        raise EcgsynthError(
            f"the kind of a beat is a number from 0 to {len(AAMI_CLASSES) - 1}, as "
            f"{', '.join(AAMI_CLASSES)} stand."
        )
    for row in time:
        gaps = np.diff(row[np.isfinite(row)])
        if (gaps < NEAREST_S - 1e-4).any():
            raise EcgsynthError(
                f"two beats are {1000 * float(gaps.min()):.0f} ms apart, and no heart beats twice "
                f"within {1000 * NEAREST_S:.0f} ms; give beats in order of time, further apart."
            )
    return events


def events_of(ecg: Ecg) -> Events:
    """The events in the marks of an `Ecg`: its beats, with the P and T peaks next to them.

    Raises
    ------
    EcgsynthError: it has no marks.
    """
    if ecg.marks is None:
        raise EcgsynthError(f"{ecg.source} has no annotations, so that its beats are not known.")
    marks, parts = ecg.marks, []
    symbol, order = marks.symbol, np.lexsort((marks.sample, marks.item))
    kind = np.array([AAMI_OF_SYMBOL.get(str(one), "") for one in symbol])
    bounds = np.searchsorted(marks.item[order], np.arange(len(ecg) + 1))
    for first, end in pairwise(bounds.tolist()):
        rows = order[first:end]
        beats = rows[kind[rows] != ""]
        part = np.full((len(beats), len(EVENT)), np.nan)
        part[:, R] = marks.sample[beats] / ecg.spec.fs
        part[:, KIND] = [AAMI_CLASSES.index(str(name)) for name in kind[beats]]
        for column, name in ((P, "p_peak"), (T, "t_peak")):
            waves = marks.sample[rows[symbol[rows] == name]] / ecg.spec.fs
            _assign(part, column, waves)
        parts.append(part)
    return stack_events(parts)


def _assign(part: NDArray, column: int, waves: NDArray) -> None:
    """Give each P to the next beat and each T to the one before."""
    at = np.searchsorted(part[:, R], waves) - (column == T)
    good = (at >= 0) & (at < len(part))
    part[at[good], column] = waves[good]


def add_waves(beats: NDArray, detected: NDArray, move: bool = False) -> None:
    """Give annotated beats [beat, EVENT] P and T of the detected ones next to them, in place.

    move: also the time of R; annotators mark the QRS complex less exactly than a detector.
    """
    if not len(detected) or not len(beats):
        return
    after = np.searchsorted(detected[:, R], beats[:, R]).clip(0, len(detected) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(detected[before, R] - beats[:, R]) < np.abs(detected[after, R] - beats[:, R])
    nearest = np.where(nearer, before, after)
    near = np.abs(detected[nearest, R] - beats[:, R]) < SAME_BEAT_S
    beats[near, P], beats[near, T] = detected[nearest[near], P], detected[nearest[near], T]
    if move:  # never two beats to one
        alone = near & (np.bincount(nearest[near], minlength=len(detected))[nearest] == 1)
        beats[alone, R] = detected[nearest[alone], R]


def marks_of(events: NDArray, fs: float, waves: bool = False) -> Marks:
    """Events as annotations of beats; waves: also of the peaks of P and T that were asked for."""
    item, beat = np.nonzero(np.isfinite(events[..., R]))
    asked = events[item, beat]
    columns = [(item, asked[:, R], [SYMBOL_OF_AAMI[AAMI_CLASSES[int(k)]] for k in asked[:, KIND]])]
    for column, name in ((P, "p_peak"), (T, "t_peak")):
        if waves:
            there = np.isfinite(asked[:, column])
            columns.append((item[there], asked[there, column], [name] * int(there.sum())))
    items, times, symbols = (
        np.concatenate([np.asarray(part[k]) for part in columns]) for k in range(3)
    )
    sample = np.round(times.astype(np.float64) * fs).astype(np.int64)
    order = np.lexsort((sample, items))
    return Marks(items[order], np.full(len(items), -1), sample[order], symbols[order].astype(str))
