"""EDF+ and BDF+ (edfplus.info): one recording a file, for Holter, sleep and EEG software."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats import stream
from ecgsynth.formats.breaking import NO_ECG, WRONG, Broken, Files, main_of, put, usual_faults
from ecgsynth.formats.contract import Format
from ecgsynth.formats.edf.header import read_header
from ecgsynth.formats.edf.reader import Opened, open_file
from ecgsynth.formats.edf.writer import Content, labels_of, whole_item, write_file
from ecgsynth.formats.item_facts import annotations_of, item_facts, read_item
from ecgsynth.formats.pieces import steps_of, stored, write_steps
from ecgsynth.registry import FORMATS
from ecgsynth.signals.acquisition import partly_synthetic
from ecgsynth.signals.draft import together
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import text_of_stretches

log = logging.getLogger("ecgsynth")


@FORMATS.register("edf")
class Edf(Format):
    """EDF+: one recording a file, 16 bits in steps of 1 uV, annotations as texts; no limit in time.

    Beats are annotated with their symbols of WFDB ("N", "V"), rhythms as "(AFIB", fiducials by
    their names; "@@ECG II" behind a text ties it to a lead. Texts that begin with # are no marks:
    they state that the file is synthetic, what a model made of a partly real recording, where a
    lead has no value (its samples are the lowest number), and the facts by which the item comes
    back. Where I and II are there, III, aVR, aVL and aVF follow from them exactly.
    """

    title = "EDF+"
    endings = (".edf",)
    media_type = "application/x-edf"
    units = ("mV",)
    bits = 16
    step_mv = 0.001
    one_record = True
    in_pieces = True
    uploads = True
    on_disk = True
    _width = 2

    @classmethod
    def write(cls, chunks: Iterable[Ecg], target: Path) -> None:  # type: ignore[override]
        """Write one item.

        Raises
        ------
        EcgsynthError: an amplitude is beyond the range, or a mark has a name that is no text.
        """
        assert cls.step_mv is not None
        first, _ = stream.begin(chunks)
        content = whole_item(first, cls._width, cls.title, cls.step_mv)
        with atomic_write(target) as temporary:
            write_file(content, temporary, target.name, cls._width)

    @classmethod
    def write_pieces(  # type: ignore[override]
        cls, recordings: Iterable[stream.InPieces], target: Path
    ) -> None:
        """Write a recording piece by piece; known samples keep their own steps.

        Raises
        ------
        EcgsynthError: an amplitude is beyond the range, or there are several recordings.
        """
        assert cls.step_mv is not None
        parts = iter(recordings)
        one = next(parts)
        head = one.head
        steps = steps_of(head.spec.leads, one.own, cls.step_mv)
        with atomic_write(target) as temporary, TemporaryFile(dir=temporary.parent) as file:
            marks: list[Marks] = []
            written = write_steps(one, steps, 8 * cls._width, file, cls.title, marks.append)
            if marks:
                head = replace(head, marks=together(marks))
            if next(parts, None) is not None:
                raise EcgsynthError(
                    f"a file of {cls.title} holds one record; name a folder for several, such as "
                    f"{target.stem}{cls.endings[0]}/."
                )

            def read(start: int, stop: int) -> NDArray[np.integer]:
                kind, leads = np.dtype(stored(8 * cls._width)), len(steps)
                file.seek(start * leads * kind.itemsize)
                raw = file.read((stop - start) * leads * kind.itemsize)
                return np.frombuffer(raw, kind).reshape(-1, leads).T

            content = Content(
                head, partly_synthetic(head, one.real, written.made),
                item_facts(head, *map(text_of_stretches, (written.made, written.missing))), steps,
                written.largest.tolist(), written.made, written.missing, read,
            )  # fmt: skip
            write_file(content, temporary, target.name, cls._width)

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        """The usual faults, and fields of the header that cannot be."""
        leads = int(main_of(files)[252:256])
        unit, low, high, samples = (256 + place * leads for place in (96, 120, 128, 216))
        highest = main_of(files)[high : high + 8 * leads]
        yield from usual_faults(files)
        for name, changed, kind, reason in (
            ("more-records", put(files, 236, b"99999999"), WRONG, "more records than it holds"),
            ("no-duration", put(files, 244, b"0       "), WRONG, "records of 0 s"),
            ("signals-in-words", put(files, 252, b"many"), WRONG, "a number of signals in words"),
            ("no-range", put(files, low, highest), WRONG, "a digital range of 0"),
            ("samples-below-0", put(files, samples, b"-5      "), WRONG, "-5 samples a record"),
            ("pressures", put(files, unit, b"mmHg    " * leads), NO_ECG, "signals in mmHg alone"),
        ):
            yield Broken(name, changed, kind, f"the header states {reason}")

    @staticmethod
    def check_upload(file: BinaryIO, *_: int) -> None:
        """Refuse what has no header, or states more records than it holds."""
        file.seek(0)
        header = read_header(file, Path("the file"))
        held = file.seek(0, 2) - header.size
        if (header.records or 0) * header.record_size > held:
            raise EcgsynthError(
                "the file is damaged or cut short: its header states more than it holds; send it "
                "again."
            )

    @staticmethod
    def read(path: Path) -> Ecg:
        """The item of a file that `write` wrote; a file of others as one item.

        Raises
        ------
        EcgsynthError: it is damaged, or holds no ECG.
        """
        record = open_file(path)
        if (own := _own(record, path)) is not None:
            return own
        for sentence in record.assumptions:
            log.warning("%s: %s", path.name, sentence)
        samples = record.signal.shape[1]
        return Ecg(
            record.signal[:, 0:samples][None],
            Spec(record.leads, record.signal.fs, samples),
            patient=np.array([record.person]) if record.person else None,
            record=np.array([path.stem]),
            start=None if record.start is None else np.array([record.start.isoformat()]),
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
        fits = _spec(record, path)
        leads, fs = (record.leads, record.signal.fs) if fits is None else (fits.leads, fits.fs)
        return Recording(
            record.signal, fs, leads, annotations_of(record.marks), record.comments,
            record.assumptions, name=path.stem, person=record.person, start=record.start,
            device=record.device, source=(SYNTHETIC if record.synthetic else "") + path.stem,
        )  # fmt: skip


@FORMATS.register("bdf")
class Bdf(Edf):
    """BDF+: the same with 24 bits in steps of .01 uV, which holds up to 83 mV.

    See EDF+ for the annotations.
    """

    title = "BDF+"
    endings = (".bdf",)
    media_type = "application/x-bdf"
    bits = 24
    step_mv = 0.00001
    _width = 3


def _spec(record: Opened, path: Path) -> Spec | None:
    """The spec of a file of ecgsynth, where its signals are still those that were written."""
    if not record.facts:
        return None
    spec, _, _ = stream.read_facts(record.facts, path)
    labels = [one.label for one in record.header.channels if not one.annotates]
    fits = labels == labels_of(spec.leads) and len(record.leads) == len(spec.leads)
    return spec if fits and spec.samples <= record.signal.shape[1] else None


def _own(record: Opened, path: Path) -> Ecg | None:
    """The item of a file of ecgsynth; None in files of others, and of ours that were changed."""
    if _spec(record, path) is None:
        if record.facts:
            log.warning("%s was changed by another program: its facts are left out.", path.name)
        return None
    return read_item(record.facts, path, lambda samples: record.signal[:, 0:samples], record.marks)
