"""Writing WFDB: items to one record, with steps of 1 uV, annotations and comments."""

from __future__ import annotations

import json
import logging
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import cells, stream
from ecgsynth.formats.digitise import digitise, gains
from ecgsynth.formats.wfdb.annotation_writer import AnnotationWriter, encode_annotations
from ecgsynth.formats.wfdb.annotations import SYMBOLS
from ecgsynth.signals.acquisition import Acquisition, acquisition, comments_of_person
from ecgsynth.signals.columns import start_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import Stretch, leads_by_stretch, name_stretch, stretches_of
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, SYMBOL_OF_AAMI, is_rhythm

log = logging.getLogger("ecgsynth")

LONG_S = 3.0
"""From this length on, s, an item is a record of its own."""

BITS, STEP_MV = 16, 0.001
"""Of a sample; 1 uV."""

NO_VALUE = -32768
"""How format 16 marks a sample that is missing."""

BEATS, WAVES = "atr", "fid"
"""The annotators: beats, one code each, with whatever else is no fiducial; and fiducials."""

WAVE_OF = {
    "p_onset": ("(", 0), "p_peak": ("p", 0), "p_offset": (")", 0),
    "qrs_onset": ("(", 1), "r_peak": ("N", 1), "qrs_offset": (")", 1),
    "t_onset": ("(", 2), "t_peak": ("t", 2), "t_offset": (")", 2),
}  # fmt: skip
"""Fiducial -> WFDB's symbol and number. The number names the wave of a bracket, as in the files of
PhysioNet's ecgpuwave: 0 P, 1 QRS, 2 T."""

OF_ONE_LEAD = 1
"""The subtype of a mark of the lead that its channel names; others are of all leads."""

MOST_LEADS = 256
"""Leads that an annotation can name: their number is a byte."""

CODES = frozenset(SYMBOLS.values())

CLASS, MARK, MADE = "class ", "mark ", "made by a model: "
"""Notes begin so that name the class of a window, which is no mark, of a mark whose symbol could be
taken for something else, and the leads and times that a model made of a partly real item."""

PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")
"""A lead's name that a header can hold."""

FACTS = "ecgsynth: "
"""Prefix of the header comments that carry the facts."""

TABLE = "items.csv"
"""The file with one row per item."""


def write_record(ecg: Ecg, name: str, folder: Path) -> None:
    """Items end to end as one record with its annotations."""
    import wfdb

    spec = ecg.spec
    gain = gains(spec.leads, STEP_MV)
    digital = digitise(ecg, gain, BITS, "WFDB", missing=NO_VALUE)
    wfdb.wrsamp(
        name,
        fs=spec.fs,
        units=["mV"] * len(spec.leads),
        sig_name=list(signal_names(spec)),
        d_signal=digital.swapaxes(1, 2).reshape(-1, len(spec.leads)),
        fmt=["16"] * len(spec.leads),
        adc_gain=gain,
        baseline=[0] * len(spec.leads),
        comments=comment_lines(ecg, acquisition(ecg)),
        base_datetime=start_of(ecg) if len(ecg) == 1 else None,
        write_dir=str(folder),
    )
    if ecg.marks is not None:
        at = ecg.marks.sample
        if outside := int(((at < 0) | (at >= spec.samples)).sum()):
            log.warning("%d marks outside of their items are left out.", outside)
    for annotator, notes in ((BEATS, beat_notes(ecg)), (WAVES, _fiducials(ecg))):
        write_annotations(folder / f"{name}.{annotator}", notes)


def comment_lines(ecg: Ecg, header: Acquisition) -> list[str]:
    """The comments of a header: what the items are, for people and for programs."""
    spec, comments = ecg.spec, textwrap.wrap(cells.one_line(header.statement), 200)
    comments += comments_of_person(header)
    if len(ecg) > 1 or spec.seconds < LONG_S:
        comments.append(f"Windows of {spec.samples} samples end to end; not a continuous rhythm.")
    # Header lines may hold 255 characters: the facts go over several of them.
    text = json.dumps(stream.facts(ecg), separators=(",", ":")).replace(" ", "\\u0020")
    return comments + [FACTS + text[k : k + 200] for k in range(0, len(text), 200)]


class Note(NamedTuple):
    """An annotation: its sample in the record, lead (-1: all), WFDB's symbol, number and text."""

    sample: int
    lead: int
    symbol: str
    number: int = 0
    text: str = ""


def write_annotations(path: Path, notes: list[Note]) -> None:
    """Write an annotation file; none where there are no notes."""
    if not notes:
        return
    sample, lead, symbol, number, text = zip(*notes, strict=True)
    subtype, channel = _of_leads(lead)
    path.write_bytes(
        encode_annotations(
            sample, symbol, note=text, number=number, subtype=subtype, channel=channel
        )
    )


def _of_leads(lead: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Subtype and channel by the lead that an annotation is of; -1: of all."""
    column = np.asarray(lead, np.int64)
    return OF_ONE_LEAD * (column >= 0), np.maximum(column, 0)


class MarkWriter:
    """The annotation files of a record whose marks come piece by piece, in order of time."""

    def __init__(self, files: Mapping[str, BinaryIO]) -> None:
        self.files = {name: AnnotationWriter(file) for name, file in files.items()}

    def write(self, marks: Marks) -> None:
        """Write marks at their samples in the record: beats and others, and fiducials."""
        wave = np.isin(marks.symbol, [*WAVE_OF])
        for annotator, rows in ((BEATS, ~wave), (WAVES, wave)):
            names, where = np.unique(marks.symbol[rows], return_inverse=True)
            codes = [
                (*WAVE_OF[name], "") if annotator == WAVES else _code(name)
                for name in names.tolist()
            ]
            symbol, number, text = zip(*codes, strict=True) if codes else ((), (), ())
            subtype, channel = _of_leads(marks.lead[rows])
            self.files[annotator].write(
                marks.sample[rows], np.array(symbol, np.str_)[where],
                note=[text[k] for k in where.tolist()] if any(text) else [],
                number=np.array(number, np.int64)[where], subtype=subtype, channel=channel,
            )  # fmt: skip


def beat_notes(ecg: Ecg) -> list[Note]:
    """Every mark that is no fiducial, the class of every item without a marked beat, and what was
    made of partly real ones."""
    samples, spec = ecg.spec.samples, ecg.spec
    notes, with_beats = list[Note](), set()
    for item, made in enumerate(() if ecg.synthetic_mask is None else ecg.synthetic_mask):
        notes += made_notes(stretches_of(made), spec, item * samples)
    for item, lead, sample, symbol in _marks(ecg):
        if symbol in WAVE_OF:
            continue
        if symbol in AAMI_OF_SYMBOL:
            with_beats.add(item)
        notes.append(Note(item * samples + sample, lead, *_code(symbol)))
    for item, label in enumerate(ecg.labels_str.tolist()):
        text = f"{CLASS}{label}".encode()[:255].decode(errors="ignore") if label else ""
        if item in with_beats:
            continue
        if spec.r_sample is not None and not spec.multilabel:
            beat = SYMBOL_OF_AAMI.get(label, "Q" if spec.classes else "N")
            notes.append(Note(item * samples + spec.r_sample, -1, beat, 0, text or CLASS.strip()))
        elif label:
            notes.append(Note(item * samples, -1, '"', 0, text))
    return notes


def made_notes(stretches: Sequence[Stretch], spec: Spec, begin: int = 0) -> list[Note]:
    """A note at the beginning of every stretch that a model made of a partly real item.

    begin: sample of the record at which the item begins.
    """
    notes = []
    for (start, stop), leads in leads_by_stretch(stretches).items():
        text = f"{MADE}{name_stretch((start, stop), leads, spec)}"
        text = text.encode()[:255].decode(errors="ignore")
        notes.append(Note(begin + start, -1, '"', 0, text))
    return notes


def _fiducials(ecg: Ecg) -> list[Note]:
    samples = ecg.spec.samples
    return [
        Note(item * samples + sample, lead, *WAVE_OF[symbol])
        for item, lead, sample, symbol in _marks(ecg)
        if symbol in WAVE_OF
    ]


def _marks(ecg: Ecg) -> Iterator[tuple[int, int, int, str]]:
    """Item, lead, sample and symbol of every mark that lies in its item."""
    if ecg.marks is None:
        return
    marks = ecg.marks
    inside = (marks.sample >= 0) & (marks.sample < ecg.spec.samples)
    columns = (marks.item, marks.lead, marks.sample, marks.symbol)
    yield from zip(*(column[inside].tolist() for column in columns), strict=True)


def _code(symbol: str) -> tuple[str, int, str]:
    """WFDB symbol, number and note of a mark; the note keeps what the symbol cannot hold."""
    if symbol in CODES:
        return symbol, 0, ""
    if is_rhythm(symbol):
        return "+", 0, symbol
    ambiguous = not symbol or symbol.startswith((CLASS.strip(), MARK, MADE, "#"))
    text = f"{MARK}{symbol}" if ambiguous else symbol
    if len(text.encode()) > 255 or not text.isprintable():
        raise EcgsynthError(
            f"a mark is called {symbol[:40]!r}; WFDB keeps names of up to 250 visible characters, "
            "so rename it, or write NPZ or Parquet."
        )
    return '"', 0, text


def rows_of(ecg: Ecg, record: str) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows of `items.csv` after record and number; an unknown number is empty."""
    assert ecg.context is not None
    columns: dict[str, list[Any]] = {"label": [cells.guarded(t) for t in cells.label_texts(ecg)]}
    for name in stream.ITEM_COLUMNS:
        values = getattr(ecg, name)
        if values is not None:
            text = values.dtype.kind == "U"
            columns[name] = [cells.guarded(v) if text else v for v in values.tolist()]
    if ecg.synthetic_mask is not None:
        columns["synthetic_mask"] = cells.mask_texts(ecg)
    for name, values in zip(context_columns(ecg.spec), ecg.context.T, strict=True):
        columns[name] = ["" if np.isnan(value) else str(value) for value in values]
    return [*columns], [
        [record, item, *row] for item, row in enumerate(zip(*columns.values(), strict=True))
    ]


def signal_names(spec: Spec) -> tuple[str, ...]:
    """What the leads are called in a header, which holds plain letters: a number stands for a name
    of others."""
    plain = [lead if PLAIN.fullmatch(lead) else f"lead{k + 1}" for k, lead in enumerate(spec.leads)]
    return tuple(cells.column_names(plain, ()))


def context_columns(spec: Spec) -> list[str]:
    """Names of the columns of the context in `items.csv`."""
    return cells.column_names(map(cells.guarded, spec.context), cells.FIXED)
