"""MIT-BIH Supraventricular Arrhythmia Database: beats of 78 people, two leads without names."""

from __future__ import annotations

from ecgsynth.datasets import store
from ecgsynth.datasets.beat_records import AnnotatedBeats, BeatDatabase
from ecgsynth.datasets.people import GIVEN, SVDB, SVDB_GIVEN, person_of
from ecgsynth.registry import DATASETS

FS = 128.0

NAME_OF = {person_of("svdb", record): str(record) for record in SVDB}

SPLITS = {
    "train": tuple(NAME_OF[person] for person in GIVEN["svdb"]["train"]),
    "heldout": tuple(NAME_OF[person] for person in GIVEN["svdb"]["train"]),
    "heldout-people": tuple(NAME_OF[person] for person in GIVEN["svdb"]["heldout-people"]),
    "validation": tuple(NAME_OF[person] for person in GIVEN["svdb"]["validation"]),
    "test": tuple(str(record) for record in SVDB if record not in SVDB_GIVEN),
    "all": tuple(map(str, SVDB)),
}

DATABASE = BeatDatabase(
    name="svdb",
    records=SPLITS["all"],
    splits=SPLITS,
    person_of=lambda record: person_of("svdb", record),
    find=lambda: store.find_folder("svdb", "800.hea"),
)


@DATASETS.register("svdb")
class Svdb(AnnotatedBeats):
    """MIT-BIH Supraventricular Arrhythmia Database: beats of 78 people, many of class S; 128 Hz.

    Splits, between people: `train` (first 90 % of the records of 33 people), `heldout` (their last
    10 %), `heldout-people` (4), `validation` (2), `test` (the 39 people of whom no shipped model
    has learned; they are in the database of PhysioNet, and not in the half of it), and `all`.
    Its two leads have no names: ECG1 and ECG2. Gain and filters differ from those of MIT-BIH, and
    18 of 39 headers state no gain.

    Reference: Greenwald, Patil & Mark, Computers in Cardiology 17:461 (1990).
    """

    database = DATABASE
    citation = (
        "Greenwald et al. 1990, MIT-BIH Supraventricular Arrhythmia Database 1.0.0, PhysioNet"
    )
