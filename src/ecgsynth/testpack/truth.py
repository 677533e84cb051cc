"""What is true of a recording of the test pack, as JSON by a versioned schema."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from ecgsynth.formats import stream
from ecgsynth.formats.codes import STATEMENTS
from ecgsynth.signals.acquisition import acquisition
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, FIDUCIALS, is_rhythm

VERSION = 1
"""Of the schema: raised when a field changes its meaning or goes."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Event(_Part):
    """An annotation: sample, counted from 0, and its time in s from the start."""

    sample: int
    time_s: float
    symbol: str


class Fault(_Part):
    """A stretch of one lead that does not show the heart; samples from one up to another."""

    kind: str = Field(description="lead off, saturated or no value (NaN in the NPZ)")
    lead: str
    start: int
    stop: int


class File(_Part):
    """A file of the recording.

    step_mv: the step of its amplitudes, by which a reader may be off. lost: what the format has no
    place for.
    """

    file: str
    format: str
    step_mv: float | None
    lost: list[str]


class Statement(_Part):
    """A statement by its name in PTB-XL (SCP-ECG) and its code of SNOMED CT, where there is one."""

    name: str
    snomed: str


class Truth(_Part):
    """The truth of one recording; its samples, [lead, sample] in mV, are `data[0]` of the NPZ.

    beats: symbols of WFDB (N, V, / of paced ones). rhythms: as in PhysioNet's files. waves: onset,
    peak and offset of P, QRS and T.
    """

    version: int = VERSION
    case: str
    text: str
    statement: str
    seed: int
    leads: list[str]
    fs_hz: float
    samples: int
    unit: str
    patient: str
    age_years: float | None
    sex: str | None
    start: str
    statements: list[Statement]
    beats: list[Event]
    rhythms: list[Event]
    waves: list[Event]
    faults: list[Fault]
    files: list[File]


def truth_of(
    ecg: Ecg, faults: Sequence[Fault], files: Sequence[File], case: str, text: str, seed: int
) -> Truth:
    """The truth of the one item of a set."""
    assert ecg.marks is not None and ecg.label is not None
    about, spec = acquisition(ecg), ecg.spec
    pairs = [*zip(ecg.marks.sample.tolist(), ecg.marks.symbol.tolist(), strict=True)]

    def events(chosen: set[str]) -> list[Event]:
        return [
            Event(sample=at, time_s=round(at / spec.fs, 6), symbol=symbol)
            for at, symbol in pairs if symbol in chosen
        ]  # fmt: skip

    statements = [
        Statement(name=name, snomed=STATEMENTS[name][0])
        for name, value in zip(spec.classes, ecg.label[0], strict=True) if value
    ]  # fmt: skip
    return Truth(
        case=case, text=text, statement=stream.statement(ecg), seed=seed, leads=[*spec.leads],
        fs_hz=spec.fs, samples=spec.samples, unit=spec.unit,
        patient="" if ecg.patient is None else str(ecg.patient[0]), age_years=about.age_years,
        sex=about.sex, start=about.start.isoformat() if about.start else "",
        statements=statements, beats=events({*AAMI_OF_SYMBOL}),
        rhythms=events({symbol for _, symbol in pairs if is_rhythm(symbol)}),
        waves=events({*FIDUCIALS}), faults=[*faults], files=[*files],
    )  # fmt: skip
