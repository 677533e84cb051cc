"""DICOM: ECG as waveforms, which PACS and viewers of hospitals store and show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.formats.breaking import Broken, Files, usual_faults
from ecgsynth.formats.clinical import only_item
from ecgsynth.formats.contract import Format, titles
from ecgsynth.formats.dicom.storage import BITS, STEP_MV, storage_of
from ecgsynth.registry import FORMATS
from ecgsynth.signals.ecg import Ecg

PREFIX = b"DICM"


def check_installed() -> None:
    """Check that pydicom is there.

    Raises
    ------
    EcgsynthError: it is not.
    """
    if find_spec("pydicom") is None:
        raise EcgsynthError(
            "DICOM needs pydicom, which is not installed; run `pip install 'ecgsynth[formats]'`."
        )


@FORMATS.register("dicom")
class Dicom(Format):
    """DICOM waveform: 16 bits in steps of 1 uV, leads and beats by their codes, one item a file.

    The twelve standard leads are a 12-Lead ECG, others a General ECG, both at 200 to 1000 Hz; at 50
    to 200 Hz it is an Ambulatory ECG of up to 12 leads. Beats and fiducials are annotations with
    codes of ISO/IEEE 11073, statements have those of SNOMED CT where there is one. UIDs follow from
    the content. Where I and II are there, III, aVR, aVL and aVF follow from them exactly. A private
    element has, as JSON, what the standard has no place for.
    """

    title = "DICOM"
    endings = (".dcm", ".dicom")
    media_type = "application/dicom"
    units = ("mV",)
    bits = BITS
    step_mv = STEP_MV
    one_record = True
    uploads = True

    @staticmethod
    def write(chunks: Iterable[Ecg], target: Path) -> None:
        ecg = only_item(chunks)
        Dicom.check(ecg)
        from ecgsynth.formats.dicom.writer import dataset_of

        with atomic_write(target) as temporary:
            dataset_of(ecg).save_as(temporary, enforce_file_format=True)

    @staticmethod
    def check(ecg: Ecg) -> None:
        """Refuse rates and numbers of leads that no ECG of DICOM has.

        Raises
        ------
        EcgsynthError: it has none for them.
        """
        check_installed()
        if storage_of(ecg.spec) is None:
            count = len(ecg.spec.leads)
            raise EcgsynthError(
                f"DICOM has ECG of 200 to 1000 Hz with up to 96 leads, and of 50 to 200 Hz with up "
                f"to 12; here are {count} at {ecg.spec.fs:g} Hz, so change the rate, or write "
                f"{titles(lambda kind: not kind.one_record)}."
            )

    @staticmethod
    def broken(files: Files) -> Iterator[Broken]:
        """The usual faults, and elements that are absent or cannot be."""
        from ecgsynth.formats.dicom.broken import waveform_faults

        yield from usual_faults(files)
        yield from waveform_faults(files)

    @staticmethod
    def check_upload(file: BinaryIO, *_: int) -> None:
        """Refuse what has not the beginning of a DICOM file."""
        if file.read(132)[128:] != PREFIX:
            raise EcgsynthError("the file is no DICOM: it does not begin as one; export it again.")

    @staticmethod
    def read(path: Path) -> Ecg:
        """A file that `write` wrote, or any DICOM with a waveform of ECG.

        Groups of channels of one rate lie at their times; leads of a median beat are left out.

        Raises
        ------
        EcgsynthError: it is damaged, cut short or packed, or holds no ECG.
        """
        check_installed()
        from ecgsynth.formats.dicom.reader import read_file

        return read_file(path)
