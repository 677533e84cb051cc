"""A person has one name in all databases, is in one split, and nobody of DS2 is trained on."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from ecgsynth.datasets import people
from ecgsynth.datasets.mitbih import RECORDS
from ecgsynth.datasets.qtdb import SPLITS as QTDB_SPLITS
from ecgsynth.datasets.svdb import SPLITS as SVDB_SPLITS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

OF = {"mitbih": RECORDS, "svdb": SVDB_SPLITS, "qtdb": QTDB_SPLITS}
TRAINING = ("train", "heldout")
UNSEEN = ("heldout-people", "validation", "test")

SOURCES = {
    "mitdb-DS1": {"sel114", "sel116", "sel223", "sel230"},
    "mitdb-DS2": {f"sel{n}" for n in (100, 103, 117, 123, 213, 221, 231, 232, 233)},
    "mitdb-paced": {"sel102", "sel104"},
    "svdb": {f"sel{n}" for n in people.QTDB_SVDB},
}
"""Overlaps of QTDB with other databases, as its copy lists them."""


def people_in(database: str, split: str) -> set[str]:
    return {people.person_of(database, record) for record in OF[database].get(split, ())}


@pytest.mark.parametrize(
    ("database", "record", "person"),
    [
        ("mitbih", 201, "mitbih-201"),
        ("mitbih", "202", "mitbih-201"),  # one man
        ("qtdb", "sel100", "mitbih-100"),
        ("qtdb", "sel803", "svdb-803"),
        ("qtdb", "sele0122", "qtdb-sele0121"),
        ("qtdb", "sele0136", "qtdb-sele0116"),
        ("qtdb", "sel30", "qtdb-sel30"),  # not a record of MIT-BIH
        ("qtdb", "sel301", "qtdb-sel301"),
        ("svdb", "803", "svdb-803"),
        ("ludb", 7, "ludb-7"),
    ],
)
def test_a_person_has_one_name_whatever_the_database(database, record, person) -> None:
    assert people.person_of(database, record) == person


@pytest.mark.parametrize("database", OF)
@pytest.mark.parametrize("split", TRAINING)
def test_nobody_of_ds2_is_in_a_training_split(database: str, split: str) -> None:
    assert not people_in(database, split) & people.TEST_PEOPLE
    assert all(people.may_train(person) for person in people_in(database, split))


def test_202_is_never_trained_on_though_its_owner_may_be() -> None:
    assert people.may_train("mitbih-201")
    assert not any(202 in RECORDS[split] for split in (*TRAINING, "validation", "test", "ds1"))
    assert 202 in RECORDS["test-literature"]


@pytest.mark.parametrize(("one", "other"), combinations(OF, 2))
def test_a_person_is_in_one_database_of_the_given_people(one: str, other: str) -> None:
    given = {name: {who for part in people.GIVEN[name].values() for who in part} for name in OF}
    assert not given[one] & given[other]


@pytest.mark.parametrize("database", ("svdb", "qtdb"))
@pytest.mark.parametrize(("one", "other"), combinations(("train", *UNSEEN), 2))
def test_nobody_is_in_two_splits(database: str, one: str, other: str) -> None:
    assert not people_in(database, one) & people_in(database, other)
    assert people_in(database, "train") == people_in(database, "heldout")


def test_a_tenth_of_every_database_is_held_out_and_95_people_are_left() -> None:
    sizes = {n: {s: len(who) for s, who in parts.items()} for n, parts in people.GIVEN.items()}
    assert sizes == {
        "mitbih": {"heldout-people": 2, "validation": 2, "train": 18},
        "svdb": {"heldout-people": 4, "validation": 2, "train": 33},
        "qtdb": {"heldout-people": 5, "validation": 2, "train": 44},
    }
    assert set(people.GIVEN["mitbih"]["train"]) == people_in("mitbih", "train")
    assert len(people.nested(OF)) == 95


def test_fewer_people_are_the_first_of_more_in_equal_shares() -> None:
    everybody = people.nested(OF)
    for count in (5, 10, 18, 40, 70):
        some = people.nested(OF, count)
        assert some == everybody[:count]
        shares = [sum(who in people.GIVEN[name]["train"] for who in some) for name in OF]
        assert max(shares) - min(shares) <= 1 or shares[0] == 18  # MIT-BIH has no more


def test_every_split_of_a_person_is_that_of_his_database() -> None:
    for database in ("svdb", "qtdb"):
        for split in ("train", "heldout-people", "validation"):
            assert {people.split_of(who) for who in people_in(database, split)} == {split}
    assert {people.split_of(who) for who in people.TEST_PEOPLE} == {"test"}
    assert people.split_of("mitbih-102") == people.split_of("ludb-1") == ""


def test_the_records_of_qtdb_are_its_105_and_overlap_as_published() -> None:
    assert len(people.QTDB) == len(set(people.QTDB)) == 105
    owner = {record: people.person_of("qtdb", record) for record in people.QTDB}
    assert {r for r, who in owner.items() if who in people.TEST_PEOPLE} == SOURCES["mitdb-DS2"]
    assert {r for r, who in owner.items() if who.startswith("svdb-")} == SOURCES["svdb"]
    of_mitbih = SOURCES["mitdb-DS1"] | SOURCES["mitdb-DS2"] | SOURCES["mitdb-paced"]
    assert {r for r, who in owner.items() if who.startswith("mitbih-")} == of_mitbih
    assert len({who for who in owner.values() if who.startswith("qtdb-")}) == 74


def test_svdb_has_78_people_half_of_them_given() -> None:
    assert len(people.SVDB) == 78
    assert len(people.SVDB_GIVEN) == len(SVDB_SPLITS["test"]) == 39
    assert not any(people.may_train(f"svdb-{record}") for record in SVDB_SPLITS["test"])


def test_people_who_are_tested_on_are_known_in_every_set() -> None:
    def items(source: str, *patients: str) -> Ecg:
        signal = np.zeros((len(patients), 1, 8))
        return Ecg(signal, Spec(("II",), 360.0, 8), patient=np.array(patients), source=source)

    assert people.test_people(items("mitbih:test", "100", "101")) == ["100"]
    assert people.test_people(items("mitbih:ds2", "202")) == []  # the owner of 201, who may train
    assert people.test_people(items("qtdb:train", "mitbih-117", "qtdb-sele0121")) == ["mitbih-117"]
    assert people.test_people(items("folder", "100")) == []
    assert people.test_people(items("heartbeat_csv:train", "100")) == []
