"""What clinical formats write of one item: person, device, marks, statements, and what was made."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import stream
from ecgsynth.formats.item_facts import item_facts
from ecgsynth.signals.acquisition import Acquisition, acquisition
from ecgsynth.signals.columns import start_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.synthetic_parts import leads_by_stretch, name_stretch, stretches_of

log = logging.getLogger("ecgsynth")

UNKNOWN_START = datetime(2000, 1, 1)
"""The start in a format that must state one, where it is not known."""

MAKER = "ecgsynth"


class MadePart(NamedTuple):
    """A stretch that a model made: samples from one up to another, its leads, and words for it."""

    start: int
    stop: int
    leads: list[int]
    text: str


@dataclass(frozen=True)
class Description:
    """What the header and the annotations of a clinical file have of one item.

    facts: for programs, JSON. marks: lead (-1: all), sample, symbol. statements: names of classes.
    made: parts that a model made of a partly real item.
    """

    about: Acquisition
    person: str
    start: datetime
    facts: str
    marks: list[tuple[int, int, str]]
    statements: list[str]
    made: list[MadePart]

    def field(self, text: str, characters: int) -> str:
        """Text for a field of limited length, behind the mark of synthetic ECG."""
        mark = self.about.mark
        words = " ".join(f"{mark} {text}".split())
        return words[:characters].strip()

    def identity(self, *parts: bytes) -> uuid.UUID:
        """A number of its own for each content: the same from the same seed."""
        text = self.facts + "".join(part.hex() for part in parts)
        return uuid.uuid5(uuid.UUID("6d1b7a52-6b0b-5a0e-9f6e-0b1f3c1f7a11"), text)


def only_item(chunks: Iterable[Ecg]) -> Ecg:
    """The one item of a format whose file holds one record."""
    first, rest = stream.begin(chunks)
    if len(first) > 1 or sum(len(chunk) for chunk in rest) > 1:
        raise EcgsynthError("a file of this format holds one record; name a folder for several.")
    return first


def describe_item(ecg: Ecg) -> Description:
    """What is written of an item beside its samples."""
    marks = stream.marks_of(ecg)
    rows: list[tuple[int, int, str]] = []
    if marks is not None:
        inside = (marks.sample >= 0) & (marks.sample < ecg.spec.samples)
        if outside := int((~inside).sum()):
            log.warning("%d marks outside of their items are left out.", outside)
        order = np.flatnonzero(inside)[np.argsort(marks.sample[inside], kind="stable")]
        columns = (marks.lead, marks.sample, marks.symbol)
        rows = [*zip(*(column[order].tolist() for column in columns), strict=True)]
    assert ecg.label is not None
    spec = ecg.spec
    made = []
    if ecg.synthetic_mask is not None and not ecg.synthetic_mask.all():
        for (start, stop), leads in leads_by_stretch(stretches_of(ecg.synthetic_mask[0])).items():
            words = f"made by a model: {name_stretch((start, stop), leads, spec)}"
            made.append(MadePart(start, stop, leads, words))
    return Description(
        acquisition(ecg),
        "" if ecg.patient is None else str(ecg.patient[0]),
        start_of(ecg) or UNKNOWN_START,
        item_facts(ecg),
        rows,
        [name for name, value in zip(spec.classes, ecg.label[0], strict=True) if value > 0],
        made,
    )
