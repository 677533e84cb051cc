"""MIT-BIH Arrhythmia Database: beats of 47 people with AAMI classes, split between patients."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets.beat_records import AnnotatedBeats, BeatDatabase, BeatSettings, beats_like
from ecgsynth.datasets.demographics import Person, people_of_headers
from ecgsynth.datasets.mitbih import files
from ecgsynth.datasets.people import DS1, DS2, SAME_PERSON, VALIDATION
from ecgsynth.registry import DATASETS
from ecgsynth.signals.spec import Spec

RECORDS: dict[str, tuple[int, ...]] = {
    "train": tuple(r for r in DS1 if r not in VALIDATION),
    "heldout": tuple(r for r in DS1 if r not in VALIDATION),
    "validation": VALIDATION,
    "test": tuple(r for r in DS2 if r not in SAME_PERSON),
    "test-literature": DS2,
    "ds1": DS1,
    "ds2": DS2,
}


def person_of(record: NDArray) -> NDArray[np.str_]:
    """The person behind each record's number."""
    person = record.copy()
    for second, first in SAME_PERSON.items():
        person[person == second] = first
    return person.astype(np.str_)


DATABASE = BeatDatabase(
    name="mitbih",
    records=tuple(map(str, (*sorted(DS1), *sorted(DS2)))),  # a whole set is a map of the disk
    splits={split: tuple(map(str, records)) for split, records in RECORDS.items()},
    person_of=lambda record: str(SAME_PERSON.get(int(record), record)),
    find=files.find_database,
    read=files.read_record,
    as_annotated=("ds1", "ds2"),
)


@DATASETS.register("mitbih")
class MitBih(AnnotatedBeats):
    """MIT-BIH Arrhythmia Database: beats of 47 people with AAMI classes, split between patients.

    Splits: `train` (first 90 % of 18 DS1 records), `heldout` (their last 10 %; the mean RR is
    that of the split's own part of a recording), `validation`
    (DS1 records 124, 207, 220, 223), `test` (DS2 without record 202, whose owner is in DS1),
    `test-literature` (DS2 with it), and `ds1`, `ds2` as published.
    Reads the PhysioNet (WFDB) layout and the Kaggle layout (`100.csv`, `100annotations.txt`).

    References: Moody & Mark, IEEE EMB 20:45 (2001); de Chazal et al., IEEE TBME 51:1196 (2004).
    """

    database = DATABASE
    citation = "Moody & Mark 2001, MIT-BIH Arrhythmia Database 1.0.0, PhysioNet"

    class Settings(BeatSettings):
        """How beats are cut from the recordings: see `ecgsynth.datasets.beat_records`.

        leads: MLII by default.
        """

        leads: tuple[str, ...] = ("MLII",)

    @staticmethod
    def people() -> dict[str, Person]:
        """Patient -> (age, sex); the Kaggle layout has no headers, and so no ages."""
        records = sorted({*DS1, *DS2} - {*SAME_PERSON})
        return people_of_headers(files.find_database(), {str(n): str(n) for n in records})

    @staticmethod
    def settings_like(spec: Spec) -> dict[str, Any]:
        """Settings under which these recordings give beats of this spec."""
        return beats_like(spec)
