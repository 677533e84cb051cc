"""Reading HL7 aECG: the first rhythm of a document, with its annotations."""

from __future__ import annotations

import logging
import math
import re
import xml.etree.ElementTree as ET
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.aecg.writer import AGE, MADE, MARK
from ecgsynth.formats.codes import (
    BEAT_OF_NAME,
    BEGIN,
    END,
    FIDUCIAL_OF,
    PEAK,
    WAVE_OF_NAME,
)
from ecgsynth.formats.foreign.record import Foreign, errors_as_damage, item_of, marks_table
from ecgsynth.formats.item_facts import read_item
from ecgsynth.formats.statements import Stated
from ecgsynth.formats.xml_tree import child_text, parse
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import standard_lead
from ecgsynth.signals.units import per_mv

log = logging.getLogger("ecgsynth")

STATEMENT = "MDC_ECG_INTERPRETATION_STATEMENT"

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
YEARS = {"a": 1.0, "yr": 1.0, "mo": 1 / 12, "wk": 7 / 365.25, "d": 1 / 365.25}

TIME = re.compile(r"(\d{8})(\d{2})?(\d{2})?(\d{2})?(?:\.(\d{1,9}))?([+-]\d{4})?")

POINTS = {"low": BEGIN, "center": PEAK, "high": END}


def read_file(path: Path) -> Ecg:
    """The item of a document; see `Aecg.read`."""
    root, facts = parse(path)
    with errors_as_damage(path):
        if root.tag != "AnnotatedECG":
            raise EcgsynthError(f"{path.name} is no HL7 aECG: its root is <{root.tag[:40]}>.")
        series = _rhythm(root, path)
        sets = series.findall("component/sequenceSet")
        sequences = [one for found in sets[:1] for one in found.findall("component/sequence")]
        start, fs = _times(sequences, path)
        leads, rows = _leads(sequences, path)
        lengths = {len(row) for row in rows}
        if len(lengths) != 1:
            raise EcgsynthError(
                f"the leads of {path.name} have {min(lengths, default=0)} to "
                f"{max(lengths, default=0)} samples; it is damaged or cut short."
            )
        signal = np.stack(rows)
        marks = _marks(series, start, fs, leads)
        if facts:
            return read_item(facts, path, lambda _: signal, marks_table(marks))
        return item_of(_foreign(root, series, signal, leads, fs, marks, start), path)


def _rhythm(root: ET.Element, path: Path) -> ET.Element:
    """The first series that is a rhythm, else the first."""
    found = root.findall("component/series")
    if not found:
        raise EcgsynthError(f"{path.name} holds no series, so it has no ECG.")
    codes = [one.find("code") for one in found]
    named = [k for k, code in enumerate(codes) if code is not None and code.get("code") == "RHYTHM"]
    if len(found) > 1:
        log.warning("%s has %d series; the first rhythm is read.", path.name, len(found))
    return found[named[0] if named else 0]


def _times(sequences: list[ET.Element], path: Path) -> tuple[datetime | None, float]:
    """Start and rate."""
    for sequence in sequences:
        code = _code(sequence)
        value = sequence.find("value")
        if not code.startswith("TIME_") or value is None:
            continue
        head, step = value.find("head"), value.find("increment")
        text = "" if step is None else step.get("value") or ""
        scale = SECONDS.get("" if step is None else (step.get("unit") or "s"))
        fs = _rate(text, scale) if scale else None
        if fs is None:
            break
        absolute = code == "TIME_ABSOLUTE" and head is not None
        return _time(head.get("value") or "") if absolute and head is not None else None, fs
    raise EcgsynthError(
        f"{path.name} states no sampling interval, as in <increment value='0.002' unit='s'/>."
    )


def _rate(text: str, scale: float) -> float | None:
    """The rate of an interval; the whole number that the interval was rounded from, if one was."""
    try:
        interval = float(text) * scale
    except ValueError:
        return None
    if not 0 < interval < math.inf:
        return None
    mantissa, _, exponent = text.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    half = 0.5 * 10.0**-decimals * 10.0 ** int(exponent or 0) * scale
    nearest = max(1, round(1 / interval))
    return float(nearest) if abs(1 / nearest - interval) <= half else 1 / interval


def _leads(sequences: list[ET.Element], path: Path) -> tuple[list[str], list[NDArray[np.float32]]]:
    """Names and samples, mV, of all leads that are in a voltage."""
    names, rows = [], []
    for sequence in sequences:
        code, value = _code(sequence), sequence.find("value")
        if code.startswith("TIME_") or value is None:
            continue
        own = sequence.find("code")
        shown = "" if own is None else own.get("displayName") or ""
        name = standard_lead(code) if standard_lead(code) != code else shown or code
        scale, unit = _quantity(value.find("scale"), 1.0)
        origin, origin_unit = _quantity(value.find("origin"), 0.0)
        steps_per_mv = per_mv(unit)
        if steps_per_mv is None:
            log.warning("%s: lead %s is in '%s', no voltage; left out.", path.name, name, unit)
            continue
        if not 0 < abs(scale) < 1e9 or not abs(origin) < 1e12:
            raise EcgsynthError(f"lead {name} of {path.name} has the scale {scale:g}; correct it.")
        digits = np.array(child_text(value, "digits").split(), np.float64)
        if not np.isfinite(digits).all():
            raise EcgsynthError(f"lead {name} of {path.name} holds numbers that are no samples.")
        offset = origin / (per_mv(origin_unit) or steps_per_mv)
        names.append(name)
        rows.append((digits * scale / steps_per_mv + offset).astype(np.float32))
    if not rows:
        raise EcgsynthError(f"{path.name} holds no lead in a voltage.")
    return names, rows


def _quantity(element: ET.Element | None, usual: float) -> tuple[float, str]:
    if element is None:
        return usual, "uV"
    return float(element.get("value") or usual), element.get("unit") or "uV"


def _code(element: ET.Element) -> str:
    found = element.find("code")
    return "" if found is None else (found.get("code") or "").strip()


def _time(text: str) -> datetime | None:
    """A time of HL7, whose zone is left out; None where it is none."""
    match = TIME.fullmatch(text.strip())
    if match is None:
        return None
    digits = match[1] + "".join(part or "00" for part in match.groups()[1:4])
    with suppress(ValueError):
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(
            microsecond=int((match[5] or "0")[:6].ljust(6, "0"))
        )
    return None


def _marks(
    series: ET.Element, start: datetime | None, fs: float, leads: list[str]
) -> list[tuple[int, int, str]]:
    """Lead (-1: all), sample and symbol of annotations at points of time."""
    marks: list[tuple[int, int, str]] = []
    for note in series.findall("subjectOf/annotationSet//annotation"):
        value = note.find("value")
        name = "" if value is None else value.get("code") or ""
        code = _code(note)
        if code == MADE:
            continue
        for region in note.findall("support/supportingROI"):
            rows, points = [], []
            for boundary in region.findall("component/boundary"):
                kind, at = _code(boundary), boundary.find("value")
                if kind.startswith("TIME_") and at is not None:
                    points += [(point.tag, _sample(point, start, fs)) for point in at]
                else:
                    rows += _lead_rows(boundary, leads)
            for tag, sample in points:
                symbol = _symbol(note, code, name, POINTS.get(tag, PEAK))
                if sample is not None and symbol:
                    marks += [(row, sample, symbol) for row in rows or [-1]]
                if name in BEAT_OF_NAME:
                    break  # a beat is one mark, however long it is
    return marks


def _lead_rows(boundary: ET.Element, leads: list[str]) -> list[int]:
    own = boundary.find("code")
    if own is None:
        return []
    names = (own.get("displayName") or "", standard_lead(own.get("code") or ""))
    return [leads.index(name) for name in names if name in leads][:1]


def _symbol(note: ET.Element, code: str, name: str, point: str) -> str:
    if code == MARK:
        return child_text(note, "text")
    if name in BEAT_OF_NAME or code in BEAT_OF_NAME:
        return BEAT_OF_NAME.get(name) or BEAT_OF_NAME[code]
    wave = WAVE_OF_NAME.get(name) or WAVE_OF_NAME.get(code)
    return FIDUCIAL_OF.get((wave.number, point), "") if wave else ""


def _sample(point: ET.Element, start: datetime | None, fs: float) -> int | None:
    """The sample of a time; None where it is none."""
    text = point.get("value") or ""
    unit = point.get("unit")
    with suppress(ValueError, OverflowError):
        if unit is not None:
            return round(float(text) * SECONDS.get(unit, 1.0) * fs)
        at = _time(text)
        if at is not None and start is not None:
            return round((at - start).total_seconds() * fs)
    return None


def _foreign(
    root: ET.Element, series: ET.Element, signal: NDArray[np.float32], leads: list[str], fs: float,
    marks: list[tuple[int, int, str]], start: datetime | None,
) -> Foreign:  # fmt: skip
    """What the document states of the person and of the ECG."""
    subject = root.find(".//trialSubject")
    number = None if subject is None else subject.find("id")
    sex = root.find(".//administrativeGenderCode")
    age = None
    for variable in root.iter("controlVariable"):
        value = variable.find("value")
        if _code(variable) == AGE and value is not None:
            with suppress(ValueError):
                years = YEARS.get(value.get("unit") or "a", 1.0)
                age = float(value.get("value") or "") * years
    words = [
        child_text(root, "text"), child_text(root, "pertainsTo/subjectFindingComment/text"),
        child_text(series, ".//manufacturerModelName"),
    ]  # fmt: skip
    stated = []
    for note in series.iterfind("subjectOf/annotationSet//annotation"):
        value = note.find("value")
        if _code(note) == STATEMENT and value is not None:
            code = value.get("code") or ""
            text = value.get("displayName") or (value.text or "").strip()
            stated.append(Stated(code, text or child_text(note, "text")))
    person = "" if number is None else (number.get("extension") or number.get("root") or "").strip()
    return Foreign(
        signal, leads, fs, marks, person, start, age,
        "" if sex is None else sex.get("code") or "", " ".join(words), stated,
    )  # fmt: skip
