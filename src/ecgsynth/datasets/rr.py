"""RR intervals of a recording: from beat to beat, unknown across pauses that hold no rhythm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.recording import Recording
from ecgsynth.signals.rr import rr_intervals
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

LONGEST_S = 10.0
"""Beats that lie further apart, s, are no neighbours: what is between them was not annotated. The
longest pause between two beats of MIT-BIH is 5.9 s (record 232, a sick sinus node)."""

GAP_S = 0.2
"""A stretch without samples in any lead in which a beat may hide, s: QRS complexes lie at least so
far apart."""

FLUTTER_ON, FLUTTER_OFF, FLUTTER_WAVE = "[", "]", "!"
RHYTHM, QUALITY, UNREADABLE = "+", "~", -1
"""WFDB's symbols, and the subtype of a change of quality from which on nothing can be read."""

WITHOUT_BEATS = ("(VF", "(VFL", "(VFIB", "(ASYS", "(NOISE")
"""Notes of rhythms in which no beats are annotated."""


def rr_at(
    recording: Recording, samples: NDArray[np.int64], also: Iterable[str] = ()
) -> NDArray[np.float32]:
    """[beat, 3]: what `segments.rr_intervals` gives of these beats among all of the recording.

    Beats are the annotations with a beat symbol of WFDB; of several at one sample, one counts.
    An interval is NaN, and no part of the mean, where between the two beats

    - ventricular flutter or fibrillation is annotated ("[", "!", "]", or a rhythm such as (VFL),
      or asystole or noise as a rhythm;
    - the recording is annotated as unreadable ("~" with the subtype -1);
    - every lead lacks samples for `GAP_S` or longer, and no beat is annotated there;
    - more than `LONGEST_S` go by;

    and before the first beat and after the last.

    samples: of the beats whose intervals are wanted. also: symbols that are beats here.
    """
    beat = np.isin(recording.annotations.symbol, [*AAMI_OF_SYMBOL, *also])
    times = np.unique(recording.annotations.sample[beat])
    known = np.diff(times) <= LONGEST_S * recording.fs
    for start, end in _without_rhythm(recording, times):
        first = max(0, int(np.searchsorted(times, start, "right")) - 1)
        known[first : np.searchsorted(times, end, "left")] = False
    return rr_intervals(times, recording.fs, known)[np.searchsorted(times, samples)]


def _without_rhythm(recording: Recording, times: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """First and last sample of every stretch in which beats cannot be annotated."""
    notes, end = recording.annotations, recording.samples
    at, symbol = notes.sample, notes.symbol
    off = at[symbol == FLUTTER_OFF]
    for start in at[symbol == FLUTTER_ON].tolist():
        later = off[off > start]
        yield start, int(later[0]) if len(later) else start + 1
    for lone in at[np.isin(symbol, [FLUTTER_WAVE, FLUTTER_OFF])].tolist():
        yield lone - 1, lone
    if notes.note:
        rhythm = np.flatnonzero(symbol == RHYTHM)
        silent = [notes.note[k].strip() in WITHOUT_BEATS for k in rhythm]
        yield from _until_next(at[rhythm], np.array(silent, bool), end)
    if len(notes.subtype):
        quality = np.flatnonzero(symbol == QUALITY)
        yield from _until_next(at[quality], notes.subtype[quality] == UNREADABLE, end)
    missing = np.isnan(recording.signal).all(0)
    if missing.any():
        edges = np.flatnonzero(np.diff(missing, prepend=False, append=False)).reshape(-1, 2)
        for start, end in edges[edges[:, 1] - edges[:, 0] >= GAP_S * recording.fs].tolist():
            if np.searchsorted(times, start) == np.searchsorted(times, end):
                yield start, end


def _until_next(
    at: NDArray[np.int64], chosen: NDArray[np.bool_], end: int
) -> Iterator[tuple[int, int]]:
    """From every chosen one of these annotations to the one after it."""
    after = np.append(at[1:], end)
    yield from zip(at[chosen].tolist(), after[chosen].tolist(), strict=True)
