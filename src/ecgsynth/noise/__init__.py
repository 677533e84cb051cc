"""Noise as in life, added to a signal that stays known: sources, a schedule of SNR, faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, check_integer, check_names
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.noise.schedule import Span, name_schedule, parse_schedule
from ecgsynth.noise.sources import MODELLED, TITLES, Recorded, noise_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, limb_leads

QRS_S = 0.05
"""The amplitude of QRS is measured so far before and after R (PhysioNet's sigamp)."""

TRIMMED = 0.05
"""Share of the smallest and of the largest amplitudes that do not count (sigamp)."""

EDGE_S = 0.05
"""Within which noise begins and ends."""

CHANGED = "~"
"""WFDB's symbol of a change of signal quality."""


class Noisy(NamedTuple):
    """A noisy signal, and the same without noise; marks of both are the truth."""

    noisy: Ecg
    clean: Ecg


def add_recording_noise(
    ecg: Ecg,
    kinds: Sequence[str] = ("electrode",),
    snr: str | float = 12.0,
    seed: int = 0,
    recorded: Mapping[str, Recorded] | None = None,
) -> Noisy:
    """Recordings with noise of some kinds, at a signal-to-noise ratio that may change over time.

    The ratio is that of PhysioNet's nst: power of the signal, the squared peak-to-peak amplitude of
    QRS over 8, over the power of the noise. Each lead has its own ratio. Limb leads follow from I
    and II, as in life. A `~` marks each change.

    Parameters
    ----------
    kinds: of `sources.MODELLED`, or of `recorded` (bw, ma, em of the Noise Stress Test Database).
    snr: dB, or a schedule such as "24 dB 2 min; clean 2 min", which comes again and again, or
        "stress 12": five clean minutes, then two noisy and two clean ones in turn.
    seed: of the noise. recorded: name -> noise of a database, where it is at hand.

    Raises
    ------
    EcgsynthError: an unknown kind, a fault in the schedule, no beats to measure the signal by.
    """
    check_instance(ecg, Ecg, "noise is added to an Ecg, as es.draw_rhythm gives it")
    seed = check_integer(seed, "the seed")
    known = {**dict.fromkeys(MODELLED), **(recorded or {})}
    names = check_names(kinds, "the kinds of noise")
    for name in names:
        if name not in known:
            raise EcgsynthError(f"no noise is named '{name}'.{did_you_mean(name, known)}")
    spans = parse_schedule(snr, ecg.spec.seconds)
    signal = ecg.signal.astype(np.float32, copy=True)
    for item in range(len(ecg)):
        random = np.random.default_rng([seed, item])
        leads, samples = signal[item].shape
        noise = np.zeros((leads, samples), np.float32)
        for name in names:
            noise += noise_of(name, random, leads, samples, ecg.spec.fs, known[name])
        noise *= _gains(ecg, item, noise, spans)
        _follow_limb_leads(ecg.spec.leads, noise)
        signal[item] += noise
    words = " and ".join(TITLES[name] for name in names)
    source = f"{ecg.source} with {words} at {name_schedule(snr)}"
    marks = _with_changes(ecg, spans)
    return Noisy(replace(ecg, signal=signal, marks=marks, source=source), ecg)


def qrs_amplitude(ecg: Ecg, item: int) -> NDArray[np.float64]:
    """[lead] peak-to-peak amplitude of QRS, mV: the mean of beats, the most extreme left out.

    Raises
    ------
    EcgsynthError: no beat of the item is marked.
    """
    marks, reach = ecg.marks, max(1, round(QRS_S * ecg.spec.fs))
    at = np.zeros(0, np.int64)
    if marks is not None:
        beat = (marks.item == item) & np.isin(marks.symbol, [*AAMI_OF_SYMBOL])
        at = marks.sample[beat]
    at = at[(at >= reach) & (at < ecg.spec.samples - reach)]
    if not len(at):
        raise EcgsynthError(
            f"item {item} of {ecg.source} has no marked beats, by which a ratio of signal to noise "
            "is measured; annotate it first."
        )
    if len(at) > 2000:  # of a day, beats spread over all of it
        at = at[:: len(at) // 1000]
    windows = ecg.signal[item][:, at[:, None] + np.arange(-reach, reach + 1)]
    size = np.sort(np.ptp(windows, axis=-1), axis=-1)
    cut = int(TRIMMED * len(at))
    return np.asarray(size[:, cut : len(at) - cut].mean(-1), np.float64)


def _gains(ecg: Ecg, item: int, noise: NDArray, spans: Sequence[Span]) -> NDArray[np.float32]:
    """[lead, sample] by which noise is multiplied."""
    fs, samples = ecg.spec.fs, ecg.spec.samples
    rms = np.sqrt((noise.astype(np.float64) ** 2).mean(-1))
    wanted = qrs_amplitude(ecg, item) / np.sqrt(8) / np.maximum(rms, 1e-9)
    level = np.zeros(samples, np.float32)
    for start, stop, ratio in spans:
        if ratio is not None:
            level[round(start * fs) : round(stop * fs)] = 10 ** (-ratio / 20)
    width = max(1, round(EDGE_S * fs))
    if np.ptp(level) > 0:
        level = np.convolve(np.pad(level, width, mode="edge"), np.ones(width) / width, "same")[
            width:-width
        ]
    return np.asarray(wanted[:, None] * level, np.float32)


def _follow_limb_leads(leads: Sequence[str], noise: NDArray[np.float32]) -> None:
    """Noise of limb leads follows from that of I and II."""
    if {"I", "II"} <= {*leads}:
        found = limb_leads(noise[leads.index("I")], noise[leads.index("II")])
        for name in {*found} & {*leads}:
            noise[leads.index(name)] = found[name]


def _with_changes(ecg: Ecg, spans: Sequence[Span]) -> Marks | None:
    """The marks with a change of quality where noise begins or ends."""
    if ecg.marks is None:
        return None
    starts = np.array([round(start * ecg.spec.fs) for start, _, _ in spans if start > 0], np.int64)
    item = np.repeat(np.arange(len(ecg)), len(starts))
    at = np.tile(starts, len(ecg))
    items = np.concatenate([ecg.marks.item, item])
    sample = np.concatenate([ecg.marks.sample, at])
    order = np.lexsort((sample, items))
    return Marks(
        items[order],
        np.concatenate([ecg.marks.lead, np.full(len(at), -1)])[order],
        sample[order],
        np.concatenate([ecg.marks.symbol, np.full(len(at), CHANGED)])[order],
    )
