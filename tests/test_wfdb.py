"""WFDB: other tools open it, limb leads are exact in it, and damaged records are left out."""

from __future__ import annotations

import csv as text_csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from items import BEAT, beats

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, twelve_leads


def test_wfdb_opens_beats_with_an_annotation_at_every_r_peak(tmp_path: Path) -> None:
    import wfdb

    ecg = beats(700)
    formats.write(ecg, f"{tmp_path}/pvc/")
    assert (tmp_path / "pvc" / "RECORDS").read_text().split() == ["ecg_000000", "ecg_000001"]
    record = wfdb.rdrecord(str(tmp_path / "pvc" / "ecg_000000"))
    notes = wfdb.rdann(str(tmp_path / "pvc" / "ecg_000000"), "atr")
    assert record.fs == 360 and record.units == ["mV"] and record.sig_len == 500 * 64
    np.testing.assert_allclose(record.p_signal[:, 0], ecg.signal[:500].ravel(), atol=1e-6)
    assert notes.sample.tolist() == (np.arange(500) * 64 + 24).tolist()
    assert notes.symbol == ecg.labels_str[:500].tolist()
    assert any("not a continuous rhythm" in line for line in record.comments)
    assert max(map(len, (tmp_path / "pvc" / "ecg_000000.hea").read_text().split("\n"))) <= 255


def twelve(items: int, samples: int, fs: float) -> Ecg:
    rng = np.random.default_rng(0)
    shape = (items, len(INDEPENDENT_LEADS), samples)
    independent = rng.normal(0, 0.4, shape).astype(np.float32)
    spec = Spec(LEADS_12, fs, samples)
    return Ecg(twelve_leads(independent), spec, source="synthetic:demo")


def test_limb_leads_in_a_wfdb_file_obey_einthoven_and_goldberger_exactly(tmp_path: Path) -> None:
    import wfdb

    formats.write(twelve(2, 2000, 500), f"{tmp_path}/twelve/")
    record = wfdb.rdrecord(str(tmp_path / "twelve" / "ecg_000001"), physical=False)
    assert len((tmp_path / "twelve" / "RECORDS").read_text().split()) == 2  # one per long item
    steps = dict(zip(record.sig_name, record.d_signal.T, strict=True))
    gain = dict(zip(record.sig_name, record.adc_gain, strict=True))
    assert (steps["III"] == steps["II"] - steps["I"]).all()
    assert gain["aVR"] == 2 * gain["I"]  # half the step, so that halves are whole
    assert (steps["aVR"] == -(steps["I"] + steps["II"])).all()
    assert (steps["aVL"] == 2 * steps["I"] - steps["II"]).all()
    assert (steps["aVF"] == 2 * steps["II"] - steps["I"]).all()


def test_a_limb_lead_that_was_measured_otherwise_is_not_overwritten(tmp_path: Path) -> None:
    ecg = twelve(1, 2000, 500)
    signal = np.round(ecg.signal, 3)
    signal[0, 2] += 0.5
    formats.write(replace(ecg, signal=signal), f"{tmp_path}/set/")
    np.testing.assert_allclose(
        formats.read(f"{tmp_path}/set/").signal[0, 2], signal[0, 2], atol=5e-4
    )


def test_an_amplitude_beyond_sixteen_bits_is_refused_and_not_clipped(tmp_path: Path) -> None:
    ecg = beats(3)
    with pytest.raises(EcgsynthError, match="lead MLII reaches .* 32.8 mV"):
        formats.write(replace(ecg, signal=ecg.signal + 40), f"{tmp_path}/set/")
    assert not list(tmp_path.iterdir())


def test_normalised_signals_are_not_written_as_mv(tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="no mV"):
        formats.write(beats(3, replace(BEAT, unit="normalised")), f"{tmp_path}/set/")


def test_one_header_is_no_target_for_a_set(tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="written as a folder, such as pvc/"):
        formats.write(beats(), tmp_path / "pvc.hea")


def test_a_folder_of_others_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "100.hea").write_text("of others")
    with pytest.raises(EcgsynthError, match="not from ecgsynth"):
        formats.write(beats(), f"{tmp_path}/")
    assert [file.name for file in tmp_path.iterdir()] == ["100.hea"]


def test_a_shorter_set_leaves_no_record_of_the_longer_one_before(tmp_path: Path) -> None:
    formats.write(beats(1200), f"{tmp_path}/set/")
    formats.write(beats(3), f"{tmp_path}/set/")
    assert len(formats.read(f"{tmp_path}/set/")) == 3
    assert [file.stem for file in (tmp_path / "set").glob("*.hea")] == ["ecg_000000"]


def test_a_damaged_record_is_left_out_by_name(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ecg = beats(1200)
    formats.write(ecg, f"{tmp_path}/set/")
    data = tmp_path / "set" / "ecg_000001.dat"
    data.write_bytes(data.read_bytes()[:-20])
    back = formats.read(f"{tmp_path}/set/")
    np.testing.assert_array_equal(back.signal, np.delete(ecg.signal, np.s_[500:1000], 0))
    assert back.labels_str.tolist() == np.delete(ecg.labels_str, np.s_[500:1000]).tolist()
    assert "ecg_000001" in caplog.text and "1 of 3 records" in caplog.text


def test_one_flipped_bit_is_found_by_the_checksum(tmp_path: Path) -> None:
    formats.write(beats(), f"{tmp_path}/set/")
    data = tmp_path / "set" / "ecg_000000.dat"
    content = bytearray(data.read_bytes())
    content[100] ^= 4
    data.write_bytes(content)
    with pytest.raises(EcgsynthError, match="checksum"):
        formats.read(f"{tmp_path}/set/")


def test_a_table_that_does_not_fit_its_records_is_called_damaged(tmp_path: Path) -> None:
    formats.write(beats(), f"{tmp_path}/set/")
    table = tmp_path / "set" / "items.csv"
    rows = list(text_csv.reader(table.open(newline="")))
    assert len(rows) == 1 + 23
    with table.open("w", newline="") as file:
        text_csv.writer(file).writerows(rows[:-1])
    with pytest.raises(EcgsynthError, match="does not fit the record"):
        formats.read(f"{tmp_path}/set/")


@pytest.mark.parametrize(("old", "new"), [("rr_before_s", "rr"), ("label", "x"), ("0.", "x.")])
def test_a_table_with_a_wrong_cell_is_called_damaged(tmp_path: Path, old: str, new: str) -> None:
    formats.write(beats(), f"{tmp_path}/set/")
    table = tmp_path / "set" / "items.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(EcgsynthError, match=r"items\.csv is damaged"):
        formats.read(f"{tmp_path}/set/")


def foreign_record(folder: Path, name: str, samples: int) -> None:
    import wfdb

    folder.mkdir(exist_ok=True)
    wave = np.sin(np.arange(samples) / 20)[:, None]
    wfdb.wrsamp(name, 250, ["mV"], ["II"], p_signal=wave, fmt=["16"], write_dir=str(folder))
    wfdb.wrann(name, "atr", np.array([50, 90]), ["N", "V"], write_dir=str(folder))


def test_records_of_others_become_one_item_each(tmp_path: Path) -> None:
    for name in ("a1", "a2"):
        foreign_record(tmp_path / "foreign", name, 1000)
    ecg = formats.read(tmp_path / "foreign")
    assert ecg.signal.shape == (2, 1, 1000) and ecg.record.tolist() == ["a1", "a2"]  # type: ignore[union-attr]
    assert ecg.marks is not None and ecg.marks.of(1, "V").tolist() == [90]
    assert len(formats.read(tmp_path / "foreign" / "a1.hea")) == 1
    assert len(formats.read(tmp_path / "foreign" / "a1")) == 1  # as WFDB names records


def test_records_of_different_length_point_to_the_folder_data_set(tmp_path: Path) -> None:
    foreign_record(tmp_path / "foreign", "a1", 1000)
    foreign_record(tmp_path / "foreign", "a2", 1001)
    with pytest.raises(EcgsynthError, match="differ in length .* `folder`"):
        formats.read(tmp_path / "foreign")


def test_an_empty_folder_holds_no_records(tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="no .hea files"):
        formats.read(tmp_path)
