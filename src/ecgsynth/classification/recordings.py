"""Recordings in, beats by AAMI class out: which leads, which R times, and what became of each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_path
from ecgsynth.classification.classifier import BeatClassifier, usable_leads
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.reference_models.voting import delineate_together
from ecgsynth.formats import open_record, read, record_files
from ecgsynth.formats.wfdb.folder import record_names
from ecgsynth.formats.wfdb.reader import open_recording
from ecgsynth.formats.wfdb.writer import LONG_S
from ecgsynth.signals.leads import standard_leads
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL

log = logging.getLogger("ecgsynth")

DETECTED = "detected"
"""In place of an annotator: R times of the project's own detector."""

SHORTEST_S = 3.0
"""A shorter item of a set is a window, no recording, s."""

MAIN, SECOND = ("MLII", "II"), ("V1", "V5", "V2")
"""Leads that are looked at where they are there, the best first; else the first two."""


@dataclass(frozen=True)
class BeatTable:
    """The beats of one recording.

    record: its name. fs: Hz. sample: [beat] R. label: [beat] the AAMI class that each is called.
    probability: [beat, class]. truth: [beat] annotated class, None where R was detected.
    synthetic: whether a generator made the recording.
    """

    record: str
    fs: float
    sample: NDArray[np.int64]
    label: NDArray[np.str_]
    probability: NDArray[np.float64]
    truth: NDArray[np.str_] | None = None
    synthetic: bool = False

    def __len__(self) -> int:
        return len(self.sample)


def recordings_at(
    path: str | Path, annotator: str = "", shortest_s: float = SHORTEST_S
) -> Iterator[Recording | EcgsynthError]:
    """The recordings of a file or folder, one after the other, or why one cannot be read.

    annotator: of WFDB records; "" = atr where a record has one, `DETECTED` = none. shortest_s:
    shorter items of a set are refused as windows.

    Raises
    ------
    EcgsynthError: there is no such file, or no recording in it.
    """
    path = check_path(path)
    wfdb = path.with_suffix("") if path.suffix in (".hea", ".dat") else path
    if not path.is_dir() and wfdb.with_name(f"{wfdb.name}.hea").is_file():
        yield _open(wfdb, annotator)
        return
    names = record_names(path)[0] if path.is_dir() else []
    if names and not (path / "items.csv").is_file():
        for name in names:
            try:
                yield _open(path / name, annotator)
            except EcgsynthError as problem:
                yield problem
        return
    files = record_files(path)
    if files:
        for file in files:
            try:
                recording = open_record(file)
                _check_length(file, recording.seconds, shortest_s)
                yield recording
            except EcgsynthError as problem:
                if file == path:
                    raise
                yield problem
        return
    ecg = read(path)
    _check_length(path, ecg.spec.seconds, shortest_s)
    # A folder of ecgsynth has a record for each long item: annotations are named as its files.
    named = names if len(names) == len(ecg) and ecg.spec.seconds >= LONG_S else []
    for item in range(len(ecg)):
        one = Recording.of(ecg, item)
        yield replace(one, name=named[item]) if named else one


def _check_length(path: Path, seconds: float, shortest_s: float) -> None:
    if seconds < shortest_s:
        raise EcgsynthError(
            f"{path} has windows of {seconds:.2g} s; `classify run` takes recordings of "
            f"{shortest_s:g} s or more, in which a beat has neighbours."
        )


def _open(path: Path, annotator: str) -> Recording:
    if annotator == DETECTED:
        return _with_standard_leads(open_recording(path))
    named = annotator or "atr"
    there = path.with_name(f"{path.name}.{named}").is_file()
    if annotator and not there:
        raise EcgsynthError(
            f"{path.name} has no annotations .{annotator}; name another annotator with --beats, "
            f"or detect the beats with --beats {DETECTED}."
        )
    return _with_standard_leads(open_recording(path, annotations=named if there else None))


def _with_standard_leads(recording: Recording) -> Recording:
    return replace(recording, leads=standard_leads(recording.leads))


def classify_recording(
    recording: Recording, classifier: BeatClassifier, annotator: str = ""
) -> BeatTable:
    """Name the beats of a recording.

    R times are those of the annotated beats, in order of time; where none are annotated (or
    `annotator` is `DETECTED`), those of the project's QRS detector.

    Raises
    ------
    EcgsynthError: no lead has a signal, or the recording has fewer than three beats.
    """
    leads = choose_leads(recording.leads)
    signal = recording.read()[leads]
    usable = usable_leads(signal)
    if not usable.any():
        signal = recording.read()
        usable = usable_leads(signal)
    name = recording.name or recording.source
    if not usable.any():
        raise EcgsynthError(
            f"{name} has no lead with a signal: all are flat or missing; choose another recording."
        )
    signal = signal[usable]
    notes = recording.annotations
    rows = np.flatnonzero(np.isin(notes.symbol, list(AAMI_OF_SYMBOL)))
    truth = None
    if len(rows) and annotator != DETECTED:
        rows = rows[np.argsort(notes.sample[rows], kind="stable")]
        at = notes.sample[rows]
        truth = np.array([AAMI_OF_SYMBOL[str(one)] for one in notes.symbol[rows]])
    else:
        at = detect_beats(signal, recording.fs)
    try:
        probability = classifier.probability(signal, recording.fs, at)
    except EcgsynthError as problem:
        raise EcgsynthError(f"{name}: {problem}") from None
    return BeatTable(
        name, recording.fs, at, classifier.classes(probability), probability, truth,
        recording.synthetic,
    )  # fmt: skip


def detect_beats(signal: NDArray[np.float32], fs: float) -> NDArray[np.int64]:
    """[beat] R, in samples, in order: the QRS complexes on which the leads agree.

    signal: [lead, sample], NaN where missing.

    Raises
    ------
    EcgsynthError: the recording is too short for a beat.
    """
    peaks = delineate_together(signal[None], fs)["r_peak"][0]
    return np.sort(np.round(peaks[np.isfinite(peaks)]).astype(np.int64))


def choose_leads(names: tuple[str, ...]) -> list[int]:
    """Numbers of the two leads that are looked at, of one where there is one."""
    first = next((names.index(one) for one in MAIN if one in names), 0)
    others = [k for k in range(len(names)) if k != first]
    second = next((names.index(one) for one in SECOND if one in names), None)
    if second is None or second == first:
        second = others[0] if others else None
    return [first] if second is None else [first, second]


def confusion(tables: list[BeatTable]) -> dict[str, NDArray[np.int64]]:
    """Record -> [true class, called class] beats, by `AAMI_CLASSES`, where there is a truth."""
    count, found = len(AAMI_CLASSES), {}
    for one in tables:
        if one.truth is not None:
            true = np.array([AAMI_CLASSES.index(name) for name in one.truth], np.int64)
            called = np.array([AAMI_CLASSES.index(name) for name in one.label], np.int64)
            cells = np.bincount(true * count + called, minlength=count * count)
            found[one.record] = cells.reshape(count, count)
    return found
