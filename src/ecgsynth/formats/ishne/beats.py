"""Annotated beats of ISHNE: a label each, and the samples since the one before (Badilini 1998)."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import DamagedFileError
from ecgsynth.formats.ishne.header import BEATS, SIZE, Header, read_header
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

OWN = b"internal labels: WFDB"
"""In the block of a header: the second label of every beat is its symbol of WFDB."""

FARTHEST = 32_767
"""Samples from one beat to the next; some readers take larger numbers for negative ones."""

TIMEOUT = "!"
"""The label of an entry that only goes on in time."""

LABELS = {"N": "N", "S": "S", "V": "V", "F": "V", "Q": "X"} | {
    "L": "B", "R": "B", "B": "B", "/": "P", "f": "P", "|": "X"
}  # fmt: skip
"""AAMI class, or symbol of WFDB -> label: B bundle branch block, P paced, X artefact."""

SYMBOLS = {"N": "N", "S": "S", "V": "V", "B": "B", "P": "/", "X": "|"}
"""Label of others -> symbol of WFDB; C, for calibration, is no beat."""

ENTRY = np.dtype([("label", "S1"), ("internal", "S1"), ("step", "<u2")])


def encode_beats(header: Header, marks: Marks) -> bytes:
    """A file of the beats among marks; b"" where there are none. header: of the signals."""
    beat = np.isin(marks.symbol, [*AAMI_OF_SYMBOL])
    beat &= (marks.sample >= 0) & (marks.sample < header.samples)
    if not beat.any():
        return b""
    order = np.argsort(marks.sample[beat], kind="stable")
    sample, symbols = marks.sample[beat][order], marks.symbol[beat][order].tolist()
    step = np.diff(sample, prepend=sample[0])
    more = (np.maximum(step, 1) - 1) // FARTHEST  # entries before a beat that is far
    place = np.arange(len(step)) + np.cumsum(more)
    entries = np.zeros(int(place[-1]) + 1, ENTRY)
    entries["label"], entries["internal"], entries["step"] = TIMEOUT, TIMEOUT, FARTHEST
    entries["label"][place] = [LABELS.get(s, LABELS[AAMI_OF_SYMBOL[s]]) for s in symbols]
    entries["internal"][place] = symbols
    entries["step"][place] = step - more * FARTHEST
    head = Header(
        BEATS, header.samples, header.leads, header.step_nv, header.fs, header.start, header.first,
        header.last, header.code, header.sex, header.pacemaker, header.recorder, header.text, OWN,
    )  # fmt: skip
    return head.to_bytes() + struct.pack("<I", int(sample[0])) + entries.tobytes()


def read_beats(path: Path) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Samples and symbols of WFDB of the beats in a file.

    Raises
    ------
    EcgsynthError: it is no such file, or is cut short.
    """
    content = path.read_bytes()
    size = SIZE + max(0, struct.unpack("<i", content[10:14])[0]) if len(content) >= SIZE else SIZE
    header, _, _ = read_header(content[:size], path, BEATS)
    body = content[size:]
    if len(body) < 4 or len(body) % ENTRY.itemsize:
        raise DamagedFileError(f"{path.name} is damaged or cut short; copy it again.")
    entries = np.frombuffer(body[4:], ENTRY)
    at = int.from_bytes(body[:4], "little") + np.cumsum(entries["step"].astype(np.int64))
    own = header.block == OWN
    label = np.char.decode(entries["internal" if own else "label"], "latin-1")
    known = {one: one for one in AAMI_OF_SYMBOL} if own else SYMBOLS
    kept = np.isin(label, [*known])
    return at[kept], np.array([known[one] for one in label[kept].tolist()], np.str_)
