"""ISHNE (Badilini 1998): Holter recordings, with beats in a file beside them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats import cells, stream
from ecgsynth.formats.breaking import CUT, WRONG, Broken, Files, put, usual_faults
from ecgsynth.formats.contract import Format
from ecgsynth.formats.digitise import digitise, gains, time_slice
from ecgsynth.formats.ishne.beats import encode_beats
from ecgsynth.formats.ishne.header import (
    BIPOLAR,
    CODES,
    MOST_LEADS,
    SIGNAL,
    SIZE,
    Header,
    read_header,
)
from ecgsynth.formats.ishne.reader import (
    ANNOTATIONS,
    FACTS,
    MARKS,
    Opened,
    marks_line,
    open_file,
)
from ecgsynth.formats.item_facts import annotations_of, item_facts, marks_inside, read_item
from ecgsynth.formats.pieces import steps_of, write_steps
from ecgsynth.registry import FORMATS
from ecgsynth.signals.acquisition import (
    Acquisition,
    acquisition,
    comments_of_person,
    partly_synthetic,
)
from ecgsynth.signals.draft import together
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import text_of_stretches

log = logging.getLogger("ecgsynth")

BLOCK = 1 << 18
"""Samples that are written at a time."""

MOST_RATE, MOST_SAMPLES = 32_767, 2**31 - 1
MISSING = -32768


@FORMATS.register("ishne")
class Ishne(Format):
    """ISHNE Holter: one recording a file, 16 bits in steps of 1 uV, beats in a file .ann beside it.

    Up to 12 leads, at a whole number of Hz. The file of beats has a label for each (N, S, V, B of
    bundle branch block, P paced; fusions as V) and its symbol of WFDB as the internal label. The
    block of text in the header states that the file is synthetic; it has all marks, rhythms and
    fiducials too, and the facts by which the item comes back. A sample without a value is the
    lowest number. Where I and II are there, III, aVR, aVL and aVF follow from them exactly.
    """

    title = "ISHNE"
    endings = (".ishne", ".ecg")
    media_type = "application/x-ishne"
    units = ("mV",)
    bits = 16
    step_mv = 0.001
    one_record = True
    in_pieces = True
    uploads = True
    on_disk = True
    companions = (ANNOTATIONS,)

    @staticmethod
    def check(ecg: Ecg) -> None:
        """Refuse more leads, and other rates, than the header can state."""
        if len(ecg.spec.leads) > MOST_LEADS:
            raise EcgsynthError(
                f"ISHNE has up to {MOST_LEADS} leads, and here are {len(ecg.spec.leads)}; leave "
                "some out, or write EDF+ or WFDB."
            )
        if not ecg.spec.fs.is_integer() or ecg.spec.fs > MOST_RATE:
            raise EcgsynthError(
                f"ISHNE has a whole rate of up to {MOST_RATE:,} Hz, and this is {ecg.spec.fs:g} "
                "Hz; resample it, or write EDF+ or WFDB."
            )
        if ecg.spec.samples > MOST_SAMPLES:
            raise EcgsynthError("ISHNE has up to 2^31 samples a lead; write EDF+ or WFDB.")

    @classmethod
    def write_pieces(  # type: ignore[override]
        cls, recordings: Iterable[stream.InPieces], target: Path
    ) -> None:
        """Write a recording piece by piece; known samples keep steps of whole nV.

        Raises
        ------
        EcgsynthError: an amplitude is beyond the range, or there are several recordings.
        """
        parts = iter(recordings)
        one = next(parts)
        head, leads = one.head, one.head.spec.leads
        cls.check(head)
        steps = steps_of(leads, one.own, cls.step_mv)
        if any(step.baseline or not is_whole_nv(step.gain) for step in steps):
            steps = steps_of(leads, {}, cls.step_mv)
        with atomic_write(target) as temporary, TemporaryFile(dir=temporary.parent) as samples:
            found: list[Marks] = []
            written = write_steps(one, steps, 16, samples, cls.title, found.append)
            if next(parts, None) is not None:
                raise EcgsynthError(
                    f"a file of {cls.title} holds one record; name a folder for several, such as "
                    f"{target.stem}{cls.endings[0]}/."
                )
            head = replace(head, marks=together(found)) if found else head
            marks = marks_inside(head)
            facts = item_facts(head, *map(text_of_stretches, (written.made, written.missing)))
            about = partly_synthetic(head, one.real, written.made)
            header = _header(head, marks, about, facts, [step.gain for step in steps])
            samples.seek(0)
            with open(temporary, "wb") as file:
                file.write(header.to_bytes())
                copyfileobj(samples, file, 1 << 20)
            _write_beats(header, marks, target.with_suffix(ANNOTATIONS))

    @classmethod
    def write(cls, chunks: Iterable[Ecg], target: Path) -> None:  # type: ignore[override]
        """Write one item, and the file of its beats.

        Raises
        ------
        EcgsynthError: an amplitude is beyond the range.
        """
        ecg, _ = stream.begin(chunks)
        cls.check(ecg)
        marks = marks_inside(ecg)
        gain = gains(ecg.spec.leads, cls.step_mv)
        header = _header(ecg, marks, acquisition(ecg), item_facts(ecg), gain)
        with atomic_write(target) as temporary:
            with open(temporary, "wb") as file:
                file.write(header.to_bytes())
                for start in range(0, ecg.spec.samples, BLOCK):
                    part = time_slice(ecg, start, min(start + BLOCK, ecg.spec.samples))
                    steps = digitise(part, gain, 16, cls.title, missing=MISSING)[0]
                    file.write(steps.T.astype("<i2").tobytes())
            _write_beats(header, marks, target.with_suffix(ANNOTATIONS))

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        """The usual faults, fields of the header that cannot be, and beats that are cut short."""
        yield from usual_faults(files)
        for name, place, value, reason in (
            ("more-samples", 14, b"\xff\xff\xff\x7f", "more samples than it holds"),
            ("samples-below-0", 14, b"\xff\xff\xff\xff", "-1 samples"),
            ("data-outside", 22, b"\x00\x00\x00\x40", "a place of the samples outside of it"),
            ("no-leads", 156, b"\x00\x00", "no leads"),
            ("many-leads", 156, b"\x70\x17", "6,000 leads"),
            ("no-rate", 272, b"\x00\x00", "a rate of 0 Hz"),
        ):
            yield Broken(name, put(files, place, value), WRONG, f"the header states {reason}")
        beats = next((name for name in files if name.endswith(ANNOTATIONS)), "")
        if beats:
            cut = {**files, beats: files[beats][:-3]}
            yield Broken("cut-in-beats", cut, CUT, "the file of beats ends within an entry")

    @staticmethod
    def check_upload(file: BinaryIO, *_: int) -> None:
        """Refuse what has no header, or states more samples than it holds."""
        file.seek(0)
        raw = file.read(SIZE)
        header, data = read_header(raw, Path("the file"))[:2]
        if header.samples * 2 > file.seek(0, 2) - data:
            raise EcgsynthError(
                "the file is damaged or cut short: its header states more than it holds; send it "
                "again."
            )

    @staticmethod
    def read(path: Path) -> Ecg:
        """The item of a file that `write` wrote; a file of others as one item.

        Raises
        ------
        EcgsynthError: it, or the file of its beats, is damaged.
        """
        record = open_file(path)
        for sentence in record.assumptions:
            log.warning("%s: %s", path.name, sentence)
        if record.facts:
            return read_item(
                record.facts, path, lambda samples: record.signal[:, 0:samples], record.marks
            )
        header, samples = record.header, record.signal.shape[1]
        return Ecg(
            record.signal[:, 0:samples][None],
            Spec(record.leads, float(header.fs), samples),
            patient=np.array([header.code]) if header.code else None,
            record=np.array([path.stem]),
            start=None if header.start is None else np.array([header.start.isoformat()]),
            marks=record.marks if len(record.marks) else None,
            source=(SYNTHETIC if record.synthetic else "") + path.name,
        )

    @staticmethod
    def facts(path: Path) -> str:
        return open_file(path).facts

    @classmethod
    def open(cls, path: Path) -> Recording:
        """The recording of a file, whose samples stay on the disk."""
        record = open_file(path)
        header = record.header
        return Recording(
            record.signal, float(header.fs), _names(record, path), annotations_of(record.marks),
            record.comments, record.assumptions, name=path.stem, person=header.code,
            start=header.start, device=header.recorder,
            source=(SYNTHETIC if record.synthetic else "") + path.stem,
        )  # fmt: skip


def _names(record: Opened, path: Path) -> tuple[str, ...]:
    """Names of leads that ISHNE has no number for are in the facts."""
    if record.facts:
        leads = stream.read_facts(record.facts, path)[0].leads
        if len(leads) == len(record.leads):
            return leads
    return record.leads


def _write_beats(header: Header, marks: Marks | None, place: Path) -> None:
    """The file of the beats; none where there are none."""
    beats = b"" if marks is None else encode_beats(header, marks)
    if beats:
        with atomic_write(place) as temporary:
            temporary.write_bytes(beats)
    else:  # of the recording that had this name before
        place.unlink(missing_ok=True)


def is_whole_nv(gain: float) -> bool:
    """Whether so many steps a mV are steps of a whole number of nV that 16 bits hold."""
    return (1e6 / gain).is_integer() and 1 <= 1e6 / gain < 1 << 15


def _header(
    ecg: Ecg, marks: Marks | None, about: Acquisition, facts: str, gain: Sequence[float]
) -> Header:
    """The header of an item; gain: steps per mV of each lead."""
    spec = ecg.spec
    person = "" if ecg.patient is None else str(ecg.patient[0])
    lines = [cells.one_line(about.statement), *comments_of_person(about), FACTS + facts]
    lines += [] if marks is None else [MARKS + marks_line(marks)]
    return Header(
        SIGNAL, spec.samples, tuple(CODES.get(lead, BIPOLAR) for lead in spec.leads),
        tuple(round(1e6 / one) for one in gain), int(spec.fs),
        about.start, about.mark, about.mark, person or about.mark, {"M": 1, "F": 2}.get(
            about.sex or "", 0
        ),
        recorder=f"{about.mark} {about.device}".strip(), text=cells.one_line(about.statement),
        block=("\n".join(lines) + "\n").encode("ascii", "replace"),
    )  # fmt: skip
