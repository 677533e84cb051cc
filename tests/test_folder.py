"""The user's own recordings: every layout is read, and no person is on two sides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecgsynth import formats
from ecgsynth.datasets import load, make_settings, people
from ecgsynth.datasets.folder import Folder
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, Spec, one_hot

FS = 250.0


def wave(samples: int, seed: int, beat_at: np.ndarray | None = None) -> np.ndarray:
    """[sample] mV: Gaussian R peaks of 1 mV where asked, on a little noise."""
    t = np.arange(samples)
    signal = 0.02 * np.random.default_rng(seed).standard_normal(samples)
    for r in [] if beat_at is None else beat_at:
        signal += np.exp(-0.5 * ((t - r) / 4) ** 2)
    return signal


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


def everything(path: Path, **settings: Any) -> Ecg:
    return load("folder", "all", path=path, **settings)


def seed_with(split: str, person: str) -> int:
    """A seed under which this person falls into this split."""
    return next(s for s in range(1000) if people.side(person, s, 0.15, 0.15) == split)


# --- people ---


@given(
    st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=60),
    st.integers(0, 2**31),
    st.floats(0, 0.5),
    st.floats(0, 0.49),
)
def test_no_person_is_ever_in_two_splits(names, seed, validation, test):
    split = people.sides(np.array(names), seed, validation, test)
    for name in set(names):
        assert len({s for n, s in zip(names, split, strict=True) if n == name}) == 1


@given(st.lists(st.text(min_size=1), min_size=2, max_size=30, unique=True), st.integers(0, 99))
def test_a_person_added_later_moves_nobody(names, seed):
    before = people.sides(np.array(names[:-1]), seed, 0.2, 0.2)
    after = people.sides(np.array(names), seed, 0.2, 0.2)
    assert before.tolist() == after[:-1].tolist()


def test_shares_of_people_are_those_asked_for():
    names = np.array([f"person {k}" for k in range(4000)])
    split = people.sides(names, 0, validation=0.2, test=0.1)
    assert np.mean(split == "validation") == pytest.approx(0.2, abs=0.02)
    assert np.mean(split == "test") == pytest.approx(0.1, abs=0.02)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=50), st.floats(0, 0.9))
def test_the_held_out_rows_of_a_person_are_the_last(names, share):
    split = people.hold_out_last(np.array(names), None, None, 1.0, share)
    for name in set(names):
        own = [s for n, s in zip(names, split, strict=True) if n == name]
        count = int(share * len(own))
        assert own == ["train"] * (len(own) - count) + ["heldout"] * count


@given(st.lists(st.floats(0, 60), min_size=2, max_size=60, unique=True))
def test_train_and_heldout_share_no_sample_where_onsets_are_known(onsets):
    onset = np.array(onsets)
    person = np.full(len(onset), "a")
    split = people.hold_out_last(person, person, onset, 0.7, 0.3)
    train, heldout = onset[split == "train"], onset[split == "heldout"]
    if len(train) and len(heldout):
        assert train.max() + 0.7 <= heldout.min() + 1e-6


# --- WFDB ---


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
    assert set(found.damaged) == {"b", "c", "d"}
    for name, reason in (("b", "checksum"), ("c", "no lead II"), ("d", "d.atr is missing")):
        assert reason in found.damaged[name]
        assert f"record {name} is left out" in caplog.text
    assert sum(found.counts.values()) == pytest.approx(len(ecg), abs=2)


def test_no_readable_record_is_one_sentence(record):
    folder = record("a")
    (folder / "a.dat").write_bytes(b"")
    with pytest.raises(EcgsynthError, match=r"none of the 1 records in .* can be read"):
        everything(folder)


def test_a_second_load_comes_from_the_cache_and_a_new_record_is_noticed(record, monkeypatch):
    from ecgsynth.datasets import folder_wfdb

    folder = record("a")
    first = everything(folder)
    with monkeypatch.context() as patch:
        patch.setattr(folder_wfdb, "_parse", lambda *_: pytest.fail("parsed again"))
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


# --- tables ---


def beats(count: int = 40, people_: int = 4, samples: int = 100) -> tuple[np.ndarray, pd.DataFrame]:
    """[item, sample] mV, and a table of them with label and person."""
    at = np.array([samples // 3])
    signal = np.stack([wave(samples, k, at) for k in range(count)]).astype(np.float32)
    table = pd.DataFrame(signal, columns=[f"II_{k}" for k in range(samples)])
    table["label"] = [("N", "V")[k % 2] for k in range(count)]
    table["patient"] = [f"p{k * people_ // count}" for k in range(count)]
    return signal, table


def saved(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        names = [c for c in table if c.startswith("II_")]
        np.savez(
            path, data=table[names].to_numpy(np.float32), label=table["label"].to_numpy(str),
            patient=table["patient"].to_numpy(str), leads=np.array(["II"]),
        )  # fmt: skip
    return path


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz"])
def test_a_table_of_others_is_read_row_by_row(tmp_path, ending, caplog):
    signal, table = beats()
    ecg = everything(saved(table, tmp_path / f"mine{ending}"), fs=125)
    assert ecg.spec == Spec(leads=("II",), fs=125, samples=100, classes=("N", "V"))
    assert np.allclose(ecg.signal[:, 0], signal, atol=1e-6)
    assert ecg.labels_str.tolist() == table["label"].tolist()
    assert ecg.patient.tolist() == table["patient"].tolist()
    assert not caplog.text


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz", "/"])
def test_a_file_of_ecgsynth_says_all_of_itself(tmp_path, ending):
    signal, table = beats()
    spec = Spec(("II",), 125, 100, ("N", "V"), context=("rr_before_s",), r_sample=33)
    ecg = Ecg(
        np.round(signal[:, None], 3), spec, one_hot(np.arange(40) % 2, 2),
        context=np.full((40, 1), 0.8), patient=table["patient"].to_numpy(str),
        source="synthetic:a-model",
    )  # fmt: skip
    formats.write(ecg, f"{tmp_path}/own{ending}")
    back = everything(tmp_path / f"own{ending}")
    assert back.spec == spec
    assert np.allclose(back.signal, ecg.signal, atol=6e-4)
    assert back.patient.tolist() == ecg.patient.tolist()
    assert back.source == "synthetic:a-model"  # it is never passed off as real


def test_columns_may_have_any_name(tmp_path):
    signal, table = beats()
    table = table.rename(columns=lambda c: c.replace("II_", "adc") if c.startswith("II_") else c)
    table = table.rename(columns={"label": "rhythm", "patient": "mrn"})
    path = saved(table, tmp_path / "mine.csv")
    ecg = everything(path, fs=125, signal="adc", label="rhythm", patient="mrn", leads=["II"])
    assert np.allclose(ecg.signal[:, 0], signal, atol=1e-6)
    assert set(ecg.patient) == {"p0", "p1", "p2", "p3"}
    assert ecg.spec.classes == ("N", "V")


def test_several_leads_are_found_by_their_names(tmp_path):
    signal, table = beats()
    more = pd.DataFrame(-signal, columns=[f"V1_{k}" for k in range(100)])
    path = saved(pd.concat([table, more], axis=1), tmp_path / "mine.csv")
    ecg = everything(path, fs=125)
    assert ecg.spec.leads == ("II", "V1")
    assert np.allclose(ecg.signal[:, 1], -signal, atol=1e-6)
    assert np.allclose(everything(path, fs=125, leads=["V1"]).signal[:, 0], -signal, atol=1e-6)


def test_a_parquet_column_of_lists_is_a_signal(tmp_path):
    signal, table = beats()
    pd.DataFrame({"ecg": list(signal), "label": table["label"]}).to_parquet(tmp_path / "l.parquet")
    ecg = everything(tmp_path / "l.parquet", fs=125, signal="ecg")
    assert np.array_equal(ecg.signal[:, 0], signal)


def test_numeric_labels_are_words_in_their_own_order(tmp_path):
    _, table = beats()
    table["label"] = [float(k % 12) for k in range(len(table))]
    ecg = everything(saved(table, tmp_path / "mine.csv"), fs=125)
    assert ecg.spec.classes == tuple(str(k) for k in range(12))
    mapped = everything(tmp_path / "mine.csv", fs=125, label_map={"2": "V", "0": "N"})
    assert mapped.spec.classes == ("N", "V")
    assert mapped.counts() == {"N": 4, "V": 4}


def test_rows_with_gaps_and_flat_rows_are_dropped_and_counted(tmp_path, caplog):
    _, table = beats()
    table.loc[3, "II_7"] = np.nan
    table.loc[[5, 6], [f"II_{k}" for k in range(100)]] = 0.25
    ecg = everything(saved(table, tmp_path / "mine.csv"), fs=125)
    assert len(ecg) == 37
    assert "1 of 40 rows of mine.csv hold missing numbers" in caplog.text
    assert "2 of 40 rows of mine.csv hold a flat lead" in caplog.text


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".npz"])
def test_microvolts_taken_for_millivolts_are_refused_with_the_mend(tmp_path, ending):
    signal, table = beats()
    names = [f"II_{k}" for k in range(100)]
    table[names] = table[names] * 1000
    path = saved(table, tmp_path / f"mine{ending}")
    with pytest.raises(EcgsynthError, match=r"set data\.unit=uV"):
        everything(path, fs=125)
    assert np.allclose(everything(path, fs=125, unit="uV").signal[:, 0], signal, atol=1e-5)


def test_numbers_that_never_were_millivolts_stay_so(tmp_path):
    _, table = beats()
    ecg = everything(saved(table, tmp_path / "mine.csv"), fs=125, unit="normalised")
    assert ecg.spec.unit == "normalised"


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_the_rows_of_a_person_are_on_one_side(tmp_path, split):
    _, table = beats(count=200, people_=40)
    path = saved(table, tmp_path / "mine.parquet")
    own = load("folder", split, path=path, fs=125)
    assert len(own)
    for other in {"train", "validation", "test"} - {split}:
        assert not set(own.patient) & set(load("folder", other, path=path, fs=125).patient)


def test_held_out_rows_belong_to_training_people_and_come_last(tmp_path):
    _, table = beats(count=100, people_=5)
    path = saved(table, tmp_path / "mine.csv")
    options = {"path": path, "fs": 125, "validation": 0, "test": 0}
    train, heldout = load("folder", "train", **options), load("folder", "heldout", **options)
    assert len(train) == 90
    assert set(heldout.patient) == set(train.patient)
    signals = everything(path, fs=125).signal.reshape(5, 20, 1, 100)
    assert np.array_equal(heldout.signal.reshape(5, 2, 1, 100), signals[:, 18:])


def test_rows_of_nobody_are_warned_of(tmp_path, caplog):
    _, table = beats()
    everything(saved(table.drop(columns="patient"), tmp_path / "mine.csv"), fs=125)
    assert "every row counts as a person of its own" in caplog.text


def test_a_window_tells_where_r_is(tmp_path):
    _, table = beats()
    path = saved(table, tmp_path / "mine.csv")
    assert everything(path, fs=360, window=(33, 67)).spec.r_sample == 33
    assert everything(path, fs=360).spec.r_sample is None


def test_filters_touch_a_table_only_where_they_are_set(tmp_path):
    signal, table = beats()
    path = saved(table, tmp_path / "mine.csv")
    filtered = everything(path, fs=125, band=(None, 20))
    assert filtered.spec.band == (None, 20)
    assert np.abs(filtered.signal[:, 0] - signal).max() > 0.01
    with pytest.raises(EcgsynthError, match="too short to find a baseline"):
        everything(path, fs=125, baseline=True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, r"states no sampling rate; give it in Hz"),
        ({"fs": 125, "label": "rythm"}, r"has no 'rythm' to take the label from"),
        ({"fs": 125, "patient": "patiend"}, r"Did you mean 'patient'"),
        ({"fs": 125, "signal": "ecg_"}, r"has no columns ecg_0, ecg_1"),
        ({"fs": 125, "leads": ["V9"]}, r"has no columns V9_0"),
        ({"fs": 125, "leads": ["I", "II"], "signal": "ecg"}, r"write \{lead\} into it"),
        ({"fs": 125, "classes": ["N", "F"]}, r"no item of class F \(it has: N 20, V 20\)"),
        ({"fs": 125, "validation": 0.6, "test": 0.4}, r"must leave people for train"),
        ({"fs": 0}, r"'fs' input should be greater than 0"),
        ({"fs": 125, "patinet": "x"}, r"no setting 'patinet'. Did you mean 'patient'"),
        ({"fs": 125, "kind": "npz"}, r"is damaged or not what its ending says"),
        ({"fs": 125, "kind": "parquet"}, r"is damaged or not what its ending says"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_sentence(tmp_path, settings, sentence):
    path = saved(beats()[1], tmp_path / "mine.csv")
    with pytest.raises(EcgsynthError, match=sentence):
        everything(path, **settings)


def test_text_among_the_numbers_is_named(tmp_path):
    _, table = beats()
    table["II_5"] = "oops"
    with pytest.raises(EcgsynthError, match=r"columns II_\.\.\. of mine\.csv do not all hold"):
        everything(saved(table, tmp_path / "mine.csv"), fs=125)


def test_an_npz_of_pickles_is_never_opened(tmp_path):
    np.savez(tmp_path / "evil.npz", data=np.array([{"a": 1}], dtype=object))
    with pytest.raises(EcgsynthError, match="damaged or not what its ending says"):
        everything(tmp_path / "evil.npz", fs=125)


@pytest.mark.parametrize("ending", [".parquet", ".npz"])
def test_a_table_cut_short_is_one_sentence(tmp_path, ending):
    path = saved(beats()[1], tmp_path / f"mine{ending}")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(EcgsynthError, match="damaged"):
        everything(path, fs=125)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "there is no file or folder"),
        ("empty", r"holds no WFDB records \(\*\.hea\)"),
        ("notes.txt", "is no ending of recordings"),
        ("empty.csv", "damaged"),
        ("head.csv", "holds no rows"),
    ],
)
def test_a_path_without_recordings_is_one_sentence(tmp_path, name, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "head.csv").write_text(",".join(f"II_{k}" for k in range(100)) + "\n")
    with pytest.raises(EcgsynthError, match=sentence):
        everything(tmp_path / name, fs=125)


@pytest.mark.data
def test_mit_bih_as_a_folder_gives_the_beats_of_the_data_set():
    from ecgsynth.datasets import store

    folder = store.find_folder("mitbih", "100.hea")
    own = everything(folder / "100.hea", leads=["MLII"])
    theirs = load("mitbih", "ds2")
    theirs = theirs[np.flatnonzero(theirs.record == "100")]
    assert np.array_equal(own.signal, theirs.signal)
    assert own.labels_str.tolist() == theirs.labels_str.tolist()
