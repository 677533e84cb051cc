"""Columns of others (CSV, Parquet): no sample is lost or moved, and no label becomes one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from own import everything, wave
from typer.testing import CliRunner

from ecgsynth.cli.main import app
from ecgsynth.errors import EcgsynthError

FS = 125
N = 187


def rows(count: int = 12, samples: int = N) -> np.ndarray:
    """[item, sample] mV."""
    waves = [wave(samples, k, np.array([40])) for k in range(count)]
    return np.round(np.stack(waves), 4).astype(np.float32)


def table(names: list[str], count: int = 12) -> pd.DataFrame:
    return pd.DataFrame(rows(count, len(names)), columns=names)


def saved(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


LABELS = np.arange(12) % 5


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("label", [187, "187", 187.0])
def test_a_label_whose_name_is_the_next_number_is_no_sample(tmp_path, ending, label):
    frame = table([str(k) for k in range(N)]).assign(**{"187": LABELS.astype(float)})
    path = saved(frame, tmp_path / f"a.{ending}")
    for more in ({}, {"signal": ""}):
        ecg = everything(path, fs=FS, label=label, **more)
        np.testing.assert_array_equal(ecg.signal[:, 0], rows())
        assert ecg.labels_str.tolist() == LABELS.astype(str).tolist()


def test_a_person_whose_name_is_the_next_number_is_no_sample(tmp_path):
    frame = table([f"II_{k}" for k in range(N)])
    frame = frame.assign(II_187=LABELS, II_188=np.arange(12) // 3)
    path = saved(frame, tmp_path / "a.csv")
    ecg = everything(path, fs=FS, label="II_187", patient="II_188")
    np.testing.assert_array_equal(ecg.signal[:, 0], rows())
    assert set(ecg.patient) == {"0", "1", "2", "3"}


@pytest.mark.parametrize("name", ["Label", "target", "beat_class", "LABELS"])
def test_labels_that_are_called_otherwise_are_not_passed_over_in_silence(tmp_path, caplog, name):
    frame = table([f"II_{k}" for k in range(N)])
    saved(frame, tmp_path / "bare.csv")
    assert everything(tmp_path / "bare.csv", fs=FS).spec.classes == ()
    assert "no labels are read" not in caplog.text
    path = saved(frame.assign(**{name: LABELS}), tmp_path / "a.csv")
    assert everything(path, fs=FS).spec.classes == ()
    assert f"a.csv: no labels are read. If those of '{name}' are" in caplog.text
    assert everything(path, fs=FS, label=name).labels_str.tolist() == LABELS.astype(str).tolist()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_that_are_passed_over_are_named_in_one_line(tmp_path, caplog, ending):
    frame = table([f"II_{k}" for k in range(N)]).assign(label="N", patient="a")
    one_hot = {"N": 1, "V": 0}
    path = saved(frame.assign(**one_hot, rr_before_s=0.8), tmp_path / f"a.{ending}")
    everything(path, fs=FS)
    lines = [line for line in caplog.messages if "not read" in line]
    assert len(lines) == 1
    assert f"a.{ending}: not read: N, V, rr_before_s. Labels are one column" in lines[0]


def test_of_many_columns_that_are_passed_over_some_are_named(tmp_path, caplog):
    more = {f"feature {k}": 0.5 for k in range(40)}
    frame = table([f"II_{k}" for k in range(N)]).assign(label="N", **more)
    everything(saved(frame, tmp_path / "a.csv"), fs=FS)
    assert "feature 7 and 32 more. Labels" in caplog.text


def test_what_is_used_or_left_out_on_request_is_not_named_as_unread(tmp_path, caplog):
    frame = table([f"II_{k}" for k in range(N)]).assign(
        label="N", patient="a", record="r", fs=FS, unit="mV", r_sample=40, synthetic=False
    )
    others = table([f"V5_{k}" for k in range(N)])
    both = pd.concat([frame, others], axis=1)
    both.to_csv(tmp_path / "a.csv")  # with the numbers of rows
    ecg = everything(tmp_path / "a.csv", leads=["II"])
    assert ecg.spec.leads == ("II",)
    assert "not read" not in caplog.text


def test_numbers_are_names_on_the_command_line(tmp_path):
    frame = table([str(k) for k in range(N)]).assign(**{"187": LABELS, "188": LABELS})
    path = saved(frame, tmp_path / "a.csv")
    for given, classes in (
        ([], "01234"), (["classes=[0,3]"], "03"), (["label_map={0: N, 3: V}"], "NV")
    ):  # fmt: skip
        words = ["data", "check", "folder", f"path={path}", "fs=125", "label=187", "patient=188"]
        done = CliRunner().invoke(app, [*words, *given])
        assert done.exit_code == 0, done.output
        found = {line.split()[1] for line in done.output.splitlines() if line.startswith("train")}
        assert found and found <= set(classes)


@pytest.mark.parametrize(
    "given", [{"label": False}, {"classes": ["no", True]}, {"label_map": {False: "N"}}]
)
def test_a_name_that_yaml_takes_for_true_or_false_is_refused(tmp_path, given):
    path = saved(table([str(k) for k in range(N)]), tmp_path / "a.csv")
    with pytest.raises(EcgsynthError, match="a name that YAML reads so needs quotes"):
        everything(path, fs=FS, **given)


def test_a_label_that_nobody_names_is_suspected(tmp_path, caplog):
    frame = table([str(k) for k in range(N)]).assign(**{"187": LABELS})
    assert everything(saved(frame, tmp_path / "a.csv"), fs=FS).spec.samples == N + 1
    assert "the column 187 of a.csv holds whole numbers alone, as labels do" in caplog.text
    caplog.clear()
    steps = (table([str(k) for k in range(N)]) * 8).round()  # of a converter: whole, too
    everything(saved(steps, tmp_path / "b.csv"), fs=FS)
    padded = table([str(k) for k in range(N)]).assign(**{str(N - 1): 0.0})
    everything(saved(padded, tmp_path / "c.csv"), fs=FS)
    assert "as labels do" not in caplog.text


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("lost", [[50], [50, 51, 120], [2]])
@pytest.mark.parametrize("prefix", ["ecg_", "II_", ""])
def test_a_numbered_column_that_is_missing_is_named(tmp_path, first, lost, prefix):
    names = [f"{prefix}{k}" for k in range(first, N) if k not in lost]
    path = saved(table(names).assign(label="N"), tmp_path / "a.csv")
    each = ", ".join(f"{prefix}{k}" for k in lost)
    with pytest.raises(EcgsynthError, match=rf"a.csv lacks the columns {each} between"):
        everything(path, fs=FS)


def test_columns_that_begin_late_or_have_one_number_twice_are_refused(tmp_path):
    path = saved(table([f"ecg_{k}" for k in range(50, 150)]), tmp_path / "a.csv")
    with pytest.raises(EcgsynthError, match=r"lacks the columns ecg_1, .* ecg_5, \.\.\. between"):
        everything(path, fs=FS)
    path = saved(table([*(f"ecg_{k}" for k in range(50)), "ecg_07"]), tmp_path / "b.csv")
    with pytest.raises(EcgsynthError, match="two columns for sample 7 of ecg_"):
        everything(path, fs=FS)
    padded = table([f"ecg_{k:03}" for k in range(50)])
    assert everything(saved(padded, tmp_path / "c.csv"), fs=FS).spec.samples == 50


@pytest.mark.parametrize("twice", ["label", "ecg_7", "patient"])
def test_a_name_that_stands_twice_is_refused(tmp_path, twice):
    names = [*(f"ecg_{k}" for k in range(50)), "label", "patient", twice]
    lines = [",".join(names), *(",".join(["0.5"] * 50 + ["N", "a", "V"]) for _ in range(3))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    with pytest.raises(EcgsynthError, match=f"two columns of the name '{twice}'"):
        everything(tmp_path / "a.csv", fs=FS)


def test_numbered_features_are_no_leads(tmp_path):
    frame = pd.concat(
        [table([f"ecg_{k}" for k in range(N)]), table([f"feat_{k}" for k in range(10)])], axis=1
    )
    path = saved(frame, tmp_path / "a.csv")
    with pytest.raises(EcgsynthError, match=r"\(ecg 187, feat 10\).* data\.leads=\[ecg\]"):
        everything(path, fs=FS)
    np.testing.assert_array_equal(everything(path, fs=FS, leads=["ecg"]).signal[:, 0], rows())


def lines(count: int = 4) -> list[str]:
    """A header and rows: label, ten samples, person."""
    frame = table([f"ecg_{k}" for k in range(20)], count)
    frame.insert(0, "label", list("NVNS")[:count])
    return frame.assign(patient=["a", "b#1", "c", "d"][:count]).to_csv(index=False).splitlines()


HEAD, FIRST = lines(1)


def changed(name: str) -> str:
    """The same table as other programs write it."""
    head, *body = lines()
    cells = [row.split(",") for row in body]
    return {
        "plain": "\n".join([head, *body]),
        "rows end in a comma": "\n".join([head, *(f"{row}," for row in body)]),
        "all lines end in a comma": "\n".join([f"{head},", *(f"{row}," for row in body)]),
        "row names of R": "\n".join([head, *(f"{k},{row}" for k, row in enumerate(body, 1))]),
        "index of pandas": "\n".join([f",{head}", *(f"{k},{row}" for k, row in enumerate(body))]),
        "blank lines": "\n" + "\n\n".join([head, *body]) + "\n\n\n",
        "Windows": "\r\n".join([head, *body, ""]),
        "byte order mark": "\ufeff" + "\n".join([head, *body]),
        "comments": "\n".join(["# from a device", head, *body, "# the end"]),
        "semicolons": "\n".join([head, *body]).replace(",", ";"),
        "decimal commas": "\n".join([head, *body]).replace(",", ";").replace(".", ","),
        "tabs": "\n".join([head, *body]).replace(",", "\t"),
        "spaces": "\n".join([head, *body]).replace(",", ", "),
        "quotes": "\n".join(",".join(f'"{c}"' for c in row) for row in [head.split(","), *cells]),
    }[name]


@pytest.mark.parametrize(
    "name",
    ["plain", "rows end in a comma", "all lines end in a comma", "row names of R",
     "index of pandas", "blank lines", "Windows", "byte order mark", "comments", "semicolons",
     "decimal commas", "tabs", "spaces", "quotes"],
)  # fmt: skip
def test_a_csv_is_the_same_table_whoever_wrote_it(tmp_path, name):
    (tmp_path / "a.csv").write_text(changed(name), encoding="utf-8", newline="")
    ecg = everything(tmp_path / "a.csv", fs=FS)
    np.testing.assert_array_equal(ecg.signal[:, 0], rows(4, 20))
    assert ecg.labels_str.tolist() == list("NVNS")
    assert ecg.patient.tolist() == ["a", "b#1", "c", "d"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([HEAD, FIRST, f"{FIRST},7"], "has 23 cells where"),
        ([HEAD, FIRST, FIRST[:-4]], "has 21 cells where"),
        ([HEAD, f"{FIRST},7,8"], "has 24 cells where"),
        ([HEAD, FIRST.replace("0.", "oops", 1)], "'oops"),
        ([HEAD, FIRST.replace("0.", "True", 1)], "'True"),
        ([HEAD, f'"{FIRST}'], "damaged|cells where"),
        ([FIRST, FIRST], "no columns of a.csv are numbered"),
        ([HEAD], "holds no rows"),
        (["", " "], "holds no line of names"),
        ([",,,", FIRST], "holds no line of names"),
    ],
)
def test_a_csv_with_other_cells_than_names_is_refused(tmp_path, wrong, sentence):
    (tmp_path / "a.csv").write_text("\n".join(wrong))
    with pytest.raises(EcgsynthError, match=sentence):
        everything(tmp_path / "a.csv", fs=FS)


def test_a_csv_without_names_is_told_from_one_with_numbers_for_names(tmp_path):
    for k, frame in enumerate((table(["x"] * N), (table(["x"] * N) * 200 + 1024).round())):
        frame.to_csv(tmp_path / f"{k}.csv", index=False, header=False)
        with pytest.raises(EcgsynthError, match="first line of .* holds numbers and no names"):
            everything(tmp_path / f"{k}.csv", fs=FS)


def test_numbers_with_a_mark_for_thousands_are_refused(tmp_path):
    head, first, *body = lines()
    cells = first.split(",")
    cells[3] = '"1,024"'
    (tmp_path / "a.csv").write_text("\n".join([head, ",".join(cells), *body]))
    with pytest.raises(EcgsynthError, match="do not all hold numbers.*1,024"):
        everything(tmp_path / "a.csv", fs=FS)


@pytest.mark.parametrize("gap", ["", "nan", "NaN", "NA", "None", "null"])
def test_a_number_that_is_missing_makes_a_gap_and_no_other_row(tmp_path, gap, caplog):
    head, first, *body = lines()
    cells = first.split(",")
    cells[3] = gap
    (tmp_path / "a.csv").write_text("\n".join([head, ",".join(cells), *body]))
    assert everything(tmp_path / "a.csv", fs=FS).labels_str.tolist() == list("VNS")
    assert "1 of 4 rows of a.csv hold missing numbers" in caplog.text


@pytest.mark.parametrize("kind", ["category", "string", "object", "Int64", "float32", "bool"])
def test_labels_of_any_type_of_parquet_are_words(tmp_path, kind):
    words = {"Int64": [3, 10, None], "float32": [3.0, 10.0, np.nan], "bool": [True, False, True]}
    labels = words.get(kind, ["NA", "nan", None])
    frame = table([f"II_{k}" for k in range(50)], 3).assign(label=pd.Series(labels, dtype=kind))
    ecg = everything(saved(frame, tmp_path / "a.parquet"), fs=FS)
    expected = {
        "Int64": ["3", "10", ""], "float32": ["3", "10", ""], "bool": ["True", "False", "True"]
    }  # fmt: skip
    assert ecg.labels_str.tolist() == expected.get(kind, ["NA", "nan", ""])
    if kind == "Int64":
        assert ecg.spec.classes == ("3", "10")


def test_an_index_of_pandas_in_parquet_is_no_column(tmp_path):
    frame = table([f"II_{k}" for k in range(50)], 3)
    frame.index = pd.Index([7, 8, 9])
    frame.to_parquet(tmp_path / "a.parquet")
    assert everything(tmp_path / "a.parquet", fs=FS).signal.shape == (3, 1, 50)


@pytest.mark.parametrize("values", [["a"] * 3, [True] * 3, pd.to_datetime(["2020-01-01"] * 3)])
def test_a_column_of_parquet_that_is_no_number_is_no_sample(tmp_path, values):
    frame = table([f"II_{k}" for k in range(50)], 3)
    frame["II_7"] = values
    with pytest.raises(EcgsynthError, match="do not all hold numbers.*II_7 is of the type"):
        everything(saved(frame, tmp_path / "a.parquet"), fs=FS)


def test_lists_of_parquet_may_be_one_hot_labels_and_leads(tmp_path):
    frame = pd.DataFrame({
        "x": list(rows(4)), "y": list(-rows(4)), "z": list(2 * rows(4)),
        "label": [[1, 0], [0, 1], [0, 1], [0, 0]],
    })  # fmt: skip
    path = saved(frame, tmp_path / "a.parquet")
    ecg = everything(path, fs=FS, leads=["x", "y", "z"])
    np.testing.assert_array_equal(ecg.signal[:, 1], -rows(4))
    assert ecg.labels_str.tolist() == ["0", "1", "1", ""]
    frame["x"] = [np.ones(3), np.ones(4), np.ones(3), np.ones(3)]
    with pytest.raises(EcgsynthError, match="do not all hold numbers of one length"):
        everything(saved(frame, tmp_path / "b.parquet"), fs=FS, leads=["x"])
