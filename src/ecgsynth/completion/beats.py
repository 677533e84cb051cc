"""The beats of a recording that is completed: annotated, detected, or made where it is silent."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ecgsynth.completion.known import KnownPart
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.delineation import SHORTEST_S
from ecgsynth.evaluation.reference_models.events import IRREGULAR, find_events
from ecgsynth.rhythm.makers import fibrillation, sinus
from ecgsynth.rhythm.parameters import measure_rhythms
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import (
    EVENT,
    KIND,
    NEAREST_S,
    P,
    R,
    T,
    add_waves,
    check_events,
    events_of,
)
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

Beats = NDArray[np.float64]
"""[beat, EVENT], times in s from the start of the recording."""

PIECE_S, MARGIN_S = 60.0, 5.0
"""Beats are detected in pieces of so many seconds, with so many around them."""

AROUND_S = 60.0
"""The rhythm of a silent stretch is that of so many seconds around it."""

USUAL = (70.0, 0.03, 0.16)
"""Heart rate, 1/min, spread of the RR intervals and PR, s, of what shows no rhythm."""

LEAST_SPREAD = 0.005


class BeatSource:
    """The beats of the recording in any stretch of its time, those of made stretches too.

    annotations: None = the beats are detected. seconds: length, up to which it is prolonged.
    heart_rate: 1/min, of made beats; None = as around them. fibrillates: whether they are those of
    atrial fibrillation; None = where the beats around are irregular. seed: of made beats.
    """

    def __init__(
        self, known: KnownPart, annotations: Annotations | None, seconds: float, *, seed: int,
        heart_rate: float | None = None, fibrillates: bool | None = None,
    ) -> None:  # fmt: skip
        self.known, self.seconds, self.seed = known, seconds, seed
        self.heart_rate, self.fibrillates = heart_rate, fibrillates
        self.given = None if annotations is None else _annotated(known, annotations, seconds)
        self.with_waves = self.given is not None and bool(np.isfinite(self.given[:, [P, T]]).any())
        silent = [(a / known.fs, b / known.fs) for a, b in known.silent]
        end = known.samples / known.fs
        if seconds > end:
            start = silent.pop()[0] if silent and silent[-1][1] == end else end
            silent.append((start, seconds))
        self.silent = silent
        self._detected = cache(self._detect)
        self._made = cache(self._make)

    def between(self, start: float, stop: float) -> Beats:
        """Beats from one time up to another, s."""
        parts = [self._heard(start, stop)]
        for number, (first, last) in enumerate(self.silent):
            if first < stop and last > start:
                parts.append(_within(self._made(number), start, stop))
        return _in_order(np.concatenate(parts))

    def _heard(self, start: float, stop: float) -> Beats:
        """Annotated beats, or detected ones outside of the silent stretches."""
        if self.given is not None:
            beats = _within(self.given, start, stop).copy()
            if len(beats) and not self.with_waves:
                add_waves(beats, self._detect_between(start - MARGIN_S, stop + MARGIN_S))
            return beats
        return self._detect_between(start, stop)

    def _detect_between(self, start: float, stop: float) -> Beats:
        first, last = int(max(start, 0) // PIECE_S), int(max(stop, 0) // PIECE_S)
        end = self.known.samples / self.known.fs
        parts = [self._detected(k) for k in range(first, last + 1) if k * PIECE_S < end]
        beats = np.concatenate([np.zeros((0, len(EVENT))), *parts])
        for a, b in self.silent:
            beats = beats[(beats[:, R] < a) | (beats[:, R] >= b)]
        return _within(beats, start, stop)

    def _detect(self, number: int) -> Beats:
        """The beats of one piece, by the delineator in all known leads."""
        known, fs = self.known, self.known.fs
        first, last = number * PIECE_S, (number + 1) * PIECE_S
        start = max(0, round((first - MARGIN_S) * fs))
        stop = min(known.samples, round((last + MARGIN_S) * fs))
        part = known.read(start, stop)[[row for row, _ in known.rows]]
        part = part[np.isfinite(part).any(1)]
        if not len(part) or part.shape[1] < SHORTEST_S * fs:
            return np.zeros((0, len(EVENT)))
        part -= np.nanmedian(part, 1, keepdims=True)  # what is missing lies on the baseline
        names = tuple(str(k) for k in range(len(part)))
        found = find_events(Ecg(np.nan_to_num(part)[None], Spec(names, fs, part.shape[1])))[0]
        beats = found[np.isfinite(found[:, R])].astype(np.float64)
        beats[:, [R, P, T]] += start / fs
        return _within(beats, first, last)

    def _make(self, number: int) -> Beats:
        """The beats of one silent stretch, in the rhythm of those around it."""
        first, last = self.silent[number]
        if self.given is not None and len(there := _within(self.given, first, last)):
            return there[:0]  # they are heard already
        before = self._heard(first - AROUND_S, first)
        after = self._heard(last, last + AROUND_S) if last < self.seconds else before[:0]
        rate, spread, pr, share, rt, irregular = _rhythm(before, after)
        rate = self.heart_rate or rate
        random = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        fibrillates = irregular if self.fibrillates is None else self.fibrillates
        make = fibrillation if fibrillates else sinus
        started = before[-1, R] if len(before) else max(first - 60 / rate * random.uniform(), 0)
        times = make(random, 2 * (last - started) + 240 / rate, rate, spread)
        times = started + times - times[0]
        if len(after):  # a whole number of RR intervals leads to the next beat
            count = max(1, round((after[0, R] - started) * rate / 60))
            stretch = (after[0, R] - started) / (times[count] - started)
            times = started + (times[:count] - started) * stretch
        times = times[1:] if len(before) else times
        times = times[(times >= first) & (times < last)]
        beats = np.full((len(times), len(EVENT)), np.nan)
        beats[:, R], beats[:, KIND], beats[:, T] = times, 0, times + rt
        if not fibrillates:
            with_p = random.uniform(size=len(times)) < share
            beats[with_p, P] = times[with_p] - pr
        return beats


def _rhythm(before: Beats, after: Beats) -> tuple[float, float, float, float, float, bool]:
    """Rate, spread, PR, share with P, R to T (NaN = unknown), and whether RR are irregular."""
    rows = np.array([measure_rhythms(part[None].astype(np.float32))[0] for part in (before, after)])
    found = [float(np.nanmean(c)) if np.isfinite(c).any() else np.nan for c in rows.T]
    both = np.concatenate([before, after])
    rr = np.concatenate([np.diff(before[:, R]), np.diff(after[:, R])])
    if len(rr) and not np.isfinite(found[0]):
        found[0] = 60 / float(np.median(rr))
    rate = found[0] if np.isfinite(found[0]) else USUAL[0]
    spread = max(np.exp(found[1]), LEAST_SPREAD) if np.isfinite(found[1]) else USUAL[1]
    pr = found[2] if np.isfinite(found[2]) else USUAL[2]
    share = found[3] if np.isfinite(found[3]) else 1.0
    if len(both) and not np.isfinite(found[3]):
        share = float(np.isfinite(both[:, P]).mean() > 0.5)
    rt = (both[:, T] - both[:, R])[np.isfinite(both[:, T])] if len(both) else np.zeros(0)
    irregular = len(rr) > 4 and bool(
        np.median(np.abs(np.diff(rr))) >= IRREGULAR * np.median(rr) and share < 0.5
    )
    return rate, float(spread), pr, share, float(np.median(rt)) if len(rt) else np.nan, irregular


def _annotated(known: KnownPart, notes: Annotations, seconds: float) -> Beats:
    """The beats that are annotated, with their P and T where these are annotated too."""
    own = np.isin(notes.symbol, list(AAMI_OF_SYMBOL))
    if not own.any():
        raise EcgsynthError(
            f"the annotations for {known.name} hold no beat; have the beats found with --events "
            "found."
        )
    count = len(notes)
    lead = np.full(count, -1, np.int16)
    marks = Marks(np.zeros(count, np.int64), lead, notes.sample, notes.symbol)
    spec = Spec(("I",), known.fs, 1)
    beats = events_of(Ecg(np.zeros((1, 1, 1), np.float32), spec, marks=marks))
    try:
        check_events(beats, seconds)
    except EcgsynthError as problem:
        raise EcgsynthError(
            f"the annotations do not fit {known.name}: {problem} Or have the beats found with "
            "--events found."
        ) from None
    exact = beats[0].astype(np.float64)
    exact[:, R] = np.sort(notes.sample[own]) / known.fs  # single precision is 8 ms after a day
    return exact


def _within(beats: Beats, start: float, stop: float) -> Beats:
    return beats[(beats[:, R] >= start) & (beats[:, R] < stop)]


def _in_order(beats: Beats) -> Beats:
    """In order of time, without those that come too soon after another."""
    beats = beats[np.argsort(beats[:, R], kind="stable")]
    keep, last = np.ones(len(beats), bool), -np.inf
    for k, time in enumerate(beats[:, R]):
        keep[k] = time - last >= NEAREST_S
        last = time if keep[k] else last
    return beats[keep]
