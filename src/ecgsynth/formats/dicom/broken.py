"""DICOM with one fault in its waveform."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO

from pydicom import dcmread
from pydicom.dataset import Dataset

from ecgsynth.formats.breaking import NO_ECG, WRONG, Broken, Files, main_of, with_main


def waveform_faults(files: Files) -> Iterator[Broken]:
    """Elements of a waveform that are absent or cannot be."""
    for name, change, kind, reason in (
        ("no-waveform", _drop_waveform, NO_ECG, "the object is an image, without a waveform"),
        ("pressures", _make_pressures, NO_ECG, "the channels are pressures"),
        ("more-samples", _set("NumberOfWaveformSamples", 2**31), WRONG, "more samples than it has"),
        ("no-rate", _set("SamplingFrequency", "0"), WRONG, "a rate of 0 Hz"),
        ("no-sensitivity", _set_sensitivity, WRONG, "a step of 0"),
    ):
        data = dcmread(BytesIO(main_of(files)))
        change(data)
        place = BytesIO()
        data.save_as(place, enforce_file_format=True)
        reason = reason if kind == NO_ECG else f"the waveform states {reason}"
        yield Broken(name, with_main(files, place.getvalue()), kind, reason)


def _set(name: str, value: object) -> Callable[[Dataset], None]:
    return lambda data: setattr(data.WaveformSequence[0], name, value)


def _drop_waveform(data: Dataset) -> None:
    del data.WaveformSequence
    data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"


def _make_pressures(data: Dataset) -> None:
    for channel in data.WaveformSequence[0].ChannelDefinitionSequence:
        channel.ChannelSensitivityUnitsSequence[0].CodeValue = "mm[Hg]"


def _set_sensitivity(data: Dataset) -> None:
    data.WaveformSequence[0].ChannelDefinitionSequence[0].ChannelSensitivity = "0"
