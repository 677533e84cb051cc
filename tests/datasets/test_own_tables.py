"""The user's own tables: any layout is read, and no person is on two sides."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own import everything, wave

from ecgsynth import formats
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.spec import Spec


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
        ({}, r"states no sampling rate; .* data\.fs=360"),
        ({"fs": 125, "label": "rythm"}, r"has no 'rythm' to take the label from"),
        ({"fs": 125, "patient": "patiend"}, r"Did you mean 'patient'"),
        ({"fs": 125, "signal": "ecg_"}, r"has no columns ecg_0, ecg_1"),
        ({"fs": 125, "leads": ["V9"]}, r"has no columns V9_0"),
        ({"fs": 125, "leads": ["I", "II"], "signal": "ecg"}, r"write \{lead\} into it"),
        ({"fs": 125, "classes": ["N", "F"]}, r"no item of class F \(it has: N 20, V 20\)"),
        ({"fs": 125, "validation": 0.6, "test": 0.4}, r"must leave people for train"),
        ({"fs": 0}, r"'fs' input should be greater than 0"),
        ({"fs": 125, "patinet": "x"}, r"no setting 'patinet'. Did you mean 'patient'"),
        ({"fs": 125, "kind": "npz"}, r"damaged .* not a whole NPZ archive"),
        ({"fs": 125, "kind": "parquet"}, r"damaged .* not a parquet file"),
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
    with pytest.raises(EcgsynthError, match="holds Python objects, which are never opened"):
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


def test_training_reads_an_npz_of_others_as_every_reader_does(tmp_path):
    from ecgsynth.formats import read

    ids = np.array([0, 1, 1, 0, -1, 2])
    signal = np.random.default_rng(0).normal(0, 300, (6, 1, 50)).astype(np.float32)
    facts = {"classes": ["N", "S", "V"], "fs": 100.0, "unit": "uV", "r_sample": 20, "leads": ["II"]}
    people = np.array(list("aabbcc"))
    np.savez(tmp_path / "a.npz", data=signal, labels_id=ids, pid=people, band=[0, 40.0], **facts)
    own, usual = load("folder", "all", path=tmp_path / "a.npz"), read(tmp_path / "a.npz")
    assert own.spec == usual.spec
    assert own.spec.unit == "mV" and own.spec.band == (None, 40.0) and own.spec.r_sample == 20
    np.testing.assert_array_equal(own.labels_id, ids)
    np.testing.assert_array_equal(own.signal, usual.signal)


def test_what_is_marked_synthetic_stays_so(tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.3, (6, 50))
    np.savez(
        tmp_path / "a.npz", data=signal, fs=100.0, synthetic=True, pid=np.array(list("aabbcc"))
    )
    assert load("folder", "all", path=tmp_path / "a.npz").synthetic


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"labels_id": [0, 0, 1], "labels_str": ["N", "V", "N"], "classes": ["N", "V"]},
         "'labels_str' and 'labels_id' in a.npz contradict each other in 2 of 3 items"),
        ({"labels_id": [0, 9, 1], "classes": ["N", "V"]}, "holds the number 9"),
        ({"label": np.eye(3) / 2}, "holds more than 0 and 1"),
        ({"label": np.eye(2)}, "'label' in a.npz has shape [2, 2]"),
        ({"unit": "gauss"}, "states the unit 'gauss'"),
        ({"data": np.full((3, 90, 2), 0.1)}, "swap the last two"),
    ],
)  # fmt: skip
def test_an_npz_that_contradicts_itself_is_refused(tmp_path, more, sentence):
    signal = np.random.default_rng(0).normal(0, 0.3, (3, 50))
    np.savez(tmp_path / "a.npz", **({"data": signal, "fs": 100.0} | more))
    with pytest.raises(EcgsynthError, match=re.escape(sentence)):
        load("folder", "all", path=tmp_path / "a.npz")


def test_one_lead_in_microvolts_is_named(tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.3, (6, 2, 50))
    signal[:, 1] *= 1000
    np.savez(tmp_path / "a.npz", data=signal, fs=100.0, leads=["II", "V1"])
    with pytest.raises(EcgsynthError, match=r"in some leads only \(V1 "):
        load("folder", "all", path=tmp_path / "a.npz")


@pytest.mark.parametrize("ending", [".edf", ".dcm", ".ishne"])
def test_a_folder_of_clinical_files_is_a_set(tmp_path: Path, ending: str) -> None:
    signal, _ = beats(3, samples=200)
    formats.write(
        Ecg(signal[:, None], Spec(("II",), 125, 200), patient=np.array(["a", "b", "c"])),
        f"{tmp_path}/people{ending}/",
    )
    ecg = everything(tmp_path / f"people{ending}")
    assert ecg.patient.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(ecg.signal[:, 0], signal, atol=0.003)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("map.csv", "code,class\nN,normal\nV,ectopic\n"),
        ("map.txt", "# mine\nN;normal\nV;ectopic\n"),
        ("map.yaml", "N: normal\nV: ectopic\n"),
        ("map.json", '{"N": "normal", "V": "ectopic"}'),
    ],
)
def test_own_labels_are_mapped_in_a_file(tmp_path: Path, name: str, text: str) -> None:
    _, table = beats()
    (tmp_path / name).write_text(text)
    ecg = everything(saved(table, tmp_path / "own.csv"), fs=125, label_map=str(tmp_path / name))
    assert ecg.spec.classes == ("normal", "ectopic")
    assert ecg.counts() == {"normal": 20, "ectopic": 20}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("m.csv", "N,a\nN,b\n", "'N' is both a and b"),
        ("m.csv", "N\n", "has no label and class"),
        ("m.yaml", "[1, 2]", "holds no mapping"),
        ("m.yaml", "a: [", "neither CSV nor YAML"),
        ("m.csv", "", "holds no row"),
    ],
)
def test_a_bad_file_of_labels_is_one_sentence(
    tmp_path: Path, name: str, text: str, why: str
) -> None:
    _, table = beats()
    (tmp_path / name).write_text(text)
    with pytest.raises(EcgsynthError, match=why):
        everything(saved(table, tmp_path / "own.csv"), fs=125, label_map=str(tmp_path / name))
