"""Reading GE MUSE XML: the rhythm, the leads that follow from it, and the beats."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import xml.etree.ElementTree as ET
import zlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_rate
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.foreign.record import Foreign, errors_as_damage, item_of, marks_table
from ecgsynth.formats.item_facts import read_item
from ecgsynth.formats.muse.writer import MARKS, TYPES
from ecgsynth.formats.statements import Stated
from ecgsynth.formats.stream import damaged
from ecgsynth.formats.xml_tree import child_text, parse
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import standard_lead
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, limb_leads

log = logging.getLogger("ecgsynth")

PER_MV = {"MICROVOLT": 1e3, "MILLIVOLT": 1.0, "NANOVOLT": 1e6, "VOLT": 1e-3}

YEARS = {"YEARS": 1.0, "MONTHS": 1 / 12, "WEEKS": 7 / 365.25, "DAYS": 1 / 365.25}

DIAGNOSES = ("Diagnosis", "OriginalDiagnosis")

MADE = "made by a model"

DATES = ("%m-%d-%Y", "%m/%d/%Y", "%Y-%m-%d", "%Y%m%d")

SYMBOL_OF_TYPE = {str(number): name for name, number in TYPES.items()}


def read_file(path: Path) -> Ecg:
    """The item of a document; see `Muse.read`."""
    root, facts = parse(path)
    with errors_as_damage(path):
        if root.tag != "RestingECG":
            raise EcgsynthError(f"{path.name} is no GE MUSE XML: its root is <{root.tag[:40]}>.")
        waves = root.findall("Waveform")
        rhythms = [one for one in waves if child_text(one, "WaveformType").lower() != "median"]
        if not rhythms:
            raise EcgsynthError(f"{path.name} holds no rhythm, so it has no ECG.")
        fs = _rate(rhythms[0], path)
        signals = _leads(rhythms[0], path)
        if facts:
            return _own(facts, signals, path)
        if {*INDEPENDENT_LEADS} == {*signals}:
            signals |= limb_leads(signals["I"], signals["II"])
            signals = {name: signals[name] for name in LEADS_12}
        return item_of(_foreign(root, signals, fs), path)


def _own(facts: str, signals: dict[str, NDArray[np.float64]], path: Path) -> Ecg:
    """The item of a file that ecgsynth wrote."""
    try:
        stated = json.loads(facts)
        leads = [str(name) for name in stated["spec"]["leads"]]
        rows = [(int(lead), int(at), str(symbol)) for lead, at, symbol in stated.get(MARKS, [])]
    except (ValueError, KeyError, TypeError) as problem:
        raise damaged(path, problem) from None
    if {"I", "II"} <= {*signals}:
        signals = limb_leads(signals["I"], signals["II"]) | signals
    if absent := [name for name in leads if name not in signals]:
        raise damaged(path, f"it has no lead {absent[0]}")
    signal = np.stack([signals[name] for name in leads]).astype(np.float32)
    return read_item(facts, path, lambda _: signal, marks_table(rows))


def _rate(wave: ET.Element, path: Path) -> float:
    base, exponent = child_text(wave, "SampleBase"), child_text(wave, "SampleExponent") or "0"
    try:
        power = int(exponent)
        return check_rate(float(base) * 10.0**power if power >= 0 else float(base) / 10**-power)
    except (ValueError, OverflowError, EcgsynthError):
        raise EcgsynthError(
            f"{path.name} states the rate {base[:20] or 'nothing'} x 10^{exponent[:20]} Hz; "
            "correct SampleBase and SampleExponent."
        ) from None


def _leads(wave: ET.Element, path: Path) -> dict[str, NDArray[np.float64]]:
    """Name of a stored lead -> its samples, mV, float64.

    Raises
    ------
    EcgsynthError: the leads are damaged, or differ in length.
    """
    found: dict[str, NDArray[np.float64]] = {}
    for place, lead in enumerate(wave.findall("LeadData"), 1):
        stated = child_text(lead, "LeadID") or f"lead{place}"
        name = standard_lead(stated)
        name = stated if name in found else name
        samples = _samples(lead, name, path)
        if name in found:
            log.warning("%s: a second lead %s is left out.", path.name, name)
            continue
        found[name] = samples
    lengths = {len(samples) for samples in found.values()}
    if len(lengths) != 1 or not max(lengths):
        raise EcgsynthError(
            f"the leads of {path.name} have {min(lengths, default=0)} to "
            f"{max(lengths, default=0)} samples; it is damaged or cut short."
        )
    return found


def _samples(lead: ET.Element, name: str, path: Path) -> NDArray[np.float64]:
    text = "".join(child_text(lead, "WaveFormData").split())
    size = int(child_text(lead, "LeadSampleSize") or 2)
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise damaged(path, f"the samples of lead {name} are not base64") from None
    if size not in (1, 2, 4) or len(content) % size:
        raise damaged(path, f"lead {name} has no whole samples of {size} bytes")
    stated = child_text(lead, "LeadSampleCountTotal")
    if stated and int(stated) != len(content) // size:
        raise damaged(path, f"lead {name} has {len(content) // size} of {int(stated)} samples")
    checksum = child_text(lead, "LeadDataCRC32")
    if checksum.isdecimal() and int(checksum) != zlib.crc32(content):
        log.warning("%s: the checksum of lead %s is not that of its samples.", path.name, name)
    unit = child_text(lead, "LeadAmplitudeUnits").upper().removesuffix("S")
    step = float(child_text(lead, "LeadAmplitudeUnitsPerBit") or "nan")
    if unit not in PER_MV or not 0 < abs(step) < 1e9:
        raise EcgsynthError(
            f"lead {name} of {path.name} has steps of '{step:g} {unit[:20]}', which is no voltage; "
            "correct LeadAmplitudeUnitsPerBit and LeadAmplitudeUnits."
        )
    # In double precision, so that leads that are computed of others are exact.
    return np.frombuffer(content, f"<i{size}") * (step / PER_MV[unit])


def _foreign(root: ET.Element, signals: dict[str, NDArray[np.float64]], fs: float) -> Foreign:
    person, test = root.find("PatientDemographics"), root.find("TestDemographics")
    age = None
    with suppress(ValueError):
        scale = YEARS.get(child_text(person, "AgeUnits").upper() or "YEARS", 1.0)
        age = float(child_text(person, "PatientAge")) * scale
    lines = _sentences(root)
    # The first line of our own files states what they are.
    stated = [Stated("", line) for line in lines if "SYNTHETIC" not in line and MADE not in line]
    lines += [child_text(test, "AcquisitionDevice"), child_text(person, "PatientLastName")]
    marks = []
    for beat in root.iterfind("QRSTimesTypes/QRS"):
        with suppress(ValueError, OverflowError):
            at = round(float(child_text(beat, "Time")) * fs / 1000)
            marks.append((-1, at, SYMBOL_OF_TYPE.get(child_text(beat, "Type"), "N")))
    return Foreign(
        np.stack([*signals.values()]).astype(np.float32), [*signals], fs, marks,
        child_text(person, "PatientID"), _start(test), age, child_text(person, "Gender"),
        " ".join(lines), stated,
    )  # fmt: skip


def _sentences(root: ET.Element) -> list[str]:
    """The statements of the diagnosis, the confirmed one where there is one; a sentence goes on
    until the flag of its end."""
    diagnosis = next((one for one in map(root.find, DIAGNOSES) if one is not None), None)
    found = [] if diagnosis is None else [*diagnosis.iter("DiagnosisStatement")]
    flags = [{flag.text or "" for flag in one.iter("StmtFlag")} for one in found]
    flagged = any("ENDSLINE" in one for one in flags)
    sentences, parts = [], list[str]()
    for one, flag in zip(found, flags, strict=True):
        parts.append(child_text(one, "StmtText"))
        if not flagged or "ENDSLINE" in flag:
            sentences.append(" ".join(parts))
            parts = []
    return [*sentences, *filter(None, [" ".join(parts)])]


def _start(test: ET.Element | None) -> datetime | None:
    """When the recording began; None where that is no time."""
    date, time = child_text(test, "AcquisitionDate"), child_text(test, "AcquisitionTime")
    for form in DATES:
        with suppress(ValueError):
            return datetime.strptime(f"{date} {time or '00:00:00'}", f"{form} %H:%M:%S")
    return None
