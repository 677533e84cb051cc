"""Who gave which record of which database, and of whom a model may learn.

The person, not the record, is the unit of every split. A person has one name in all databases,
such as `mitbih-201`: the database that has most of him, and his first record there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

import numpy as np

from ecgsynth.signals.ecg import Ecg

# de Chazal et al. 2004; the paced records 102, 104, 107 and 217 are in neither set.
DS1 = (101, 106, 108, 109, 112, 114, 115, 116, 118, 119, 122,
       124, 201, 203, 205, 207, 208, 209, 215, 220, 223, 230)  # fmt: skip
DS2 = (100, 103, 105, 111, 113, 117, 121, 123, 200, 202, 210,
       212, 213, 214, 219, 221, 222, 228, 231, 232, 233, 234)  # fmt: skip
PACED = (102, 104, 107, 217)
VALIDATION = (124, 207, 220, 223)
SAME_PERSON = {202: 201}  # one man gave both records, and one is in DS1, the other in DS2

SVDB_GIVEN = (800, 802, 803, 805, 808, 811, 820, 821, 822, 829, 840, 842, 844, 845, 847, 850, 852,
              853, 854, 855, 857, 860, 864, 867, 871, 872, 873, 874, 877, 879, 881, 883, 885, 886,
              887, 888, 889, 890, 891)  # fmt: skip
"""Records of SVDB, each of another person, of which models of this project learn; no model has
learned from the others, which are a test set."""
SVDB = (*range(800, 813), *range(820, 830), *range(840, 895))

QTDB_MITBIH = (100, 102, 103, 104, 114, 116, 117, 123, 213, 221, 223, 230, 231, 232, 233)
QTDB_SVDB = (803, 808, 811, 820, 821, 840, 847, 853, 871, 872, 873, 883, 891)
"""Records of MIT-BIH and SVDB of which QTDB has 15 minutes, with the prefix `sel`."""

QTDB_NEW = tuple(
    f"sel{name}" for name in (
        *(14046, 14157, 14172, 15814),  # Long-Term
        *(16265, 16272, 16273, 16420, 16483, 16539, 16773, 16786, 16795, 17152, 17453),  # Normal
        *(301, 302, 306, 307, 308, 310),  # ST Change
        *("e0104", "e0106", "e0107", "e0110", "e0111", "e0112", "e0114", "e0116", "e0121", "e0122",
          "e0124", "e0126", "e0129", "e0133", "e0136", "e0166", "e0170", "e0203", "e0210", "e0211",
          "e0303", "e0405", "e0406", "e0409", "e0411", "e0509", "e0603", "e0604", "e0606", "e0607",
          "e0609", "e0612", "e0704"),  # European ST-T
    )
)  # fmt: skip
"""Records of QTDB of people who are in neither MIT-BIH nor SVDB, with reference beats."""
QTDB_WITHOUT_BEATS = tuple(f"sel{number}" for number in range(30, 53))
"""The same without reference beats: from the Sudden Cardiac Death Holter Database."""
QTDB_SAME = {"sele0122": "sele0121", "sele0126": "sele0124", "sele0136": "sele0116"}
"""Records of what may be one person; the headers agree in age, sex, diagnosis and leads."""
QTDB = (*(f"sel{n}" for n in (*QTDB_MITBIH, *QTDB_SVDB)), *QTDB_NEW, *QTDB_WITHOUT_BEATS)

HELD_OUT = 0.1
"""Share of the people of every database of whom no model of several databases learns."""


def person_of(database: str, record: str | int) -> str:
    """The person who gave a record, under the name that he has in all databases.

    database: mitbih, svdb or qtdb; of another one, the name is made of database and record.
    """
    name = str(record)
    if database == "qtdb":
        number = name.removeprefix("sel")
        if number.isdigit() and int(number) in QTDB_MITBIH:
            return person_of("mitbih", number)
        if number.isdigit() and int(number) in QTDB_SVDB:
            return person_of("svdb", number)
        name = QTDB_SAME.get(name, name)
    if database == "mitbih" and name.isdigit():
        name = str(SAME_PERSON.get(int(name), name))
    return f"{database}-{name}"


TEST_PEOPLE = frozenset(person_of("mitbih", record) for record in DS2 if record not in SAME_PERSON)
"""The people of DS2, without the owner of 202, who is the owner of 201 in DS1."""


def may_train(person: str) -> bool:
    """Whether a model may learn of this person: nobody of DS2, and nobody of SVDB's other half."""
    other_half = {person_of("svdb", record) for record in SVDB if record not in SVDB_GIVEN}
    return person not in TEST_PEOPLE and person not in other_half


def _database_of(names: Iterable[str]) -> str:
    """The database of which all of these names are records; "" where there is none, as where they
    are a hospital's own."""
    found = set(names)
    records = {"mitbih": (*DS1, *DS2, *PACED), "svdb": SVDB}
    return next((name for name, all_ in records.items() if found <= {*map(str, all_)}), "")


def known_person(source: str, patient: str) -> str:
    """The person behind a patient of a set, by the set's `Ecg.source`, such as "mitbih:train"; of
    sets that are not of these databases, the patient as he is named there."""
    of_mitbih = source.partition(":")[0] in ("mitbih", "heartbeat_csv")
    return person_of("mitbih", patient) if of_mitbih else patient


def test_people(ecg: Ecg) -> list[str]:
    """The people of a set on whom models are tested, whatever file they are in.

    The mixed split of the heartbeat CSV has everybody, as published; no figure of it is one of new
    people. Of a user's own folder, the people are known where all are named as records of MIT-BIH
    or of SVDB are.
    """
    if ecg.patient is None or ecg.source.startswith("heartbeat_csv:"):
        return []
    patients, source = np.unique(ecg.patient).tolist(), ecg.source
    database = _database_of(patients) if source.startswith("folder:") else ""
    if database:
        return [name for name in patients if not may_train(person_of(database, name))]
    return [name for name in patients if not may_train(known_person(source, name))]


def _shuffled(database: str, records: Iterable[str | int]) -> list[str]:
    """The people of these records in an order that their names alone decide."""
    people = {person_of(database, record) for record in records}
    return sorted(people, key=lambda person: hashlib.sha256(person.encode()).hexdigest())


def _parts(people: Sequence[str]) -> dict[str, list[str]]:
    """A tenth of people held out, two for validation, the others to learn of."""
    tenth = round(HELD_OUT * len(people))
    return {
        "heldout-people": [*people[:tenth]],
        "validation": [*people[tenth : tenth + 2]],
        "train": [*people[tenth + 2 :]],
    }


def _of_mitbih() -> dict[str, list[str]]:
    """As in the data set `mitbih`, whose models then know nobody who is held out here: a tenth of
    DS1 are two people, and they are of those four who validate there."""
    held_out, validation = _parts(_shuffled("mitbih", DS1))["heldout-people"], VALIDATION
    four = _shuffled("mitbih", validation)
    return {
        "heldout-people": four[: len(held_out)],
        "validation": four[len(held_out) :],
        "train": _shuffled("mitbih", (record for record in DS1 if record not in validation)),
    }


GIVEN: Mapping[str, Mapping[str, Sequence[str]]] = {
    "mitbih": _of_mitbih(),
    "svdb": _parts(_shuffled("svdb", SVDB_GIVEN)),
    "qtdb": _parts(_shuffled("qtdb", QTDB_NEW)),
}
"""Database -> split -> the people of whom models of several databases may learn and by whom they
are judged. A person is in one database only, and the order is fixed: a smaller training set is
the beginning of a larger one."""

WAVES_ONLY = _parts(_shuffled("qtdb", QTDB_WITHOUT_BEATS))
"""Split -> given people without reference beats, whose waves were marked by hand."""

_SPLIT_OF = {
    person: split
    for parts in (*GIVEN.values(), WAVES_ONLY)
    for split, people in parts.items()
    for person in people
} | dict.fromkeys(TEST_PEOPLE, "test")


def split_of(person: str) -> str:
    """The split that a person belongs to: train, heldout-people, validation or test; "" for
    people who are in none of the databases, or in no split, as the paced ones of MIT-BIH."""
    return _SPLIT_OF.get(person, "")


def nested(databases: Iterable[str], count: int | None = None) -> list[str]:
    """The first so many people to train with, in turn one of each database; None = all.

    Where a database has no more people, the others go on.
    """
    turns = zip_longest(*(GIVEN[name]["train"] for name in databases))
    people = [person for turn in turns for person in turn if person is not None]
    return people[:count]
