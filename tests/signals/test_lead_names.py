"""A lead has one name, whatever a file calls it, and sets of the same leads are comparable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from wfdb_files import write_record

import ecgsynth as es
from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import (
    STANDARD,
    choose_leads,
    in_order_of,
    rename_leads,
    standard_lead,
    standard_leads,
)
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12
from ecgsynth.simulator.records import simulate_record

RECORD = simulate_record(10, 250, leads=("I", "II", "V1"))


@pytest.mark.parametrize(
    ("standard", "names"),
    [
        ("aVR", "AVR avr aVr Lead_aVR MDC_ECG_LEAD_AVR ECG_AVR a.V.R"),
        ("II", "II ii LEAD_II ECG_II ECG.Lead_II EKG-II MDC_ECG_LEAD_II DII D2 Ⅱ Ⅱ导联 第II誘導"),
        ("V1", "v1 V_1 C1 Lead.V1 ecg_v1 V1-Lead V1導聯 отведение_V1 Ableitung_V1 Dérivation_V1"),
        ("V4R", "V4R v4r MDC_ECG_LEAD_V4R"),
        ("MLII", "MLII mlII MDC_ECG_LEAD_MLII"),
        ("X", "vx X Lead_X"),
    ],
)
def test_names_of_one_lead_are_one(standard: str, names: str) -> None:
    for name in names.split():
        assert standard_lead(name) == standard_lead(name.replace("_", " ")) == standard, name


def test_a_meaning_in_words_names_its_lead() -> None:
    assert standard_lead("aVR, augmented voltage, right") == "aVR"
    assert standard_lead("Lead I (Einthoven)") == "I"


@pytest.mark.parametrize("name", ["ECG", "ECG1", "lead2", "-aVR", "VL", "EDF Annotations"])
def test_what_is_no_standard_lead_keeps_its_name(name: str) -> None:
    assert standard_lead(name) == name


def test_standard_names_stay() -> None:
    assert standard_leads(STANDARD) == STANDARD


def test_leads_of_a_file_are_distinct() -> None:
    assert standard_leads(["ECG", "ECG", " ", "Lead II", "II"]) == (
        "ECG", "ECG_2", "lead3", "II", "II_2",
    )  # fmt: skip
    assert standard_leads(["ECG1", "AVF"], {"ECG1": "MLII"}) == ("MLII", "aVF")
    with pytest.raises(EcgsynthError, match="no lead 'ECG2' to rename; the leads are ECG1"):
        standard_leads(["ECG1"], {"ECG2": "MLII"})
    with pytest.raises(EcgsynthError, match="rename is a mapping"):
        standard_leads(["ECG1"], "MLII")  # type: ignore[arg-type]


def test_chosen_leads_take_their_marks_and_mask_with_them() -> None:
    mask = np.zeros(RECORD.signal.shape, bool)
    mask[:, 2] = True
    marks = Marks(np.zeros(3), np.array([0, 2, -1]), np.array([5, 6, 7]), np.array(["N", "V", "S"]))
    ecg = replace(RECORD, synthetic_mask=mask, marks=marks)
    part = choose_leads(ecg, ["V1", "Lead II"])
    assert part.spec.leads == ("V1", "Lead II") and part.synthetic_mask is not None
    np.testing.assert_array_equal(part.signal, ecg.signal[:, [2, 1]])
    np.testing.assert_array_equal(part.synthetic_mask.any(2), [[True, False]])
    assert part.marks == Marks(
        np.zeros(2), np.array([0, -1]), np.array([6, 7]), np.array(["V", "S"])
    )
    with pytest.raises(EcgsynthError, match="the set has no lead V6; it has I, II, V1"):
        choose_leads(ecg, ["II", "V6"])


def test_the_same_leads_are_brought_into_one_order_and_others_are_left() -> None:
    other = replace(
        RECORD, signal=RECORD.signal[:, [2, 0, 1]],
        spec=replace(RECORD.spec, leads=("MDC_ECG_LEAD_V1", "DI", "DII")),
    )  # fmt: skip
    assert in_order_of(other, RECORD.spec.leads) == RECORD
    fewer = choose_leads(other, ["V1", "I"])
    assert in_order_of(fewer, RECORD.spec.leads) is fewer
    assert rename_leads(other).spec.leads == ("V1", "I", "II")


def test_an_evaluation_takes_leads_of_other_names_in_another_order(tmp_path: Path) -> None:
    long = simulate_record(48, 100).signal.reshape(12, 12, 400).swapaxes(0, 1)
    real = Ecg(long, Spec(LEADS_12, 100, 400))
    order = [*range(6, 12), *range(6)]
    np.savez(
        tmp_path / "other.npz", data=real.signal[:, order], fs=100,
        leads=[LEADS_12[k].upper() for k in order],
    )  # fmt: skip
    other = formats.read(tmp_path / "other.npz")
    assert {*other.spec.leads} == {*LEADS_12}
    report = es.evaluate(
        other, against=real, metrics=["einthoven_residual", "spread"], quick=True, controls=False
    )
    assert report["einthoven_residual", "all"].value == pytest.approx(0, abs=1e-5)


def test_records_of_a_folder_may_differ_in_names_and_order_of_leads(tmp_path: Path) -> None:
    rows = {"a": ("II", "V1"), "b": ("V1", "Lead II"), "c": ("ECG1", "C1")}
    steps = np.round(1000 * RECORD.signal[0, 1:]).astype(int)
    for name, leads in rows.items():
        digital = steps if name != "b" else steps[::-1]
        write_record(tmp_path, name, digital, leads=leads)
    ecg = es.load("folder", path=str(tmp_path), split="all", rename={"ECG1": "II"}, baseline=False)
    assert ecg.spec.leads == ("II", "V1") and len(ecg) == 3
    np.testing.assert_array_equal(ecg.signal[0], ecg.signal[1])
    one = es.load("folder", path=str(tmp_path), split="all", leads=["V1"], baseline=False)
    np.testing.assert_array_equal(one.signal[:, 0], ecg.signal[:, 1])
    (tmp_path / "c.hea").unlink()
    assert formats.read(tmp_path).spec.leads == ("II", "V1")
