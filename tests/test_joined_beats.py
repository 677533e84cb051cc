"""The joined set: people once, in one split; what differs between databases is a context."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from test_svdb_qtdb import phantom

from ecgsynth.config import Run
from ecgsynth.datasets import load, people
from ecgsynth.datasets.joined_beats import SPLITS, Beats
from ecgsynth.datasets.qtdb import SPLITS as QTDB
from ecgsynth.datasets.svdb import SPLITS as SVDB
from ecgsynth.errors import EcgsynthError
from ecgsynth.training.data.checks import check_training_set
from ecgsynth.training.loop import train

SIX = 6
"""People of each database who train: one more than the least that make a context."""


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some records of each database, among them people of DS2 in QTDB and one man twice."""
    root = tmp_path_factory.mktemp("joined")
    first = [who.removeprefix("mitbih-") for who in people.GIVEN["mitbih"]["train"][:SIX]]
    for record in (*first, 100, 124, 207, 220, 223):
        phantom(root / "mitbih", str(record), 360, ("MLII", "V1"), beats="NNV")
    marker = "800"  # by which the database is known; 800 learns, too
    for record in (marker, *SVDB["train"][: SIX - 1], *SVDB["heldout-people"], *SVDB["validation"]):
        phantom(root / "svdb", record, 128, gain="0", beats="NNNA")
    for record in ("sel100", "sel223", "sel803", *QTDB["train"], *QTDB["validation"]):
        phantom(root / "qtdb", record, 250, ("D3", "V4"))
    return root


@pytest.fixture
def root(phantoms: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECGSYNTH_DATA", str(phantoms))
    return phantoms


def column(ecg, name: str) -> np.ndarray:
    return ecg.context[:, ecg.spec.context.index(name)]


def test_all_databases_have_one_rate_one_length_and_one_lead(root: Path) -> None:
    ecg = load("beats", "train")
    assert ecg.spec.leads == ("ECG1",)
    assert (ecg.spec.fs, ecg.spec.samples, ecg.spec.r_sample) == (360, 256, 96)
    height = ecg.signal[:, 0, 90:103].max(1)
    assert (np.abs(height - 1) < 0.35).all()  # 200 steps, at 200 per mV, however it was stated


def test_what_differs_is_a_context_of_each_beat(root: Path) -> None:
    ecg = load("beats", "train")
    database = np.array([who.partition("-")[0] for who in ecg.patient])
    for name in ("mitbih", "svdb", "qtdb"):
        assert (column(ecg, f"database:{name}") == (database == name)).all()
    assert (column(ecg, "lead:MLII") == (database == "mitbih")).all()
    assert (column(ecg, "lead:ECG1") == (database == "svdb")).all()
    assert (column(ecg, "lead:D3") == (database == "qtdb")).all()
    assert (column(ecg, "gain:unset") == (database == "svdb")).all()


def test_what_fewer_than_five_people_have_is_no_context(root: Path) -> None:
    few = load("beats", "train", people=12)  # four of each database
    assert few.spec.context == load("mitbih", "train").spec.context
    alone = load("beats", "train", databases=("mitbih",))
    assert alone.spec.context == few.spec.context  # what everybody has separates nobody


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_the_same_spec(root: Path, split: str) -> None:
    assert load("beats", split).spec == load("beats", "train").spec


def test_a_person_of_two_databases_comes_from_one_of_them(root: Path) -> None:
    everything = [load("beats", split) for split in SPLITS]
    records = {record for ecg in everything for record in ecg.record.tolist()}
    assert not records & {"sel100", "sel223", "sel803"}
    who = [set(ecg.patient.tolist()) for ecg in everything]
    assert who[0] == who[1]  # the same people, later
    assert not (who[2] | who[3] | who[4]) & who[0]
    assert sum(map(len, who[1:])) == len(set.union(*who[1:]))


@pytest.mark.parametrize("count", [1, 5, 10, 18, 95, None])
@pytest.mark.parametrize("databases", [("mitbih", "svdb", "qtdb"), ("qtdb", "mitbih"), ("svdb",)])
def test_nobody_of_ds2_is_trained_on(root: Path, count, databases) -> None:
    for split in ("train", "heldout"):
        ecg = load("beats", split, databases=databases, people=count)
        trained = set(ecg.patient.tolist())
        assert not trained & people.TEST_PEOPLE
        assert trained <= set(people.nested(databases, count))


def test_fewer_people_are_a_part_of_more(root: Path) -> None:
    before: set[str] = set()
    for count in (3, 6, 12, 24):
        now = set(load("beats", "train", people=count).patient.tolist())
        assert before <= now
        before = now
    held_out = [load("beats", "heldout-people", people=count) for count in (3, 24)]
    assert held_out[0].patient.tolist() == held_out[1].patient.tolist()


def test_a_database_without_a_class_gives_none_and_the_others_theirs(root: Path) -> None:
    ecg = load("beats", "train", classes=("V",))
    assert set(column(ecg, "database:mitbih").tolist()) == {1.0}
    with pytest.raises(EcgsynthError, match="no beats of class F in beats:train"):
        load("beats", "train", classes=("F",))


def test_records_that_are_not_there_are_named(root: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        load("beats", "train")
    assert "beats:train is without 12 of 18 records of mitbih" in caplog.text


def test_a_database_that_is_not_there_is_an_error_that_names_its_fetching(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mitbih").symlink_to(root / "mitbih")
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    with pytest.raises(EcgsynthError, match="ecgsynth data fetch svdb"):
        load("beats", "train")
    assert len(load("beats", "train", databases=("mitbih",)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"databases": ("mitbih", "mitbih")}, "each once"),
        ({"databases": ()}, "one or more"),
        ({"databases": ("ptbxl",)}, "databases"),
        ({"leads": ("MLII",)}, "names differ"),
        ({"people": 0}, "people"),
        ({"poeple": 5}, "Did you mean 'people'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(root: Path, settings: dict, words: str) -> None:
    with pytest.raises(EcgsynthError, match=words):
        load("beats", "train", **settings)


@pytest.mark.parametrize("source", ["mitbih:test", "mitbih:test-literature", "qtdb:all"])
def test_a_training_on_people_of_ds2_is_refused(root: Path, source: str) -> None:
    with pytest.raises(EcgsynthError, match="on whom models are tested and none is trained"):
        check_training_set(load(source), 4)


def test_a_model_is_asked_for_a_database_and_a_lead(root: Path, tmp_path: Path) -> None:
    run = Run.read(
        "beats", "training.examples=256", "training.batch=16", "model.width=8", "model.depth=1",
        "model.critic_width=8", "data.classes=[N,V]", "training.sheets=false",
    )  # fmt: skip
    model = train(run, tmp_path / "run")
    facts = model.card.data
    assert facts["people_of"]["database"] == {"qtdb": 44, "mitbih": SIX, "svdb": SIX}
    assert facts["databases"]["svdb"]["fs"] == 128
    made = model.generate(300, label="V", context={"database": "svdb"}, seed=1)
    assert (column(made, "database:svdb") == 1).all()
    assert (column(made, "lead:ECG1") == 1).all()  # what goes with it
    with pytest.raises(EcgsynthError, match="fewer than 5 people"):
        model.generate(1, context={"database": "svdb", "lead": "D3"})
    with pytest.raises(EcgsynthError, match="no value 'svbd'"):
        model.generate(1, context={"database": "svbd"})
    with pytest.raises(EcgsynthError, match="1 or 0"):
        model.generate(1, context={"database:svdb": 0.5})


# ---- laws of the real recordings


@pytest.mark.data("mitbih", "svdb", "qtdb")
def test_the_real_set_has_95_people_to_learn_of_and_11_held_out() -> None:
    sizes = {split: len(set(load("beats", split).patient.tolist())) for split in SPLITS}
    assert sizes == {
        "train": 95, "heldout": 95, "heldout-people": 11, "validation": 6, "test": 21,
    }  # fmt: skip
    facts = Beats.facts(Beats.Settings())
    assert facts["people_of"]["lead"] == {"ECG1": 51, "MLII": 18, "CM5": 11, "D3": 9}


def whitened(recording, seconds: float | None = None, start_s: float = 0.0) -> np.ndarray:
    """A lead at 25 Hz, from 0.5 to 10 Hz, with unit variance."""
    from ecgsynth.signals.filters import bandpass, resample

    first = round(start_s * recording.fs)
    stop = None if seconds is None else first + round(seconds * recording.fs)
    wave = bandpass(recording.signal[0, first:stop], recording.fs, 0.5, 10.0)
    wave = resample(wave, recording.fs, 25.0)
    return (wave - wave.mean()) / wave.std()


@pytest.mark.data("mitbih", "svdb", "qtdb")
def test_no_stretch_of_a_training_recording_is_in_a_recording_of_ds2() -> None:
    from scipy.signal import oaconvolve

    from ecgsynth.datasets.joined_beats import DATABASES

    seconds = 40.0
    tested = [whitened(_read("mitbih", str(record))) for record in people.DS2]
    whole = np.concatenate(tested)
    power = np.convolve(whole**2, np.ones(round(seconds * 25)), "valid")

    def likeness(database: str, record: str) -> float:
        """Highest correlation of a stretch of it with any of DS2."""
        part = whitened(_read(database, record), seconds, 300.0)
        product = oaconvolve(whole, part[::-1], "valid")
        size = min(len(product), len(power))
        return float(np.max(product[:size] / np.sqrt(power[:size] * (part**2).sum())))

    assert likeness("qtdb", "sel100") > 0.95  # the same stretch in two files is found
    assert likeness("qtdb", "sel232") > 0.95
    ecg = load("beats", "train")
    pairs = {*zip(ecg.patient.tolist(), ecg.record.tolist(), strict=True)}
    found = {}
    for person, record in sorted(pairs):
        database = person.partition("-")[0]
        assert record in DATABASES[database].records
        found[record] = likeness(database, record)
    assert max(found.values()) < 0.9, max(found, key=found.get)


def _read(database: str, record: str):
    from ecgsynth.datasets import store
    from ecgsynth.datasets.leads import read_annotated

    marker = {"mitbih": "100.hea", "svdb": "800.hea", "qtdb": "sel100.hea"}[database]
    folder = store.find_folder(database, marker)
    if not (folder / f"{record}.atr").is_file():
        pytest.skip(f"{record} has no beats here")
    return read_annotated(folder / record, ("ECG1",))[0]
