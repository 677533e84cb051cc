"""Samples of EDF and BDF on the disk, in mV, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.formats.edf.header import Channel, Header
from ecgsynth.formats.stream import Steps
from ecgsynth.signals.filters import resample
from ecgsynth.signals.units import per_mv

BLOCK_BYTES = 8 << 20


def record_blocks(
    path: Path, header: Header, first: int, stop: int
) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Number of the first record and bytes [record, byte] of some records at a time."""
    size = header.record_size
    step = max(1, BLOCK_BYTES // size)
    with open(path, "rb") as file:
        file.seek(header.size + first * size)
        for start in range(first, stop, step):
            count = min(step, stop - start)
            content = np.fromfile(file, np.uint8, count * size)
            yield start, content[: len(content) // size * size].reshape(-1, size)


def scale_of(channel: Channel) -> tuple[float, float]:
    """Steps per mV and the step of 0 mV; whole numbers where they are as good as whole."""
    step = (channel.physical[1] - channel.physical[0]) / (channel.digital[1] - channel.digital[0])
    gain = (per_mv(channel.unit) or 1.0) / step
    zero = channel.digital[0] - channel.physical[0] / step
    if abs(gain - round(gain)) < 1e-9 * abs(gain):
        gain = float(round(gain))
    return gain, float(round(zero)) if abs(zero - round(zero)) < 1e-3 else zero


class EdfSignal:
    """The wanted leads of a file on the disk, [lead, sample] in mV; see `recording.Signal`.

    Leads that are slower than the fastest are resampled to its rate as a whole, and all is read at
    the first access. Between records that do not follow each other (EDF+D) no value is.

    channels: numbers of the leads. begin_s: [record], s, where records do not follow each other.
    """

    def __init__(
        self, path: Path, header: Header, channels: Sequence[int], records: int,
        begin_s: NDArray[np.float64] | None = None,
    ) -> None:  # fmt: skip
        self._path, self._header, self._records = path, header, records
        self._numbers = list(channels)
        self._begin_s = begin_s
        sizes = [header.channels[k].samples for k in channels]
        self._alike = len({*sizes}) == 1
        self.fs = max(sizes) / header.duration
        self.shape = (len(sizes), self._begins(max(sizes))[1])

    def digitised(self) -> list[Steps | None]:
        """The steps of every lead; None where it was resampled, or no step is 0 mV."""
        scales = [scale_of(self._header.channels[k]) for k in self._numbers]
        return [
            Steps(gain, int(zero), 8 * self._header.width)
            if self._alike and zero.is_integer()
            else None
            for gain, zero in scales
        ]

    def __getitem__(self, at: tuple[slice, slice]) -> NDArray[np.float32]:
        rows, columns = at
        start, stop, _ = columns.indices(self.shape[1])
        if not self._alike:
            return self._all[rows, start:stop]
        return self._piece(self._numbers, start, stop)[rows]

    @cached_property
    def _all(self) -> NDArray[np.float32]:
        found = np.full(self.shape, np.nan, np.float32)
        for row, number in enumerate(self._numbers):
            channel = self._header.channels[number]
            wave = self._piece([number], 0, self._begins(channel.samples)[1])[0]
            faster = at_rate(wave, channel.samples / self._header.duration, self.fs)
            count = min(len(faster), self.shape[1])
            found[row, :count] = faster[:count]
        return found

    def _begins(self, per: int) -> tuple[NDArray[np.int64], int]:
        """First sample of every record, and samples in all, of a lead with so many a record."""
        if self._begin_s is None:
            return np.arange(self._records) * per, self._records * per
        first = np.round(self._begin_s * (per / self._header.duration)).astype(np.int64)
        return first, int(first[-1]) + per

    def _piece(self, numbers: Sequence[int], start: int, stop: int) -> NDArray[np.float32]:
        """[lead, stop - start] of leads of one rate."""
        channels = [self._header.channels[k] for k in numbers]
        per, width = channels[0].samples, self._header.width
        begins, _ = self._begins(per)
        found = np.full((len(numbers), stop - start), np.nan, np.float32)
        if stop <= start:
            return found
        first = max(0, int(np.searchsorted(begins, start, "right")) - 1)
        last = int(np.searchsorted(begins, stop, "left"))
        for record, raw in record_blocks(self._path, self._header, first, last):
            for row, (number, channel) in enumerate(zip(numbers, channels, strict=True)):
                at = self._header.begin(number)
                wave = _millivolts(raw[:, at : at + width * per], channel, width)
                for place, part in _runs(begins[record : record + len(raw)], wave, per):
                    low, high = max(place, start), min(place + len(part), stop)
                    if low < high:
                        found[row, low - start : high - start] = part[low - place : high - place]
        return found


def _runs(
    begins: NDArray[np.int64], wave: NDArray[np.float32], per: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """First sample and samples of records that follow each other."""
    breaks = np.flatnonzero(np.diff(begins) != per) + 1
    for rows in np.split(np.arange(len(wave)), breaks):
        if len(rows):
            yield int(begins[rows[0]]), wave[rows[0] : rows[-1] + 1].reshape(-1)


def _millivolts(raw: NDArray[np.uint8], channel: Channel, width: int) -> NDArray[np.float32]:
    """The samples [record, sample] of a channel."""
    raw = np.ascontiguousarray(raw)
    if width == 2:
        steps = raw.view("<i2")
    else:
        wide = np.zeros((len(raw), raw.shape[1] // 3, 4), np.uint8)
        wide[..., 1:] = raw.reshape(len(raw), -1, 3)
        steps = wide.view("<i4")[..., 0] >> 8
    gain, zero = scale_of(channel)
    return ((steps - zero) / gain).astype(np.float32)


def at_rate(wave: NDArray[np.float32], own_fs: float, fs: float) -> NDArray[np.float32]:
    """A lead at the rate of a faster one; what is missing stays missing."""
    if own_fs == fs:
        return wave
    missing = np.isnan(wave)
    samples = round(len(wave) * fs / own_fs)
    faster = resample(np.where(missing, 0, wave), own_fs, fs)[:samples]
    if missing.any():
        faster[missing[(np.arange(len(faster)) * (own_fs / fs)).astype(np.int64)]] = np.nan
    return faster
