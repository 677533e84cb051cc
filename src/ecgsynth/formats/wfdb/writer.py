"""Writing WFDB: items to one record, with steps of 1 uV, annotations and comments."""

from __future__ import annotations

import json
import logging
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import cells, stream
from ecgsynth.formats.wfdb.annotations import SYMBOLS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, SYMBOL_OF_AAMI, limb_leads

log = logging.getLogger("ecgsynth")

LONG_S = 3.0
"""From this length on, s, an item is a record of its own."""

GAIN = {"aVR": 2000, "aVL": 2000, "aVF": 2000}
"""Steps per mV; 1000 for every lead that is not here. The augmented limb leads are halves of sums
of I and II: with half the step they follow from them without any rounding."""

CONSISTENT_MV = 0.003
"""Limb leads that agree with I and II to this much are derived from them after rounding; real
leads that do not agree are written as they are."""

BEATS, WAVES = "atr", "fid"
"""The annotators: beats, one code each, with whatever else is no fiducial; and fiducials."""

WAVE_OF = {
    "p_onset": ("(", 0), "p_peak": ("p", 0), "p_offset": (")", 0),
    "qrs_onset": ("(", 1), "r_peak": ("N", 1), "qrs_offset": (")", 1),
    "t_onset": ("(", 2), "t_peak": ("t", 2), "t_offset": (")", 2),
}  # fmt: skip
"""Fiducial -> WFDB's symbol and number. The number tells the wave of a bracket, as in the files of
PhysioNet's ecgpuwave: 0 P, 1 QRS, 2 T."""

OF_ONE_LEAD = 1
"""The subtype of a mark of the lead that its channel names; others are of all leads."""

MOST_LEADS = 256
"""Leads that an annotation can name: their number is a byte."""

CODES = frozenset(SYMBOLS.values())

CLASS, MARK = "class ", "mark "
"""Notes begin so that name the class of a window, which is no mark, and of a mark whose symbol
could be taken for something else."""

PLAIN = re.compile(r"[!-~]([ -~]*[!-~])?")
"""A lead's name that a header can hold."""

FACTS = "ecgsynth: "
"""Prefix of the header comments that carry the facts."""

TABLE = "items.csv"
"""The file with one row per item."""


def refuse(ecg: Ecg, target: Path) -> None:
    """What cannot be written, said before anything is."""
    refuse_folder(target)
    if ecg.spec.unit != "mV":
        raise EcgsynthError(
            "normalised signals have no mV, which WFDB needs; write them as NPZ, CSV or Parquet."
        )
    if ecg.marks is not None and len(ecg.spec.leads) > MOST_LEADS:
        raise EcgsynthError(
            f"WFDB annotations know {MOST_LEADS} leads, and here are {len(ecg.spec.leads)} with "
            "marks; write NPZ or Parquet."
        )


def refuse_folder(target: Path) -> None:
    """What is no folder to write to, whatever the items are."""
    if target.suffix == ".hea":
        raise EcgsynthError(
            f"{target.name} names one record; WFDB is written as a folder, such as "
            f"{target.with_suffix('').name}/."
        )
    if target.is_dir() and any(target.iterdir()) and not (target / TABLE).is_file():
        raise EcgsynthError(
            f"{target} holds files that are not from ecgsynth; name a new folder or an empty one."
        )


def write_record(ecg: Ecg, name: str, folder: Path) -> None:
    """Items end to end as one record with its annotations."""
    import wfdb

    spec = ecg.spec
    gain = [GAIN.get(lead, 1000) for lead in spec.leads]
    digital = _digital(ecg, gain)
    comments = textwrap.wrap(stream.statement(ecg), 200)
    if len(ecg) > 1 or spec.seconds < LONG_S:
        comments.append(f"Windows of {spec.samples} samples end to end; not a continuous rhythm.")
    # Header lines may hold 255 characters: the facts go over several of them.
    text = json.dumps(stream.facts(ecg), separators=(",", ":")).replace(" ", "\\u0020")
    comments += [FACTS + text[k : k + 200] for k in range(0, len(text), 200)]
    wfdb.wrsamp(
        name,
        fs=spec.fs,
        units=["mV"] * len(spec.leads),
        sig_name=list(signal_names(spec)),
        d_signal=digital.swapaxes(1, 2).reshape(-1, len(spec.leads)),
        fmt=["16"] * len(spec.leads),
        adc_gain=gain,
        baseline=[0] * len(spec.leads),
        comments=comments,
        write_dir=str(folder),
    )
    if ecg.marks is not None:
        at = ecg.marks.sample
        if outside := int(((at < 0) | (at >= spec.samples)).sum()):
            log.warning("%d marks outside of their items are left out.", outside)
    for annotator, notes in ((BEATS, _beats(ecg)), (WAVES, _fiducials(ecg))):
        _write_annotations(folder / f"{name}.{annotator}", notes)


class Note(NamedTuple):
    """An annotation: its sample in the record, lead (-1: all), WFDB's symbol, number and text."""

    sample: int
    lead: int
    symbol: str
    number: int = 0
    text: str = ""


def _write_annotations(path: Path, notes: list[Note]) -> None:
    import wfdb

    if not notes:
        return
    notes = sorted(notes, key=lambda note: note.sample)
    wfdb.wrann(
        path.stem,
        path.suffix[1:],
        np.array([note.sample for note in notes]),
        [note.symbol for note in notes],
        subtype=np.array([OF_ONE_LEAD * (note.lead >= 0) for note in notes]),
        chan=np.array([max(note.lead, 0) for note in notes]),
        num=np.array([note.number for note in notes]),
        aux_note=[note.text.encode().decode("latin-1") for note in notes],  # its bytes are UTF-8
        write_dir=str(path.parent),
    )


def _digital(ecg: Ecg, gain: list[int]) -> NDArray[np.int64]:
    """[item, lead, sample] in steps; limb leads derived from the rounded I and II."""
    steps = np.round(ecg.signal.astype(np.float64) * np.array(gain)[:, None])
    leads = ecg.spec.leads
    if "I" in leads and "II" in leads:
        one, two = steps[:, leads.index("I")], steps[:, leads.index("II")]
        for name, derived in limb_leads(one, two).items():
            if name in leads:
                k = leads.index(name)
                exact = derived * (gain[k] // 1000)
                apart = np.abs(exact - steps[:, k]) / gain[k]
                if not (apart > CONSISTENT_MV).any():
                    steps[:, k] = exact
    beyond = np.abs(steps) > 32767
    if beyond.any():
        item, k, _ = np.argwhere(beyond)[0]
        peak = np.nanmax(np.abs(ecg.signal[item, k]))
        raise EcgsynthError(
            f"lead {leads[k]} reaches {peak:.1f} mV, but 16-bit WFDB ends at "
            f"{32767 / gain[k]:.1f} mV; leave such items out, or write NPZ or Parquet."
        )
    return np.where(np.isnan(steps), -32768, steps).astype(np.int64)  # WFDB's "no value"


def _beats(ecg: Ecg) -> list[Note]:
    """Every mark that is no fiducial, and the class of every item without a marked beat."""
    samples, spec = ecg.spec.samples, ecg.spec
    notes, with_beats = [], set()
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
    """WFDB symbol, number and note of a mark; the note keeps what the symbol cannot say."""
    if symbol in CODES:
        return symbol, 0, ""
    ambiguous = not symbol or symbol.startswith((CLASS.strip(), MARK, "#"))
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
