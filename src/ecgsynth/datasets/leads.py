"""Leads of a record by name or by place, and reading an annotated record by them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.header import read_header
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.signals.recording import Recording

MAIN, SECOND = "ECG1", "ECG2"
"""The main lead of any record (MLII or II where there is one, else the first), and the next."""

UNNAMED = re.compile(r"(?:record .*, )?signal (\d+)")
"""How a header calls a lead whose name is not known."""


def lead_names(path: Path) -> tuple[str, ...]:
    """The leads of a record as its header names them; ECG1, ECG2 where it names none."""
    names = []
    for number, signal in enumerate(read_header(path).signals, 1):
        names.append(f"ECG{number}" if UNNAMED.fullmatch(signal.name) else signal.name)
    return tuple(names)


def choose_leads(record: str, names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Numbers of the wanted leads among those of a record.

    Raises
    ------
    EcgsynthError: one of them is not there, or two are the same.
    """
    main = next((k for k, name in enumerate(names) if name in ("MLII", "II")), 0)
    order = [main, *(k for k in range(len(names)) if k != main)]
    by_place = dict(zip((MAIN, SECOND), order, strict=False))
    chosen = [names.index(n) if n in names else by_place.get(n, -1) for n in wanted]
    absent = [name for name, k in zip(wanted, chosen, strict=True) if k < 0]
    if absent:
        raise EcgsynthError(f"{record} has no lead {', '.join(absent)}; it has {', '.join(names)}.")
    if len(set(chosen)) < len(chosen):
        raise EcgsynthError(f"two of the leads {', '.join(wanted)} are the same one in {record}.")
    return chosen


def read_annotated(path: Path, wanted: tuple[str, ...]) -> tuple[Recording, tuple[str, ...]]:
    """A record with its reference beats, under the wanted names, and the leads' own names.

    Raises
    ------
    EcgsynthError: a file is missing or damaged, or a lead is not there.
    """
    names = lead_names(path)
    chosen = choose_leads(path.name, names, wanted)
    own = tuple(read_header(path).signals[k].name for k in chosen)
    recording = read_recording(path, own, "atr")
    return replace(recording, leads=wanted), tuple(names[k] for k in chosen)
