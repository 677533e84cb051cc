"""Noise as in life, added to a signal that stays known: sources, a schedule of SNR, faults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, check_integer, check_names
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.noise.schedule import Schedule, name_schedule
from ecgsynth.noise.sources import KINDS, TITLES, NoiseSource, Recorded
from ecgsynth.signals.draft import Draft, Piece, placeholder
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, limb_leads

QRS_S = 0.05
"""The amplitude of QRS is measured so far before and after R (PhysioNet's sigamp)."""

TRIMMED = 0.05
"""Share of the smallest and of the largest amplitudes that do not count (sigamp)."""

MOST_BEATS = 300
"""Beats from the beginning on by which the amplitude is measured, as by sigamp."""

SEARCHED_S = 3600.0
"""They lie within so many seconds."""

BEATS = [*AAMI_OF_SYMBOL]

DERIVED = ("III", "aVR", "aVL", "aVF")

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
    QRS over 8, over the power of the noise in blocks of five minutes. Each lead has its own ratio.
    Limb leads follow from I and II, as in life. A `~` marks each change.

    Parameters
    ----------
    kinds: of `sources.KINDS`, or of `recorded` (bw, ma, em of the Noise Stress Test Database).
    snr: dB, or a schedule such as "24 dB 2 min; clean 2 min", which comes again and again, or
        "stress 12": five clean minutes, then two noisy and two clean ones in turn.
    seed: of the noise. recorded: name -> noise of a database, where it is at hand.

    Raises
    ------
    EcgsynthError: an unknown kind, a fault in the schedule, no beats to measure the signal by.
    """
    check_instance(ecg, Ecg, "noise is added to an Ecg, as es.draw_rhythm gives it")
    items = [
        add_noise(Draft.of(ecg, k), kinds, snr, seed, recorded, item=k).ecg()
        for k in range(len(ecg))
    ]
    if not items:
        return Noisy(ecg, ecg)
    marks = [one.marks for one in items if one.marks is not None]
    noisy = replace(
        ecg, signal=np.concatenate([one.signal for one in items]), source=items[0].source,
        marks=Marks.join(marks, [1] * len(marks)),
    )  # fmt: skip
    return Noisy(noisy, ecg)


def add_noise(
    draft: Draft,
    kinds: Sequence[str] = ("electrode",),
    snr: str | float = 12.0,
    seed: int = 0,
    recorded: Mapping[str, Recorded] | None = None,
    item: int = 0,
) -> Draft:
    """The same to a recording that is about to be made, piece by piece.

    item: its number in a set; others are as in `add_recording_noise`. That there are beats to
    measure the signal by is known with the first pieces.
    """
    known = {**dict.fromkeys(KINDS), **(recorded or {})}
    names = check_names(kinds, "the kinds of noise")
    for name in names:
        if name not in known:
            raise EcgsynthError(f"no noise is named '{name}'.{did_you_mean(name, known)}")
    schedule, seed = Schedule.parse(snr), check_integer(seed, "the seed")
    spec = draft.head.spec
    words = " and ".join(TITLES[name] for name in names)
    head = replace(draft.head, source=f"{draft.head.source} with {words} at {name_schedule(snr)}")
    rows = [k for k, lead in enumerate(spec.leads) if not (
        lead in DERIVED and {"I", "II"} <= {*spec.leads})]  # fmt: skip

    def pieces() -> Iterator[Piece]:
        size, parts = _measured(draft)
        wanted = (size[rows] / np.sqrt(8)).astype(np.float32)[:, None]
        source = NoiseSource(names, [seed, item], len(rows), spec.samples, spec.fs, known)
        start = 0
        for piece in parts:
            stop = start + piece.signal.shape[1]
            noise = source.read(start, stop)
            noise *= wanted * schedule.level(start, stop, spec.fs, spec.samples)
            noisy = piece.signal + _all_leads(noise, rows, spec.leads)
            yield Piece(noisy, _with_changes(piece.marks, schedule, start, stop, spec.fs))
            start = stop

    return Draft(head, pieces)


def _measured(draft: Draft) -> tuple[NDArray[np.float64], Iterator[Piece]]:
    """[lead] amplitude of QRS, mV, and all pieces, of which the first are in memory."""
    pieces, first, spec = draft.pieces(), list[Piece](), draft.head.spec
    reach, beats, samples = _reach(spec.fs), 0, 0
    for piece in pieces:
        first.append(piece)
        samples += piece.signal.shape[1]
        beats += int(np.isin(piece.marks.symbol, BEATS).sum())
        if beats > MOST_BEATS + 2 or samples > SEARCHED_S * spec.fs + reach:
            break
    whole = Draft(
        replace(draft.head, signal=placeholder(len(spec.leads), samples),
                spec=replace(spec, samples=samples)), lambda: iter(first),
    )  # fmt: skip
    return qrs_amplitude(whole.ecg(), 0), chain(first, pieces)


def qrs_amplitude(ecg: Ecg, item: int) -> NDArray[np.float64]:
    """[lead] peak-to-peak amplitude of QRS, mV: the mean of the first beats, of which the most
    extreme are left out.

    Raises
    ------
    EcgsynthError: no beat of the item is marked.
    """
    marks, reach = ecg.marks, _reach(ecg.spec.fs)
    at = np.zeros(0, np.int64)
    if marks is not None:
        beat = (marks.item == item) & np.isin(marks.symbol, BEATS)
        at = marks.sample[beat]
    at = at[(at >= reach) & (at < ecg.spec.samples - reach) & (at < SEARCHED_S * ecg.spec.fs)]
    at = at[:MOST_BEATS]
    if not len(at):
        raise EcgsynthError(
            f"item {item} of {ecg.source} has no marked beats in its first hour, by which a ratio "
            "of signal to noise is measured; annotate it first."
        )
    windows = ecg.signal[item][:, at[:, None] + np.arange(-reach, reach + 1)]
    size = np.sort(np.ptp(windows, axis=-1), axis=-1)
    cut = int(TRIMMED * len(at))
    return np.asarray(size[:, cut : len(at) - cut].mean(-1), np.float64)


def _reach(fs: float) -> int:
    return max(1, round(QRS_S * fs))


def _all_leads(
    noise: NDArray[np.float32], rows: Sequence[int], leads: Sequence[str]
) -> NDArray[np.float32]:
    """Noise of all leads from that of some: limb leads follow from I and II."""
    if len(rows) == len(leads):
        return noise
    every = np.empty((len(leads), noise.shape[1]), np.float32)
    every[rows] = noise
    found = limb_leads(every[leads.index("I")], every[leads.index("II")])
    for name in {*found} & {*leads}:
        every[leads.index(name)] = found[name]
    return every


def _with_changes(marks: Marks, schedule: Schedule, start: int, stop: int, fs: float) -> Marks:
    """The marks of a piece with a change of quality where noise begins or ends."""
    spans = schedule.between(max(start - 1, 0) / fs, (stop + 1) / fs)
    starts = [span.start_s for span in spans if span.start_s > 0]
    at = np.round(np.array(starts) * fs).astype(np.int64) - start
    at = at[(at >= 0) & (at < stop - start)]
    sample = np.concatenate([marks.sample, at])
    order = np.argsort(sample, kind="stable")
    return Marks(
        np.zeros(len(order), np.int64),
        np.concatenate([marks.lead, np.full(len(at), -1)])[order],
        sample[order],
        np.concatenate([marks.symbol, np.full(len(at), CHANGED)])[order],
    )
