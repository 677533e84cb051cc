"""Writing EDF+ and BDF+: one record with its header, annotations and samples, block by block."""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.formats import cells
from ecgsynth.formats.digitise import digitise, gains, time_slice
from ecgsynth.formats.edf.annotations import encode, pack, time_text
from ecgsynth.formats.edf.header import Channel, Header, fit, recording_field
from ecgsynth.formats.edf.layout import Layout, layout_of, range_of
from ecgsynth.formats.item_facts import item_facts, marks_inside
from ecgsynth.formats.stream import Steps
from ecgsynth.signals.acquisition import Acquisition, acquisition
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.synthetic_parts import (
    Stretch,
    leads_by_stretch,
    name_stretch,
    stretches_of,
)

log = logging.getLogger("ecgsynth")

NOTE, MARK = "# ", "mark "
"""Texts begin so that are no marks, but state what the file is; and marks whose symbols could be
taken for such."""

FACTS, MADE, MISSING, END = "ecgsynth ", "made by a model: ", "no signal: ", "end of the recording"
"""Beginnings of notes: facts for programs, stretches that a model made, stretches without a value,
and where the samples end with which the last record is filled up."""

LINE = 100
"""Characters of a note; longer ones are several."""

OF_LEAD = "@@"
"""Between the text of a mark and the label of the one lead that it is of."""

BLOCK_BYTES = 4 << 20


class Content(NamedTuple):
    """What is written of one record.

    ecg: the item, of which the samples may be placeholders. header: what the fields state. facts:
    JSON. steps: how the leads are digitised. largest: of every lead, the largest step. made,
    missing: stretches. read: first sample, the one after the last -> steps [lead, sample].
    """

    ecg: Ecg
    header: Acquisition
    facts: str
    steps: Sequence[Steps]
    largest: Sequence[int]
    made: Sequence[Stretch]
    missing: Sequence[Stretch]
    read: Callable[[int, int], NDArray[np.integer]]


def write_file(content: Content, place: Path, name: str, width: int) -> None:
    """Write one record.

    name: of the file, for sentences; place: where it is written. width: bytes of a sample.

    Raises
    ------
    EcgsynthError: a mark's name cannot be written, or the disk is full.
    """
    spec = content.ecg.spec
    layout = layout_of(spec.fs, spec.samples, width * len(spec.leads))
    if abs(layout.fs / spec.fs - 1) > 1e-12:
        log.warning(
            "%s states %.9g Hz: eight characters do not hold the length of a record at %.9g Hz.",
            name, layout.fs, spec.fs,
        )  # fmt: skip
    start = content.header.start
    offset = start.microsecond / 1e6 if start else 0.0
    entries, onset_s = _entries(content, layout)
    seconds = float(layout.seconds)
    record = np.minimum(np.floor(onset_s / seconds), layout.records - 1).astype(np.int64)
    texts = [encode(offset + at, text, length) for (at, text, length) in entries]
    times = [
        time_text(offset + k * seconds, "+").encode() + b"\x14\x14\0" for k in range(layout.records)
    ]
    packed = pack(texts, record, times, width)
    header = header_of(content, layout, width, packed.shape[1] // width, start)
    with open(place, "wb") as file:
        file.write(header.to_bytes())
        for block in _blocks(content, layout, width, packed):
            file.write(block)


def header_of(
    content: Content, layout: Layout, width: int, annotation_samples: int, start: datetime | None
) -> Header:
    """The header of a record."""
    ecg, about = content.ecg, content.header
    person = "X" if ecg.patient is None else str(ecg.patient[0])[:24]
    more = [] if about.age_years is None else [f"age_{about.age_years:g}"]
    name = about.mark or "X"
    device = f"{about.mark} {about.device}".strip()[:40]
    labels = labels_of(ecg.spec.leads)
    highest = (1 << (8 * width - 1)) - 1
    channels = []
    for k, label in enumerate(labels):
        one = content.steps[k]
        physical, digital = range_of(1000 / one.gain, one.baseline, content.largest[k], highest)
        text = cells.one_line(f"{about.mark or 'ECG'}: {about.device}")
        channels.append(
            Channel(label, "uV", physical, digital, layout.samples,
                    text.encode("ascii", "replace").decode()[:80], _filters(ecg))
        )  # fmt: skip
    kind = {2: "EDF", 3: "BDF"}[width]
    steps = (-highest - 1, highest)
    channels.append(Channel(f"{kind} Annotations", "", (-1, 1), steps, annotation_samples))
    return Header(
        width,
        fit([person, about.sex or "X", "X", name, *more]),
        recording_field(start, ["X", "X", device or "X", *([about.mark] if about.mark else [])]),
        start, f"{kind}+C", layout.records, layout.seconds, tuple(channels),
    )  # fmt: skip


def _filters(ecg: Ecg) -> str:
    low, high = ecg.spec.band
    return " ".join(f"{name}:{edge:g}Hz" for name, edge in (("HP", low), ("LP", high)) if edge)


def whole_item(ecg: Ecg, width: int, title: str, step_mv: float) -> Content:
    """What is written of an item in memory, with limb leads that follow from I and II.

    Raises
    ------
    EcgsynthError: an amplitude is beyond the range.
    """
    leads, signal = ecg.spec.leads, ecg.signal[0]
    steps = [Steps(float(gain), 0, 8 * width) for gain in gains(leads, step_mv)]
    highest = (1 << (8 * width - 1)) - 1
    gain = [one.gain for one in steps]
    peak = np.fmax(
        np.fmax.reduce(signal, axis=1, initial=0), -np.fmin.reduce(signal, axis=1, initial=0)
    )
    largest = [int(min(np.ceil(p * g), highest)) for p, g in zip(peak, gain, strict=True)]
    lowest = np.array(
        [
            [range_of(1000 / g, 0, most, highest)[1][0]]
            for g, most in zip(gain, largest, strict=True)
        ]
    )

    def read(start: int, stop: int) -> NDArray[np.integer]:
        piece = time_slice(ecg, start, stop)
        found = digitise(piece, gain, 8 * width, title, missing=0)[0]
        return np.where(np.isnan(piece.signal[0]), lowest, found)

    mask = None if ecg.synthetic_mask is None else ecg.synthetic_mask[0]
    made = [] if mask is None else stretches_of(mask)
    missing = stretches_of(np.isnan(signal))
    return Content(ecg, acquisition(ecg), item_facts(ecg), steps, largest, made, missing, read)


def labels_of(leads: Sequence[str]) -> list[str]:
    """Labels of leads: what they measure, then where ("ECG V1"); a number stands for a name that
    a label cannot hold."""
    plain = [
        f"ECG {lead}" if len(lead) <= 11 and lead.isascii() and lead.isprintable() and lead.strip()
        else f"ECG lead{k + 1}"
        for k, lead in enumerate(leads)
    ]  # fmt: skip
    return cells.column_names(plain, ())


def _entries(
    content: Content, layout: Layout
) -> tuple[list[tuple[float, str, float | None]], NDArray[np.float64]]:
    """Onset, text and duration of every annotation, in order of time; and the onsets."""
    ecg, fs = content.ecg, layout.fs
    spec = ecg.spec
    entries: list[tuple[float, str, float | None]] = [
        (0.0, f"{NOTE}{line}", None)
        for line in textwrap.wrap(cells.one_line(content.header.statement), LINE)
    ]
    label = cells.label_texts(ecg)[0]
    entries += [(0.0, f"{NOTE}class {line}", None) for line in textwrap.wrap(label, LINE)]
    parts = [content.facts[k : k + LINE] for k in range(0, len(content.facts), LINE)]
    size = len(str(len(parts)))
    entries += [
        (0.0, f"{NOTE}{FACTS}{k:0{size}}/{len(parts)}: {part}|", None)
        for k, part in enumerate(parts, 1)
    ]
    for begin, stretches in ((MADE, content.made), (MISSING, content.missing)):
        for (first, stop), leads in leads_by_stretch(stretches).items():
            text = f"{NOTE}{begin}{name_stretch((first, stop), leads, spec)}"
            entries.append((first / fs, text[:1000], (stop - first) / fs))
    if layout.samples * layout.records > spec.samples:
        entries.append((spec.samples / fs, f"{NOTE}{END}; what follows only fills it up", None))
    entries += _marks(ecg, fs)
    onset = np.array([one[0] for one in entries])
    order = np.argsort(onset, kind="stable")
    return [entries[k] for k in order.tolist()], onset[order]


def _marks(ecg: Ecg, fs: float) -> Iterator[tuple[float, str, None]]:
    spec, marks = ecg.spec, marks_inside(ecg)
    if marks is None:
        return
    labels = labels_of(spec.leads)
    columns = (marks.lead, marks.sample / fs, marks.symbol)
    for lead, at, symbol in zip(*(column.tolist() for column in columns), strict=True):
        ambiguous = not symbol.strip() or symbol.startswith((NOTE[0], MARK)) or OF_LEAD in symbol
        text = f"{MARK}{symbol}|" if ambiguous or symbol != symbol.strip() else symbol
        yield at, f"{text}{OF_LEAD}{labels[lead]}" if lead >= 0 else text, None


def _blocks(
    content: Content, layout: Layout, width: int, packed: NDArray[np.uint8]
) -> Iterator[bytes]:
    """The bytes of the records, some at a time."""
    leads, per = len(content.ecg.spec.leads), layout.samples
    samples = content.ecg.spec.samples
    step = max(1, BLOCK_BYTES // (width * leads * per))
    for first in range(0, layout.records, step):
        stop = min(first + step, layout.records)
        part = content.read(first * per, min(stop * per, samples))
        missing = (stop - first) * per - part.shape[1]
        part = np.pad(part, ((0, 0), (0, missing)), "edge")
        frames = np.ascontiguousarray(part.reshape(leads, stop - first, per).swapaxes(0, 1), "<i4")
        raw = frames.view(np.uint8).reshape(stop - first, leads * per, 4)[..., :width]
        rows = [raw.reshape(stop - first, -1), packed[first:stop]]
        yield np.concatenate(rows, axis=1).tobytes()
