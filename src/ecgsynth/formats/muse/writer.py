"""Writing GE MUSE XML: one item as a resting ECG."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
import zlib
from itertools import pairwise

import numpy as np

from ecgsynth.formats.clinical import MAKER, Description, describe_item
from ecgsynth.formats.codes import STATEMENTS
from ecgsynth.formats.digitise import digitise
from ecgsynth.formats.xml_tree import add, to_bytes
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import choose_leads
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, limb_leads

BITS, STEP_MV = 16, 0.00488
"""Of a sample; the step that most readers expect, and some take for granted."""

MARKS = "marks"
"""Of the facts: lead, sample and symbol of each mark."""

TYPES = {"N": 0, "V": 1, "S": 2}
"""AAMI class of a beat -> type of a QRS; all others are 0."""

DIGITS = 6


def document_of(ecg: Ecg) -> bytes:
    """One item as a document.

    Raises
    ------
    EcgsynthError: an amplitude is beyond 16 bits, or a sample is missing.
    """
    about = describe_item(ecg)
    kept = choose_leads(ecg, stored_leads(ecg))
    steps = digitise(kept, [1 / STEP_MV] * len(kept.spec.leads), BITS, "GE MUSE XML")[0]
    root = ET.Element("RestingECG")
    add(add(root, "MuseInfo"), "MuseVersion", about.field(MAKER, 40))
    _demographics(root, about)
    _measurements(root, about, ecg.spec.fs)
    _diagnosis(root, about)
    _beats(root, about, ecg.spec.fs)
    wave = add(root, "Waveform")
    add(wave, "WaveformType", "Rhythm")
    add(wave, "WaveformStartTime", "0")
    add(wave, "NumberofLeads", str(len(steps)))
    add(wave, "SampleType", "CONTINUOUS_SAMPLES")
    base, exponent = sample_base(ecg.spec.fs) or (0, 0)
    add(wave, "SampleBase", str(base))
    add(wave, "SampleExponent", str(exponent))
    for edge, name in zip(ecg.spec.band, ("HighPassFilter", "LowPassFilter"), strict=True):
        if edge:
            add(wave, name, f"{edge:g}")
    for name, row in zip(kept.spec.leads, steps, strict=True):
        content = row.astype("<i2").tobytes()
        lead = add(wave, "LeadData")
        for tag, text in (
            ("LeadByteCountTotal", len(content)),
            ("LeadTimeOffset", 0),
            ("LeadSampleCountTotal", len(row)),
            ("LeadAmplitudeUnitsPerBit", f"{1000 * STEP_MV:g}"),
            ("LeadAmplitudeUnits", "MICROVOLTS"),
            ("LeadHighLimit", 32767),
            ("LeadLowLimit", -32768),
            ("LeadID", name),
            ("LeadOffsetFirstSample", 0),
            ("FirstSampleBaseline", 0),
            ("LeadSampleSize", 2),
            ("LeadOff", "FALSE"),
            ("BaselineSway", "FALSE"),
            ("LeadDataCRC32", zlib.crc32(content)),
            ("WaveFormData", base64.b64encode(content).decode()),
        ):
            add(lead, tag, str(text))
    facts = json.loads(about.facts)
    if ecg.marks is not None:
        facts[MARKS] = about.marks
    text = json.dumps(facts, separators=(",", ":"))
    return to_bytes(root, text, ['<!DOCTYPE RestingECG SYSTEM "restecg.dtd">'])


def stored_leads(ecg: Ecg) -> list[str]:
    """The leads without those that follow from I and II within a step."""
    leads, signal = ecg.spec.leads, ecg.signal[0].astype(np.float64)
    if not {"I", "II"} <= {*leads}:
        return [*leads]
    pair = [np.round(signal[leads.index(name)] / STEP_MV) * STEP_MV for name in ("I", "II")]
    derived = limb_leads(*pair)
    return [
        name for k, name in enumerate(leads)
        if name not in derived or not (np.abs(derived[name] - signal[k]) <= 1.01 * STEP_MV).all()
    ]  # fmt: skip


def sample_base(fs: float) -> tuple[int, int] | None:
    """Number and exponent of 10 of a rate; None where it has more digits than these hold."""
    for exponent in range(-DIGITS, 1):
        base = round(fs / 10.0**exponent)
        if base and abs(base * 10.0**exponent - fs) <= 1e-12 * fs:
            last = exponent
            while base % 10 == 0 and last < 0:
                base, last = base // 10, last + 1
            return base, last
    return None


def _demographics(root: ET.Element, about: Description) -> None:
    header = about.about
    person = add(root, "PatientDemographics")
    add(person, "PatientID", about.field(about.person, 40))
    if header.age_years is not None:
        add(person, "PatientAge", f"{int(header.age_years)}")
        add(person, "AgeUnits", "YEARS")
    if header.sex:
        add(person, "Gender", {"M": "MALE", "F": "FEMALE"}[header.sex])
    add(person, "PatientLastName", about.field("", 40))
    test = add(root, "TestDemographics")
    add(test, "DataType", "RESTING")
    add(test, "SiteName", about.field("", 40))
    add(test, "AcquisitionDevice", about.field(header.device, 80))
    add(test, "AcquisitionTime", about.start.strftime("%H:%M:%S"))
    add(test, "AcquisitionDate", about.start.strftime("%m-%d-%Y"))
    add(test, "TestReason", header.statement)


def _measurements(root: ET.Element, about: Description, fs: float) -> None:
    beats = [sample for _, sample, symbol in about.marks if symbol in AAMI_OF_SYMBOL]
    found = add(root, "RestingECGMeasurements")
    if len(beats) > 1 and beats[-1] > beats[0]:
        rate = 60 * fs * (len(beats) - 1) / (beats[-1] - beats[0])
        add(found, "VentricularRate", str(round(rate)))
    add(found, "QRSCount", str(len(beats)))
    base, exponent = sample_base(fs) or (0, 0)
    add(found, "ECGSampleBase", str(base))
    add(found, "ECGSampleExponent", str(exponent))


def _diagnosis(root: ET.Element, about: Description) -> None:
    """Statements as lines; what the file is stands first."""
    found = add(root, "Diagnosis")
    add(found, "Modality", "RESTING")
    lines = [about.about.statement] if about.about.mark else []
    lines += [part.text for part in about.made]
    for name in about.statements:
        lines.append(STATEMENTS[name][1] if name in STATEMENTS else name)
    for line in lines:
        statement = add(found, "DiagnosisStatement")
        add(statement, "StmtFlag", "ENDSLINE")
        add(statement, "StmtText", line)


def _beats(root: ET.Element, about: Description, fs: float) -> None:
    """Beats at times in ms."""
    beats = [
        (at, AAMI_OF_SYMBOL[symbol]) for _, at, symbol in about.marks if symbol in AAMI_OF_SYMBOL
    ]
    if not beats:
        return
    found = add(root, "QRSTimesTypes")
    for number, (at, kind) in enumerate(beats, 1):
        beat = add(found, "QRS")
        add(beat, "Number", str(number))
        add(beat, "Type", str(TYPES.get(kind, 0)))
        add(beat, "Time", str(round(1000 * at / fs)))
    intervals = [after - before for (before, _), (after, _) in pairwise(beats)]
    if intervals:
        add(found, "GlobalRR", str(round(1000 * float(np.median(intervals)) / fs)))
