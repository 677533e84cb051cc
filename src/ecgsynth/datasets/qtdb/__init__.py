"""QT Database: 105 records of 15 minutes, beats in 82, waves marked by hand in all."""

from __future__ import annotations

from collections.abc import Iterable

from ecgsynth.datasets.beat_records import AnnotatedBeats, BeatDatabase
from ecgsynth.datasets.demographics import Person, people_of_headers
from ecgsynth.datasets.people import GIVEN, QTDB, QTDB_NEW, QTDB_WITHOUT_BEATS, person_of
from ecgsynth.datasets.qtdb import files
from ecgsynth.registry import DATASETS


def _records_of(people: Iterable[str]) -> tuple[str, ...]:
    """The records of these people, with reference beats, in the order of people."""
    return tuple(r for person in people for r in QTDB_NEW if person_of("qtdb", r) == person)


SPLITS = {
    "train": _records_of(GIVEN["qtdb"]["train"]),
    "heldout": _records_of(GIVEN["qtdb"]["train"]),
    "heldout-people": _records_of(GIVEN["qtdb"]["heldout-people"]),
    "validation": _records_of(GIVEN["qtdb"]["validation"]),
    "all": tuple(record for record in QTDB if record not in QTDB_WITHOUT_BEATS),
}

DATABASE = BeatDatabase(
    name="qtdb",
    records=SPLITS["all"],
    splits=SPLITS,
    person_of=lambda record: person_of("qtdb", record),
    find=files.find_database,
)


@DATASETS.register("qtdb")
class Qtdb(AnnotatedBeats):
    """QT Database: beats of 105 records out of eight databases, waves marked by hand; 250 Hz.

    Splits, between people who are in neither MIT-BIH nor SVDB: `train` (first 90 % of the records
    of 44 people), `heldout` (their last 10 %), `heldout-people` (5), `validation` (2). `all` has
    also the people of MIT-BIH, those of DS2 among them, and of SVDB: do not train with it.
    23 records, `sel30` to `sel52`, have no reference beats. Waves that were marked by hand, of some
    30 beats of every record, are read by `ecgsynth.datasets.marked_waves`.
    Ten headers state no gain. Leads differ: ECG1 is the main lead of each record.

    Reference: Laguna, Mark, Goldberger & Moody, Computers in Cardiology 24:673 (1997).
    """

    database = DATABASE
    citation = "Laguna et al. 1997, QT Database 1.0.0, PhysioNet"

    @staticmethod
    def people() -> dict[str, Person]:
        """Patient -> (age, sex)."""
        return people_of_headers(files.find_database(), {r: person_of("qtdb", r) for r in QTDB})
