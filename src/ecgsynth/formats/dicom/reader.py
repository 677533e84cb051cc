"""Reading DICOM: groups of channels as one recording, annotations as marks."""

from __future__ import annotations

import io
import logging
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from ecgsynth.arguments import check_rate
from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.clinical import MAKER
from ecgsynth.formats.codes import BEAT_OF, BEGIN, END, FIDUCIAL_OF, LEADS, PEAK
from ecgsynth.formats.dicom.writer import FACTS, MARK, OWN_SCHEME, PRIVATE
from ecgsynth.formats.foreign.record import Foreign, errors_as_damage, item_of, marks_table
from ecgsynth.formats.item_facts import read_item
from ecgsynth.formats.statements import Stated
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import standard_lead
from ecgsynth.signals.units import per_mv

log = logging.getLogger("ecgsynth")

DEFLATED = b"1.2.840.10008.1.2.1.99"
HEAD = 4096
"""Bytes in which a file states how it is packed."""

KINDS = {
    ("SS", 16): "i2", ("US", 16): "u2", ("SB", 8): "i1", ("UB", 8): "u1", ("SL", 32): "i4",
    ("UL", 32): "u4",
}  # fmt: skip
"""(Interpretation of a sample, its bits) -> type of NumPy without its order of bytes."""

LEAD_OF = {code.number.partition(":")[2]: name for name, code in LEADS.items()}
"""Number of a lead, of MDC (2:61) and of SCP-ECG (5.6.3-9-61) -> its name."""

SYNTHETIC_DATA = 0x0008001C

MOST_SPREAD = 100
"""Times that the samples of all groups fill a recording at least, for each lead."""

MOST_TEXT = 100
"""Characters of a text that is taken for the symbol of a mark."""

STATING = ("SCT", "SRT", OWN_SCHEME)
"""Schemes of statements; those of MDC name measurements, beats and waves."""

AGE = re.compile(r"(\d{1,3})([YMWD])")
YEARS = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass
class Group:
    """The channels of a multiplex group that are ECG.

    leads: their names. signal: [lead, sample], mV, or in no unit where it is not calibrated.
    numbers: of the channels, from 1.
    """

    leads: list[str]
    signal: NDArray[np.float32]
    fs: float
    offset_s: float
    calibrated: bool
    numbers: list[int]


def read_file(path: Path) -> Ecg:
    """The item of a DICOM file; see `Dicom.read`."""
    content = path.read_bytes()
    if DEFLATED in content[:HEAD]:
        raise EcgsynthError(
            f"{path.name} is packed (deflated DICOM), which is not read here; unpack it first, as "
            "with dcmconv +te."
        )
    with errors_as_damage(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a standard forbids and a reader understands
        # From memory, no more is read than there is, whatever a length states.
        data = pydicom.dcmread(io.BytesIO(content), force=content[128:132] != b"DICM")
        return _item(data, path)


def _item(data: Dataset, path: Path) -> Ecg:
    groups = _rhythms(data, path)
    fs = next(iter(groups.values())).fs
    if any(group.fs != fs for group in groups.values()):
        log.warning("%s: groups of another rate than %g Hz are left out.", path.name, fs)
        groups = {number: group for number, group in groups.items() if group.fs == fs}
    leads, signal, places = _together(groups, path)
    marks = _marks(data, places)
    if facts := _facts(data):
        return read_item(facts, path, lambda samples: signal[:, :samples], marks_table(marks))
    calibrated = all(group.calibrated for group in groups.values())
    if not calibrated:
        log.warning("%s states no sensitivity; its amplitudes are in no unit.", path.name)
    stated = [data.get(name, "") for name in ("PatientComments", "PatientName", "Manufacturer")]
    stated += ["SYNTHETIC"] * (
        str(data[SYNTHETIC_DATA].value) == "YES" if SYNTHETIC_DATA in data else 0
    )
    record = Foreign(
        signal, leads, fs, marks, str(data.get("PatientID") or "").strip(), _start(data),
        _age_years(str(data.get("PatientAge") or "")), str(data.get("PatientSex") or ""),
        " ".join(map(str, stated)), _statements(data), "mV" if calibrated else "normalised",
    )  # fmt: skip
    return item_of(record, path)


def _rhythms(data: Dataset, path: Path) -> dict[int, Group]:
    """Number -> group, of those that hold a rhythm; of a median beat only where nothing else is.

    Raises
    ------
    EcgsynthError: there is no waveform, or none of its channels is an ECG.
    """
    items = [*(data.get("WaveformSequence") or [])]
    if not items:
        kind = str(getattr(data.get("SOPClassUID"), "name", ""))[:60]
        if not kind:
            raise DamagedFileError(
                f"{path.name} is no DICOM file, or is cut short in its header; copy it again."
            )
        if "Waveform" in kind:
            raise DamagedFileError(
                f"{path.name} ends before its samples, so it is cut short; copy it again."
            )
        raise EcgsynthError(
            f"{path.name} holds no waveform ({kind}); choose a file that has an ECG."
        )
    numbered = [*enumerate(items, 1)]
    rhythms = [(n, one) for n, one in numbered if one.get("WaveformOriginality") != "DERIVED"]
    order = ">" if data.original_encoding[1] is False else "<"
    found = {number: _group(one, order, path) for number, one in rhythms or numbered}
    found = {number: group for number, group in found.items() if group.leads}
    if not found:
        raise EcgsynthError(f"no channel of {path.name} is in a voltage, so none is an ECG.")
    return found


def _group(item: Dataset, order: str, path: Path) -> Group:
    """The channels of a group; order: of the bytes of a sample, < or >.

    Raises
    ------
    EcgsynthError: it states more samples than it has, or in a way that is not known.
    """
    channels = [*item.ChannelDefinitionSequence]
    count, samples = int(item.NumberOfWaveformChannels), int(item.NumberOfWaveformSamples)
    bits, kind = int(item.WaveformBitsAllocated), str(item.WaveformSampleInterpretation)
    if (kind, bits) not in KINDS:
        raise EcgsynthError(
            f"{path.name} has samples of {bits} bits of the kind '{kind[:8]}'; known are SS, US, "
            "SB, UB, SL and UL of 8, 16 and 32 bits."
        )
    content = item.WaveformData
    stated = count * samples * bits // 8
    if count != len(channels) or min(count, samples) < 1 or stated > len(content):
        raise EcgsynthError(
            f"{path.name} states {count} channels of {samples} samples and has {len(channels)} of "
            f"{8 * len(content) // bits // max(1, len(channels))}; it is damaged or cut short."
        )
    if len(content) > stated + 1:  # one byte fills up an odd number
        log.warning("%s has more samples than it states, which are left out.", path.name)
    steps = np.frombuffer(content, order + KINDS[kind, bits], count * samples)
    steps = steps.reshape(samples, count).T
    scales = [_scale(channel, path) for channel in channels]
    rows = [k for k, (unit, _, _) in enumerate(scales) if unit is None or per_mv(unit)]
    left = [_name(channels[k]) for k in range(count) if k not in rows]
    if left:
        log.warning("%s: no voltage and left out: %s.", path.name, ", ".join(left))
    signal = np.empty((len(rows), samples), np.float32)
    padding = _padding(item, order + KINDS[kind, bits])
    for row, k in enumerate(rows):
        unit, factor, baseline = scales[k]
        wave = steps[k] * factor + baseline
        if padding is not None:
            wave[steps[k] == padding] = np.nan
        signal[row] = wave / (per_mv(unit) or 1.0) if unit else wave
    offset_s = float(item.get("MultiplexGroupTimeOffset") or 0) / 1000
    return Group(
        [_name(channels[k]) for k in rows], signal, check_rate(float(item.SamplingFrequency)),
        offset_s, all(scales[k][0] for k in rows), [k + 1 for k in rows],
    )  # fmt: skip


def _scale(channel: Dataset, path: Path) -> tuple[str | None, float, float]:
    """Unit, None where none is stated; units a step; units at a step of 0."""
    stated = channel.get("ChannelSensitivity")
    if stated is None:
        return None, 1.0, 0.0
    units = channel.get("ChannelSensitivityUnitsSequence")
    unit = str(units[0].get("CodeValue") or "") if units else ""
    correction = channel.get("ChannelSensitivityCorrectionFactor")
    factor = float(stated) * (1.0 if correction is None else float(correction))
    baseline = float(channel.get("ChannelBaseline") or 0)
    if not 0 < abs(factor) < 1e9 or not abs(baseline) < 1e12:
        raise EcgsynthError(
            f"channel {_name(channel)} of {path.name} has the sensitivity {factor:g}, which no "
            "recorder has; correct the file."
        )
    return unit, factor, baseline


def _name(channel: Dataset) -> str:
    """The lead of a channel, by its code where this is known."""
    sources = channel.get("ChannelSourceSequence")
    label = str(channel.get("ChannelLabel") or "")
    if sources:
        number = str(sources[0].get("CodeValue") or "").rpartition(":")[2].rpartition("-")[2]
        meaning = str(sources[0].get("CodeMeaning") or "")
        if number in LEAD_OF:
            return LEAD_OF[number]
        if standard_lead(meaning) != meaning:
            return standard_lead(meaning)
        label = label or meaning
    return label


def _padding(item: Dataset, kind: str) -> float | None:
    """The value of a sample that is not there."""
    value = item.get("WaveformPaddingValue")
    if value is None:
        return None
    if isinstance(value, bytes):
        size = np.dtype(kind).itemsize
        return float(np.frombuffer(value[:size], kind)[0]) if len(value) >= size else None
    return float(value)


def _together(
    groups: dict[int, Group], path: Path
) -> tuple[list[str], NDArray[np.float32], dict[tuple[int, int], tuple[int, int]]]:
    """All groups as one recording: leads, [lead, sample], NaN where a group has no samples; and
    (group, channel) -> (row, first sample).

    A lead that stands in several groups is one row, unless both have samples at one time.
    """
    fs = next(iter(groups.values())).fs
    origin = min(group.offset_s for group in groups.values())
    first = {n: round((group.offset_s - origin) * fs) for n, group in groups.items()}
    length = max(first[n] + group.signal.shape[1] for n, group in groups.items())
    held = sum(group.signal.size for group in groups.values())
    if length * len(groups) > MOST_SPREAD * held:
        raise EcgsynthError(
            f"the groups of {path.name} lie {length / fs:,.0f} s apart, which their samples do not "
            "fill; correct their offsets."
        )
    leads: list[str] = []
    signal = np.full((sum(len(group.leads) for group in groups.values()), length), np.nan, "f4")
    places: dict[tuple[int, int], tuple[int, int]] = {}
    for n, group in groups.items():
        stretch = slice(first[n], first[n] + group.signal.shape[1])
        for wave, lead, number in zip(group.signal, group.leads, group.numbers, strict=True):
            row = leads.index(lead) if lead in leads else len(leads)
            if row < len(leads) and not np.isnan(signal[row, stretch]).all():
                row = len(leads)
            if row == len(leads):
                leads.append(lead)
            signal[row, stretch] = wave
            places[n, number] = row, first[n]
    return leads, signal[: len(leads)], places


def _marks(
    data: Dataset, places: dict[tuple[int, int], tuple[int, int]]
) -> list[tuple[int, int, str]]:
    """Lead (-1: all), sample and symbol of annotations at points of time."""
    marks = []
    for note in data.get("WaveformAnnotationSequence") or []:
        at, kind = note.get("ReferencedSamplePositions"), str(note.get("TemporalRangeType") or "")
        symbols = _symbols(note, kind)
        if at is None or not symbols:
            continue
        positions = [int(at)] if isinstance(at, int) else [int(one) for one in at]
        stated = [int(n) for n in note.get("ReferencedWaveformChannels") or (1, 0)]
        for channel in [*zip(stated[::2], stated[1::2], strict=False)][
            : 1 if stated[1] == 0 else None
        ]:
            row, first = places.get(channel, (-1, _first_of(places, channel[0])))
            if channel[1] and channel not in places:
                continue
            pairs = zip(positions, symbols * len(positions), strict=False)
            marks += [(row, first + position - 1, symbol) for position, symbol in pairs]
    return marks


def _first_of(places: dict[tuple[int, int], tuple[int, int]], group: int) -> int:
    """The first sample of a group in the recording."""
    return next((first for (number, _), (_, first) in places.items() if number == group), 0)


def _symbols(note: Dataset, kind: str) -> list[str]:
    """Symbols at the positions of an annotation, in turn; none where it is no mark."""
    concepts = note.get("ConceptNameCodeSequence")
    if concepts:
        number = str(concepts[0].get("CodeValue") or "")
        if number in BEAT_OF:
            return [BEAT_OF[number]]
        points = {"BEGIN": [BEGIN], "END": [END], "SEGMENT": [BEGIN, END], "POINT": [PEAK]}
        named = [FIDUCIAL_OF.get((number, point), "") for point in points.get(kind, [PEAK])]
        return named if all(named) else []
    text = str(note.get("UnformattedTextValue") or "")
    if kind != "POINT" or not 0 < len(text) <= MOST_TEXT:
        return []
    return [text.removeprefix(MARK)]


def _statements(data: Dataset) -> list[Stated]:
    """Annotations that belong to no time: what is stated of the whole."""
    found = []
    for note in data.get("WaveformAnnotationSequence") or []:
        if note.get("ReferencedSamplePositions") is not None or note.get("NumericValue"):
            continue
        concepts = note.get("ConceptNameCodeSequence") or []
        for code in concepts:
            if str(code.get("CodingSchemeDesignator") or "") in STATING:
                number, meaning = code.get("CodeValue"), code.get("CodeMeaning")
                found.append(Stated(str(number or ""), str(meaning or "")))
        text = str(note.get("UnformattedTextValue") or "").strip()
        if text and not concepts:
            found.append(Stated("", text))
    return found


def _facts(data: Dataset) -> str:
    try:
        return str(data.private_block(PRIVATE, MAKER.upper())[FACTS].value)
    except KeyError:
        return ""


def _start(data: Dataset) -> datetime | None:
    """When the recording began; None where that is no time."""
    text = str(data.get("AcquisitionDateTime") or "")
    text = text or f"{data.get('AcquisitionDate') or ''}{data.get('AcquisitionTime') or ''}"
    whole, _, part = text.partition(".")
    with suppress(ValueError):
        start = datetime.strptime(whole[:14], "%Y%m%d%H%M%S")
        digits = "".join(c for c in part[:6] if c.isdecimal())
        return start.replace(microsecond=int(digits.ljust(6, "0") or 0))
    return None


def _age_years(text: str) -> float | None:
    """Years of an age such as 045Y or 006M."""
    match = AGE.fullmatch(text.strip())
    return int(match[1]) * YEARS[match[2]] if match else None
