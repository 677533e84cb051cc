"""Reading EDF, EDF+, BDF and BDF+: one recording with its annotations, in mV."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.edf.annotations import Texts, start_of_record
from ecgsynth.formats.edf.header import DATE, MONTHS, Header, read_header
from ecgsynth.formats.edf.labels import is_ecg, is_other
from ecgsynth.formats.edf.signal import EdfSignal, record_blocks
from ecgsynth.formats.edf.writer import FACTS, MARK, NOTE, OF_LEAD
from ecgsynth.signals.leads import standard_lead, standard_leads
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.units import per_mv

MOST_EMPTY = 250_000_000
"""Samples (1 GB) without a value that gaps between records may make."""

MOST_RATIO = 1000
"""How many times as fast one lead may be as another."""

PART = re.compile(rf"{NOTE}{FACTS}0*(\d+)/(\d+): (.*)\|")


@dataclass(frozen=True)
class Opened:
    """A file whose signals stay on the disk.

    leads: by the labels. marks: of the recording as its one item. facts: JSON of ecgsynth; "" in
    files of others. assumptions: sentences on what the file leaves open.
    """

    header: Header
    signal: EdfSignal
    leads: tuple[str, ...]
    marks: Marks
    facts: str
    start: datetime | None
    assumptions: tuple[str, ...]

    @property
    def synthetic(self) -> bool:
        """Whether the header states that the recording, or a part of it, is synthetic."""
        return "SYNTHETIC" in f"{self.header.patient} {self.header.recording}".upper()

    @property
    def person(self) -> str:
        """The code of the patient; "" where it has none."""
        words = self.header.patient.split()
        return words[0] if words and words[0] != "X" else ""

    @property
    def device(self) -> str:
        """The equipment."""
        words = self.header.recording.split()
        known = len(words) > 4 and words[0] == "Startdate" and words[4] != "X"
        return words[4].replace("_", " ") if known else ""

    @property
    def comments(self) -> tuple[str, ...]:
        """The fields of patient and recording, and age and sex as WFDB has them."""
        words = self.header.patient.split()
        lines = [one for one in (self.header.patient, self.header.recording) if one]
        stated = re.search(r"\bage_(\d+(?:\.\d+)?)", self.header.patient)
        born = DATE.fullmatch(words[2]) if len(words) > 2 else None
        if stated:
            lines.append(f"Age: {stated[1]}")
        elif born and self.start is not None and born[2].upper() in MONTHS:
            try:
                day = date(int(born[3]), MONTHS.index(born[2].upper()) + 1, int(born[1]))
                lines.append(f"Age: {(self.start.date() - day).days // 365.25:g}")
            except ValueError:  # such as 31-FEB
                pass
        if len(words) > 1 and words[1] in ("F", "M"):
            lines.append(f"Sex: {words[1]}")
        return tuple(lines)


def open_file(path: Path) -> Opened:
    """The recording of a file; its samples are read later.

    All leads are given at the rate of the fastest. Signals that are no ECG are left out. Of files
    of others, annotations before the beginning and past the end are.

    Raises
    ------
    EcgsynthError: the file is no EDF or BDF, is cut short, or holds no ECG in a voltage.
    """
    with open(path, "rb") as file:
        header = read_header(file, path)
        held = file.seek(0, 2) - header.size
    assumptions: list[str] = []
    records = _records(header, held, path, assumptions)
    chosen = _leads(header, path, assumptions)
    texts, times = _annotations(path, header, records)
    first_s = times[0] if times[0] is not None and abs(times[0]) < 86400 else 0.0
    begin_s = _gaps(header, times, path) if header.kind.endswith("D") else None
    signal = EdfSignal(path, header, chosen, records, begin_s)
    _check_size(header, chosen, records, signal, path)
    labels = [header.channels[k].label for k in chosen]
    marks, facts = _marks(texts, first_s, signal, labels, assumptions)
    start = header.start + timedelta(seconds=first_s) if header.start else None
    leads = standard_leads(labels)
    for lead, label in zip(leads, labels, strict=True):
        if lead != standard_lead(label) and label:
            assumptions.append(f"two signals are named {label}; one of them is lead {lead}.")
    return Opened(header, signal, leads, marks, facts, start, tuple(assumptions))


def _records(header: Header, held: int, path: Path, assumptions: list[str]) -> int:
    """Whole records that the file states and holds."""
    if not header.record_size or not header.duration:
        raise EcgsynthError(f"{path.name} holds no signal, only annotations.")
    whole = held // header.record_size
    stated = whole if header.records is None else header.records
    if stated > whole:
        raise DamagedFileError(
            f"{path.name} is damaged or cut short: it holds {whole / stated:.1%} of what its "
            "header states; copy it again."
        )
    if stated < whole:
        assumptions.append(
            f"its header states {stated:,} records and the file holds {whole:,}; the others are "
            "left out."
        )
    if not stated:
        raise DamagedFileError(f"{path.name} holds no signal: its header states no records.")
    return stated


def _leads(header: Header, path: Path, assumptions: list[str]) -> list[int]:
    """Numbers of the signals that are ECG in a voltage; the others are named."""
    signals = {k: one for k, one in enumerate(header.channels) if not one.annotates}
    usable = {
        k for k, one in signals.items()
        if per_mv(one.unit) is not None and one.calibrated and one.samples
    }  # fmt: skip
    known = [k for k, one in signals.items() if is_ecg(one.label)]
    possible = known or [k for k, one in signals.items() if not is_other(one.label)]
    chosen = [k for k in possible if k in usable]
    if not chosen:
        named = [f"{one.label} ({one.unit or 'no unit'})" for one in signals.values()][:8]
        raise EcgsynthError(
            f"{path.name} holds no ECG in V, mV, uV or nV; its signals are "
            f"{', '.join(named) or 'annotations alone'}."
        )
    others = [
        f"{one.label or 'nameless'} ({one.unit or 'no unit'})"
        for k, one in signals.items() if k not in chosen
    ]  # fmt: skip
    if others:
        assumptions.append(f"no ECG and left out: {', '.join(others)}.")
    rates = {header.channels[k].samples / header.duration for k in chosen}
    if len(rates) > 1:
        slower = [
            f"{header.channels[k].label} ({header.channels[k].samples / header.duration:g} Hz)"
            for k in chosen if header.channels[k].samples / header.duration < max(rates)
        ]  # fmt: skip
        assumptions.append(f"resampled to {max(rates):g} Hz, as the fastest: {', '.join(slower)}.")
    return chosen


def _annotations(path: Path, header: Header, records: int) -> tuple[Texts, list[float | None]]:
    """The annotations of all signals of such, and the time of each record (of the first alone,
    where records follow each other)."""
    texts, times = Texts(), list[float | None]()
    numbers = [k for k, one in enumerate(header.channels) if one.annotates and one.samples]
    if not numbers:
        return texts, [None]
    for _, raw in record_blocks(path, header, 0, records):
        for k in numbers:
            at = header.begin(k)
            part = raw[:, at : at + header.width * header.channels[k].samples]
            ended = np.concatenate([part, np.zeros((len(part), 1), np.uint8)], axis=1)
            texts.add(ended.tobytes())
            if k == numbers[0] and (not times or header.kind.endswith("D")):
                times += [start_of_record(row.tobytes()) for row in ended]
    return texts, times


def _gaps(header: Header, times: list[float | None], path: Path) -> NDArray[np.float64]:
    """When every record begins, s from the first.

    Raises
    ------
    EcgsynthError: a record has no time, or begins before the one before it ends.
    """
    known = np.array([np.nan if time is None else time for time in times])
    if np.isnan(known).any():
        raise DamagedFileError(f"{path.name} is damaged: a record does not state when it begins.")
    begin = known - known[0]
    if (np.diff(begin) < header.duration * (1 - 1e-6)).any():
        raise DamagedFileError(f"{path.name} is damaged: its records overlap in time.")
    return begin


def _check_size(
    header: Header, chosen: list[int], records: int, signal: EdfSignal, path: Path
) -> None:
    """Refuse what few bytes would blow up: long gaps, and leads of very unlike rates."""
    sizes = [header.channels[k].samples for k in chosen]
    if min(sizes) * MOST_RATIO < max(sizes):
        slow = header.channels[chosen[int(np.argmin(sizes))]].label
        raise EcgsynthError(
            f"{path.name}: {slow} is more than {MOST_RATIO} times as slow as another lead; leave "
            "one of them out of the file."
        )
    empty = signal.shape[0] * signal.shape[1] - records * sum(sizes)
    if empty > MOST_EMPTY:
        raise EcgsynthError(
            f"{path.name} has {empty:,} samples more between its records than it holds; cut it "
            "into pieces."
        )


def _marks(
    texts: Texts, first_s: float, signal: EdfSignal, labels: list[str], assumptions: list[str]
) -> tuple[Marks, str]:
    """What is annotated of the recording, and the facts of ecgsynth among the texts."""
    onset_s, code, names = texts.columns()
    facts = _facts(names)
    note = np.array([name.startswith(NOTE) for name in names] + [False])
    pairs = [_symbol(name, labels) for name in names]
    kept = np.flatnonzero(~note[code]) if len(code) else np.zeros(0, np.int64)
    code = code[kept]
    position = np.clip((onset_s[kept] - first_s) * signal.fs, -(2.0**53), 2.0**53)
    sample = np.round(position).astype(np.int64)
    inside = (sample >= 0) & (sample < signal.shape[1])
    if outside := int((~inside).sum()):
        assumptions.append(f"{outside:,} annotations outside of the recording are left out.")
    order = np.flatnonzero(inside)[np.argsort(sample[inside], kind="stable")]
    used = {k: pairs[k] for k in np.unique(code[order]).tolist()}
    symbol, lead = np.full(len(names), "", object), np.full(len(names), -1)
    for k, (text, of) in used.items():
        symbol[k], lead[k] = text, of
    found = symbol[code[order]].tolist()
    marks = Marks(
        np.zeros(len(order), np.int64), lead[code[order]], sample[order], np.array(found, np.str_)
    )
    return marks, facts


def _symbol(text: str, labels: list[str]) -> tuple[str, int]:
    """Symbol and number of the lead of a mark; -1 = of all."""
    bare, _, label = text.rpartition(OF_LEAD)
    lead = labels.index(label) if bare and label in labels else -1
    symbol = bare if lead >= 0 else text
    if symbol.startswith(MARK) and symbol.endswith("|"):
        symbol = symbol[len(MARK) : -1]
    return symbol, lead


def _facts(names: list[str]) -> str:
    """The facts, where all their parts are there."""
    parts = {int(m[1]): (int(m[2]), m[3]) for m in map(PART.fullmatch, names) if m}
    count = next(iter(parts.values()), (0, ""))[0]
    if not parts or {*parts} != {*range(1, count + 1)}:
        return ""
    return "".join(parts[k][1] for k in range(1, count + 1))
