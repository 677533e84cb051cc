"""Reading ISHNE: one recording on the disk, with the beats in the file beside it."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import DamagedFileError
from ecgsynth.formats import stream
from ecgsynth.formats.ishne.beats import encode_beats, read_beats
from ecgsynth.formats.ishne.header import NAMES, SIZE, Header, read_header
from ecgsynth.formats.stream import Steps
from ecgsynth.signals.leads import standard_leads
from ecgsynth.signals.marks import Marks

ANNOTATIONS = ".ann"
FACTS, MARKS = "ecgsynth: ", "marks: "
"""Lines of the block: facts by which the item comes back, and all its marks."""

MOST_BLOCK = 256 << 20
"""Bytes of text that a header may have."""


class IshneSignal:
    """The leads of a file on the disk, [lead, sample] in mV; see `recording.Signal`."""

    def __init__(self, path: Path, header: Header, samples: int) -> None:
        self._path, self._header = path, header
        self.shape = (len(header.leads), samples)

    def digitised(self) -> list[Steps | None]:
        """The steps of every lead."""
        return [Steps(1e6 / step) for step in self._header.step_nv]

    def __getitem__(self, at: tuple[slice, slice]) -> NDArray[np.float32]:
        rows, columns = at
        start, stop, _ = columns.indices(self.shape[1])
        leads = self.shape[0]
        gain = 1e6 / np.array(self._header.step_nv)
        signal = np.empty((leads, max(0, stop - start)), np.float32)
        block = max(1, (1 << 21) // leads)
        with open(self._path, "rb") as file:
            file.seek(self._header.size + 2 * leads * start)
            for first in range(0, signal.shape[1], block):
                count = min(block, signal.shape[1] - first)
                steps = np.fromfile(file, "<i2", count * leads).reshape(count, leads)
                signal[:, first : first + count] = (steps / gain).T
        return signal[rows]


@dataclass(frozen=True)
class Opened:
    """A file whose signals stay on the disk.

    facts: JSON of ecgsynth; "" in files of others. assumptions: sentences on what is left open.
    """

    header: Header
    signal: IshneSignal
    leads: tuple[str, ...]
    marks: Marks
    facts: str
    assumptions: tuple[str, ...]

    @property
    def synthetic(self) -> bool:
        """Whether the header states that the recording, or a part of it, is synthetic."""
        header = self.header
        fields = (header.first, header.last, header.code, header.recorder, header.text)
        return "SYNTHETIC" in " ".join(fields).upper()

    @property
    def comments(self) -> tuple[str, ...]:
        """The free texts of the header, and the sex of the person."""
        lines = self.header.block[:4096].decode("latin-1").splitlines()
        known = [one for one in lines if one and not one.startswith((FACTS, MARKS))]
        sex = {1: ["Sex: Male"], 2: ["Sex: Female"]}.get(self.header.sex, [])
        return (*[one for one in (self.header.text, *known) if one.isprintable()], *sex)


def open_file(path: Path) -> Opened:
    """The recording of a file; its samples are read later.

    Raises
    ------
    EcgsynthError: the file or its beats are damaged, or cut short.
    """
    with open(path, "rb") as file:
        raw = file.read(SIZE)
        size = struct.unpack("<i", raw[10:14])[0] if len(raw) == SIZE else 0
        raw += file.read(min(max(size, 0), MOST_BLOCK))
        header, data, right = read_header(raw, path)
        held = file.seek(0, 2) - data
    assumptions = [] if right else ["its checksum does not fit its header, which may be wrong."]
    samples = _samples(header, held, path, assumptions)
    leads = standard_leads([NAMES.get(one, "") for one in header.leads])
    facts, marks = _block(header, path)
    notes = next((f for e in (ANNOTATIONS, ".ANN") if (f := path.with_suffix(e)).is_file()), None)
    if notes is not None and (marks is None or notes.read_bytes() != encode_beats(header, marks)):
        at, symbol = read_beats(notes)
        inside = at < samples
        if outside := int((~inside).sum()):
            assumptions.append(f"{outside:,} beats past the end are left out.")
        if marks is not None:
            assumptions.append(f"the beats are those of {notes.name}, which was changed.")
        marks = _every_lead(at[inside], symbol[inside])
    none = _every_lead(np.zeros(0, np.int64), np.zeros(0, "<U1"))
    return Opened(
        header, IshneSignal(path, header, samples), leads, none if marks is None else marks, facts,
        tuple(assumptions),
    )  # fmt: skip


def _samples(header: Header, held: int, path: Path, assumptions: list[str]) -> int:
    """Samples of each lead; some programs state those of all leads together."""
    leads, stated = len(header.leads), header.samples
    if held < 2 * leads * stated and held == 2 * stated and not stated % leads:
        stated //= leads
    if held < 2 * leads * stated:
        raise DamagedFileError(
            f"{path.name} is damaged or cut short: it holds {held / (2 * leads * stated):.1%} of "
            "what its header states; copy it again."
        )
    if not stated:
        raise DamagedFileError(f"{path.name} holds no signal: its header states no samples.")
    if held > 2 * leads * stated:
        assumptions.append(
            f"its header states {stated:,} samples and the file holds {held // (2 * leads):,}; the "
            "others are left out."
        )
    return stated


def _every_lead(sample: NDArray[np.int64], symbol: NDArray[np.str_]) -> Marks:
    return Marks(np.zeros(len(sample), np.int64), np.full(len(sample), -1), sample, symbol)


def _block(header: Header, path: Path) -> tuple[str, Marks | None]:
    """Facts and marks of a file of ecgsynth."""
    lines = header.block.decode("latin-1").split("\n")
    facts = next((one[len(FACTS) :] for one in lines if one.startswith(FACTS)), "")
    text = next((one[len(MARKS) :] for one in lines if one.startswith(MARKS)), "")
    if not text:
        return facts, None
    try:
        columns = json.loads(text)
        names = np.array([str(one) for one in columns["names"]] or [""], np.str_)
        sample = np.cumsum(np.array(columns["steps"], np.int64))
        lead = np.array(columns["lead"], np.int16)
        symbol = names[np.array(columns["symbol"], np.int64)]
        lead = np.full(len(sample), lead[0], np.int16) if len(lead) == 1 else lead
        return facts, Marks(np.zeros(len(sample), np.int64), lead, sample, symbol)
    except (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError) as problem:
        raise stream.damaged(path, problem) from None


def marks_line(marks: Marks) -> str:
    """The marks of one item as JSON: steps from one to the next, numbers of names, leads."""
    order = np.argsort(marks.sample, kind="stable")
    names, number = np.unique(marks.symbol[order], return_inverse=True)
    lead = marks.lead[order]
    alike = lead[:1] if len(lead) and (lead == lead[0]).all() else lead
    columns = {
        "names": names.tolist(), "symbol": number.tolist(), "lead": alike.tolist(),
        "steps": np.diff(marks.sample[order], prepend=0).tolist(),
    }  # fmt: skip
    return json.dumps(columns, separators=(",", ":"))
