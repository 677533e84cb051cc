"""Arrays of others: every reader takes the same from them, or says what is doubtful."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from own import everything, wave

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import LEADS_12, twelve_leads

FS = 100.0


def beats(count: int = 20, samples: int = 60) -> np.ndarray:
    """[item, sample] mV."""
    rows = [wave(samples, k, np.array([20])) for k in range(count)]
    return np.stack(rows).astype(np.float32)


def records(count: int = 3, samples: int = 400) -> np.ndarray:
    """[item, 12 leads, sample] mV."""
    at = np.arange(40, samples, 80)
    eight = [[wave(samples, 8 * k + lead, at) for lead in range(8)] for k in range(count)]
    return twelve_leads(np.array(eight)).astype(np.float32)


def read_by_all(folder: Path, **arrays: Any) -> Ecg:
    """What `formats.read` takes from such an NPZ, and the data set `folder` as well."""
    path = folder / "a.npz"
    np.savez(path, **arrays)
    ecg, own = formats.read(path), everything(path)
    assert own.spec == ecg.spec and own.synthetic == ecg.synthetic
    for name in ("signal", "label"):
        np.testing.assert_array_equal(getattr(own, name), getattr(ecg, name))
    for name in ("patient", "record"):  # the data set makes a person of each row without one
        if getattr(ecg, name) is not None:
            np.testing.assert_array_equal(getattr(own, name), getattr(ecg, name))
    return ecg


def refusal_of_all(folder: Path, **arrays: Any) -> str:
    path = folder / "a.npz"
    np.savez(path, **arrays)
    said = []
    for read in (formats.read, everything):
        with pytest.raises(EcgsynthError) as caught:
            read(path)
        said.append(str(caught.value))
    assert said[0] == said[1] and "\n" not in said[0] and "a.npz" in said[0]
    return said[0]


@pytest.mark.parametrize(
    "layout",
    [
        lambda x: x,
        lambda x: x.swapaxes(1, 2),
        np.asfortranarray,
        lambda x: x.astype(">f8"),
        lambda x: x.astype(np.float16),
    ],
    ids=["item lead sample", "item sample lead", "Fortran", "big-endian", "half"],
)
def test_leads_that_are_named_are_found_in_any_order_of_the_axes(tmp_path, layout):
    x = records()
    ecg = read_by_all(tmp_path, data=layout(x), fs=FS, leads=LEADS_12)
    assert ecg.spec.leads == LEADS_12 and ecg.signal.dtype == np.float32
    np.testing.assert_allclose(ecg.signal, x, atol=2e-3)


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("leads", [LEADS_12, ("I", "II")])
def test_one_recording_whose_leads_are_named_is_one_item(tmp_path, turn, leads):
    x = records(1)[0, : len(leads)]
    ecg = read_by_all(tmp_path, data=x.T if turn else x, fs=FS, leads=leads)
    assert ecg.spec.leads == leads
    np.testing.assert_array_equal(ecg.signal[0], x)


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        (records(1)[0], "12 items, or one recording of 12 leads?"),
        (records(1)[0, :2], "2 items, or one recording of 2 leads?"),
        (records(1)[0].T, "400 items of 0.12 s, or one recording [sample, lead] of 12 leads?"),
        (np.ones((500, 8)), "500 items of 0.08 s, or one recording [sample, lead] of 8 leads?"),
        (np.ones((20, 3, 9)), "would last 0.09 s"),
        (records(3).swapaxes(1, 2), "400 leads of 12 samples? The axes are"),
        (np.ones((40, 24, 6)), "24 leads of 6 samples? The axes are"),
        (np.ones(400), "signals are numbers, [item, sample]"),
        (np.ones((2, 1, 400, 1)), "signals are numbers, [item, sample]"),
    ],
)
def test_axes_that_can_mean_two_things_are_refused_with_the_doubt(tmp_path, data, doubt):
    assert doubt in refusal_of_all(tmp_path, data=data, fs=FS)


def test_a_square_recording_says_not_which_axis_is_which(tmp_path):
    assert "does not fit 12 leads" in refusal_of_all(
        tmp_path, data=np.ones((12, 12)), fs=FS, leads=LEADS_12
    )


def test_what_is_said_beside_few_long_rows_decides_that_they_are_items(tmp_path):
    x = records(1)[0, :5]
    assert len(read_by_all(tmp_path, data=x, fs=FS, labels=list("NNVNV"))) == 5
    assert len(read_by_all(tmp_path, data=x, fs=FS, subject=[1, 1, 2, 3, 3])) == 5
    assert len(read_by_all(tmp_path, data=x[:, None], fs=FS)) == 5
    assert len(read_by_all(tmp_path, data=x, fs=FS, leads=["II"])) == 5


def test_an_item_of_one_lead_may_have_an_axis_for_it(tmp_path):
    x = beats()
    for data in (x, x[:, None], x[:, :, None]):
        ecg = read_by_all(tmp_path, data=data, fs=FS)
        assert ecg.spec.leads == ("ECG",)
        np.testing.assert_array_equal(ecg.signal[:, 0], x)


def test_leads_without_names_are_numbered_and_with_names_chosen(tmp_path):
    ecg = read_by_all(tmp_path, data=records(), fs=FS)
    assert ecg.spec.leads == tuple(f"lead{k}" for k in range(1, 13))
    assert everything(tmp_path / "a.npz", leads=LEADS_12).spec.leads == LEADS_12
    np.savez(tmp_path / "a.npz", data=records(), fs=FS, leads=LEADS_12)
    some = everything(tmp_path / "a.npz", leads=["V1", "II"])
    np.testing.assert_array_equal(some.signal, records()[:, [6, 1]])
    with pytest.raises(EcgsynthError, match=r"has no lead V9; it has I, II"):
        everything(tmp_path / "a.npz", leads=["V9"])


NUMBERS = np.arange(20) % 3


@pytest.mark.parametrize("key", ["labels", "label", "y", "class", "labels_id", "labels_str"])
@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array(["N", "S", "V"])[NUMBERS], None),
        (np.array([b"N", b"S", b"V"])[NUMBERS], None),
        (np.array(["N ", " S", "V"])[NUMBERS], None),
        (NUMBERS, ["N", "S", "V"]),
        (NUMBERS.astype(float), ["N", "S", "V"]),
        (NUMBERS.astype(np.uint8)[:, None], [b"N", b"S", b"V"]),
        (np.eye(3)[NUMBERS], ["N", "S", "V"]),
        (np.eye(3, dtype=bool)[NUMBERS], ["N", "S", "V"]),
    ],
    ids=["text", "bytes", "padded", "numbers", "floats", "column", "one-hot", "booleans"],
)
def test_labels_say_the_same_in_any_dress(tmp_path, key, labels, classes):
    more = {} if classes is None else {"classes": classes}
    ecg = read_by_all(tmp_path, data=beats(), fs=FS, **{key: labels}, **more)
    assert ecg.spec.classes == ("N", "S", "V") and not ecg.spec.multilabel
    assert ecg.labels_id.tolist() == NUMBERS.tolist()


@pytest.mark.parametrize(
    "labels",
    [
        NUMBERS, NUMBERS.astype(float), NUMBERS.astype(">i2"), NUMBERS.astype(str),
        np.array([f"{k:.18e}" for k in NUMBERS]), np.array([f"{k}." for k in NUMBERS]),
        np.eye(3, dtype=int)[NUMBERS],
    ],
    ids=["int", "float", "big-endian", "text", "savetxt", "point", "one-hot"],
)  # fmt: skip
def test_numbers_without_names_are_the_same_words(tmp_path, labels):
    ecg = read_by_all(tmp_path, data=beats(), fs=FS, labels=labels)
    assert ecg.spec.classes == ("0", "1", "2")
    assert ecg.labels_str.tolist() == NUMBERS.astype(str).tolist()


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["01", "1", "001"], ("001", "01", "1")),
        (["1E3", "1E50", "1000"], ("1E3", "1E50", "1000")),
        (["1.10", "1.1", "2.0"], ("1.1", "1.10", "2")),
        (["NA", "None", "nan"], ("NA", "None", "nan")),
        (["N", "nan", "NA"], ("N", "NA", "nan")),
        (["True", "False", "true"], ("False", "True", "true")),
        (["²", "10", "9"], ("9", "10", "²")),
        (["0.5", "-0.0", "-1"], ("-1", "0", "0.5")),
    ],
    ids=str,
)
def test_words_that_look_like_something_else_stay_apart(tmp_path, labels, classes):
    ecg = read_by_all(tmp_path, data=beats(3), fs=FS, labels=labels)
    assert sorted(ecg.spec.classes) == sorted(classes)
    assert len(set(ecg.labels_id.tolist())) == 3
    for ending in (".csv", ".parquet"):
        table = pd.DataFrame(beats(3), columns=[f"II_{k}" for k in range(60)])
        table = table.assign(fs=FS, label=labels)
        path = tmp_path / f"a{ending}"
        table.to_csv(path, index=False) if ending == ".csv" else table.to_parquet(path)
        assert formats.read(path).spec.classes == ecg.spec.classes
        assert everything(path).labels_str.tolist() == ecg.labels_str.tolist()


def test_what_stands_for_no_label_is_none(tmp_path):
    x = beats(4)
    for more in (
        {"labels_id": [0, -1, 1, 0], "classes": ["N", "V"]},
        {"labels": [0.0, np.nan, 1.0, 0.0], "classes": ["N", "V"]},
        {"labels": ["N", "", "V", "N"]},
        {"labels": [[1, 0], [0, 0], [0, 1], [1, 0]], "classes": ["N", "V"]},
    ):
        assert read_by_all(tmp_path, data=x, fs=FS, **more).labels_str.tolist() == [*"N", "", *"VN"]
    for labels in (["0.0", "nan", "1.0", "0.0"], [0, None, 1, 0], [0, np.nan, 1, 0]):
        table = pd.DataFrame(x, columns=[f"II_{k}" for k in range(60)]).assign(fs=FS, label=labels)
        table.to_csv(tmp_path / "a.csv", index=False)
        table.to_parquet(tmp_path / "a.parquet")
        for ending in ("csv", "parquet"):
            found = formats.read(tmp_path / f"a.{ending}").labels_str.tolist()
            assert found == ["0", "", "1", "0"]


def test_several_labels_of_an_item_are_all_kept(tmp_path):
    rows = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1], [1, 0, 0]])
    names = ["AFIB", "CLBBB", "MI"]
    ecg = read_by_all(tmp_path, data=beats(4), fs=FS, y=rows, classes=names)
    assert ecg.spec.multilabel
    np.testing.assert_array_equal(ecg.label, rows)
    mapped = everything(tmp_path / "a.npz", label_map={"AFIB": "rhythm", "MI": "heart"})
    assert mapped.spec.classes == ("rhythm", "heart") and mapped.spec.multilabel
    assert mapped.labels_str.tolist() == ["rhythm", "heart", "rhythm"]
    with pytest.raises(EcgsynthError, match=r"has a label of data.label_map \(it has: AFIB, CLBBB"):
        everything(tmp_path / "a.npz", label_map={"NORM": "N"})


@pytest.mark.parametrize("classes", [[1, 2, 3], ["1", "2", "3"], [1.0, 2.0, 3.0], [b"1", b"2"]])
def test_classes_that_are_numbers_are_meant_by_their_names(tmp_path, classes):
    """`classes=np.unique(y)`: by its place, 1 would be the second of them."""
    labels = np.array([1, 2, 1, 2])
    ecg = read_by_all(tmp_path, data=beats(4), fs=FS, labels=labels, classes=classes)
    assert ecg.labels_str.tolist() == ["1", "2", "1", "2"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"labels": [0, 5, 1]}, "holds the number 5, but 'classes' has 2 names"),
        ({"labels_id": [0, -3, 1]}, "holds the number -3, but 'classes' has 2 names"),
        ({"labels": [0, 0.5, 1]}, "holds the number 0.5"),
        ({"labels": [True, False, False], "labels_id": [0, 1, 1]}, "contradict each other in 3"),
        ({"labels": ["N", "F", "V"]}, "the label 'F' is not in 'classes'"),
        ({"labels": np.eye(3)}, "has 3 columns, but 'classes' has 2 names"),
        ({"labels": [[0.3, 0.7], [0.5, 0.5], [1, 0]]}, "holds more than 0 and 1"),
        ({"labels": ["N", "V"]}, "it must hold one label for each of the 3 items"),
        ({"pid": ["a", "b"]}, "'pid' of a.npz is [2] for 3 items"),
        ({"record": [["a", "b"], ["a", "b"], ["a", "b"]]}, "'record' of a.npz is [3, 2] for 3"),
        ({"classes": ["N", "N"], "labels": [0, 1, 1]}, "classes must be distinct"),
        ({"labels": np.array(["N", "V", None], object)}, "'labels' in a.npz holds Python objects"),
    ],
    ids=str,
)
def test_labels_and_names_that_do_not_fit_are_refused(tmp_path, more, sentence):
    said = refusal_of_all(tmp_path, **({"data": beats(3), "fs": FS, "classes": ["N", "V"]} | more))
    assert sentence in said


def test_labels_in_two_columns_have_to_agree(tmp_path):
    x, names = beats(4), np.array(["N", "V", "N", "S"])
    ecg = read_by_all(tmp_path, data=x, fs=FS, labels_str=names, labels_id=[0, 2, 0, 1])
    assert ecg.labels_str.tolist() == names.tolist()
    for more in ({"y": ["N", "V", "V", "S"]}, {"y": [0, 2, 1, 1]}, {"y": ["V", "N", "V", "S"]}):
        said = refusal_of_all(tmp_path, data=x, fs=FS, labels_str=names, **more)
        assert "'labels_str' and 'y' in a.npz contradict each other" in said
    assert everything(tmp_path / "a.npz", label="labels_str").labels_str.tolist() == names.tolist()


def test_objects_that_nobody_asks_for_do_no_harm(tmp_path):
    ecg = read_by_all(tmp_path, data=beats(), fs=FS, notes=np.array([{"a": 1}], object))
    assert len(ecg) == 20


def test_arrays_of_the_items_that_are_passed_over_are_named_in_one_line(tmp_path, caplog):
    one_hot = {"N": np.ones(20), "V": np.zeros(20, bool), "S": np.zeros((20, 1), np.int8)}
    objects = np.array([{}] * 20, object)
    others = {"weights": np.ones((7, 20)), "note": "of 20 items", "spectrum": objects}
    read_by_all(tmp_path, data=beats(), fs=FS, **one_hot, **others)
    lines = [line for line in caplog.messages if "not read" in line]
    assert len(set(lines)) == 1
    assert "a.npz: not read: N, V, S, spectrum. Labels are one column of names" in lines[0]


def test_arrays_that_are_used_or_not_of_the_items_are_not_named_as_unread(tmp_path, caplog):
    x, labels = records(12), np.eye(2)[np.arange(12) % 2]
    more = {"pid": np.arange(12), "record": np.arange(12), "unit": "mV", "scale": np.ones(3)}
    read_by_all(
        tmp_path, data=x, fs=FS, leads=LEADS_12, labels=labels, classes=["N", "V"],
        r_sample=40, **more
    )  # fmt: skip
    assert "not read" not in caplog.text


def test_a_spectrum_called_spec_makes_no_file_of_ecgsynth(tmp_path):
    assert len(read_by_all(tmp_path, data=beats(), fs=FS, spec=np.ones((20, 5)))) == 20


@pytest.mark.parametrize("key", ["unit", "units"])
@pytest.mark.parametrize(
    ("unit", "per_mv"),
    [("uV", 1e3), ("UV", 1e3), ("\u00b5V", 1e3), ("\u03bcV", 1e3), (b"\xc2\xb5v", 1e3), ("V", 1e-3),
     ("mv", 1), (" mV ", 1), (["uV"], 1e3), (["\u00b5V"] * 12, 1e3)],
)  # fmt: skip
def test_a_voltage_becomes_mv_however_it_is_spelled(tmp_path, key, unit, per_mv):
    x = records()
    ecg = read_by_all(tmp_path, data=x * np.float32(per_mv), fs=FS, leads=LEADS_12, **{key: unit})
    assert ecg.spec.unit == "mV"
    np.testing.assert_allclose(ecg.signal, x, atol=1e-5)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("unit", ["\u00b5V", "\u03bcV", "uV"])
def test_a_column_may_say_the_unit(tmp_path, ending, unit):
    table = pd.DataFrame(beats() * 1000, columns=[f"II_{k}" for k in range(60)])
    table = table.assign(fs=FS, unit=unit, r_sample=20, synthetic=True)
    path = tmp_path / f"a.{ending}"
    table.to_csv(path, index=False) if ending == "csv" else table.to_parquet(path)
    for ecg in (formats.read(path), everything(path)):
        np.testing.assert_allclose(ecg.signal[:, 0], beats(), atol=1e-5)
        assert ecg.spec.r_sample == 20 and ecg.synthetic


@pytest.mark.parametrize("spelled", ["uV", "\u00b5V", "\u03bcV"])
def test_the_unit_may_be_told_in_any_spelling(tmp_path, spelled):
    np.savez(tmp_path / "a.npz", data=beats() * 1000, fs=FS)
    told = everything(tmp_path / "a.npz", unit=spelled)
    np.testing.assert_allclose(told.signal[:, 0], beats(), atol=1e-5)
    assert everything(tmp_path / "a.npz", unit="normalized").spec.unit == "normalised"


def unit_interval(x: np.ndarray) -> np.ndarray:
    low, high = x.min(1, keepdims=True), x.max(1, keepdims=True)
    return (x - low) / (high - low)


@pytest.mark.parametrize(
    ("change", "doubt", "refused"),
    [
        (lambda x: x * 1000, "Are they in uV? Then divide by 1000", True),
        (lambda x: (x * 200 + 1024).astype(np.int16), "converter: by its steps per mV", True),
        (lambda x: x / 1000, "Are they in V? Then multiply by 1000", False),
        (unit_interval, "all run from exactly 0 to 1, as scaled ones do", False),
        (lambda x: 2 * unit_interval(x) - 1, "all run from exactly -1 to 1, as scaled", False),
        (lambda x: (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True), "SD of 1", False),
    ],
    ids=["uV", "steps", "V", "0 to 1", "-1 to 1", "standardised"],
)
def test_no_reader_keeps_quiet_about_a_doubtful_unit(tmp_path, caplog, change, doubt, refused):
    from typer.testing import CliRunner

    from ecgsynth.cli.main import app

    path = tmp_path / "a.npz"
    np.savez(path, data=change(beats()), fs=FS, leads=["II"])
    with caplog.at_level(logging.WARNING, "ecgsynth"):
        formats.read(path)
        assert doubt in caplog.text and "a.npz" in caplog.text
        caplog.clear()
        to = tmp_path / "sheet.svg"
        assert CliRunner().invoke(app, ["plot", str(path), "--to", str(to)]).exit_code == 0
        assert doubt in caplog.text
        caplog.clear()
        if refused:
            with pytest.raises(EcgsynthError, match="which no heart makes"):
                everything(path)
        else:
            everything(path)
            assert doubt in caplog.text


def test_plain_beats_raise_no_doubt(tmp_path, caplog):
    read_by_all(tmp_path, data=beats(), fs=FS, unit="mV")
    read_by_all(tmp_path, data=unit_interval(beats()), fs=FS, unit="normalised")
    assert "DOUBTFUL" not in caplog.text
