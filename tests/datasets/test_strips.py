"""Strips of recordings: whose they are, where they begin, what is left out, and their beats."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from test_svdb_qtdb import phantom

from ecgsynth.datasets import load, people
from ecgsynth.datasets.qtdb import SPLITS as QTDB
from ecgsynth.datasets.strips import Strips
from ecgsynth.datasets.strips.cutting import FLAT, MISSING, SILENT, cut_strips
from ecgsynth.datasets.svdb import SPLITS as SVDB
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.recording import Recording
from ecgsynth.training.data.checks import check_training_set
from ecgsynth.training.data.events import known_events

THREE = ("mitbih", "svdb", "qtdb")
FS = 250.0


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("strips")
    first = [who.removeprefix("mitbih-") for who in people.GIVEN["mitbih"]["train"][:6]]
    for record in (*first, "100", "124"):
        phantom(tmp_path / "mitbih", record, 360, ("MLII", "V1"), beats="NNV")
    for record in ("800", *SVDB["train"][:5], *SVDB["validation"]):
        phantom(tmp_path / "svdb", record, 128, gain="0", beats="NNNA")
    for record in ("sel100", *QTDB["train"][:6], *QTDB["validation"]):
        phantom(tmp_path / "qtdb", record, 250, ("D3", "V4"))
    phantom(tmp_path / "qtdb", QTDB["train"][7], 250, ("D3", "V4"), beats='"')  # no beats
    return tmp_path


@pytest.fixture
def root(phantoms: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECGSYNTH_DATA", str(phantoms))
    return phantoms


def recording(seconds: float = 60.0, beats: np.ndarray | None = None, note: str = "") -> Recording:
    """Two leads of noise with a beat a second; note: the rhythm from its half on."""
    random = np.random.default_rng(1)
    signal = random.normal(0, 0.1, (2, round(seconds * FS))).astype(np.float32)
    at = np.arange(0.5, seconds, 1.0) if beats is None else beats
    sample, symbol, notes = np.round(at * FS).astype(int), np.full(len(at), "N"), [""] * len(at)
    if note:
        sample, symbol = np.r_[0, sample], np.append("+", symbol)
        notes = [note, *notes]
    return Recording(signal, FS, ("a", "b"), Annotations(sample, symbol, note=tuple(notes)))


def cut(one: Recording, split: str = "all", step_s: float = 10.0):
    return cut_strips(one, 100.0, (0.5, 40.0), 10.0, step_s, split)


def changed(one: Recording, start_s: float, stop_s: float, value: float) -> Recording:
    """The recording whose second lead has one value for some time."""
    signal = one.signal.copy()
    signal[1, round(start_s * FS) : round(stop_s * FS)] = value
    return Recording(signal, FS, one.leads, one.annotations)


def test_strips_of_all_databases_have_one_rate_one_length_and_two_leads(root: Path) -> None:
    ecg = load("strips", "train", databases=THREE)
    assert (ecg.spec.leads, ecg.spec.fs, ecg.spec.samples) == (("ECG1", "ECG2"), 100, 1000)
    assert {who.partition("-")[0] for who in ecg.patient} == set(THREE)
    assert set(ecg.onset_s) == {0, 10, 20, 30, 40}  # nine tenths of a minute


def test_what_differs_is_a_label_where_five_people_have_it_and_five_have_not(root: Path) -> None:
    ecg = load("strips", "train", databases=THREE)
    assert ecg.spec.multilabel
    assert {f"database:{name}" for name in THREE} <= set(ecg.spec.classes)
    for name, value in (("database:svdb", "svdb"), ("ECG1:MLII", "mitbih"), ("gain:unset", "svdb")):
        own = np.array([who.startswith(value) for who in ecg.patient])
        assert (np.asarray(ecg.label)[:, ecg.spec.class_index(name)] == own).all()
    assert load("strips", "train", databases=("mitbih",)).spec.classes == ()


@pytest.mark.parametrize("split", ["heldout", "validation"])
def test_every_split_has_the_same_spec_and_other_people_or_minutes(root: Path, split: str) -> None:
    train, other = (load("strips", one, databases=THREE, seconds=5) for one in ("train", split))
    assert other.spec == train.spec
    shared = set(other.patient) & set(train.patient)
    assert not shared if split == "validation" else min(other.onset_s) >= 54


def test_nobody_of_ds2_is_trained_on_and_a_test_set_is_refused(root: Path) -> None:
    train = load("strips", "train", databases=THREE)
    assert not set(train.patient) & people.TEST_PEOPLE
    assert all(people.split_of(who) == "train" for who in train.patient)
    check_training_set(train, 16)
    with pytest.raises(EcgsynthError, match="on whom models are tested"):
        check_training_set(load("strips", "test", databases=THREE), 16)


@pytest.mark.parametrize("value", [np.nan, 0.0, 3.2])
def test_missing_samples_and_a_flat_lead_cost_their_strips_alone(value: float) -> None:
    strips = cut(changed(recording(), 21, 24, value))
    assert set(strips.start_s) == {0, 10, 30, 40, 50}
    assert strips.left_out == {MISSING if np.isnan(value) else FLAT: 1}
    assert np.isfinite(strips.signal).all()


def test_a_lead_that_rests_for_a_second_is_no_flat_lead() -> None:
    assert len(cut(changed(recording(), 21, 22, 0.0)).signal) == 6


@pytest.mark.parametrize("gap", [(0.0, 12.0), (31.0, 36.0), (55.0, 60.0)])
def test_time_without_annotated_beats_is_left_out(gap: tuple[float, float]) -> None:
    at = np.arange(0.5, 60, 1.0)
    strips = cut(recording(beats=at[(at < gap[0]) | (at > gap[1])]))
    assert set(strips.left_out) == {SILENT}
    for start in strips.start_s:
        assert start >= gap[1] - 4 or start + 10 <= gap[0] + 4


def test_a_strip_is_what_the_filtered_recording_is_at_its_place() -> None:
    one = recording()
    whole = cut(one, step_s=1.0)
    np.testing.assert_array_equal(whole.signal[10], cut(one).signal[1])


def test_beats_stand_at_their_samples_in_every_strip() -> None:
    strips = cut(recording(), step_s=5.0)
    assert (np.bincount(strips.item) == 10).all()
    assert (strips.sample % 100 == 50).all()


def test_fibrillation_is_a_label_of_the_strips_that_it_fills() -> None:
    one = recording(note="(AFIB")
    late = Annotations(
        np.r_[0, round(34 * FS), one.annotations.sample[1:]],
        np.append(["+", "+"], one.annotations.symbol[1:]),
        note=("(N", "(AFIB", *one.annotations.note[1:]),
    )
    strips = cut(Recording(one.signal, FS, one.leads, late))
    assert strips.start_s[strips.fibrillates].tolist() == [30, 40, 50]
    assert strips.rhythms == ["(AFIB", "(N"]
    assert cut(one).fibrillates.all()


def test_records_that_are_not_there_or_of_no_use_are_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        load("strips", "train", databases=THREE)
    assert f"record qtdb {QTDB['train'][7]} is left out: no strip of it is usable" in caplog.text
    assert "which are not on this machine" in caplog.text
    inventory = Strips.check(Strips.Settings(databases=THREE))
    assert inventory.missing and inventory.left_out


def test_a_database_that_is_not_there_is_an_error_that_names_it(root: Path) -> None:
    with pytest.raises(EcgsynthError, match="ptbxl"):
        load("strips", "train")


def test_facts_count_the_people_behind_each_kind_of_beat(root: Path) -> None:
    facts = Strips.facts(Strips.Settings(databases=THREE))
    assert facts["people"] == 18
    assert facts["people_of_kind"] == {"N": 18, "S": 6, "V": 6, "F": 0, "Q": 0}


def test_annotated_beats_get_the_waves_of_detected_ones(root: Path) -> None:
    ecg = load("strips", "train", databases=("mitbih",))[:2]
    events = known_events(ecg)
    beats = np.isfinite(events[..., 0])
    assert beats.sum() == len(ecg.marks)
    assert (np.abs(np.diff(events[..., 0], axis=1)[beats[:, 1:]] - 1) < 0.2).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"leads": ("V5",)}, "takes ECG1"), ({"databases": ()}, "takes one or more"),
     ({"seconds": 60}, "seconds"), ({"step_s": 0}, "step_s")],
)  # fmt: skip
def test_settings_that_make_no_strips_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(EcgsynthError, match=message):
        load("strips", "train", **settings)
