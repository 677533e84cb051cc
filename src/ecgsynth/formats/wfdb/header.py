"""WFDB headers: what a record is made of (PhysioNet, header(5))."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from ecgsynth.errors import DamagedFileError
from ecgsynth.signals.leads import distinct_names

DEFAULT_FS, DEFAULT_GAIN = 250.0, 200.0
"""What WFDB assumes where a header states no sampling rate (Hz), or no gain (steps per unit)."""

SMALLEST = 1e-12
"""Of a gain, steps per unit; its inverse is the largest."""

DIGITS = 13
"""Of a whole number, with its sign: enough for a year at 10,000 Hz."""

GAP = "~"
"""The name of a segment in which nothing was recorded."""

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
RATE = re.compile(rf"({NUMBER})(?:/.*)?", re.ASCII)  # what follows counts on another clock
FORMAT = re.compile(r"(\d+)((?:x\d+|:-?\d+|\+\d+)*)", re.ASCII)
GAIN = re.compile(rf"({NUMBER})?\(?(-?\d+)?\)?(?:/(\S*))?", re.ASCII)
WHOLE = re.compile(r"[-+]?\d+", re.ASCII)


@dataclass(frozen=True)
class Signal:
    """One signal as its line of the header has it.

    file: name of the signal file, "~" for none. format: of its samples. per_frame: samples in a
    frame. skew: samples that come before sample 0. offset: bytes before the first sample (samples
    in compressed formats). gain: steps per unit, 0 where none is stated. baseline: the step that
    stands for 0. initial: the sample before the first difference. checksum: of all samples, 16
    bits; None where it is not stated. name: "signal 0", ... where none is given; of several of one
    name the later ones have a number, as ECG_2.
    """

    file: str
    format: int
    per_frame: int
    skew: int
    offset: int
    gain: float
    baseline: int
    unit: str
    initial: int
    checksum: int | None
    name: str


@dataclass(frozen=True)
class Header:
    """A record, or one of several segments.

    fs: frames a second; None where it is not stated. frames: None where they are not stated.
    segments: (name, frames) in order, "~" for a gap; then there are no signals.
    comments: lines that begin with #, without it. start: when the recording began, where date and
    time are stated.
    """

    path: Path
    fs: float | None
    frames: int | None
    signals: tuple[Signal, ...] = ()
    segments: tuple[tuple[str, int], ...] = ()
    comments: tuple[str, ...] = ()
    start: datetime | None = None

    @property
    def rate(self) -> float:
        """Frames a second."""
        return DEFAULT_FS if self.fs is None else self.fs

    def of_segment(self, name: str) -> Path:
        """The path, without ending, of a segment."""
        return path_inside(self.path, name)


def read_header(path: Path) -> Header:
    """The header `path`.hea, in UTF-8 or else in Latin-1.

    Raises
    ------
    EcgsynthError: the file is missing, or a line of it cannot be understood.
    """
    file = path.with_name(f"{path.name}.hea")
    content = read_bytes(file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line.strip() for line in text.split("\n")]
    comments = tuple(line.lstrip("# \t") for line in lines if line.startswith("#"))
    try:
        header = _parse(path, [line for line in lines if line and not line.startswith("#")])
    except ValueError as problem:
        raise DamagedFileError(
            f"{file.name} is damaged: {problem}; mend it, or copy it again."
        ) from None
    return replace(header, comments=comments)


def read_bytes(file: Path) -> bytes:
    """The bytes of a file.

    Raises
    ------
    EcgsynthError: it is missing, no file, or cannot be read.
    """
    if not file.is_file():  # a pipe would be waited for without end
        raise DamagedFileError(f"{file.name} is missing.")
    try:
        return file.read_bytes()
    except OSError as problem:
        raise DamagedFileError(f"{file.name} cannot be read ({problem.strerror}).") from None


def path_inside(path: Path, name: str) -> Path:
    """A file that a header names, which lies in the folder of the header or below it.

    Raises
    ------
    EcgsynthError: it would lie elsewhere.
    """
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or PurePosixPath(name).is_absolute() or "\0" in name:
        raise DamagedFileError(f"{path.name}.hea names the file '{name}', outside of its folder.")
    return path.parent / name


def _parse(path: Path, lines: list[str]) -> Header:
    if not lines:
        raise ValueError("it is empty")
    words = lines[0].split()
    segments = words[0].partition("/")[2]
    if len(words) < 2:
        raise ValueError(f"its first line '{lines[0][:60]}' states no number of signals")
    count = _parse_count(words[1], "number of signals")
    fs = None
    if len(words) > 2:
        rate = RATE.fullmatch(words[2])
        if rate is None or not 0 < float(rate[1]) < float("inf"):
            raise ValueError(f"'{words[2][:40]}' is no sampling rate")
        fs = float(rate[1])
    frames = _parse_count(words[3], "number of samples") if len(words) > 3 else 0
    header = Header(path, fs, frames or None, start=_start(words[4:6]))
    rows = lines[1:]
    wanted = _parse_count(segments, "number of segments") if segments else count
    if len(rows) != wanted:
        what = "segments" if segments else "signals"
        raise ValueError(f"it states {wanted} {what} and has {len(rows)} lines of them")
    if segments:
        return replace(header, segments=tuple(_segment(row) for row in rows))
    signals = [_signal(row, k) for k, row in enumerate(rows)]
    names = distinct_names([signal.name for signal in signals])
    named = (replace(signal, name=name) for signal, name in zip(signals, names, strict=True))
    return replace(header, signals=tuple(named))


def _start(words: list[str]) -> datetime | None:
    """When a recording began; None of a time without a date, and of one that no clock shows."""
    for pattern in ("%H:%M:%S %d/%m/%Y", "%H:%M:%S.%f %d/%m/%Y"):
        with suppress(ValueError):
            return datetime.strptime(" ".join(words), pattern)
    return None


def _segment(row: str) -> tuple[str, int]:
    words = row.split()
    if len(words) < 2:
        raise ValueError(f"the segment '{row[:60]}' has no length")
    return words[0], _parse_count(words[1], "length of a segment")


def _signal(row: str, number: int) -> Signal:
    words = row.split(maxsplit=8)
    coded = FORMAT.fullmatch(words[1]) if len(words) > 1 else None
    scale = GAIN.fullmatch(words[2]) if len(words) > 2 else GAIN.fullmatch("")
    if coded is None or scale is None:
        raise ValueError(f"the signal line '{row[:60]}' cannot be understood")
    more = {part[0]: int(part[1:]) for part in re.findall(r"[x:+]-?\d+", coded[2])}
    gain = float(scale[1] or 0)
    if gain and not SMALLEST <= abs(gain) <= 1 / SMALLEST:
        raise ValueError(f"'{words[2][:40]}' is no gain")
    zero = _parse_integer(words[4], "ADC zero") if len(words) > 4 else 0
    return Signal(
        file=words[0],
        format=int(coded[1]),
        per_frame=max(1, more.get("x", 1)),
        skew=max(0, more.get(":", 0)),
        offset=more.get("+", 0),
        gain=gain,
        baseline=zero if scale[2] is None else _parse_integer(scale[2], "baseline"),
        unit=scale[3] or "mV",
        initial=_parse_integer(words[5], "initial value") if len(words) > 5 else zero,
        checksum=_parse_integer(words[6], "checksum") if len(words) > 6 else None,
        name=words[8].strip() if len(words) > 8 else f"signal {number}",
    )


def _parse_integer(word: str, what: str) -> int:
    if not WHOLE.fullmatch(word) or len(word) > DIGITS:
        raise ValueError(f"'{word[:40]}' is no {what}")
    return int(word)


def _parse_count(word: str, what: str) -> int:
    number = _parse_integer(word, what)
    if number < 0:
        raise ValueError(f"'{word[:40]}' is no {what}")
    return number
