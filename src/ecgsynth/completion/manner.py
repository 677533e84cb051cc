"""A strip of a person's normal beats, in whose manner a recording is made."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.completion.beats import BeatSource
from ecgsynth.completion.known import KnownPart
from ecgsynth.completion.recorder import Strip
from ecgsynth.completion.windows import bridged, drawn_leads
from ecgsynth.datasets.leads import MAIN, choose_leads
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals import filters
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import KIND, P, R, T
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL
from ecgsynth.synthesizer.sampler import NetworkSampler

SHARE = 0.45
"""Of a window that the person's own strip takes: less than the half that models learned with."""

LEAST_BEATS = 3
SEARCHED_S = 60.0
"""So much of the recording is searched for normal beats, s."""

AFTER_R, BEFORE_R = 0.6, 0.4
"""A strip ends so far, in RR intervals, behind its last R, and begins so far before its first."""


def find_strip(like: Recording | Ecg, sampler: NetworkSampler) -> tuple[Strip, str]:
    """The first stretch of normal beats of a recording, at the rate of a model, and whose it is.

    Raises
    ------
    EcgsynthError: the recording has no lead of the model, is flat, upside down, too short, or has
        no stretch of normal beats.
    """
    recording = Recording.of(like) if isinstance(like, Ecg) else like
    if not isinstance(recording, Recording):
        raise EcgsynthError("like is a Recording or an Ecg, as es.read gives it.")
    spec = sampler.spec
    wanted = None
    if MAIN in spec.leads and MAIN not in recording.leads:  # leads are known by their places
        count = min(len(recording.leads), len(spec.leads))
        own = choose_leads(recording.name, recording.leads, spec.leads[:count])
        wanted = {lead: recording.leads[k] for lead, k in zip(spec.leads, own, strict=False)}
    known = KnownPart(recording, spec.leads, wanted)
    stop = min(known.samples, round(SEARCHED_S * known.fs))
    raw = known.read(0, stop)[drawn_leads(spec.leads)]
    there: NDArray[np.bool_] = np.asarray(np.isfinite(raw).any(1))
    filled = np.array([bridged(row) for row in raw])
    low, high = spec.band
    padding = round(2 * known.fs)
    wide = np.pad(filled, [(0, 0), (padding, padding)], mode="edge")
    clean = filters.bandpass(wide, known.fs, low, None)
    if high is not None and high < known.fs / 2:
        clean = filters.lowpass(clean, known.fs, high)
    signal = filters.resample(clean[:, padding:-padding], known.fs, spec.fs)
    strip = _normal(signal, there, raw, known, spec)
    return strip, known.name


def _normal(
    signal: NDArray[np.float32], there: NDArray[np.bool_], raw: NDArray[np.float32],
    known: KnownPart, spec: Spec,
) -> Strip:  # fmt: skip
    """The first stretch of normal beats that has no gap."""
    length = SHARE * spec.seconds
    seconds = raw.shape[1] / known.fs
    if seconds < length:
        raise EcgsynthError(
            f"{known.name} lasts {seconds:.2g} s; what a recording is to be like is a strip of "
            f"{length:g} s or more."
        )
    notes = known.recording.annotations
    annotated = np.isin(notes.symbol, list(AAMI_OF_SYMBOL)).any()
    source = BeatSource(known, notes if annotated else None, known.samples / known.fs, seed=0)
    beats = source.between(0, seconds)
    _check_upright(signal[there][0], beats, spec.fs, known.name)
    gap = np.asarray(np.isnan(raw[there]).any(0))
    for k in range(len(beats) - LEAST_BEATS + 1):
        rr = np.diff(beats[:, R])[k]
        start = max(beats[k, R] - BEFORE_R * rr, 0.0)
        own = beats[(beats[:, R] >= start) & (beats[:, R] < start + length)]
        stop = own[-1, R] + AFTER_R * rr
        if stop > start + length and len(own) > LEAST_BEATS:
            own = own[:-1]
            stop = own[-1, R] + AFTER_R * rr
        stop = min(stop, start + length, seconds)
        hole = gap[int(start * known.fs) : int(np.ceil(stop * known.fs))].any()
        if len(own) < LEAST_BEATS or (own[:, KIND] != 0).any() or hole:
            continue
        rows = slice(round(start * spec.fs), round(stop * spec.fs))
        strip = np.where(there[:, None], signal[:, rows], np.nan).astype(np.float32)
        moved = own.copy()
        moved[:, [R, P, T]] -= rows.start / spec.fs
        moved[~(moved[:, P] >= 0), P] = np.nan
        return Strip(strip, moved)
    raise EcgsynthError(
        f"no {LEAST_BEATS} normal beats in a row are in the first {seconds:.0f} s of {known.name}; "
        "give a strip of the person's usual rhythm."
    )


def _check_upright(lead: NDArray[np.float32], beats: NDArray, fs: float, name: str) -> None:
    """Refuse a main lead whose P, QRS and T all point down, as with swapped electrodes."""
    heights = []
    for column in (P, R, T):
        at = np.round(beats[np.isfinite(beats[:, column]), column] * fs).astype(int)
        at = at[(at >= 0) & (at < len(lead))]
        heights.append(float(np.median(lead[at])) if len(at) else np.nan)
    if all(height < 0 for height in heights):
        raise EcgsynthError(
            f"the main lead of {name} is upside down: P, QRS and T all point down, as with swapped "
            "electrodes; turn it over."
        )
