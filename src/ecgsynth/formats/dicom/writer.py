"""Writing DICOM: one item as a data set of pydicom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, ExplicitVRLittleEndian

from ecgsynth.formats.clinical import MAKER, Description, describe_item
from ecgsynth.formats.codes import ANY_LEAD, BEATS, BEGIN, END, LEADS, STATEMENTS, WAVES, Code
from ecgsynth.formats.dicom.storage import BITS, MISSING, STEP_MV, storage_of
from ecgsynth.formats.digitise import digitise, gains
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import standard_lead

PRIVATE, FACTS = 0x0099, 0x01
"""Group and element of the facts; the block is of `MAKER`."""

OWN_SCHEME = "99ECGSYNTH"
"""Of statements that have no other code."""

MARK = "mark: "
"""Before the symbol of a mark that has no code."""


def dataset_of(ecg: Ecg) -> Dataset:
    """One item as a DICOM file in memory.

    Raises
    ------
    EcgsynthError: an amplitude is beyond 16 bits.
    """
    spec = ecg.spec
    storage = storage_of(spec)
    assert storage is not None
    about = describe_item(ecg)
    gain = gains(spec.leads, STEP_MV)
    steps = digitise(ecg, gain, BITS, "DICOM", missing=MISSING)[0]
    content = np.ascontiguousarray(steps.T, "<i2").tobytes()
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = UID(storage.uid)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = _uid(about, content)
    _set_header(data, about)
    groups = [
        range(first, min(first + storage.channels, len(steps)))
        for first in range(0, len(steps), storage.channels)
    ]
    data.WaveformSequence = Items(
        [
            _group(ecg, about, [*rows], [gain[k] for k in rows], steps[rows.start : rows.stop])
            for rows in groups
        ]
    )
    notes = _annotations(about, storage.channels, len(groups))
    if notes:
        data.WaveformAnnotationSequence = Items(notes)
    data.private_block(PRIVATE, MAKER.upper(), create=True).add_new(FACTS, "UT", about.facts)
    return data


def _uid(about: Description, *parts: bytes) -> UID:
    return UID(f"2.25.{about.identity(*parts).int}")


def _set_header(data: Dataset, about: Description) -> None:
    """Patient, study, series, equipment and times."""
    header, start = about.about, about.start
    data.StudyDate = data.ContentDate = data.SeriesDate = start.strftime("%Y%m%d")
    data.StudyTime = data.ContentTime = data.SeriesTime = start.strftime("%H%M%S.%f")
    data.AcquisitionDateTime = start.strftime("%Y%m%d%H%M%S.%f")
    data.Modality = "ECG"
    data.Manufacturer = about.field(MAKER, 64)
    data.ManufacturerModelName = about.field(header.device, 64)
    data.InstitutionName = about.field("", 64)
    data.StudyDescription = about.field("ECG", 64)
    data.SeriesDescription = about.field(f"ECG {header.device}", 64)
    data.PatientName = f"{header.mark}^ECG" if header.mark else ""
    data.PatientID = about.field(about.person, 64)
    data.PatientBirthDate = ""
    data.PatientSex = header.sex or ""
    if header.age_years is not None:
        data.PatientAge = f"{min(999, max(0, int(header.age_years))):03d}Y"
    data.PatientComments = header.statement
    data.StudyInstanceUID, data.SeriesInstanceUID = _uid(about, b"study"), _uid(about, b"series")
    data.AccessionNumber = data.ReferringPhysicianName = ""
    data.StudyID = data.SeriesNumber = data.InstanceNumber = "1"
    data.AcquisitionContextSequence = Items([])


def _group(
    ecg: Ecg, about: Description, rows: list[int], gain: Sequence[float], steps: np.ndarray
) -> Dataset:
    """A multiplex group of leads; steps: [lead, sample]."""
    spec = ecg.spec
    group = Dataset()
    group.WaveformOriginality = "ORIGINAL"
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = steps.shape
    group.SamplingFrequency = _decimal(spec.fs)
    group.MultiplexGroupLabel = "RHYTHM"
    mask = ecg.synthetic_mask
    channels = []
    for row, steps_per_mv in zip(rows, gain, strict=True):
        channel = Dataset()
        channel.ChannelLabel = spec.leads[row][:16].replace("\\", "/")
        made = about.about.made_by and (mask is None or mask[0, row].all())
        if made:
            channel.ChannelStatus = "TEST DATA"
        channel.ChannelSourceSequence = Items([_lead(spec.leads[row])])
        channel.ChannelSensitivity = _decimal(1000 / steps_per_mv)
        channel.ChannelSensitivityUnitsSequence = Items([_code("uV", "UCUM", "microvolt")])
        channel.ChannelSensitivityCorrectionFactor = "1"
        channel.ChannelBaseline = channel.ChannelSampleSkew = "0"
        channel.WaveformBitsStored = BITS
        low, high = spec.band
        if low:
            channel.FilterLowFrequency = _decimal(low)
        if high:
            channel.FilterHighFrequency = _decimal(high)
        channels.append(channel)
    group.ChannelDefinitionSequence = Items(channels)
    group.WaveformBitsAllocated = BITS
    group.WaveformSampleInterpretation = "SS"
    if np.isnan(ecg.signal[0, rows]).any():
        group.add_new(0x5400100A, "OW", np.array([MISSING], "<i2").tobytes())
    group.add_new(0x54001010, "OW", np.ascontiguousarray(steps.T, "<i2").tobytes())
    return group


def _annotations(about: Description, channels: int, groups: int) -> list[Dataset]:
    """Statements, what a model made, and marks."""
    every = [(group, 0) for group in range(1, groups + 1)]  # channel 0 is all of a group

    def places(leads: Sequence[int]) -> list[tuple[int, int]]:
        if min(leads) < 0:
            return every
        return [(lead // channels + 1, lead % channels + 1) for lead in leads]

    notes = [_statement(name, every) for name in about.statements]
    for start, stop, leads, text in about.made:
        for part in range(0, len(text), 1024):
            note = _text(text[part : part + 1024], places(leads))
            note.TemporalRangeType = "SEGMENT"
            note.ReferencedSamplePositions = [start + 1, stop]
            notes.append(note)
    for lead, sample, symbol in about.marks:
        if symbol in BEATS:
            note = _coded(BEATS[symbol], places([lead]))
            kind = "POINT"
        elif symbol in WAVES:
            wave, point = WAVES[symbol]
            note = _coded(wave, places([lead]))
            kind = {BEGIN: "BEGIN", END: "END"}.get(point, "POINT")
        else:
            note = _text(f"{MARK}{symbol}", places([lead]))
            kind = "POINT"
        note.TemporalRangeType = kind
        note.ReferencedSamplePositions = [sample + 1]
        notes.append(note)
    for number, note in enumerate(notes, 1):
        note.AnnotationGroupNumber = number
    return notes


def _statement(name: str, channels: Sequence[tuple[int, int]]) -> Dataset:
    """A class of the item, of all of its time and leads."""
    number, meaning = STATEMENTS.get(name, ("", ""))
    note = _note(channels)
    code = _code(number, "SCT", meaning) if number else _code(name, OWN_SCHEME, name)
    note.ConceptNameCodeSequence = Items([code])
    return note


def _coded(code: Code, channels: Sequence[tuple[int, int]]) -> Dataset:
    note = _note(channels)
    note.ConceptNameCodeSequence = Items([_code(code.number, "MDC", code.meaning)])
    return note


def _text(text: str, channels: Sequence[tuple[int, int]]) -> Dataset:
    note = _note(channels)
    note.UnformattedTextValue = text
    return note


def _note(channels: Sequence[tuple[int, int]]) -> Dataset:
    """An annotation of channels, each the numbers of its group and of itself, from 1."""
    note = Dataset()
    note.ReferencedWaveformChannels = [number for pair in channels for number in pair]
    return note


def _lead(name: str) -> Dataset:
    code = LEADS.get(standard_lead(name), ANY_LEAD)
    return _code(code.number, "MDC", code.meaning)


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = value[:16], scheme
    code.CodeMeaning = meaning[:64]
    return code


def _decimal(value: float) -> str:
    """A decimal string, which has at most 16 characters."""
    text = f"{value:.15g}"
    return text if len(text) <= 16 else f"{value:.10g}"
