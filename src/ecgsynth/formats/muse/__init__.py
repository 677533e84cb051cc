"""GE MUSE XML: resting ECG as hospitals export them from their archive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.breaking import (
    WRONG,
    Broken,
    Files,
    changed,
    usual_faults,
    xml_faults,
)
from ecgsynth.formats.clinical import only_item
from ecgsynth.formats.contract import Format, titles
from ecgsynth.formats.muse.reader import read_file
from ecgsynth.formats.muse.writer import BITS, STEP_MV, document_of, sample_base
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg


@FORMATS.register("muse")
class Muse(Format):
    """GE MUSE XML: 16 bits in steps of 4.88 uV, without leads that follow from I and II.

    III, aVR, aVL and aVF are not stored where they follow within a step; a reader computes them.
    Beats are QRS times in ms with three types; statements are lines of the
    diagnosis. Marks and what else the format has no place for are a comment of JSON. A sample
    cannot be missing.
    """

    title = "GE MUSE XML"
    endings = (".muse.xml", ".muse")
    shared_endings = (".xml",)
    media_type = "application/xml"
    units = ("mV",)
    bits = BITS
    step_mv = STEP_MV
    one_record = True
    uploads = True

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        ecg = only_item(chunks)
        Muse.check(ecg)
        content = document_of(ecg)
        with atomic_write(target) as temporary:
            temporary.write_bytes(content)

    @staticmethod
    def check(ecg: Ecg) -> None:
        """Refuse a rate that is no decimal number of few digits.

        Raises
        ------
        EcgsynthError: it is none.
        """
        if sample_base(ecg.spec.fs) is None:
            raise EcgsynthError(
                f"GE MUSE XML has rates such as 500 or 128.5 Hz, and here is {ecg.spec.fs:.9g}; "
                f"make another rate, or write {titles(lambda kind: not kind.one_record)}."
            )

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        """The usual faults, those of XML, and values that cannot be."""
        yield from usual_faults(files)
        yield from xml_faults(files, "RestingECG")
        for name, old, new, reason in (
            ("no-rate", b"<SampleBase>", b"<SampleBase>0<!-- -->x", "the rate is no number"),
            (
                "more-samples",
                b"<LeadSampleCountTotal>",
                b"<LeadSampleCountTotal>9",
                "a lead has fewer samples than it states",
            ),
            ("not-base64", b"<WaveFormData>", b"<WaveFormData>???", "samples are not base64"),
            ("odd-size", b"<LeadSampleSize>2<", b"<LeadSampleSize>3<", "samples of 3 bytes"),
            ("no-voltage", b"MICROVOLTS", b"PARSECS", "the unit of a lead is no voltage"),
        ):
            yield Broken(name, changed(files, old, new), WRONG, reason)

    @staticmethod
    def recognises(head: bytes) -> bool:
        return b"<RestingECG>" in head or b"<MuseInfo" in head

    @staticmethod
    def check_upload(file: BinaryIO, *_: int) -> None:
        """Refuse what does not begin as a file of MUSE."""
        if not Muse.recognises(file.read(1 << 16)):
            raise EcgsynthError("the file is no GE MUSE XML: it has no RestingECG; export it.")

    @staticmethod
    def read(path: Path) -> Ecg:
        """A file that `write` wrote, or any of MUSE: its rhythm, and the leads that follow.

        Raises
        ------
        EcgsynthError: it is damaged, or holds no rhythm.
        """
        return read_file(path)
