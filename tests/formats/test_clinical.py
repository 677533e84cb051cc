"""DICOM, HL7 aECG and GE MUSE XML keep what an ECG means, whoever reads them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from clinical_files import CLINICAL, strip, without_facts, written
from hypothesis import given, settings
from hypothesis import strategies as st
from items import BEAT, beats

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.contract import named
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import choose_leads
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, INDEPENDENT_LEADS, LEADS_12

TWELVE = strip(LEADS_12, 500, 1500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clinical")


def in_steps(ecg: Ecg, step_mv: float) -> np.ndarray:
    """Half steps, as whole numbers."""
    steps = 2 * ecg.signal[0].astype(np.float64) / step_mv
    assert np.abs(steps - np.round(steps)).max() < 0.01
    return np.round(steps).astype(int)


LEADS = st.sampled_from(
    [LEADS_12, LEADS_12[::-1], INDEPENDENT_LEADS, ("MLII",), ("II", "V5"), ("I", "II", "aVR"),
     ("V4R", "V9", "X"), ("ECG", "Ableitung 7"), (*LEADS_12, "V3R", "V4R", "V7")]
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(CLINICAL), leads=LEADS, samples=st.integers(1, 300),
    fs=st.sampled_from([100, 128, 250, 257, 360, 500, 977.5, 1000]),
    peak_mv=st.sampled_from([0.01, 1.0, 20.0]), seed=st.integers(0, 99),
)  # fmt: skip
def test_any_item_comes_back_within_a_step(
    folder: Path, name: str, leads: tuple[str, ...], samples: int, fs: float, peak_mv: float,
    seed: int,
) -> None:  # fmt: skip
    ecg, kind = strip(leads, fs, samples, seed, peak_mv), named(name)
    if name == "dicom" and len(leads) > 12 and fs < 200:
        with pytest.raises(EcgsynthError, match="change the rate"):
            written(ecg, folder, name)
        return
    back = formats.read(written(ecg, folder, name))
    assert np.abs(back.signal - ecg.signal).max() <= 1.01 * (kind.step_mv or 0)
    assert replace(back, signal=ecg.signal, card=ecg.card) == ecg


@pytest.mark.parametrize("name", CLINICAL)
def test_a_file_means_the_same_to_programs_that_know_only_its_standard(
    tmp_path: Path, name: str
) -> None:
    back = formats.read(without_facts(written(TWELVE, tmp_path, name)))
    assert back.spec == TWELVE.spec
    assert np.abs(back.signal - TWELVE.signal).max() <= 1.01 * (named(name).step_mv or 0)
    assert back.synthetic and "p 7" in str(back.patient)
    np.testing.assert_array_equal(back.context, TWELVE.context)
    assert back.start is not None and TWELVE.marks is not None and back.marks is not None
    assert str(back.start[0])[:19] == "2026-01-31T08:15:00"
    if name == "muse":  # beats alone, of three types
        rows = [k for k, one in enumerate(TWELVE.marks.symbol) if one in AAMI_OF_SYMBOL]
        np.testing.assert_array_equal(back.marks.sample, TWELVE.marks.sample[rows])
        np.testing.assert_array_equal(back.marks.symbol, TWELVE.marks.symbol[rows])
    else:
        np.testing.assert_array_equal(back.marks.sample, TWELVE.marks.sample)
        np.testing.assert_array_equal(back.marks.symbol, TWELVE.marks.symbol)
        np.testing.assert_array_equal(back.marks.lead, TWELVE.marks.lead)


@pytest.mark.parametrize("name", CLINICAL)
def test_limb_leads_still_follow_from_each_other_after_rounding(tmp_path: Path, name: str) -> None:
    step_mv = named(name).step_mv or 0
    for path in (written(TWELVE, tmp_path, name), without_facts(written(TWELVE, tmp_path, name))):
        one, two, three, right, left, foot = in_steps(formats.read(path), step_mv)[:6]
        np.testing.assert_array_equal(three, two - one)
        np.testing.assert_array_equal(2 * right, -one - two)
        np.testing.assert_array_equal(2 * left, 2 * one - two)
        np.testing.assert_array_equal(2 * foot, 2 * two - one)


def test_muse_stores_what_others_follow_from_and_leads_that_do_not_follow(tmp_path: Path) -> None:
    text = written(TWELVE, tmp_path, "muse").read_text()
    assert "<NumberofLeads>8</NumberofLeads>" in text and text.count("<LeadID>") == 8
    own = TWELVE.signal.copy()
    own[0, 3] += 0.1  # as of a swapped electrode
    path = written(replace(TWELVE, signal=own), tmp_path, "muse")
    assert "<LeadID>aVR</LeadID>" in path.read_text()
    assert np.abs(formats.read(path).signal - own).max() < 0.005


@pytest.mark.parametrize("name", CLINICAL)
def test_every_field_for_a_person_or_a_device_states_that_it_is_synthetic(
    tmp_path: Path, name: str
) -> None:
    path = written(TWELVE, tmp_path, name)
    if name == "dicom":
        data = pydicom.dcmread(path)
        texts = [
            str(data[field].value)
            for field in ("PatientName", "PatientID", "Manufacturer", "ManufacturerModelName",
                          "InstitutionName", "StudyDescription", "SeriesDescription")
        ]  # fmt: skip
        texts.append("".join(data.PatientComments))
        channels = data.WaveformSequence[0].ChannelDefinitionSequence
        assert {one.ChannelStatus for one in channels} == {"TEST DATA"}
    else:
        text = path.read_text()
        tags = {
            "aecg": ("text", "name", "manufacturerModelName", "softwareName"),
            "muse": ("PatientID", "PatientLastName", "SiteName", "AcquisitionDevice", "StmtText"),
        }[name]
        texts = [text.partition(f"<{tag}>")[2].partition("<")[0] for tag in tags]
    assert all(text.startswith("SYNTHETIC") for text in texts), texts
    real = formats.read(written(replace(TWELVE, source="mitbih"), tmp_path, name))
    assert not real.synthetic and b"SYNTHETIC" not in path.read_bytes()


@pytest.mark.parametrize("name", CLINICAL)
def test_parts_that_a_model_made_are_named_and_come_back(tmp_path: Path, name: str) -> None:
    mask = np.zeros(TWELVE.signal.shape, bool)
    mask[0, 6:] = True
    mask[0, 1, 250:500] = True
    card = {"completed": {"real": "ptbxl"}}
    ecg = replace(TWELVE, synthetic_mask=mask, card=card)
    path = written(ecg, tmp_path, name)
    np.testing.assert_array_equal(formats.read(path).synthetic_mask, mask)
    content = path.read_bytes()
    assert b"PARTLY SYNTHETIC" in content
    assert b"made by a model: V1, V2, V3, V4, V5, V6 throughout" in content
    assert b"made by a model: II from 0.5 to 1 s" in content


@pytest.mark.parametrize("name", CLINICAL)
def test_the_same_item_is_the_same_file(tmp_path: Path, name: str) -> None:
    one = written(TWELVE, tmp_path / "a", name).read_bytes()
    assert written(TWELVE, tmp_path / "b", name).read_bytes() == one
    assert written(strip(LEADS_12, 500, 1500, seed=1), tmp_path, name).read_bytes() != one


@pytest.mark.parametrize("name", CLINICAL)
def test_statements_have_codes_of_snomed_and_lines_of_their_own(tmp_path: Path, name: str) -> None:
    spec = replace(TWELVE.spec, classes=("AFIB", "NORM"), multilabel=True)
    ecg = replace(TWELVE, spec=spec, label=np.array([[1, 1]]))
    path = written(ecg, tmp_path, name)
    np.testing.assert_array_equal(formats.read(path).label, ecg.label)
    content = path.read_bytes()
    assert b"Atrial fibrillation" in content and b"NORM" in content
    assert (b"164889003" in content) == (name != "muse")


@pytest.mark.parametrize("name", CLINICAL)
def test_aligned_beats_have_a_beat_of_their_class_at_r(tmp_path: Path, name: str) -> None:
    path = formats.write(
        beats(3, replace(BEAT, fs=500)), f"{tmp_path}/set{named(name).endings[0]}/"
    )
    assert formats.read(path).marks is None
    for file, symbol in zip(sorted(path.glob("ecg_*")), "NSV", strict=True):
        marks = formats.read(without_facts(file)).marks
        assert marks is not None
        assert (marks.sample.tolist(), marks.symbol.tolist()) == ([24], [symbol])


def test_missing_samples_are_padding_in_dicom_and_refused_elsewhere(tmp_path: Path) -> None:
    signal = TWELVE.signal.copy()
    signal[0, 7, 100:200] = np.nan
    ecg = replace(TWELVE, signal=signal)
    for change in (Path, without_facts):
        back = formats.read(change(written(ecg, tmp_path, "dicom")))
        np.testing.assert_array_equal(np.isnan(back.signal), np.isnan(signal))
    for name in ("aecg", "muse"):
        with pytest.raises(EcgsynthError, match="samples of lead V2 are missing in item 0"):
            written(ecg, tmp_path, name)


def test_what_a_format_cannot_hold_is_refused_in_a_sentence(tmp_path: Path) -> None:
    high = replace(TWELVE, signal=TWELVE.signal * 40)
    with pytest.raises(EcgsynthError, match="16-bit DICOM ends at 32.8 mV"):
        written(choose_leads(high, ["V1"]), tmp_path, "dicom")
    for fs, name in ((1500, "dicom"), (30, "dicom"), (1000 / 3, "muse")):
        odd = replace(TWELVE, spec=replace(TWELVE.spec, fs=fs))
        with pytest.raises(EcgsynthError, match="rate"):
            written(odd, tmp_path, name)
    assert not list(tmp_path.iterdir())
    many = Ecg(np.zeros((1, 100, 9)), Spec(tuple(f"E{k}" for k in range(100)), 500, 9))
    with pytest.raises(EcgsynthError, match="up to 96 leads, .* here are 100"):
        written(many, tmp_path, "dicom")


def test_many_leads_are_groups_of_one_recording(tmp_path: Path) -> None:
    wide = strip(tuple(f"E{k}" for k in range(60)), 500, 40)
    path = written(wide, tmp_path, "dicom")
    assert len(pydicom.dcmread(path).WaveformSequence) == 3
    back = formats.read(path)
    assert back.spec == wide.spec and back.marks == wide.marks
    assert formats.read(without_facts(path)).marks == wide.marks


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="no dciodvfy (dicom3tools)")
@pytest.mark.parametrize(
    ("leads", "fs", "kind"),
    [(LEADS_12, 500, "TwelveLeadECG"), (("MLII",), 360, "GeneralECG"),
     ((*LEADS_12, "V3R"), 1000, "GeneralECG"), (("II", "V5"), 128, "AmbulatoryECG")],
)  # fmt: skip
def test_dciodvfy_has_no_error(
    tmp_path: Path, leads: tuple[str, ...], fs: float, kind: str
) -> None:
    ecg = strip(leads, fs, 600, symbols=("N", "p_peak", "t_offset", "(AFIB", "odd one"))
    ecg.signal[0, 0, 5] = np.nan
    spec = replace(ecg.spec, classes=("AFIB", "NORM"), multilabel=True, band=(0.05, 60))
    mask = np.arange(600) < np.full((1, len(leads), 1), 300)
    card = {"completed": {"real": "mitbih"}}
    for one in (
        replace(ecg, spec=spec, label=np.array([[1, 1]])),
        replace(ecg, synthetic_mask=mask, card=card),
        replace(ecg, source="mitbih", patient=None, context=np.full((1, 2), np.nan)),
    ):
        path = written(one, tmp_path, "dicom")
        found = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
        assert kind in found.stderr and "Error" not in found.stderr, found.stderr


def test_pydicom_reads_the_same_amplitudes(tmp_path: Path) -> None:
    data = pydicom.dcmread(written(TWELVE, tmp_path, "dicom"))
    wave = data.waveform_array(0)  # uV
    assert np.abs(wave.T / 1000 - TWELVE.signal[0]).max() <= 0.001
    lead = data.WaveformSequence[0].ChannelDefinitionSequence[3].ChannelSourceSequence[0]
    assert (lead.CodeValue, lead.CodingSchemeDesignator) == ("2:62", "MDC")


def test_marks_outside_of_the_item_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    marks = Marks(np.zeros(2), np.full(2, -1), np.array([-5, 40]), np.array(["N", "N"]))
    for name in CLINICAL:
        back = formats.read(written(replace(TWELVE, marks=marks), tmp_path, name))
        assert back.marks is not None and back.marks.sample.tolist() == [40]
    assert caplog.text.count("1 marks outside of their items are left out.") == 3
