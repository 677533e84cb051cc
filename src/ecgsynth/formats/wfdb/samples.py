"""Samples of WFDB signal files, in every format of signal(5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import DamagedFileError, EcgsynthError, reason_of
from ecgsynth.formats.wfdb.header import Header, Signal, path_inside

Bytes = NDArray[np.uint8]
Steps = NDArray[np.integer]
"""Samples in steps of the converter."""

NO_FILE = "~"
"""The name of a signal file that is not there: every sample of it is missing."""

DIFFERENCES = 8
"""The format that keeps the steps from one sample to the next."""

INVALID = {
    16: -(2**15), 61: -(2**15), 160: -(2**15), 516: -(2**15), 80: -(2**7), 508: -(2**7),
    212: -(2**11), 310: -(2**9), 311: -(2**9), 24: -(2**23), 524: -(2**23), 32: -(2**31),
}  # fmt: skip
"""The step that stands for "no value"; format 8, of differences, has none."""


def frames_of(header: Header) -> int:
    """Frames of a record: as stated, else as many as its first signal file holds."""
    if header.frames is not None or not header.signals:
        return header.frames or 0
    first = header.signals[0]
    return _samples_held(header.path, first) // _samples_per_frame(header, first)


def frames_held(header: Header, signal: Signal) -> int:
    """Frames that the file of a signal holds, up to those of the record."""
    if signal.file == NO_FILE:
        return 0
    return min(
        frames_of(header), _samples_held(header.path, signal) // _samples_per_frame(header, signal)
    )


def _samples_per_frame(header: Header, signal: Signal) -> int:
    """Samples in a frame of all signals of one file."""
    return sum(other.per_frame for other in header.signals if other.file == signal.file)


def read_samples(
    header: Header, wanted: list[int], start: int = 0, stop: int | None = None
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Numbers of the wanted signals and their samples in steps, NaN where there is no value.

    Only the files that hold wanted signals are read, and of these only the frames from `start`
    up to `stop`. Samples before sample 0 (skew) are taken away; as many are missing at the end.
    Checksums are compared where whole files are read; they count the skewed samples too.

    Raises
    ------
    EcgsynthError: a file is missing, cut short or does not match its checksum, or its format is
        unknown.
    """
    frames = frames_of(header)
    stop = frames if stop is None else stop
    for file in dict.fromkeys(header.signals[k].file for k in wanted):
        group = [k for k, signal in enumerate(header.signals) if signal.file == file]
        signals = [header.signals[k] for k in group]
        # Skewed samples stand some frames later in the file.
        later = max(-(-signal.skew // signal.per_frame) for signal in signals)
        last = min(frames, stop + later)
        steps = _file(header.path, signals, frames, start, last)
        whole = start == 0 and last == frames
        if whole and header.frames is not None and file != NO_FILE:  # else the sum is not known
            for signal, part in zip(signals, steps, strict=True):
                _check(header, signal, part)
        for k, signal, part in zip(group, signals, steps, strict=True):
            if k in wanted:
                yield k, _values(signal, part, (stop - start) * signal.per_frame)


def _check(header: Header, signal: Signal, steps: Steps) -> None:
    if signal.checksum is not None and (int(steps.sum(dtype=np.int64)) - signal.checksum) % 65536:
        raise DamagedFileError(
            f"{signal.file} is damaged: lead {signal.name} of {header.path.name} does not match "
            "its checksum."
        )


def _values(signal: Signal, steps: Steps, samples: int) -> NDArray[np.float64]:
    values = np.full(samples, np.nan)
    kept = steps[signal.skew :][:samples]
    values[: len(kept)] = kept
    if signal.format in INVALID:
        values[values == INVALID[signal.format]] = np.nan
    return values


def _file(path: Path, signals: list[Signal], frames: int, start: int, stop: int) -> list[Steps]:
    """The steps of all signals of one file from one frame up to another, each
    [(stop - start) * per_frame]; of no file, none. frames: of the record."""
    first = signals[0]
    if first.file == NO_FILE:
        return [np.zeros(0, np.int16) for _ in signals]
    if any((s.format, s.offset) != (first.format, first.offset) for s in signals):
        raise DamagedFileError(
            f"{path.name}.hea is damaged: signals of the one file {first.file} differ in format."
        )
    sizes = [signal.per_frame for signal in signals]
    count = frames * sum(sizes)
    held = _samples_held(path, first)
    if held < count:
        raise DamagedFileError(
            f"{first.file} is damaged or cut short: it holds {held / count:.1%} of what "
            f"{path.name}.hea states; copy it again."
        )
    begin = 0 if first.format == DIFFERENCES else start
    edges = np.cumsum(sizes)[:-1].tolist()
    decoded = _decode(path, signals, begin * sum(sizes), stop * sum(sizes))
    parts = np.split(decoded.reshape(stop - begin, sum(sizes)), edges, axis=1)
    steps = [np.ascontiguousarray(part).reshape(-1) for part in parts]
    if first.format == DIFFERENCES:
        return [
            (np.cumsum(s) + signal.initial)[start * signal.per_frame :]
            for s, signal in zip(steps, signals, strict=True)
        ]
    return steps


def _decode(path: Path, signals: list[Signal], start: int, stop: int) -> Steps:
    """[stop - start] steps of all signals of one file, frame by frame, signal by signal."""
    signal = signals[0]
    if signal.format in COMPRESSED:
        return _flac(path, signals, start, stop)
    group, taken = GROUP[signal.format]
    first = start // group * group  # samples that are packed together are unpacked together
    with open(path_inside(path, signal.file), "rb") as file:
        file.seek(signal.offset + first // group * taken)
        content = np.frombuffer(file.read(_bytes(signal.format, stop - first)), np.uint8)
    return PACKED[signal.format](content)[start - first : stop - first]


def _samples_held(path: Path, signal: Signal) -> int:
    """How many samples the file of a signal holds."""
    if signal.file == NO_FILE:
        return 0
    file = path_inside(path, signal.file)
    if not file.is_file():
        raise DamagedFileError(f"{signal.file} is missing.")
    if signal.format in COMPRESSED:
        with _open_flac(file, signal) as sound:
            return max(0, sound.frames - signal.offset) * sound.channels
    if signal.format not in PACKED:
        raise EcgsynthError(
            f"{path.name}.hea: the format {signal.format} of {signal.file} is unknown; known are "
            f"{', '.join(map(str, sorted({*PACKED, *COMPRESSED})))}."
        )
    group, taken = GROUP[signal.format]
    whole, rest = divmod(max(0, file.stat().st_size - signal.offset), taken)
    return whole * group + sum(_bytes(signal.format, n) <= rest for n in range(1, group))


def _bytes(format: int, count: int) -> int:
    """Bytes that so many samples take, those of an unfinished group at the end included."""
    group, taken = GROUP[format]
    whole, rest = divmod(count, group)
    return whole * taken + (0, 2, 3 if format == 311 else 4)[rest]


GROUP = {
    8: (1, 1), 80: (1, 1), 16: (1, 2), 61: (1, 2), 160: (1, 2), 24: (1, 3), 32: (1, 4),
    212: (2, 3), 310: (3, 4), 311: (3, 4),
}  # fmt: skip
"""Samples that are packed together -> bytes that they take."""


def _words(content: Bytes, kind: str, group: int) -> NDArray[np.int32]:
    """The bytes as numbers of this kind, filled up with zeros to a whole group."""
    padded = np.concatenate([content, np.zeros(-len(content) % group, np.uint8)])
    return padded.view(kind).astype(np.int32)


def _to_signed(parts: list[NDArray[np.int32]], bits: int) -> NDArray[np.int32]:
    """Samples that stand in turn in `parts`, in two's complement of so many bits."""
    steps = np.stack(parts, axis=1).reshape(-1)
    steps[steps >= 1 << (bits - 1)] -= 1 << bits
    return steps


def _24(content: Bytes) -> Steps:
    low, middle, high = _words(content, "u1", 3).reshape(-1, 3).T
    return _to_signed([low | middle << 8 | high << 16], 24)


def _212(content: Bytes) -> Steps:
    low, middle, high = _words(content, "u1", 3).reshape(-1, 3).T
    return _to_signed([low | (middle & 15) << 8, high | middle >> 4 << 8], 12)


def _310(content: Bytes) -> Steps:
    one, two = _words(content, "<u2", 4).reshape(-1, 2).T
    return _to_signed([one >> 1 & 1023, two >> 1 & 1023, one >> 11 | two >> 11 << 5], 10)


def _311(content: Bytes) -> Steps:
    word = _words(content, "<u4", 4)
    return _to_signed([word & 1023, word >> 10 & 1023, word >> 20 & 1023], 10)


PACKED: dict[int, Callable[[Bytes], Steps]] = {
    8: lambda content: content.view(np.int8),
    80: lambda content: content.astype(np.int16) - 128,
    16: lambda content: content.view("<i2"),
    61: lambda content: content.view(">i2"),
    160: lambda content: content.view("<u2").astype(np.int32) - 32768,
    32: lambda content: content.view("<i4"),
    24: _24,
    212: _212,
    310: _310,
    311: _311,
}
"""Format -> what makes steps of its bytes; of format 8, differences."""

COMPRESSED = {508: 8, 516: 16, 524: 24}
"""Format -> most bits of its FLAC file."""


def _open_flac(file: Path, signal: Signal) -> Any:
    """The soundfile.SoundFile."""
    import soundfile

    try:
        return soundfile.SoundFile(str(file))
    except (OSError, RuntimeError, ValueError) as problem:
        raise DamagedFileError(
            f"{signal.file} is no FLAC file or damaged ({reason_of(problem)})."
        ) from None


def _flac(path: Path, signals: list[Signal], start: int, stop: int) -> Steps:
    """[stop - start] steps; every signal has as many samples in a frame as any other."""
    first = signals[0]
    with _open_flac(path_inside(path, first.file), first) as sound:
        bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(sound.subtype, 0)
        alike = all(signal.per_frame == first.per_frame for signal in signals)
        if not (0 < bits <= COMPRESSED[first.format] and alike and sound.channels == len(signals)):
            raise DamagedFileError(f"{first.file} does not fit its header {path.name}.hea.")
        try:
            sound.seek(first.offset + start // len(signals))
            kind, room = ("int32", 32) if bits == 24 else ("int16", 16)
            steps = sound.read((stop - start) // len(signals), dtype=kind, always_2d=True)
        except RuntimeError as problem:
            raise DamagedFileError(f"{first.file} is damaged ({reason_of(problem)}).") from None
    if steps.size < stop - start:
        raise DamagedFileError(f"{first.file} is damaged or cut short; copy it again.")
    frames = (steps >> (room - bits)).reshape(-1, first.per_frame, len(signals))
    return frames.swapaxes(1, 2).reshape(-1)
