"""SVDB and QTDB: leads without names, unset gains, missing records and notes among beats."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from wfdb_files import annotated, write_record

from ecgsynth.datasets import load, store
from ecgsynth.datasets.leads import choose_leads, lead_names
from ecgsynth.datasets.people import TEST_PEOPLE, person_of
from ecgsynth.datasets.qtdb import Qtdb
from ecgsynth.datasets.svdb import SPLITS, Svdb
from ecgsynth.errors import EcgsynthError

SECONDS = 60


def phantom(
    folder: Path, record: str, fs: int, leads=("ECG1", "ECG2"), gain="200", beats="N"
) -> None:
    """A record with a peak of 200 steps at every beat; leads differ in sign."""
    at = np.arange(fs, (SECONDS - 1) * fs, fs)
    steps = np.zeros(SECONDS * fs, np.int64)
    for width in range(-2, 3):
        steps[at + width] = 200 - 40 * abs(width)
    steps += np.arange(len(steps)) % 7  # no lead is ever flat
    write_record(folder, record, [steps, -steps], fs=str(fs), gain=gain, leads=leads)
    annotated(folder / f"{record}.atr", at, [beats[k % len(beats)] for k in range(len(at))])


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    for record in ("800", *SPLITS["train"][:2]):
        phantom(tmp_path / "svdb", record, 128)
    return tmp_path


def test_a_part_of_the_database_is_read_and_what_is_missing_is_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ecg = load("svdb", "train")
    assert set(ecg.record) <= set(SPLITS["train"])
    missing = len(SPLITS["train"]) - len(set(ecg.record))
    assert f"{missing} of 33 records of svdb:train are not on this machine" in caplog.text
    inventory = Svdb.check(Svdb.Settings())
    assert inventory.records + len(inventory.missing) == 78
    assert not inventory.damaged


def test_a_split_of_which_nothing_is_there_is_an_error_that_names_it(root: Path) -> None:
    with pytest.raises(EcgsynthError, match=r"svdb:test; 39 of its 39 records are not on this"):
        load("svdb", "test")


def test_a_class_that_the_database_lacks_is_an_error_that_names_it(root: Path) -> None:
    with pytest.raises(EcgsynthError, match="no beats of class V in svdb:train"):
        load("svdb", "train", classes=("V",))
    assert load("svdb", "train", classes=("N", "V")).counts()["V"] == 0


@pytest.mark.parametrize("leads", [("ECG1",), ("ECG2",), ("ECG2", "ECG1")])
def test_leads_are_found_by_their_place_where_they_have_no_name(root: Path, leads) -> None:
    named = load("svdb", "train", leads=leads)
    for record in ("800", *SPLITS["train"][:2]):
        phantom(root / "svdb", record, 128, ("record 1, signal 0", "record 1, signal 1"))
    np.testing.assert_array_equal(load("svdb", "train", leads=leads).signal, named.signal)


@pytest.mark.parametrize(
    ("names", "wanted", "chosen"),
    [
        (("V5", "MLII"), ("ECG1",), [1]),  # record 114: the main lead is not the first
        (("V5", "MLII"), ("ECG2",), [0]),
        (("MLII", "V1"), ("V1", "ECG1"), [1, 0]),
        (("D3", "V4"), ("ECG1", "ECG2"), [0, 1]),
        (("ECG2", "ECG1"), ("ECG1",), [1]),  # a name is stronger than a place
    ],
)
def test_the_main_lead_is_mlii_or_else_the_first(names, wanted, chosen) -> None:
    assert choose_leads("100", names, wanted) == chosen


@pytest.mark.parametrize("wanted", [("MLII",), ("V5", "ECG1"), ("ECG1", "ECG2", "V1")])
def test_a_lead_that_is_not_there_or_there_twice_is_an_error(wanted) -> None:
    with pytest.raises(EcgsynthError, match="has no lead|are the same one"):
        choose_leads("100", ("V5", "V2"), wanted)


def test_a_gain_that_is_not_stated_is_a_guess_and_named(root: Path) -> None:
    stated = load("svdb", "train").signal
    for record in ("800", *SPLITS["train"][:2]):
        phantom(root / "svdb", record, 128, gain="0")
    np.testing.assert_allclose(load("svdb", "train").signal, stated, atol=1e-6)
    notes = " ".join(Svdb.check(Svdb.Settings()).notes)
    assert "no gain is stated for 3 records" in notes


def test_notes_of_st_and_noise_are_no_beats_and_do_not_part_rr_intervals(root: Path) -> None:
    clean = load("svdb", "train")
    record = SPLITS["train"][0]
    at = np.arange(128, (SECONDS - 1) * 128, 128)
    ticks = np.sort(np.concatenate([at, at[5:40:7] + 50]))
    symbols = [("N" if t in set(at.tolist()) else "sT~|"[t % 4]) for t in ticks.tolist()]
    annotated(root / "svdb" / f"{record}.atr", ticks, symbols)
    noisy = load("svdb", "train")
    np.testing.assert_array_equal(noisy.signal, clean.signal)
    np.testing.assert_array_equal(noisy.context, clean.context)


def test_a_record_of_notes_alone_gives_no_beats_and_harms_no_other(root: Path) -> None:
    first, second = SPLITS["train"][:2]
    annotated(root / "svdb" / f"{first}.atr", [10, 500], ["+", "~"])
    records = set(load("svdb", "train").record)
    assert first not in records
    assert second in records


# ---- laws of the real recordings

COUNTS = {
    "svdb": {"N": 76_101, "S": 5_226, "V": 4_306, "F": 20, "Q": 26},  # one more N past the end
    "qtdb": {"N": 80_289, "S": 1_491, "V": 1_284, "F": 242, "Q": 2_156},
}
GUESSED = {"svdb": 18, "qtdb": 10}
WHOLE_COPY = {
    "svdb": lambda inventory: set(inventory.missing) == set(SPLITS["test"]),
    "qtdb": lambda inventory: {*inventory.damaged} == {"sel233"},
}
"""The given half of SVDB, and QTDB without the beats of one record of DS2."""


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        pytest.param("svdb", Svdb, marks=pytest.mark.data("svdb")),
        pytest.param("qtdb", Qtdb, marks=pytest.mark.data("qtdb")),
    ],
)
def test_annotated_beats_are_as_many_as_published(name: str, dataset) -> None:
    inventory = dataset.check(dataset.Settings())
    if not WHOLE_COPY[name](inventory):
        pytest.skip("another part of the database than that of which the counts are known")
    notes = " ".join(inventory.notes)
    assert " ".join(f"{c} {n}" for c, n in COUNTS[name].items()) in notes
    assert f"no gain is stated for {GUESSED[name]} records" in notes


@pytest.mark.data("svdb")
@pytest.mark.data("qtdb")
def test_no_beat_of_a_training_split_is_of_a_person_of_ds2() -> None:
    for name in ("svdb", "qtdb"):
        ecg = load(name, "train")
        assert not set(ecg.patient.tolist()) & TEST_PEOPLE
        assert {person_of(name, record) for record in np.unique(ecg.record)} == set(ecg.patient)


@pytest.mark.data("qtdb")
def test_the_list_of_sources_in_the_copy_agrees_with_the_names_of_people() -> None:
    import csv

    table = store.find_folder("qtdb", "sel100.hea") / "SOURCES.csv"
    if not table.is_file():
        pytest.skip("PhysioNet's copy has no list of sources")
    folder = table.parent
    for row in csv.DictReader(table.read_text().splitlines()):
        person = person_of("qtdb", row["record"])
        overlap = row["overlap"].partition("-")[0]
        assert person.partition("-")[0] == {"mitdb": "mitbih", "": "qtdb"}.get(overlap, overlap)
        assert (person in TEST_PEOPLE) == (row["overlap"] == "mitdb-DS2")
        assert "/".join(lead_names(folder / row["record"])) == row["leads"]


def test_the_cache_notices_a_record_that_is_new(root: Path) -> None:
    before = set(load("svdb", "train").record)
    phantom(root / "svdb", SPLITS["train"][2], 128)
    assert set(load("svdb", "train").record) == before | {SPLITS["train"][2]}
    shutil.rmtree(root / "svdb")
    with pytest.raises(EcgsynthError, match="ecgsynth data fetch svdb"):
        load("svdb", "train")
