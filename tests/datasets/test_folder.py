"""The user's own WFDB records: every layout is read, and no person is on two sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from own import FS, everything, seed_with, wave

from ecgsynth.datasets import load, make_settings
from ecgsynth.datasets.folder import Folder
from ecgsynth.errors import EcgsynthError


@pytest.fixture
def record(tmp_path: Path) -> Callable[..., Path]:
    """Writes a WFDB record with beats every 0.8 s, every fifth a PVC; returns the folder."""
    import wfdb

    folder = tmp_path / "mine"
    folder.mkdir()

    def write(
        name: str,
        seconds: float = 60,
        fs: float = FS,
        leads: tuple[str, ...] = ("II", "V1"),
        symbols: str | None = "NNNNV",
        comments: list[str] | None = None,
    ) -> Path:
        samples = int(seconds * fs)
        at = np.arange(int(fs), samples - int(fs), int(0.8 * fs))
        seed = sum(name.encode())
        signal = np.stack([wave(samples, seed + k, at) for k in range(len(leads))], axis=1)
        wfdb.wrsamp(
            name, fs, ["mV"] * len(leads), list(leads), signal, fmt=["16"] * len(leads),
            adc_gain=[1000.0] * len(leads), baseline=[0] * len(leads), write_dir=str(folder),
            comments=comments,
        )  # fmt: skip
        if symbols is not None:
            wfdb.wrann(
                name, "atr", at, [symbols[k % len(symbols)] for k in range(len(at))],
                write_dir=str(folder),
            )  # fmt: skip
        return folder

    return write


def test_annotated_records_give_beats_around_r(record):
    ecg = everything(record("a"))
    assert ecg.spec.classes == ("N", "V")
    assert ecg.spec.leads == ("II", "V1")
    assert ecg.spec.fs == FS
    assert ecg.spec.samples == round(96 * FS / 360) + round(160 * FS / 360)
    assert (ecg.signal.argmax(axis=2) == ecg.spec.r_sample).all()
    assert ecg.counts()["V"] == len(ecg) // 5
    assert np.nanmedian(ecg.context) == pytest.approx(0.8)


def test_a_rate_is_resampled_to_the_one_asked_for(record):
    ecg = everything(record("a"), fs=360, leads=["V1"])
    assert (ecg.spec.fs, ecg.spec.samples, ecg.spec.leads) == (360.0, 256, ("V1",))
    assert np.abs(ecg.signal.argmax(axis=2) - 96).max() <= 1


def test_settings_like_a_spec_give_that_spec(record):
    spec = everything(record("a"), fs=360, leads=["II"], window=(90, 110)).spec
    assert everything(record("b"), **Folder.settings_like(spec)).spec == spec


def test_symbols_go_to_the_classes_of_the_map_and_others_are_dropped(record):
    folder = record("a", symbols="NVA")
    ecg = everything(folder, label_map={"N": "sinus", "A": "early"})
    assert ecg.spec.classes == ("sinus", "early")
    assert abs(ecg.counts()["sinus"] - ecg.counts()["early"]) <= 1
    assert len(ecg) < len(everything(folder))


def test_the_last_tenth_of_a_recording_is_held_out(record):
    folder = record("a", seconds=100)
    seed = seed_with("train", "a")
    train = load("folder", "train", path=folder, seed=seed)
    heldout = load("folder", "heldout", path=folder, seed=seed)
    assert (train.onset_s + train.spec.seconds).max() <= 90
    assert heldout.onset_s.min() >= 90
    assert len(heldout) == pytest.approx(len(train) / 9, abs=2)


def test_all_of_a_validation_person_is_validation(record):
    folder = record("a")
    seed = seed_with("validation", "a")
    whole = load("folder", "validation", path=folder, seed=seed)
    assert len(whole) == len(everything(folder))
    with pytest.raises(EcgsynthError, match="none of the 1 people"):
        load("folder", "train", path=folder, seed=seed)


def test_two_records_of_one_person_stay_together(record, caplog):
    for name in ("a1", "a2", "b"):
        folder = record(name)
    assert len(set(everything(folder).patient)) == 3
    assert "3 records count as a person each" in caplog.text
    caplog.clear()
    patients = {"a1": "Anna", "a2": "Anna", "b": "Bert"}
    assert set(everything(folder, patients=patients).patient) == {"Anna", "Bert"}
    assert "count as a person" not in caplog.text
    for seed in range(10):
        for split in ("train", "validation", "test"):
            try:
                ecg = load("folder", split, path=folder, patients=patients, seed=seed)
            except EcgsynthError:
                continue
            of_anna = set(ecg.record[ecg.patient == "Anna"])
            assert of_anna in (set(), {"a1", "a2"})


def test_patients_of_an_unknown_record_are_a_misspelling(record):
    with pytest.raises(EcgsynthError, match="'aa', which is not there"):
        everything(record("a"), patients={"aa": "Anna"})


def test_records_without_annotations_are_one_item_each(record, caplog):
    for name in ("a", "b"):
        record(name, seconds=10, symbols=None)
    record("long", seconds=12, symbols=None)
    folder = record("short", seconds=5, symbols=None)
    ecg = everything(folder)
    assert ecg.record.tolist() == ["a", "b", "long"]
    assert ecg.spec.samples == 10 * FS
    assert ecg.spec.classes == ecg.spec.context == ()
    assert "record short is left out: it is shorter" in caplog.text
    assert len(everything(folder, samples=1000)) == 4


def test_annotations_of_another_ending_that_are_not_there_are_refused(record):
    with pytest.raises(EcgsynthError, match=r"no record in .* has annotations \.qrs"):
        everything(record("a"), annotations="qrs")


def test_a_damaged_record_is_named_and_the_rest_unharmed(record, caplog):
    alone = everything(record("a"))
    folder = record("b")
    content = (folder / "b.dat").read_bytes()
    (folder / "b.dat").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    record("c", leads=("V5",))
    record("d")
    (folder / "d.atr").unlink()
    ecg = everything(folder)
    assert np.array_equal(ecg.signal, alone.signal)
    found = Folder.check(make_settings(Folder.Settings, {"path": folder}, "folder"))
    assert found.records == 4
    assert set(found.damaged) == {"b"} and set(found.left_out) == {"c", "d"}
    reasons = found.damaged | found.left_out
    for name, reason in (("b", "checksum"), ("c", "no lead II"), ("d", "no annotations .atr")):
        assert reason in reasons[name]
        assert f"record {name} is left out" in caplog.text
    assert sum(found.counts.values()) == pytest.approx(len(ecg), abs=2)


def test_no_readable_record_is_one_sentence(record):
    folder = record("a")
    (folder / "a.dat").write_bytes(b"")
    with pytest.raises(EcgsynthError, match=r"none of the 1 records .* a: a.dat .* cut short"):
        everything(folder)


def test_a_second_load_comes_from_the_cache_and_a_new_record_is_noticed(record, monkeypatch):
    from ecgsynth.datasets.folder import records

    folder = record("a")
    first = everything(folder)
    with monkeypatch.context() as patch:
        patch.setattr(records, "_parse", lambda *_: pytest.fail("parsed again"))
        assert np.array_equal(everything(folder).signal, first.signal)
    record("b")
    assert len(everything(folder)) == 2 * len(first)


def test_synthetic_records_stay_synthetic(record):
    assert everything(record("a", comments=["SYNTHETIC, made by a model"])).synthetic


def test_real_records_are_not_called_synthetic(record):
    ecg = everything(record("a", comments=["63 M 1985"]))
    assert not ecg.synthetic
    assert ecg.source == "folder:all"


def test_a_single_record_may_be_named(record):
    folder = record("a")
    record("b")
    assert set(everything(folder / "a.hea").record) == {"a"}
    assert set(everything(folder / "a").record) == {"a"}


@pytest.mark.data
def test_mit_bih_as_a_folder_gives_the_beats_of_the_data_set():
    from ecgsynth.datasets import store

    folder = store.find_folder("mitbih", "100.hea")
    own = everything(folder / "100.hea", leads=["MLII"])
    theirs = load("mitbih", "ds2")
    theirs = theirs[np.flatnonzero(theirs.record == "100")]
    assert np.array_equal(own.signal, theirs.signal)
    assert own.labels_str.tolist() == theirs.labels_str.tolist()


# ---- leads, segments and doubts


def test_leads_are_those_of_most_records_and_others_are_left_out_intact(record, caplog):
    for name, leads in (("a", ("V5",)), ("b", ("II", "V1")), ("c", ("V1", "II", "V2")), ("d", ("II", "V1"))):  # fmt: skip # noqa: E501
        folder = record(name, leads=leads)
    ecg = everything(folder)
    assert ecg.spec.leads == ("II", "V1") and set(ecg.record) == {"b", "c", "d"}
    found = Folder.check(make_settings(Folder.Settings, {"path": folder}, "folder"))
    assert not found.damaged
    assert found.left_out == {
        "a": "a has no lead II, V1; it has V5. Rename one that is alike, as in "
        "data.rename={V5: II}."
    }
    assert set(everything(folder, leads=["V5"]).record) == {"a"}


def test_records_that_do_not_fit_are_not_called_damaged(record):
    record("short", seconds=5)
    record("strange", symbols="x")
    folder = record("whole")
    settings = {"path": folder, "window": (1800, 1800)}
    found = Folder.check(make_settings(Folder.Settings, settings, "folder"))
    assert not found.damaged and set(found.left_out) == {"short", "strange"}


def test_data_check_tells_damaged_records_from_those_left_out(record, command):
    for name, leads in (("a", ("V5",)), ("b", ("II",)), ("c", ("II",)), ("d", ("II",))):
        folder = record(name, leads=leads)
    (folder / "d.dat").write_bytes(b"")
    done = command("data", "check", "folder", f"path={folder}")
    assert done.code == 0, done.err
    said = " ".join(done.out.split())
    assert "4 records read, 1 damaged." in said
    assert "damaged: d: d.dat is damaged or cut short" in said
    assert "left out: a: a has no lead II; it has V5." in said


def test_a_record_of_several_segments_is_one_record_of_one_person(record):
    folder = record("s1", seconds=30, leads=("II",), symbols=None)
    record("s2", seconds=30, leads=("II",), symbols=None)
    (folder / "a.hea").write_text(
        f"a/2 1 {FS:g} {60 * FS:.0f}\ns1 {30 * FS:.0f}\ns2 {30 * FS:.0f}\n"
    )
    record("a_beats", leads=("II",))
    (folder / "a_beats.atr").rename(folder / "a.atr")
    for file in folder.glob("a_beats.*"):
        file.unlink()
    ecg = everything(folder)
    assert set(ecg.patient) == {"a"}
    assert ecg.onset_s.max() > 50
    (folder / "RECORDS").write_text("a\ns1\ns2\n")
    assert set(everything(folder).patient) == {"a"}


def test_records_that_are_listed_and_not_there_are_said(record, caplog):
    folder = record("a")
    (folder / "RECORDS").write_text("a\nb\nc\n")
    assert set(everything(folder).record) == {"a"}
    assert "2 records of the file RECORDS are not there, such as b." in caplog.text


def test_what_is_cut_from_longer_records_is_said(record, caplog):
    for name, seconds in (("a", 10), ("b", 10), ("c", 13)):
        folder = record(name, seconds=seconds, symbols=None)
    ecg = everything(folder)
    assert (len(ecg), ecg.spec.samples) == (3, 10 * FS)
    said = f"record c: only its first {10 * FS:.0f} samples, of {13 * FS:.0f}, are taken."
    assert said in caplog.text
    caplog.clear()
    everything(folder, samples=round(5 * FS))  # as was asked
    assert "only its first" not in caplog.text


def test_a_changed_segment_is_noticed_by_the_cache(record):
    folder = record("s1", seconds=10, leads=("II",), symbols=None)
    (folder / "a.hea").write_text(f"a/1 1 {FS:g} {10 * FS:.0f}\ns1 {10 * FS:.0f}\n")
    first = everything(folder)
    header = folder / "s1.hea"
    header.write_text(header.read_text().replace("1000.0(0)/mV", "500.0(0)/mV"))
    assert everything(folder).signal.max() == pytest.approx(2 * first.signal.max(), rel=1e-3)


@pytest.mark.parametrize("gain, words", [("0(0)/mV", "no gain is stated for II"), ("9e7/mV", "THE UNIT IS DOUBTFUL")])  # fmt: skip # noqa: E501
def test_what_is_doubtful_of_records_is_told(record, caplog, gain, words):
    folder = record("a", leads=("II",))
    record("b", leads=("II",))
    for name in ("a", "b"):
        header = folder / f"{name}.hea"
        header.write_text(header.read_text().replace("1000.0(0)/mV", gain))
    everything(folder)
    assert words in caplog.text
    if gain.startswith("0"):
        assert "record a and 1 more: no gain" in caplog.text
