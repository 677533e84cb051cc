"""WFDB (PhysioNet): records with header, signal and annotation files."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import cells, stream
from ecgsynth.formats.breaking import Broken, Files
from ecgsynth.formats.contract import Format
from ecgsynth.formats.recording_pieces import marks_of_recording
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.formats.wfdb.broken import record_faults
from ecgsynth.formats.wfdb.folder import record_names, summarise
from ecgsynth.formats.wfdb.pieces import heads_of, write_record_pieces
from ecgsynth.formats.wfdb.reader import open_recording, read_recording
from ecgsynth.formats.wfdb.records import CARD, new_folder
from ecgsynth.formats.wfdb.uploads import check as check_records
from ecgsynth.formats.wfdb.writer import (
    BEATS,
    BITS,
    CLASS,
    FACTS,
    LONG_S,
    MADE,
    MARK,
    MOST_LEADS,
    OF_ONE_LEAD,
    STEP_MV,
    TABLE,
    WAVE_OF,
    WAVES,
    context_columns,
    rows_of,
    signal_names,
    write_record,
)
from ecgsynth.registry import FORMATS
from ecgsynth.signals.acquisition import person_of_comments
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.leads import are_same_leads, lead_rows, standard_leads
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec

log = logging.getLogger("ecgsynth")

ITEMS_PER_RECORD = 500
"""Short items in one record: a file per beat would make a million files."""

FIDUCIAL_OF = {code: name for name, code in WAVE_OF.items()}


@FORMATS.register("wfdb")
class Wfdb(Format):
    """WFDB folder: 16-bit records in steps of 1 uV, R peaks as annotations, RECORDS, items.csv.

    Items of 3 s and more are a record each. Shorter ones (beats) stand end to end, 500 to a
    record: windows, not a continuous rhythm, which the header states too. Every beat has one
    annotation in `.atr`, the marked ones of its item or else one at its R peak with the symbol of
    its class; fiducials stand in `.fid`, as "(", "p", "N", "t" and ")".
    `items.csv` holds label, patient and context of each item, `card.json` the model's card.
    Where I and II are there, III = II - I, aVR, aVL and aVF follow from them exactly.
    """

    title = "WFDB"
    endings = ("/", ".hea")
    media_type = "application/zip"
    container = "folder"
    units = ("mV",)
    bits = BITS
    step_mv = STEP_MV
    uploads = True
    on_disk = True
    in_pieces = True
    own_file = TABLE

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        """Write a folder of records.

        Raises
        ------
        EcgsynthError: an amplitude beyond 16 bits (32.7 mV), or a mark's name too long to write.
        """
        first, chunks = stream.begin(chunks)
        size = 1 if first.spec.seconds >= LONG_S else ITEMS_PER_RECORD
        with new_folder(target, rows_of(first[:0], "")[0], stream.card_json(first)) as folder:
            for items in stream.regroup(chunks, size):
                name = folder.next_name()
                write_record(items, name, folder.path)
                folder.table.writerows(rows_of(items, name)[1])

    @staticmethod
    def write_pieces(recordings: Iterable[stream.InPieces], target: Path) -> None:
        """Write a folder of records, each piece by piece; known samples keep their own steps.

        Raises
        ------
        EcgsynthError: an amplitude beyond the range, or recordings that differ in spec.
        """
        parts = iter(recordings)
        first = next(parts)
        card = stream.card_json(first.head)
        with new_folder(target, heads_of(first.head), card) as folder:
            for one in chain([first], parts):
                if one.head.spec != first.head.spec:
                    raise EcgsynthError(
                        "the recordings differ in leads, rate or length; complete them one by one."
                    )
                write_record_pieces(folder, one)

    @staticmethod
    def facts(path: Path) -> str:
        return _stated(open_recording(path.with_suffix("")))

    @classmethod
    def open(cls, path: Path) -> Recording:
        """The recording of a header, whose samples stay on the disk."""
        name = path.with_suffix("")
        notes = BEATS if path.with_suffix(f".{BEATS}").is_file() else None
        found = open_recording(name, annotations=notes)
        synthetic = any("SYNTHETIC" in line for line in found.comments)
        return replace(found, source=(SYNTHETIC if synthetic else "") + found.source)

    @staticmethod
    def check(ecg: Ecg) -> None:
        """Refuse marks of more leads than an annotation can name."""
        if ecg.marks is not None and len(ecg.spec.leads) > MOST_LEADS:
            raise EcgsynthError(
                f"WFDB annotations know {MOST_LEADS} leads, and here are {len(ecg.spec.leads)} "
                "with marks; write NPZ or Parquet."
            )

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        return record_faults(files)

    @staticmethod
    def check_folder(folder: Path, most_bytes: int) -> None:
        check_records(folder, most_bytes)

    @staticmethod
    def read(path: Path) -> Ecg:
        """Items of a folder that `write` wrote; of others, every record as one item.

        A damaged record is left out, by name in the log.

        Raises
        ------
        EcgsynthError: no record can be read, or the records of others differ in leads, rate or
            length.
        """
        if path.suffix == ".hea":
            names, folder = [path.stem], path.parent
        else:
            there, missing = record_names(path)
            names, folder = there + missing, path
        recordings: dict[str, Recording] = {}
        problems = []
        for name in names:
            try:
                notes = BEATS if (folder / f"{name}.{BEATS}").is_file() else None
                recordings[name] = read_recording(folder / name, annotations=notes)
            except EcgsynthError as problem:
                problems.append(str(problem))
                log.warning("record %s is left out: %s", name, problem)
        if not recordings:
            reason = problems[0] if problems else "there are no .hea files in it."
            raise EcgsynthError(f"no record of {path} can be read: {reason}")
        if problems:
            log.warning("%d of %d records of %s were left out.", len(problems), len(names), path)
        for warning in summarise({name: each.assumptions for name, each in recordings.items()}):
            log.warning("%s", warning)
        stated = _stated(next(iter(recordings.values())))
        return _own(recordings, stated, folder) if stated else _foreign(recordings, path)


def _stated(recording: Recording) -> str:
    """The facts in a header's comments; "" in records of others."""
    return "".join(c[len(FACTS) :] for c in recording.comments if c.startswith(FACTS.strip()))


def _own(recordings: dict[str, Recording], stated: str, folder: Path) -> Ecg:
    """The items back from records and `items.csv`."""
    spec, source, columns = stream.read_facts(stated, folder)
    with_marks = "marks" in columns
    with_mask = "synthetic_mask" in columns
    columns = [name for name in columns if name in stream.ITEM_COLUMNS]
    try:
        with open(folder / TABLE, newline="", encoding="utf-8") as file:
            rows: dict[str, list[dict[str, str]]] = {name: [] for name in recordings}
            for row in csv.DictReader(file):
                if row["wfdb_record"] in rows:
                    rows[row["wfdb_record"]].append(row)
        card = stream.read_card((folder / CARD).read_text(encoding="utf-8"), folder / CARD)
    except (OSError, ValueError, KeyError) as problem:
        raise stream.damaged(folder / TABLE, problem) from None
    signals, marks = [], []
    for name, recording in recordings.items():
        count, rest = divmod(recording.signal.shape[1], spec.samples)
        if rest or count != len(rows[name]) or recording.leads != signal_names(spec):
            raise stream.damaged(folder / TABLE, f"it does not fit the record {name}")
        split = recording.signal.reshape(len(spec.leads), count, spec.samples)
        signals.append(split.swapaxes(0, 1))
        marks.append(_item_marks(recording, folder / f"{name}.{WAVES}", spec.samples))
    listed = [row for name in recordings for row in rows[name]]
    try:
        contexts = context_columns(spec)
        numbers = [[float(row[name] or "nan") for name in contexts] for row in listed]
        labels = cells.label_rows([cells.bare(row["label"]) for row in listed], spec)
        others = {name: _column([row[name] for row in listed], name) for name in columns}
        if with_mask:
            others["synthetic_mask"] = cells.read_masks(
                [row["synthetic_mask"] for row in listed], spec
            )
    except (KeyError, ValueError, TypeError) as problem:
        raise stream.damaged(folder / TABLE, problem) from None
    return Ecg(
        np.concatenate(signals),
        spec,
        label=labels,
        context=np.array(numbers, np.float32).reshape(len(listed), len(spec.context)),
        marks=Marks.join(marks, [len(s) for s in signals]) if with_marks else None,
        source=source,
        card=card,
        **others,
    )


def _column(texts: list[str], name: str) -> NDArray:
    if name == "onset_s":
        return np.array([float(text or "nan") for text in texts])
    if name == "valid":
        return np.array(texts, np.str_).astype(np.int32)
    return np.array([cells.bare(text) for text in texts], np.str_)


def _item_marks(recording: Recording, waves: Path, samples: int) -> Marks:
    """Annotations as marks, without those that name a window's class or what was made.

    waves: the file of the fiducials, where there is one. Earlier versions wrote fiducials among
    the beats, with their names as notes.
    """
    beats = recording.annotations
    note = np.array(beats.note, np.str_)
    no_mark = np.char.startswith(note, CLASS.strip()) | np.char.startswith(note, MADE)
    kept = np.flatnonzero(~no_mark)
    symbol = [str(note[k]).removeprefix(MARK) if note[k] else beats.symbol[k] for k in kept]
    at = beats.sample[kept]
    lead = np.where(beats.subtype[kept] == OF_ONE_LEAD, beats.channel[kept], -1)
    if waves.is_file():
        found = read_annotations(waves)
        keys = zip(found.symbol.tolist(), found.number.tolist(), strict=True)
        symbol += [FIDUCIAL_OF.get(key, key[0]) for key in keys]
        at = np.concatenate([at, found.tick])
        of_one = found.subtype == OF_ONE_LEAD
        lead = np.concatenate([lead, np.where(of_one, found.channel, -1)])
    order = np.argsort(at, kind="stable")
    at = at[order]
    return Marks(at // samples, lead[order], at % samples, np.array(symbol, np.str_)[order])


def _foreign(recordings: dict[str, Recording], path: Path) -> Ecg:
    """Every record of others as one item."""
    first_name, first = next(iter(recordings.items()))
    rows = {
        name: lead_rows(one.leads, first.leads)
        for name, one in recordings.items()
        if are_same_leads(one.leads, first.leads)
    }
    for name, other in recordings.items():
        for what, expected, actual in (
            ("leads", first.leads, first.leads if name in rows else other.leads),
            ("sampling rate", first.fs, other.fs),
            ("length", first.signal.shape[1], other.signal.shape[1]),
        ):
            if expected != actual:
                raise EcgsynthError(
                    f"the records of {path} differ in {what} ({first_name}: {expected}, {name}: "
                    f"{actual}); read them with the data set `folder`, which cuts them to one size."
                )
    signal = np.stack([recording.signal[rows[name]] for name, recording in recordings.items()])
    marks = [marks_of_recording(one.annotations, one.samples) for one in recordings.values()]
    people = [person_of_comments(" \n".join(one.comments)) for one in recordings.values()]
    person = [[age, {"M": 0.0, "F": 1.0}.get(sex or "")] for age, sex in people]
    known = any(value is not None for row in person for value in row)
    comments = " ".join(comment for r in recordings.values() for comment in r.comments)
    spec = Spec(standard_leads(first.leads), first.fs, first.signal.shape[1],
                context=("age", "sex") if known else ())  # fmt: skip
    return Ecg(
        signal,
        spec,
        context=np.array(person, np.float32) if known else None,
        record=np.array([*recordings]),
        start=np.array([r.start.isoformat() if r.start else "" for r in recordings.values()])
        if any(recording.start for recording in recordings.values())
        else None,
        marks=Marks.join(marks, [1] * len(marks)) if any(map(len, marks)) else None,
        source=("synthetic:" if "SYNTHETIC" in comments else "") + path.name,
    )
