"""Reading WFDB: one recording with its annotations, in mV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth import arguments
from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.stream import Steps
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.formats.wfdb.header import (
    DEFAULT_FS,
    DEFAULT_GAIN,
    GAP,
    Header,
    Signal,
    read_header,
)
from ecgsynth.formats.wfdb.samples import frames_held, frames_of, read_samples
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.filters import resample
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.units import per_mv

MOST_EMPTY = 250_000_000
"""Samples (1 GB) of a recording that may be declared without a file that holds them."""

MOST_RATIO = 1000
"""How many times as fast one lead of a recording may be as another."""


WIDE = {24: 32, 32: 32, 524: 32}
"""Formats of more than 16 bits -> bits in which their samples are written again."""


class WfdbSignal:
    """The wanted leads of a record on the disk, [lead, sample] in mV; see `recording.Signal`.

    A piece of it is read from the parts of the record that it lies in. Where leads differ in
    rate, the slower ones are resampled as a whole, and all is read at the first access.
    """

    def __init__(
        self, path: Path, parts: list[tuple[int, Header | None]], wanted: tuple[str, ...],
        per_frame: int, fs: float,
    ) -> None:  # fmt: skip
        self._path, self._parts, self._wanted = path, parts, wanted
        self._per_frame, self._fs = per_frame, fs
        self.shape = (len(wanted), sum(frames for frames, _ in parts) * per_frame)
        rates = {signal.per_frame for _, signal in _used(parts, wanted)}
        self._alike = len(rates) <= 1

    def digitised(self) -> list[Steps | None]:
        """The steps of every lead; None where its parts differ or it was resampled."""
        found: list[set[Steps]] = [set() for _ in self._wanted]
        for frames, part in self._parts:
            if part is None or not frames:
                continue
            for row, number in _numbers(part, self._wanted).items():
                one = part.signals[number]
                gain = (one.gain or DEFAULT_GAIN) * (per_mv(one.unit) or 1.0)
                found[row].add(Steps(gain, one.baseline, WIDE.get(one.format, 16)))
        return [next(iter(one)) if len(one) == 1 and self._alike else None for one in found]

    def __getitem__(self, at: tuple[slice, slice]) -> NDArray[np.float32]:
        rows, columns = at
        start, stop, _ = columns.indices(self.shape[1])
        if not self._alike:
            return self._all[rows, start:stop]
        first, last = start // self._per_frame, -(-stop // self._per_frame)
        begin = first * self._per_frame
        return self._frames(first, last)[rows, start - begin : stop - begin]

    @cached_property
    def _all(self) -> NDArray[np.float32]:
        return self._frames(0, self.shape[1] // self._per_frame)

    def _frames(self, first: int, last: int) -> NDArray[np.float32]:
        """[lead, sample] from one frame of the record up to another."""
        found = np.full((len(self._wanted), (last - first) * self._per_frame), np.nan, np.float32)
        begin = 0
        for frames, part in self._parts:
            start, stop = max(first - begin, 0), min(last - begin, frames)
            if part is not None and start < stop:
                at = (begin + start - first) * self._per_frame
                length = (stop - start) * self._per_frame
                numbers = _numbers(part, self._wanted)
                for row, wave in _millivolts(part, numbers, self._fs, start, stop):
                    found[row, at : at + length] = wave
            begin += frames
        return found


def open_recording(
    path: Path, leads: tuple[str, ...] | None = None, annotations: str | None = None
) -> Recording:
    """A record whose signals stay on the disk until a piece of them is asked for.

    Parameters, and errors of headers and annotations, are those of `read_recording`; a checksum is
    compared where a file is read as a whole.
    """
    path = Path(path)
    try:
        return _recording(path, leads, annotations)
    except OSError as problem:
        raise _cannot_be_read(path, problem) from None


def read_recording(
    path: Path, leads: tuple[str, ...] | None = None, annotations: str | None = None
) -> Recording:
    """Read `path`.hea, its signal files and, where named, the annotation file.

    leads: names, in order; by default every signal whose unit is a voltage. All are given at the
    rate of the fastest of them. A record of several segments is one recording, NaN where a
    segment lacks a lead.

    Raises
    ------
    EcgsynthError: a file is missing, cut short or corrupt (by the header's checksum), a lead is
        not there or there twice, or its unit is not a voltage. Annotations before the beginning
        and past the end are left out.
    """
    recording = open_recording(path, leads, annotations)
    try:
        return replace(recording, data=recording.read())
    except OSError as problem:
        raise _cannot_be_read(Path(path), problem) from None


def _cannot_be_read(path: Path, problem: OSError) -> DamagedFileError:
    name = Path(problem.filename or path).name
    return DamagedFileError(f"{name} cannot be read ({problem.strerror}).")


def read_outline(path: Path, leads: tuple[str, ...] | None = None) -> tuple[tuple[str, ...], float]:
    """Leads and rate, Hz, that `read_recording` would give, from the headers alone.

    Raises
    ------
    EcgsynthError: as there.
    """
    header = read_header(Path(path))
    parts = _segments(header)
    wanted = _chosen(header, parts, leads, [])
    return wanted, _rate(header, _used(parts, wanted))


def _recording(path: Path, leads: tuple[str, ...] | None, annotations: str | None) -> Recording:
    header = read_header(path)
    parts = _segments(header)
    warnings: list[str] = []
    wanted = _chosen(header, parts, leads, warnings)
    used = _used(parts, wanted)
    warnings += _assumed(header, [signal for _, signal in used])
    per_frame, fs = _per_frame(used), _rate(header, used)
    frames = sum(count for count, _ in parts)
    _check_size(path, len(wanted) * frames * per_frame, per_frame, used)
    signal = WfdbSignal(path, parts, wanted, per_frame, fs)
    lines = list(header.comments) if header.segments else []
    lines += [line for _, part in parts if part is not None for line in part.comments]
    notes = Annotations()
    if annotations:
        notes = _annotations(path, annotations, header, (fs, signal.shape[1]), warnings)
    return Recording(
        signal,
        fs,
        wanted,
        notes,
        tuple(lines),
        tuple(warnings),
        name=path.name,
        source=path.name,
        start=header.start,
    )


def _used(
    parts: list[tuple[int, Header | None]], wanted: tuple[str, ...]
) -> list[tuple[Header, Signal]]:
    """The wanted signals of every part."""
    return [
        (part, part.signals[k])
        for frames, part in parts
        if part is not None and frames
        for k in _numbers(part, wanted).values()
    ]


def _per_frame(used: list[tuple[Header, Signal]]) -> int:
    """Samples in a frame of the fastest signal."""
    return max((signal.per_frame for _, signal in used), default=1)


def _rate(header: Header, used: list[tuple[Header, Signal]]) -> float:
    """Samples a second of the fastest signal."""
    return arguments.check_rate(header.rate * _per_frame(used))


def _check_size(path: Path, total: int, per_frame: int, used: list[tuple[Header, Signal]]) -> None:
    """Refuse what a few lines of text would blow up: long gaps, and leads of very unlike rates."""
    held = sum(frames_held(part, signal) * per_frame for part, signal in used)
    if total - held > MOST_EMPTY:
        raise EcgsynthError(
            f"{path.name} declares {total - held:,} samples that no file holds; mend its "
            "header, or copy its files again."
        )
    slow = next((s for _, s in used if s.per_frame * MOST_RATIO < per_frame), None)
    if slow is not None:
        raise EcgsynthError(
            f"{path.name}: lead {slow.name} is more than {MOST_RATIO} times as slow as another; "
            "name the leads to read."
        )


def _segments(header: Header) -> list[tuple[int, Header | None]]:
    """(frames, header) of every part of a record that lasts, None for a gap."""
    if not header.segments:
        return [(frames_of(header), header)]
    parts: list[tuple[int, Header | None]] = []
    for name, frames in header.segments:
        part = None if name == GAP else read_header(header.of_segment(name))
        if part is not None:
            _check_segment(header, part, frames)
            part = replace(part, frames=frames or None)
        parts.append((frames, part))
    stated = header.frames
    if stated is not None and stated != sum(frames for frames, _ in parts):
        raise DamagedFileError(
            f"{header.path.name}.hea states {stated} samples, but its segments hold "
            f"{sum(frames for frames, _ in parts)}; mend it, or copy it again."
        )
    return parts


def _check_segment(header: Header, part: Header, frames: int) -> None:
    name = header.path.name
    if part.segments:
        raise DamagedFileError(f"{name}.hea has the segment {part.path.name}, which has segments.")
    if part.fs is not None and part.rate != header.rate:
        raise EcgsynthError(
            f"{name} is at {header.rate:g} Hz and its segment {part.path.name} at {part.rate:g} "
            "Hz; mend the header that is wrong."
        )
    if part.frames is not None and frames and part.frames != frames:
        raise DamagedFileError(
            f"the segment {part.path.name} has {part.frames} samples, but {name}.hea states "
            f"{frames}; mend it, or copy it again."
        )


def _chosen(
    header: Header,
    parts: list[tuple[int, Header | None]],
    leads: tuple[str, ...] | None,
    warnings: list[str],
) -> tuple[str, ...]:
    """The leads to read, all of them there, once and in a voltage."""
    name = header.path.name
    units: dict[str, list[str]] = {}
    for frames, part in parts:
        for signal in part.signals if part is not None else ():
            here = units.setdefault(signal.name, [])
            here += [signal.unit] * bool(frames)  # a layout, of length 0, states only the order
    if not units or not sum(frames for frames, _ in parts):
        raise EcgsynthError(f"{name} holds no signal.")
    unit_of = {
        lead: next((unit for unit in stated if per_mv(unit) is None), "mV")
        for lead, stated in units.items()
    }
    absent = [lead for lead in leads or () if lead not in unit_of]
    if absent:
        raise EcgsynthError(f"{name} has no lead {', '.join(absent)}; it has {', '.join(unit_of)}.")
    other = [lead for lead, unit in unit_of.items() if per_mv(unit) is None]
    if leads is None:
        leads = tuple(lead for lead in unit_of if lead not in other)
        if leads and other:
            others = ", ".join(f"{lead} ({unit_of[lead]})" for lead in other)
            warnings.append(f"no voltage and left out: {others}.")
        leads = leads or tuple(unit_of)
    wrong = next((lead for lead in leads if lead in other), None)
    if wrong is not None:
        raise EcgsynthError(
            f"{name}: lead {wrong} is in '{unit_of[wrong]}', not in mV, uV, nV or V."
        )
    return leads


def _numbers(part: Header, wanted: tuple[str, ...]) -> dict[int, int]:
    """Row of a wanted lead -> number of its signal in a part."""
    names = [signal.name for signal in part.signals]
    return {row: names.index(lead) for row, lead in enumerate(wanted) if lead in names}


def _assumed(header: Header, signals: list[Signal]) -> Iterator[str]:
    """Sentences on what WFDB assumes where headers are silent."""
    without = dict.fromkeys(signal.name for signal in signals if not signal.gain)
    if without:
        yield (
            f"no gain is stated for {', '.join(without)}: the amplitudes, at {DEFAULT_GAIN:g} "
            "steps per mV, are a guess."
        )
    if header.fs is None:
        yield f"no sampling rate is stated: {DEFAULT_FS:g} Hz is a guess."


def _millivolts(
    part: Header, number_of: dict[int, int], fs: float, start: int, stop: int
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Row and wave of every wanted lead of a part, at `fs` Hz, from frame `start` up to `stop`."""
    row_of = {number: row for row, number in number_of.items()}
    for number, steps in read_samples(part, [*row_of], start, stop):
        signal = part.signals[number]
        scale = per_mv(signal.unit)
        assert scale is not None
        wave = (steps - signal.baseline) / ((signal.gain or DEFAULT_GAIN) * scale)
        yield row_of[number], _at(wave.astype(np.float32), part.rate * signal.per_frame, fs)


def _at(wave: NDArray[np.float32], own_fs: float, fs: float) -> NDArray[np.float32]:
    """A lead at the rate of a faster one; what is missing stays missing."""
    if own_fs == fs:
        return wave
    missing = np.isnan(wave)
    samples = round(len(wave) * fs / own_fs)
    faster = resample(np.where(missing, 0, wave), own_fs, fs)[:samples]
    if missing.any():
        faster[missing[(np.arange(samples) * (own_fs / fs)).astype(np.int64)]] = np.nan
    return faster


def _annotations(
    path: Path, ending: str, header: Header, size: tuple[float, int], warnings: list[str]
) -> Annotations:
    """size: rate, Hz, and samples of the recording."""
    fs, samples = size
    marks = read_annotations(path.with_name(f"{path.name}.{ending}"))
    if not marks.whole:
        warnings.append(f"{ending} does not end with the mark of its end: some may be missing.")
    sample = marks.samples_at(fs, header.rate)
    inside = (sample >= 0) & (sample < samples)
    return Annotations(
        sample[inside], marks.symbol[inside], marks.channel[inside], marks.subtype[inside],
        marks.number[inside], tuple(marks.note[inside].tolist()),
    )  # fmt: skip
