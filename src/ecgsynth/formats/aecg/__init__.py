"""HL7 aECG: annotated ECG as XML, which the FDA and drug trials exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.aecg.reader import read_file
from ecgsynth.formats.aecg.writer import BITS, STEP_MV, document_of
from ecgsynth.formats.breaking import (
    NO_ECG,
    WRONG,
    Broken,
    Files,
    changed,
    usual_faults,
    xml_faults,
)
from ecgsynth.formats.clinical import only_item
from ecgsynth.formats.contract import Format
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg


@FORMATS.register("aecg")
class Aecg(Format):
    """HL7 aECG: XML with whole steps of 1 uV, leads, beats and waves by their MDC codes.

    Beats and fiducials are annotations at their times; statements have codes of SNOMED CT where
    there is one. Where I and II are there, III, aVR, aVL and aVF follow from them exactly. What the
    standard has no place for is a comment of JSON. A sample cannot be missing.
    """

    title = "HL7 aECG"
    endings = (".aecg.xml", ".aecg")
    shared_endings = (".xml",)
    media_type = "application/xml"
    units = ("mV",)
    bits = BITS
    step_mv = STEP_MV
    one_record = True
    uploads = True

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        content = document_of(only_item(chunks))
        with atomic_write(target) as temporary:
            temporary.write_bytes(content)

    @staticmethod
    def recognises(head: bytes) -> bool:
        return b"AnnotatedECG" in head

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        """The usual faults, those of XML, and values that cannot be."""
        yield from usual_faults(files)
        yield from xml_faults(files, "AnnotatedECG")
        for name, old, new, kind, reason in (
            ("interval-below-0", b'<increment value="', b'<increment value="-', WRONG,
             "the sampling interval is negative"),
            ("no-scale", b'<scale value="', b'<scale value="0" was="', WRONG, "a step is 0"),
            ("digits-in-words", b"<digits>", b"<digits>seven ", WRONG, "a sample is a word"),
            ("pressures", b'unit="uV"', b'unit="mm[Hg]"', NO_ECG, "the leads are pressures"),
        ):  # fmt: skip
            yield Broken(name, changed(files, old, new), kind, reason)

    @staticmethod
    def check_upload(file: BinaryIO, *_: int) -> None:
        """Refuse what does not begin as an aECG."""
        if not Aecg.recognises(file.read(1 << 16)):
            raise EcgsynthError("the file is no HL7 aECG: it has no AnnotatedECG; export it again.")

    @staticmethod
    def read(path: Path) -> Ecg:
        """A file that `write` wrote, or any aECG; its first rhythm is read.

        Raises
        ------
        EcgsynthError: it is damaged, or holds no rhythm.
        """
        return read_file(path)
