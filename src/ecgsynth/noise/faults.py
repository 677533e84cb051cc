"""Faults of a recorder: leads that are off, saturation, and the steps of its converter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, check_integer, check_number, check_positive
from ecgsynth.signals.draft import Draft, Piece
from ecgsynth.signals.ecg import Ecg

Wave = NDArray[np.float32]

OFF_S = (3.0, 60.0)
"""Length of a stretch without a lead."""

DRIFT_S = 0.8
"""Within which the amplifier drifts to its end when a lead comes off."""

RAIL_MV = 5.0


BLOCK_S = 600.0
"""When leads come off within so many seconds comes of one stream of random numbers."""


def lose_leads(ecg: Ecg, per_hour: float, rail_mv: float = RAIL_MV, seed: int = 0) -> Ecg:
    """Leads that come off now and then: the amplifier drifts to one end of its range and stays.

    per_hour: times an hour, each in one lead for 3 to 60 s. rail_mv: the end of the range.

    Raises
    ------
    EcgsynthError: a number is none, or below 0.
    """
    return _each(ecg, Faults(per_hour, rail_mv, seed=seed))


def take_off(part: Wave, fs: float, end_mv: float, since: int = 0) -> None:
    """Samples of a lead as they are once it is off, in place: a drift to one end of the range.

    since: samples since it came off.
    """
    time = np.arange(since, since + len(part)) / fs
    part[:] = end_mv + (part - end_mv) * np.exp(-time / DRIFT_S * 4)


def saturate(ecg: Ecg, range_mv: float) -> Ecg:
    """The signal cut off at the ends of a range, plus and minus so many mV.

    Raises
    ------
    EcgsynthError: the range is no number above 0.
    """
    return _each(ecg, Faults(range_mv=range_mv))


def convert(ecg: Ecg, step_mv: float) -> Ecg:
    """The signal in whole steps of a converter.

    step_mv: of one step, as in .005 for 200 steps a mV.

    Raises
    ------
    EcgsynthError: the step is no number above 0.
    """
    return _each(ecg, Faults(step_mv=step_mv))


def _each(ecg: Ecg, faults: Faults) -> Ecg:
    """Every item with these faults."""
    check_instance(ecg, Ecg, "what has faults is an Ecg, as es.draw_rhythm gives it")
    parts = [faults.apply(one, 0, ecg.spec.fs, k) for k, one in enumerate(ecg.signal)]
    return replace(ecg, signal=np.stack(parts) if parts else ecg.signal)


@dataclass(frozen=True)
class Faults:
    """The faults of a recorder, in the order in which they come.

    per_hour: how often a lead comes off, an hour. rail_mv: where the amplifier then stays.
    range_mv: where the signal saturates, step_mv: of the converter; None: neither.

    Raises
    ------
    EcgsynthError: a number is none, or beyond its limits.
    """

    per_hour: float = 0.0
    rail_mv: float = RAIL_MV
    range_mv: float | None = None
    step_mv: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        check_number(self.per_hour, "how often leads come off, an hour,", 0, 600)
        check_positive(self.rail_mv, "the end of the range, in mV,")
        if self.range_mv is not None:
            check_positive(self.range_mv, "the range, in mV,")
        if self.step_mv is not None:
            check_positive(self.step_mv, "the step of a converter, in mV,")
        check_integer(self.seed, "the seed")

    def draft(self, draft: Draft) -> Draft:
        """A recording that is about to be made, with the faults."""

        def pieces() -> Iterator[Piece]:
            start = 0
            for piece in draft.pieces():
                signal = self.apply(piece.signal, start, draft.head.spec.fs)
                yield Piece(signal, piece.marks)
                start += signal.shape[1]

        return Draft(draft.head, pieces)

    def apply(self, signal: Wave, start: int, fs: float, item: int = 0) -> Wave:
        """[lead, sample] of a piece that begins at this sample of its item."""
        if self.per_hour:
            signal = self._lose(signal.copy(), start, fs, item)
        if self.range_mv is not None:
            signal = np.clip(signal, -self.range_mv, self.range_mv)
        if self.step_mv is None:
            return signal
        whole = np.round(signal.astype(np.float64) / self.step_mv) * self.step_mv
        return whole.astype(np.float32)

    def _lose(self, signal: Wave, start: int, fs: float, item: int) -> Wave:
        leads, samples = signal.shape
        begin_s, end_s = start / fs - OFF_S[1], (start + samples) / fs
        for block in range(max(0, int(begin_s // BLOCK_S)), int(end_s // BLOCK_S) + 1):
            random = np.random.default_rng([self.seed, 7, item, block])
            for _ in range(random.poisson(self.per_hour * BLOCK_S / 3600)):
                lead = int(random.integers(leads))
                begin = round((block + random.uniform()) * BLOCK_S * fs) - start
                stop = begin + round(random.uniform(*OFF_S) * fs)
                end = self.rail_mv * (1 if random.uniform() < 0.5 else -1)
                rows = slice(min(max(begin, 0), samples), min(max(stop, 0), samples))
                take_off(signal[lead, rows], fs, end, rows.start - begin)
        return signal
