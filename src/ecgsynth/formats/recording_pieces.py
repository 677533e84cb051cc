"""A recording on the disk as a stream along time, for formats that are written piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ecgsynth.formats.stream import InPieces, Steps, Stretch
from ecgsynth.signals.acquisition import acquisition
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import is_rhythm

PIECE_S = 60.0


def pieces_of(recording: Recording) -> InPieces:
    """A recording with its marks, person and start; its leads keep their steps."""
    about = acquisition(recording)
    context = {
        "age": about.age_years, "sex": None if about.sex is None else float(about.sex == "F"),
    }  # fmt: skip
    known = {name: value for name, value in context.items() if value is not None}
    marks = marks_of_recording(recording.annotations, recording.samples)
    head = Ecg(
        np.broadcast_to(np.float32(0), (1, len(recording.leads), recording.samples)),
        Spec(recording.leads, recording.fs, recording.samples, context=tuple(known),
             band=recording.band),
        context=np.array([[*known.values()]], np.float32).reshape(1, len(known)),
        patient=np.array([recording.person]) if recording.person else None,
        record=np.array([recording.name]) if recording.name else None,
        start=np.array([recording.start.isoformat()]) if recording.start else None,
        marks=marks if len(marks) else None,
        source=recording.source,
    )  # fmt: skip
    digitised: list[Steps | None] = getattr(recording.data, "digitised", list)()
    own = {lead: steps for lead, steps in zip(recording.leads, digitised, strict=False) if steps}
    return InPieces(head, "" if recording.synthetic else recording.source, _read(recording), own)


def marks_of_recording(notes: Annotations, samples: int) -> Marks:
    """The annotations within so many samples as marks, a change of rhythm by its name."""
    note = notes.note or ("",) * len(notes)
    symbols = [
        text if symbol == "+" and is_rhythm(text) else symbol
        for symbol, text in zip(notes.symbol.tolist(), note, strict=True)
    ]
    inside = (notes.sample >= 0) & (notes.sample < samples)
    lead = np.full(len(notes), -1)
    if len(notes.channel) and len(notes.subtype):
        lead = np.where(notes.subtype == 1, notes.channel, -1)
    found = Marks(np.zeros(len(notes), np.int64), lead, notes.sample, np.array(symbols, np.str_))
    kept = np.flatnonzero(inside)
    columns = (getattr(found, name)[kept] for name in ("item", "lead", "sample", "symbol"))
    return Marks(*columns)


def _read(recording: Recording) -> Iterator[Stretch]:
    step = max(1, round(PIECE_S * recording.fs))
    for start in range(0, recording.samples, step):
        piece = recording.read(start, min(start + step, recording.samples))
        yield Stretch(piece, np.zeros(piece.shape, bool))
