"""PTB-XL: what a statement means, who is where, and what is made of a part of the records."""

from __future__ import annotations

import csv
import logging
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgsynth.datasets import load, ptbxl
from ecgsynth.datasets.demographics import people
from ecgsynth.datasets.ptbxl import files
from ecgsynth.datasets.ptbxl.statements import parse
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.vocabulary import LEADS_12
from ecgsynth.simulator.records import simulate_record

STATEMENTS = {
    "NORM": ("normal ECG", "1.0", "NORM"),
    "IMI": ("inferior infarction", "1.0", "MI"),
    "LVH": ("left ventricular hypertrophy", "1.0", "HYP"),
    "AFIB": ("atrial fibrillation", "", ""),
    "SR": ("sinus rhythm", "", ""),
}
# ecg_id, patient, age, sex, fold, statements; record 6 is named but not here.
ROWS = (
    (1, "11.0", "56.0", "1", 1, "{'NORM': 100.0, 'SR': 0.0}"),
    (2, "12.0", "300.0", "0", 1, "{'IMI': 35.0, 'AFIB': 0.0}"),
    (3, "12.0", "300.0", "0", 1, "{'IMI': 0.0}"),
    (4, "13.0", "", "1", 9, "{'LVH': 100.0, 'IMI': 80.0}"),
    (5, "14.0", "20.0", "0", 10, "{'SR': 0.0}"),
    (6, "15.0", "33.0", "0", 10, "{'NORM': 100.0}"),
)


def write(folder: Path, fs: int, rows: tuple = ROWS) -> None:
    """Simulated people in PTB-XL's layout, at 100 or 500 Hz."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "scp_statements.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("", "description", "diagnostic", "diagnostic_class"))
        table.writerows((name, *rest) for name, rest in STATEMENTS.items())
    names = (folder / "ptbxl_database.csv").open("w", newline="")
    with names as file:
        table = csv.writer(file)
        table.writerow(files.COLUMNS)
        for number, patient, age, sex, fold, said in rows:
            low, high = (f"records{k}00/00000/{number:05d}_{s}" for k, s in ((1, "lr"), (5, "hr")))
            table.writerow((number, patient, age, sex, said, fold, low, high))
    ending = "hr" if fs == 500 else "lr"
    to = folder / f"records{fs}" / "00000"
    to.mkdir(parents=True, exist_ok=True)
    for number, *_ in rows[:5]:
        ecg = simulate_record(10.0, float(fs), patient=number, seed=2)
        wfdb.wrsamp(
            f"{number:05d}_{ending}", fs, ["mV"] * 12, [lead.upper() for lead in LEADS_12],
            p_signal=ecg.signal[0].T.astype(float), fmt=["16"] * 12, adc_gain=[1000.0] * 12,
            baseline=[0] * 12, write_dir=str(to),
        )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    write(tmp_path / "ptbxl", 500)
    return tmp_path / "ptbxl"


def test_a_record_comes_back_in_mv_in_the_standard_order(root: Path) -> None:
    found = load("ptbxl:train", fs=500)
    assert found.spec.leads == LEADS_12
    assert found.signal.shape == (3, 12, 5000)
    expected = simulate_record(10.0, 500.0, patient=2, seed=2).signal[0]
    np.testing.assert_allclose(found.signal[1], expected, atol=0.00051)
    assert found.record is not None and found.record.tolist() == ["00001", "00002", "00003"]


def test_where_only_500_hz_is_there_100_hz_is_resampled_from_it(root: Path) -> None:
    slow = load("ptbxl:train")
    assert slow.signal.shape == (3, 12, 1000) and slow.spec.fs == 100
    fast = load("ptbxl:train", fs=500, band=(None, 35.0))
    same = load("ptbxl:train", band=(None, 35.0))
    np.testing.assert_allclose(same.signal[..., 50:-50], fast.signal[..., 250:-250:5], atol=0.01)


def test_the_official_100_hz_records_come_first(root: Path) -> None:
    before = load("ptbxl:train").signal
    write(root, 100)
    after = load("ptbxl:train").signal
    expected = simulate_record(10.0, 100.0, patient=1, seed=2).signal[0]
    np.testing.assert_allclose(after[0], expected, atol=0.00051)
    assert np.abs(after - before).max() > 0.005


def test_likelihood_0_means_not_stated_and_makes_a_label(root: Path) -> None:
    classes = ["IMI", "AFIB", "SR"]
    label = load("ptbxl:train", classes=classes).label
    assert label is not None
    assert label.tolist() == [[0, 0, 1], [1, 1, 0], [1, 0, 0]]
    sure = load("ptbxl:train", classes=classes, min_likelihood=50).label
    assert sure is not None
    assert sure.tolist() == [[0, 0, 1], [0, 1, 0], [1, 0, 0]]  # 35 % falls, "not stated" stays


def test_a_superclass_follows_from_its_statements(root: Path) -> None:
    found = load("ptbxl:all")
    assert found.spec.classes == ("NORM", "MI", "STTC", "CD", "HYP") and found.spec.multilabel
    assert found.labels_str.tolist() == ["NORM", "MI", "MI", "MI|HYP", ""]
    assert (
        load("ptbxl:all", labelled_only=True).labels_str.tolist() == found.labels_str.tolist()[:4]
    )
    percent = ptbxl.likelihoods(found)
    assert percent[1, 1] == 35 and percent[2, 1] == 0 and percent[3, 1] == 80
    assert np.isnan(percent[0, 1])


def test_age_300_means_90_or_over_and_sex_0_is_male(root: Path) -> None:
    found = load("ptbxl:all")
    np.testing.assert_array_equal(found.context[:, 0], [56, 90, 90, np.nan, 20])
    np.testing.assert_array_equal(found.context[:, 1], [1, 0, 0, 1, 0])
    told = people("ptbxl:train")
    assert told["12"] == (90.0, "M") and told["13"] == (None, "F")


def test_no_person_is_on_both_sides_of_a_split(root: Path) -> None:
    sides = [set(load(f"ptbxl:fold-{k}").patient.tolist()) for k in (1, 9, 10)]
    assert sides == [{"11", "12"}, {"13"}, {"14"}]


def test_a_part_of_the_records_is_used_and_counted(root: Path) -> None:
    inventory = DATASETS.get("ptbxl").check(ptbxl.PtbXl.Settings())
    assert inventory.records == 5 and inventory.missing == ["00006"]
    assert inventory.notes[0].startswith("5 of the 21,799 records")
    assert "5 were resampled" in inventory.notes[0]


def test_records_that_are_not_here_are_told_when_a_split_is_loaded(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(load("ptbxl:train")) == 3
    assert "are not here" not in caplog.text
    for file in root.rglob("*00002_hr.*"):
        file.unlink()
    assert len(load("ptbxl:train")) == 2
    assert "1 of the 3 records of ptbxl:train in the table are not here; 2 are used" in caplog.text


def test_a_damaged_record_is_left_out_and_named(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "records500/00000/00002_hr.dat").write_bytes(b"\0" * 1000)
    with caplog.at_level(logging.WARNING):
        assert len(load("ptbxl:train")) == 2
    assert "1 records of ptbxl:train are left out; record 2" in caplog.text


def test_check_tells_a_damaged_record_from_one_that_is_left_out(root: Path) -> None:
    (root / "records500/00000/00002_hr.dat").write_bytes(b"\0" * 1000)
    header = root / "records500/00000/00003_hr.hea"
    header.write_text(header.read_text().replace("AVR", "OTHER"))
    found = ptbxl.PtbXl.check(ptbxl.PtbXl.Settings())
    assert [*found.damaged] == ["00002"]
    assert [*found.left_out] == ["00003"]
    assert "has no lead AVR" in found.left_out["00003"]


def test_an_unknown_statement_is_answered_with_the_nearest(root: Path) -> None:
    with pytest.raises(EcgsynthError, match=r"no statement 'AFIBB'. Did you mean 'AFIB'"):
        load("ptbxl", classes=["AFIBB"])


def test_a_statement_that_nobody_has_is_a_clear_refusal(root: Path) -> None:
    with pytest.raises(EcgsynthError, match="no record of ptbxl:test fits"):
        load("ptbxl:test", classes=["AFIB"], labelled_only=True)


@pytest.mark.parametrize("text", ["", "{'NORM'", "__import__('os')", "{'NORM': 'x'}", "[" * 5000])
def test_statements_that_are_no_statements_are_refused(text: str) -> None:
    with pytest.raises(EcgsynthError, match="statements should look like"):
        parse(text)


def test_a_table_that_is_not_ptbxls_is_refused(root: Path) -> None:
    (root / "ptbxl_database.csv").write_text("ecg_id,age\n1,2\n")
    with pytest.raises(EcgsynthError, match="has no column 'patient_id'"):
        load("ptbxl")


@pytest.mark.data("ptbxl")
def test_the_real_part_has_its_counts() -> None:
    found = load("ptbxl:all")
    counts = {"NORM": 1433, "MI": 665, "STTC": 703, "CD": 602, "HYP": 346}
    if len(found) == 2992:  # the part that is used for the published figures
        assert found.counts() == counts
        rare = load("ptbxl:all", classes=["AFIB", "PVC", "1AVB", "CLBBB", "CRBBB", "PACE"])
        assert list(rare.counts().values()) == [197, 148, 101, 63, 52, 37]
    folds = [set(load(f"ptbxl:fold-{k}").patient.tolist()) for k in range(1, 11)]
    assert sum(map(len, folds)) == len(set.union(*folds))
    third = found.signal[:, 2] - (found.signal[:, 1] - found.signal[:, 0])
    assert np.median(np.abs(third).max(1)) < 0.006
