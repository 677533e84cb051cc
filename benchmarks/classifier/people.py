"""The recordings of the classifier's people, and the features of their beats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ecgsynth.classification.features import feature_table, fibrillation, matrix
from ecgsynth.classification.rhythm import Columns
from ecgsynth.classification.windows import FS, prepare
from ecgsynth.datasets import store
from ecgsynth.datasets.people import DS1, DS2, QTDB_NEW, SVDB_GIVEN, may_train, person_of
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL

GIVEN = {"mitbih": DS1, "svdb": SVDB_GIVEN, "qtdb": QTDB_NEW}
"""Database -> the records of people of whom the classifier learns."""

FIRST = {"mitbih": "100.hea", "svdb": "800.hea", "qtdb": "sel100.hea"}


@dataclass(frozen=True)
class Record:
    """One recording of a person."""

    database: str
    name: str

    @property
    def person(self) -> str:
        return person_of(self.database, self.name)

    @cached_property
    def content(self) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.int64]]:
        """[lead, sample] of `prepare`; [beat] R, s; [beat] number of the AAMI class."""
        folder = store.find_folder(self.database, FIRST[self.database])
        recording = read_recording(folder / self.name, annotations="atr")
        notes = recording.annotations
        rows = np.isin(notes.symbol, list(AAMI_OF_SYMBOL))
        label = [AAMI_CLASSES.index(AAMI_OF_SYMBOL[str(one)]) for one in notes.symbol[rows]]
        wave = prepare(recording.signal, recording.fs)
        return wave, notes.sample[rows] / recording.fs, np.array(label)

    def features(self) -> tuple[Columns, NDArray[np.int64]]:
        """The features of all beats, and their classes."""
        wave, at_s, label = self.content
        return feature_table(wave, at_s), label

    def cuts(self, seconds: float) -> tuple[Columns, NDArray[np.int64]]:
        """As `features`, of one piece of so many seconds a minute.

        Every piece is looked at by itself; those of fewer than three beats are left out.
        """
        wave, at_s, label = self.content
        parts, kept, size = [], [], round(seconds * FS)
        for start in range(0, wave.shape[1] - size + 1, round(60 * FS)):
            rows = (at_s >= start / FS) & (at_s < (start + size) / FS)
            if rows.sum() >= 3:
                piece = wave[:, start : start + size]
                parts.append(feature_table(piece, at_s[rows] - start / FS))
                kept.append(label[rows])
        return {n: np.concatenate([one[n] for one in parts]) for n in parts[0]}, np.concatenate(
            kept
        )


@dataclass(frozen=True)
class Beats:
    """All beats of several records: features [beat, column], fibrillation, class, and whose."""

    x: NDArray[np.float32]
    columns: tuple[str, ...]
    fibrillation: NDArray[np.float64]
    label: NDArray[np.int64]
    person: NDArray[np.str_]
    record: NDArray[np.str_]
    database: NDArray[np.str_]


def given_records(databases: Iterable[str]) -> list[Record]:
    """The records of given people.

    Raises
    ------
    AssertionError: somebody of the test set is among them.
    """
    found = [Record(one, str(name)) for one in databases for name in GIVEN[one]]
    assert all(may_train(record.person) for record in found)
    return found


def ds2_records() -> list[Record]:
    return [Record("mitbih", str(name)) for name in DS2]


def beats_of(records: Sequence[Record], cut_s: float | None = None) -> Beats:
    """The beats of the records, whole or cut into pieces of so many seconds."""
    each = [one.features() if cut_s is None else one.cuts(cut_s) for one in records]
    names = tuple(each[0][0])
    sizes = [len(label) for _, label in each]

    def column(values: Iterable[str]) -> NDArray[np.str_]:
        return np.repeat(np.array(list(values)), sizes)

    return Beats(
        np.concatenate([matrix(columns, names) for columns, _ in each]), names,
        np.concatenate([fibrillation(columns) for columns, _ in each]),
        np.concatenate([label for _, label in each]),
        column(one.person for one in records), column(one.name for one in records),
        column(one.database for one in records),
    )  # fmt: skip
