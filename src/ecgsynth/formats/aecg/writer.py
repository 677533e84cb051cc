"""Writing HL7 aECG (PORT_MT020001): one item as an annotated ECG."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import datetime, timedelta

from ecgsynth.formats.clinical import MAKER, Description, describe_item
from ecgsynth.formats.codes import (
    ANY_LEAD,
    BEATS,
    BEGIN,
    END,
    LEADS,
    MDC_OID,
    SNOMED_OID,
    STATEMENTS,
    WAVES,
)
from ecgsynth.formats.digitise import digitise, gains
from ecgsynth.formats.xml_tree import add, to_bytes
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import standard_lead

BITS, STEP_MV = 32, 0.001
"""Of a step, which is text: far more than any ECG needs; 1 uV."""

ACT_CODE = "2.16.840.1.113883.5.4"
SEX = "2.16.840.1.113883.5.1"
LOINC = "2.16.840.1.113883.6.1"
CPT = "2.16.840.1.113883.6.12"
AGE = "21612-7"
"""LOINC: age, reported."""

OWN = "2.25.145211297320935273450293856192733214209"
"""Code system of marks without another code; their symbol is the text."""

MARK, MADE = "MARK", "MADE_BY_A_MODEL"

NAMESPACES = {
    "xmlns": "urn:hl7-org:v3",
    "xmlns:voc": "urn:hl7-org:v3/voc",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
}


def document_of(ecg: Ecg) -> bytes:
    """One item as a document.

    Raises
    ------
    EcgsynthError: an amplitude is out of range, or a sample is missing.
    """
    about = describe_item(ecg)
    gain = gains(ecg.spec.leads, STEP_MV)
    steps = digitise(ecg, gain, BITS, "HL7 aECG")[0]
    root = ET.Element("AnnotatedECG", {**NAMESPACES, "type": "Observation"})
    add(root, "id", root=str(about.identity(steps.tobytes())))
    add(root, "code", code="93000", codeSystem=CPT, codeSystemName="CPT-4")
    add(root, "text", about.about.statement)
    stop = about.start + timedelta(seconds=ecg.spec.seconds)
    _interval(root, about.start, stop)
    _subject(root, about)
    series = add(add(root, "component"), "series")
    add(series, "id", root=str(about.identity(b"series")))
    add(series, "code", code="RHYTHM", codeSystem=ACT_CODE, codeSystemName="ActCode")
    _interval(series, about.start, stop)
    device = add(add(add(series, "author"), "seriesAuthor"), "manufacturedSeriesDevice")
    add(device, "id", root=str(about.identity(b"device")), extension=about.field("", 64) or "ECG")
    add(device, "manufacturerModelName", about.field(about.about.device, 200))
    add(device, "softwareName", about.field(MAKER, 200))
    _filters(series, ecg)
    sequences = add(add(series, "component"), "sequenceSet")
    _times(sequences, about.start, ecg.spec.fs)
    for name, scale, row in zip(ecg.spec.leads, gain, steps, strict=True):
        sequence = add(add(sequences, "component"), "sequence")
        code = LEADS.get(standard_lead(name), ANY_LEAD)
        _mdc(sequence, "code", code.name, name)
        value = add(sequence, "value", xsi_type="SLIST_PQ")
        add(value, "origin", value="0", unit="uV")
        add(value, "scale", value=f"{1000 / scale:g}", unit="uV")
        add(value, "digits", " ".join(map(str, row.tolist())))
    _annotations(series, about, ecg)
    return to_bytes(root, about.facts)


def time_text(at: datetime) -> str:
    """A time as HL7 writes it, to the microsecond."""
    return at.strftime("%Y%m%d%H%M%S.%f")


def _interval(parent: ET.Element, start: datetime, stop: datetime) -> None:
    interval = add(parent, "effectiveTime")
    add(interval, "low", value=time_text(start), inclusive="true")
    add(interval, "high", value=time_text(stop), inclusive="false")


def _mdc(parent: ET.Element, tag: str, code: str, name: str = "", **more: str) -> ET.Element:
    named = {"displayName": name} if name else {}
    return add(parent, tag, code=code, codeSystem=MDC_OID, codeSystemName="MDC", **named, **more)


def _subject(root: ET.Element, about: Description) -> None:
    """The person and the trial, which every aECG names."""
    event = add(add(root, "componentOf"), "timepointEvent")
    assignment = add(add(event, "componentOf"), "subjectAssignment")
    trial = add(add(assignment, "subject"), "trialSubject")
    person = about.field(about.person, 64) or "unknown"
    add(trial, "id", root=str(about.identity(b"subject")), extension=person)
    data = add(trial, "subjectDemographicPerson")
    add(data, "name", about.field("", 64) or person)
    if about.about.sex:
        add(data, "administrativeGenderCode", code=about.about.sex, codeSystem=SEX)
    study = add(add(assignment, "componentOf"), "clinicalTrial")
    add(study, "id", root=str(about.identity(b"trial")), extension=about.field(MAKER, 64))
    if about.about.age_years is not None:
        age = add(add(root, "controlVariable"), "controlVariable")
        add(age, "code", code=AGE, codeSystem=LOINC, displayName="Age")
        add(age, "value", xsi_type="PQ", value=f"{about.about.age_years:g}", unit="a")
    if about.about.mark:
        finding = add(add(root, "pertainsTo"), "subjectFindingComment")
        add(finding, "text", about.about.statement)


def _filters(series: ET.Element, ecg: Ecg) -> None:
    for edge, name in zip(ecg.spec.band, ("HIGH", "LOW"), strict=True):
        if edge:
            outer = add(add(series, "controlVariable"), "controlVariable")
            _mdc(outer, "code", f"MDC_ECG_CTL_VBL_ATTR_FILTER_{name}_PASS")
            inner = add(add(outer, "component"), "controlVariable")
            _mdc(inner, "code", "MDC_ECG_CTL_VBL_ATTR_FILTER_CUTOFF_FREQ")
            add(inner, "value", xsi_type="PQ", value=f"{edge:g}", unit="Hz")


def _times(sequences: ET.Element, start: datetime, fs: float) -> None:
    sequence = add(add(sequences, "component"), "sequence")
    add(sequence, "code", code="TIME_ABSOLUTE", codeSystem=ACT_CODE, codeSystemName="ActCode")
    value = add(sequence, "value", xsi_type="GLIST_TS")
    add(value, "head", value=time_text(start))
    add(value, "increment", value=f"{1 / fs:.12g}", unit="s")


def _annotations(series: ET.Element, about: Description, ecg: Ecg) -> None:
    """Marks, statements, and what a model made."""
    spec = ecg.spec
    if not (about.marks or about.statements or about.made):
        return
    notes = add(add(series, "subjectOf"), "annotationSet")
    add(notes, "activityTime", value=time_text(about.start))

    def place(note: ET.Element, leads: list[int], **at: int) -> None:
        """The times and leads of an annotation, as low, center or high of samples."""
        region = add(add(note, "support"), "supportingROI", classCode="ROIBND")
        add(region, "code", code="ROIPS", codeSystem=ACT_CODE)
        boundary = add(add(region, "component"), "boundary")
        add(boundary, "code", code="TIME_ABSOLUTE", codeSystem=ACT_CODE)
        value = add(boundary, "value", xsi_type="IVL_TS")
        for name, sample in at.items():
            add(value, name, value=time_text(about.start + timedelta(seconds=sample / spec.fs)))
        for lead in leads:
            code = LEADS.get(standard_lead(spec.leads[lead]), ANY_LEAD)
            _mdc(add(add(region, "component"), "boundary"), "code", code.name, spec.leads[lead])

    for name in about.statements:
        outer = add(add(notes, "component"), "annotation")
        _mdc(outer, "code", "MDC_ECG_INTERPRETATION")
        note = add(add(outer, "component"), "annotation")
        _mdc(note, "code", "MDC_ECG_INTERPRETATION_STATEMENT")
        number, meaning = STATEMENTS.get(name, ("", name))
        if number:
            add(note, "value", xsi_type="CE", code=number, codeSystem=SNOMED_OID,
                codeSystemName="SNOMED CT", displayName=meaning)  # fmt: skip
        else:
            add(note, "value", meaning, xsi_type="ST")
    for start, stop, leads, text in about.made:
        note = add(add(notes, "component"), "annotation")
        add(note, "code", code=MADE, codeSystem=OWN, codeSystemName=MAKER)
        add(note, "text", text)
        place(note, leads, low=start, high=stop)
    for lead, sample, symbol in about.marks:
        note = add(add(notes, "component"), "annotation")
        point = "center"
        if symbol in BEATS:
            _mdc(note, "code", "MDC_ECG_BEAT")
            _mdc(note, "value", BEATS[symbol].name, xsi_type="CE")
        elif symbol in WAVES:
            wave, kind = WAVES[symbol]
            point = {BEGIN: "low", END: "high"}.get(kind, "center")
            _mdc(note, "code", "MDC_ECG_WAVC")
            _mdc(note, "value", wave.name, xsi_type="CE")
        else:
            add(note, "code", code=MARK, codeSystem=OWN, codeSystemName=MAKER)
            add(note, "text", symbol)
        place(note, [] if lead < 0 else [lead], **{point: sample})
