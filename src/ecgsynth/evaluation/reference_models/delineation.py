"""Onset, peak and end of P, QRS and T: a fixed network, tested against manual annotations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.fiducials import Fiducials
from ecgsynth.signals.filters import resample
from ecgsynth.signals.vocabulary import FIDUCIALS

if TYPE_CHECKING:
    from ecgsynth.evaluation.reference_models.unet import Network, UNet1D

SHIPPED = Path(str(files("ecgsynth"))) / "pretrained" / "instruments" / "delineator.safetensors"

SHORTEST_S = 0.4
"""A shorter item contains no beat, s."""

SHORTEST_WAVE_S = (0.0, 0.03, 0.03, 0.06)
"""Least length of background, P, QRS and T, s; shorter segments are noise of the network."""

BRIDGED_S = 0.03
"""Two segments of one wave with a shorter gap are joined."""

P_TO_QRS_S = 0.4
"""A P wave that ends earlier before a QRS does not belong to it."""

R_SHARE = 0.05
"""An upward deflection of this share of the downward one is the R that annotators mark."""

PIECE_S, OVERLAP_S = 10.0, 2.0
"""Items of more than two pieces are classified piece by piece; neighbours overlap by so much, s."""

SAMPLES_AT_ONCE = 262_144
P, QRS, T = 1, 2, 3


def delineate(signal: NDArray, fs: float, net: Network | None = None) -> Fiducials:
    """The fiducial points of every beat, detected in each lead separately.

    A small U-Net classifies every sample at 250 Hz; a boundary is the point between samples where
    two classes are equally probable. Waves are assigned to beats: a P to the next QRS, a T to the
    QRS before it, and a wave without a QRS to none.

    The delineators in neurokit2 need several beats; this one accepts a single beat as well as a
    record. On the same held-out people the SD of its QRS onset is 7 ms in lead II and 8 ms over all
    leads; in neurokit2 it is 11 and 21 ms at best (`prominence`), 39 and 45 ms by default (`dwt`).
    `delineator_errors` returns the table, `benchmarks/neurokit.py` measures both. One set of points
    for all leads of an item: `ecgsynth.evaluation.reference_models.voting`.

    Parameters
    ----------
    signal: [item, sample], or [item, lead, sample], mV or any other unit. fs: Hz.
    net: a network to use instead of the shipped one.

    Returns
    -------
    Points [item, beat, 9], or [item, lead, beat, 9], NaN if a wave is absent or cut off.

    Raises
    ------
    EcgsynthError: the items are too short for a beat, or the network is not shipped.

    References
    ----------
    Moskalenko et al., Advances in Neural Computation, Machine Learning, and Cognitive Research III
    (2020), for the U-Net on this database.
    """
    signal = np.asarray(signal, np.float32)
    if signal.ndim not in (2, 3) or signal.shape[-1] < SHORTEST_S * fs:
        raise EcgsynthError(
            f"a signal of shape {signal.shape} at {fs:g} Hz cannot be delineated; give [item, "
            f"sample] or [item, lead, sample] with {SHORTEST_S:g} s or more."
        )
    flat = np.nan_to_num(signal.reshape(-1, signal.shape[-1]))
    probability = wave_probabilities(net or delineator()[0], flat, fs)
    points = points_of_waves(probability, flat, fs)
    return Fiducials(points.reshape(*signal.shape[:-1], *points.shape[1:]), fs)


def wave_probabilities(net: Network, signal: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """[item, wave, sample] at 250 Hz."""
    from ecgsynth.evaluation.reference_models.unet import FS, WAVES

    wave = resample(signal, fs, FS)
    samples, piece, half = wave.shape[1], round(PIECE_S * FS), round(OVERLAP_S * FS / 2)
    if samples <= 2 * piece:
        return _classified(net, wave)
    found = np.zeros((len(wave), len(WAVES), samples), np.float32)
    for start in range(0, samples - 2 * half, piece - 2 * half):
        first = min(start, samples - piece)
        skip = half if first else 0  # which the piece before has already
        part = _classified(net, wave[:, first : first + piece])
        found[..., first + skip : first + piece] = part[..., skip:]
    return found


def _classified(net: Network, wave: NDArray[np.float32]) -> NDArray[np.float32]:
    """[item, wave, sample] of items of one piece."""
    import torch

    at_once, found = max(1, SAMPLES_AT_ONCE // wave.shape[1]), []
    with torch.inference_mode():
        for start in range(0, len(wave), at_once):
            part = torch.from_numpy(np.ascontiguousarray(wave[start : start + at_once]))
            found.append(net(part).softmax(1).numpy())
    return np.concatenate(found) if found else np.zeros((0, 4, wave.shape[1]), np.float32)


def points_of_waves(
    probability: NDArray[np.float32], signal: NDArray[np.float32], fs: float
) -> NDArray[np.float64]:
    """[item, beat, 9] positions in samples of `signal` from the probabilities of the waves.

    signal: [item, sample], or [item, lead, sample] of leads that have their peaks together.
    """
    from ecgsynth.evaluation.reference_models.unet import FS

    item, wave, start, stop, mass = _segments(probability, FS)
    owner = _owners(item, wave, start, stop, mass, P_TO_QRS_S * FS)
    of_item = item[wave == QRS]
    number = np.arange(len(of_item)) - np.searchsorted(of_item, of_item)  # of the beat in its item
    rows = np.flatnonzero(owner >= 0)
    item, wave, start, stop, owner = (x[rows] for x in (item, wave, start, stop, owner))
    # The onset and end of a wave are its first and last sample, not the boundaries between samples.
    onset = (_edge(probability, item, wave, start) + 0.5) * fs / FS
    offset = (_edge(probability, item, wave, stop) - 0.5) * fs / FS
    if signal.ndim == 2:
        peak = _peaks(signal, item, onset, offset, np.where(wave == QRS, R_SHARE, 1.0))
    else:
        peak = _peaks_together(signal, item, onset, offset)
    # A wave cut off at an end of the item lacks that point, and its peak is uncertain.
    begins, ends = start > 0, stop < probability.shape[-1]
    points = np.full((len(signal), int(number.max(initial=-1)) + 1, len(FIDUCIALS)), np.nan)
    for k, (at, known) in enumerate(((onset, begins), (peak, begins & ends), (offset, ends))):
        points[item, number[owner], 3 * (wave - 1) + k] = np.where(known, at, np.nan)
    return points


def _owners(
    item: NDArray, wave: NDArray, start: NDArray, stop: NDArray, mass: NDArray, reach: float
) -> NDArray[np.int64]:
    """[wave] number of the QRS, over all items, that a wave belongs to; -1 = none.

    The waves are sorted by item and time. Of several T after a QRS the most probable is kept, of
    several P before it the last; `reach` is the longest distance from P to QRS, in samples.
    """
    qrs = np.flatnonzero(wave == QRS)
    seen = np.cumsum(wave == QRS)
    owner = np.full(len(wave), -1)
    owner[qrs] = np.arange(len(qrs))
    for kind, beat in ((T, seen - 1), (P, seen)):
        rows = np.flatnonzero((wave == kind) & (beat >= 0) & (beat < len(qrs)))
        rows = rows[item[qrs[beat[rows]]] == item[rows]]
        if kind == P:
            rows = rows[start[qrs[beat[rows]]] - stop[rows] <= reach]
        else:
            rows = rows[np.argsort(mass[rows], kind="stable")]
        chosen = np.full(len(qrs), -1)
        chosen[beat[rows]] = rows  # of several, the last one is kept
        owner[chosen[chosen >= 0]] = np.flatnonzero(chosen >= 0)
    return owner


def _segments(probability: NDArray[np.float32], fs: float) -> tuple[NDArray[Any], ...]:
    """(item, wave, first sample, sample after the last, summed probability) of every wave."""
    named = probability.argmax(1)
    samples = named.shape[1]
    item, wave, start, stop = _runs(named)
    # Remove short segments first, then join the segments that they had split.
    shortest = np.array(SHORTEST_WAVE_S)[wave] * fs
    kept = (wave > 0) & (stop - start >= np.minimum(shortest, BRIDGED_S * fs))
    item, wave, start, stop = (column[kept] for column in (item, wave, start, stop))
    new = np.ones(len(item), bool)
    new[1:] = (np.diff(item) != 0) | (np.diff(wave) != 0) | (start[1:] - stop[:-1] > BRIDGED_S * fs)
    head = np.flatnonzero(new)
    tail = np.append(head[1:], len(item)) - 1 if len(item) else head
    item, wave, start, stop = item[head], wave[head], start[head], stop[tail]
    edge = (start == 0) | (stop == samples)
    kept = edge | (stop - start >= np.array(SHORTEST_WAVE_S)[wave] * fs)
    item, wave, start, stop = (column[kept] for column in (item, wave, start, stop))
    total = np.zeros((*probability.shape[:2], samples + 1))
    np.cumsum(probability, -1, out=total[..., 1:])
    return item, wave, start, stop, total[item, wave, stop] - total[item, wave, start]


def _runs(named: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """(item, wave, start, stop) of every run of equal values."""
    change = np.ones(named.shape, bool)
    change[:, 1:] = named[:, 1:] != named[:, :-1]
    item, start = np.nonzero(change)
    stop = np.append(start[1:], 0)
    last = np.append(item[1:] != item[:-1], True)
    return item, named[item, start], start, np.where(last, named.shape[1], stop)


def _edge(
    probability: NDArray[np.float32], item: NDArray, wave: NDArray, at: NDArray
) -> NDArray[np.float64]:
    """Where the wave's probability exceeds all others, between the samples at - 1 and at."""
    right = np.clip(at, 1, probability.shape[-1] - 1)
    a = 2.0 * probability[item, wave, right - 1] - 1
    b = 2.0 * probability[item, wave, right] - 1
    share = np.where(a * b < 0, a / np.where(a == b, 1, a - b), 0.5)
    return np.where(at == right, right - 1 + share, at)


def _peaks(
    signal: NDArray[np.float32], item: NDArray, onset: NDArray, offset: NDArray, upright: NDArray
) -> NDArray[np.float64]:
    """The sample with the largest distance from the line between a wave's ends.

    upright: the maximum is the peak if its height is at least this share of the minimum's depth.
    """
    found = np.zeros(len(item))
    for rows, left, away in _distances(signal[:, None], item, onset, offset):
        one = away[:, 0]
        crest = one.max(1) >= -upright[rows] * one.min(1)
        found[rows] = left + np.where(crest, one.argmax(1), one.argmin(1))
    return found


def _peaks_together(
    signal: NDArray[np.float32], item: NDArray, onset: NDArray, offset: NDArray
) -> NDArray[np.float64]:
    """The sample where the squared distances of all leads are largest in sum."""
    found = np.zeros(len(item))
    for rows, left, away in _distances(signal, item, onset, offset):
        found[rows] = left + np.square(away).sum(1).argmax(1)
    return found


def _distances(
    signal: NDArray[np.float32], item: NDArray, onset: NDArray, offset: NDArray
) -> Iterator[tuple[slice, NDArray[np.int64], NDArray[np.float64]]]:
    """(rows, first sample of each, [row, lead, sample] distances from the line between the ends of
    a wave, 0 beyond them) of some waves after the others."""
    last = signal.shape[-1] - 1
    left = np.clip(np.floor(onset).astype(int), 0, last)
    right = np.clip(np.ceil(offset).astype(int), 0, last)
    width = int((right - left).max(initial=0)) + 1
    step = max(1, 2_000_000 // (width * signal.shape[1]))
    for begin in range(0, len(item), step):
        rows = slice(begin, begin + step)
        at = left[rows, None] + np.arange(width)
        where = item[rows, None, None], np.arange(signal.shape[1])[:, None]
        values = signal[(*where, np.minimum(at, last)[:, None])].astype(np.float64)
        first, final = values[..., :1], signal[(*where, right[rows, None, None])]
        share = np.arange(width) / np.maximum(right[rows] - left[rows], 1)[:, None]
        away = values - first - share[:, None] * (final - first)
        yield rows, left[rows], np.where((at <= right[rows, None])[:, None], away, 0.0)


def delineator_errors() -> list[dict[str, Any]]:
    """The shipped delineator against manual annotations of people that it was not trained on.

    One row per fiducial and set of leads: `fiducial`, `leads` ("II" or "all"), `mean_ms` and
    `sd_ms` (detected - annotated), `sensitivity`, `precision` (shares; tolerance 150 ms,
    Martinez et al., IEEE TBME 51:570, 2004) and `marks`. Empty if no delineator is shipped.
    """
    return list(delineator()[1]["errors"]) if SHIPPED.is_file() else []


@lru_cache(maxsize=1)
def delineator() -> tuple[UNet1D, dict[str, Any]]:
    """The shipped delineator: network and facts (training people, table of errors, hash)."""
    from ecgsynth.evaluation.reference_models.unet import load_delineator

    return load_delineator(SHIPPED)
