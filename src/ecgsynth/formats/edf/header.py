"""Headers of EDF, EDF+, BDF and BDF+: what a file is made of (Kemp & Olivan 2003; edfplus.info)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO

from ecgsynth.errors import DamagedFileError

FIXED = (8, 80, 80, 8, 8, 8, 44, 8, 8, 4)
"""Bytes of the fields of a file: version, patient, recording, date, time, size of the header,
kind, records, seconds a record, signals."""

OF_SIGNAL = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Those of a signal: label, transducer, unit, physical minimum and maximum, digital minimum and
maximum, filters, samples a record, reserved. Each field stands for all signals in turn."""

VERSIONS = {b"0       ": 2, b"\xffBIOSEMI": 3}
"""First bytes of EDF and BDF -> bytes of a sample."""

NAMES = {2: "EDF", 3: "BDF"}

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

NO_DATE = date(1985, 1, 1)
"""The date of a file whose date is not known."""

MOST_SIGNALS = 4096

DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{4})")
THREE = re.compile(r"\s*(\d{1,2})\D(\d{1,2})\D(\d{2})\s*")


@dataclass(frozen=True)
class Channel:
    """A signal of a file.

    physical, digital: lowest and highest value in the unit, and in steps. samples: of a record.
    """

    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[int, int]
    samples: int
    transducer: str = ""
    filters: str = ""

    @property
    def annotates(self) -> bool:
        """Whether it holds annotations instead of samples."""
        return self.label in ("EDF Annotations", "BDF Annotations")

    @property
    def calibrated(self) -> bool:
        """Whether steps mean something in the unit."""
        return self.digital[0] < self.digital[1] and self.physical[0] != self.physical[1]


@dataclass(frozen=True)
class Header:
    """The header of a file.

    width: bytes of a sample. patient, recording: their fields. start: None where it is unknown.
    kind: "EDF+C", "BDF+D" or "". records: None where it is not stated. seconds: of a record, as it
    is written.
    """

    width: int
    patient: str
    recording: str
    start: datetime | None
    kind: str
    records: int | None
    seconds: str
    channels: tuple[Channel, ...]

    @property
    def size(self) -> int:
        """Bytes of the header."""
        return 256 * (1 + len(self.channels))

    @property
    def record_size(self) -> int:
        """Bytes of a record."""
        return self.width * sum(channel.samples for channel in self.channels)

    @property
    def duration(self) -> float:
        """Of a record, s."""
        return float(self.seconds)

    def begin(self, number: int) -> int:
        """The byte of a record at which a channel begins."""
        return self.width * sum(channel.samples for channel in self.channels[:number])

    def to_bytes(self) -> bytes:
        """The header as it is written; every field must fit."""
        assert self.records is not None
        day = self.start.date() if self.start and 1985 <= self.start.year <= 2084 else NO_DATE
        time = f"{self.start:%H.%M.%S}" if self.start else "00.00.00"
        fields = [
            self.patient, self.recording, f"{day:%d.%m.%y}", time, str(self.size), self.kind,
            str(self.records), self.seconds, str(len(self.channels)),
        ]  # fmt: skip
        version = next(key for key, width in VERSIONS.items() if width == self.width)
        rows = [
            (
                one.label, one.transducer, one.unit, number_text(one.physical[0]),
                number_text(one.physical[1]), str(one.digital[0]), str(one.digital[1]),
                one.filters, str(one.samples), "",
            )
            for one in self.channels
        ]  # fmt: skip
        parts = [_padded(text, size) for text, size in zip(fields, FIXED[1:], strict=True)]
        parts += [_padded(row[k], size) for k, size in enumerate(OF_SIGNAL) for row in rows]
        return version + b"".join(parts)


def _padded(text: str, size: int) -> bytes:
    content = text.encode("ascii", "replace").ljust(size)
    if len(content) > size:
        raise ValueError(f"the field {text!r} is longer than {size} bytes")
    return content


def number_text(value: float) -> str:
    """A number in eight characters, as exact as these allow."""
    text = str(int(value)) if float(value).is_integer() else repr(float(value))
    digits = 8
    while len(text) > 8 or "e" in text:
        digits -= 1
        text = f"{value:.{max(digits, 0)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        if digits <= 0:
            break
    return text


def recording_field(start: datetime | None, words: Sequence[str]) -> str:
    """The field of a recording: its date, then administration, technician, equipment and more."""
    day = f"{start.day:02}-{MONTHS[start.month - 1]}-{start.year:04}" if start else "X"
    return fit(["Startdate", day, *words])


def fit(words: Sequence[str], size: int = 80) -> str:
    """Words of a field, of plain letters and "_" for a space; the last one is cut to fit."""
    plain = [re.sub(r"[^!-~]", "?", "_".join(word.split())) or "X" for word in words]
    return " ".join(plain)[:size].rstrip()


def read_header(file: BinaryIO, path: Path) -> Header:
    """The header of an open file.

    Raises
    ------
    EcgsynthError: it is no EDF or BDF, is cut short, or its fields contradict each other.
    """
    name = path.name
    raw = file.read(256)
    if raw[:8] not in VERSIONS:
        raise DamagedFileError(f"{name} is no EDF or BDF file: its first bytes are others.")
    if len(raw) < 256:
        raise DamagedFileError(f"{name} is cut short in its header; copy it again.")
    fields = _split(raw, FIXED)
    count = _whole(fields[9], name, "number of signals")
    if not 1 <= count <= MOST_SIGNALS:
        raise DamagedFileError(f"{name} is damaged: its header states {count:,} signals.")
    rest = file.read(256 * count)
    if len(rest) < 256 * count:
        raise DamagedFileError(f"{name} is cut short in its header; copy it again.")
    stated = _whole(fields[5], name, "size of the header")
    if stated != 256 * (count + 1):
        raise DamagedFileError(
            f"{name} is damaged: its header states that it has {stated:,} bytes, and {count} "
            f"signals take {256 * (count + 1):,}."
        )
    columns, at = [], 0
    for size in OF_SIGNAL:
        columns.append(_split(rest[at : at + size * count], (size,) * count))
        at += size * count
    channels = tuple(_channel([column[k] for column in columns], name) for k in range(count))
    records = _whole(fields[7], name, "number of records")
    seconds = fields[8].replace(",", ".")
    if not 0 <= _number(seconds, name, "length of a record") < 1e8:
        raise DamagedFileError(f"{name} is damaged: its records last '{seconds}' s.")
    kind = fields[6] if re.match(r"(EDF|BDF)\+[CD]", fields[6]) else ""
    return Header(
        VERSIONS[raw[:8]], fields[1], fields[2], _start(fields), kind[:5],
        None if records < 0 else records, seconds, channels,
    )  # fmt: skip


def _split(raw: bytes, sizes: Sequence[int]) -> list[str]:
    found, at = [], 0
    for size in sizes:
        found.append(raw[at : at + size].decode("latin-1").strip(" \0"))
        at += size
    return found


def _number(text: str, name: str, what: str) -> float:
    value = math.nan
    with suppress(ValueError):
        value = float(text.replace(",", "."))
    if not math.isfinite(value):
        raise DamagedFileError(f"{name} is damaged: the {what} in its header is '{text}'.")
    return value


def _whole(text: str, name: str, what: str) -> int:
    value = _number(text, name, what)
    if value != int(value):
        raise DamagedFileError(f"{name} is damaged: the {what} in its header is '{text}'.")
    return int(value)


def _channel(fields: list[str], name: str) -> Channel:
    label, transducer, unit = fields[:3]
    of = f"of '{label}'"
    if label in ("EDF Annotations", "BDF Annotations"):
        physical, digital = (-1.0, 1.0), (-32768, 32767)
    else:
        low, high = (_number(fields[k], name, f"physical range {of}") for k in (3, 4))
        first, last = (_whole(fields[k], name, f"digital range {of}") for k in (5, 6))
        physical, digital = (low, high), (first, last)
    samples = _whole(fields[8], name, f"number of samples {of}")
    if not 0 <= samples <= 10_000_000:
        raise DamagedFileError(f"{name} is damaged: it states {samples:,} samples a record {of}.")
    return Channel(label, unit, physical, digital, samples, transducer, fields[7])


def _start(fields: list[str]) -> datetime | None:
    """When the recording began, to the second; the field of the recording has the whole year."""
    day: date | None = None
    words = fields[2].split()
    plus = bool(words) and words[0] == "Startdate"
    with suppress(ValueError, AttributeError, IndexError):
        if plus:
            number, month, year = DATE.fullmatch(words[1]).groups()  # type: ignore[union-attr]
            day = date(int(year), MONTHS.index(month.upper()) + 1, int(number))
        else:
            number, month, year = THREE.fullmatch(fields[3]).groups()  # type: ignore[union-attr]
            century = 1900 if int(year) >= 85 else 2000
            day = date(century + int(year), int(month), int(number))
            day = None if day == NO_DATE else day
    time = THREE.fullmatch(fields[4])
    if day is None or time is None:
        return None
    hours, minutes, seconds = (int(part) for part in time.groups())
    with suppress(ValueError):
        return datetime(day.year, day.month, day.day, hours, minutes, seconds)
    return None
