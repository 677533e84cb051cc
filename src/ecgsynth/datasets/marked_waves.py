"""Waves that were marked by hand, of LUDB and QTDB in one form: to train and test delineators."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import ludb, people
from ecgsynth.datasets.qtdb import files as qtdb_files
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import FIDUCIALS

log = logging.getLogger("ecgsynth")

ABSENT = -1
"""In the place of a sample, where a point is not marked."""

SPLITS = ("train", "validation", "heldout-people", "test", "all")


@dataclass(frozen=True, eq=False)
class MarkedRecording:
    """A recording whose waves were marked by hand in a part of its time.

    Attributes
    ----------
    recording: signals in mV with their rate, leads, `name`, `person` and `source`, the database;
        its annotations are the marks, named as in `vocabulary.FIDUCIALS`. A mark holds for all of
        its leads.
    beats: [beat, 9], sample of each of `FIDUCIALS`, -1 where it is not marked. A P wave without a
        QRS complex is a row of its own.
    kind: [beat], WFDB's symbol of the QRS complex, as the reader marked it; "" without one. LUDB
        states no kinds: all are "N".
    stretches: [stretch, 2], first and last marked sample of beats that follow each other. There,
        a P wave without a mark is absent (the second reader of QTDB marked none at all), and so is
        a QRS complex; elsewhere nobody marked anything. Of a T wave the onset is often not marked.
    """

    recording: Recording
    beats: NDArray[np.int64]
    kind: NDArray[np.str_]
    stretches: NDArray[np.int64]


def read_marked(
    database: str, split: str = "all", reader: str = "q1c"
) -> Iterator[MarkedRecording]:
    """The recordings of a database whose waves were marked by hand, one after the other.

    database: "ludb" (200 people, of every lead a recording of its own) or "qtdb" (105 records, one
    recording of both leads).
    split: one of `SPLITS`. Of qtdb, `train`, `validation` and `heldout-people` are of given people;
    `test` are people of DS2, of whom nobody learns; paced records are in `all` alone. Of ludb,
    splits are those of the data set, and `heldout-people` is empty.
    reader: of qtdb, the first, "q1c", or the second, "q2c", who marked 11 records.

    Raises
    ------
    EcgsynthError: there is no such database, split or reader, or no recordings. A record that
        cannot be read is left out with a warning.
    """
    if split not in SPLITS:
        raise EcgsynthError(f"marked waves have no split '{split}'.{did_you_mean(split, SPLITS)}")
    if database == "ludb":
        return _of_ludb(split) if split != "heldout-people" else iter(())
    if database == "qtdb":
        return _of_qtdb(split, reader)
    raise EcgsynthError(
        f"no waves were marked by hand in '{database}'.{did_you_mean(database, ('ludb', 'qtdb'))}"
    )


def group_waves(sample: NDArray[np.int64], point: NDArray[np.int64]) -> NDArray[np.int64]:
    """[beat, 9] samples of the points of each beat, -1 where one is not marked.

    sample, point: [mark], in order of time; `point` is the place in `FIDUCIALS`. A wave that would
    come before one that its beat has already belongs to the next beat.
    """
    rows: list[list[int]] = []
    last = len(FIDUCIALS)
    for at, number in zip(sample.tolist(), point.tolist(), strict=True):
        if number <= last:
            rows.append([ABSENT] * len(FIDUCIALS))
        rows[-1][number] = at
        last = number
    return np.array(rows, np.int64).reshape(-1, len(FIDUCIALS))


def _of_ludb(split: str) -> Iterator[MarkedRecording]:
    ecg = ludb.Ludb.load(split, ludb.Ludb.Settings())
    marks = ecg.marks
    assert marks is not None and ecg.patient is not None and ecg.record is not None
    number = {name: k for k, name in enumerate(FIDUCIALS)}
    point = np.array([number[name] for name in marks.symbol.tolist()], np.int64)
    order = np.lexsort((marks.sample, marks.lead, marks.item))
    place = (marks.item * len(ecg.spec.leads) + marks.lead)[order]
    for rows in np.split(order, np.flatnonzero(np.diff(place)) + 1 if len(order) else []):
        if len(rows):
            item, lead = int(marks.item[rows[0]]), int(marks.lead[rows[0]])
            at = marks.sample[rows]
            beats = group_waves(at, point[rows])
            recording = Recording(
                ecg.signal[item, lead : lead + 1], ecg.spec.fs, (ecg.spec.leads[lead],),
                Annotations(at, marks.symbol[rows]), name=str(ecg.record[item]),
                person=str(ecg.patient[item]), source="ludb",
            )  # fmt: skip
            kind = np.where(beats[:, FIDUCIALS.index("r_peak")] >= 0, "N", "")
            yield MarkedRecording(recording, beats, kind, np.array([[at[0], at[-1]]]))


def _of_qtdb(split: str, reader: str) -> Iterator[MarkedRecording]:
    if reader not in qtdb_files.READERS:
        raise EcgsynthError(
            f"qtdb has no reader '{reader}'.{did_you_mean(reader, qtdb_files.READERS)}"
        )
    folder = qtdb_files.find_database()
    for record in people.QTDB:
        person = people.person_of("qtdb", record)
        if split not in ("all", people.split_of(person)):
            continue
        if not (folder / f"{record}.{reader}").is_file():
            continue
        try:
            recording, names = qtdb_files.read(folder, record)
            at, point, symbol = qtdb_files.read_marks(folder, record, reader, recording)
            known = qtdb_files.read_beats(folder, record, recording)
        except EcgsynthError as problem:
            log.warning("record %s is left out: %s", record, problem)
            continue
        beats = group_waves(at, point)
        marks = Annotations(at, np.array(FIDUCIALS)[point])
        recording = replace(recording, leads=names, annotations=marks, person=person, source="qtdb")
        r_peak = beats[:, FIDUCIALS.index("r_peak")]
        kind = np.array([symbol.get(r, "") for r in r_peak.tolist()], np.str_)
        yield MarkedRecording(recording, beats, kind, _stretches(beats, known, recording.fs))


NEAR_S = 0.15
"""A beat lies at a marked R if it is not farther, s."""

LONGEST_S = 3.0
"""Beats that lie further apart, s, do not follow each other."""


def _stretches(beats: NDArray[np.int64], known: NDArray[np.int64], fs: float) -> NDArray[np.int64]:
    """[stretch, 2]: first and last mark of beats that follow each other, with no other between.

    known: samples of all beats of the recording, in order.
    """
    first = np.where(beats >= 0, beats, np.iinfo(np.int64).max).min(1)
    last = beats.max(1)
    begin, end = first[1:], last[:-1]
    between = np.searchsorted(known, begin + 1) - np.searchsorted(known, end)
    broken = (between > 0) | (begin - end > LONGEST_S * fs)
    starts = np.concatenate([[True], broken])[: len(beats)]
    stops = np.concatenate([broken, [True]])[-len(beats) :] if len(beats) else starts
    return np.stack([first[starts], last[stops]], 1)
