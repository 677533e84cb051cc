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
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, twelve_leads
from ecgsynth.simulator.records import simulate_record


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


def test_every_simulated_beat_has_one_code_and_fiducials_have_a_file_of_their_own(
    tmp_path: Path,
) -> None:
    import wfdb

    ecg = simulate_record(60, beats={"N": 0.8, "V": 0.2}, patient=1)
    assert ecg.marks is not None
    formats.write(ecg, f"{tmp_path}/set/")
    beats_of = wfdb.rdann(str(tmp_path / "set" / "ecg_000000"), "atr")
    waves = wfdb.rdann(str(tmp_path / "set" / "ecg_000000"), "fid")
    beat = np.isin(ecg.marks.symbol, ("N", "V"))
    assert beats_of.symbol == ecg.marks.symbol[beat].tolist()
    assert beats_of.sample.tolist() == ecg.marks.sample[beat].tolist()
    assert set(beats_of.aux_note) == {""}
    of_qrs = (waves.sample[np.array(waves.symbol) == "N"]).tolist()
    assert of_qrs == ecg.marks.of(0, "r_peak").tolist()
    assert set(waves.symbol) == {*"(pNt)"}
    for number, onset in enumerate(("p_onset", "qrs_onset", "t_onset")):  # as ecgpuwave has it
        rows = (np.array(waves.symbol) == "(") & (waves.num == number)
        assert waves.sample[rows].tolist() == ecg.marks.of(0, onset).tolist()
    assert_same_marks(formats.read(f"{tmp_path}/set/"), ecg)


def assert_same_marks(one: Ecg, other: Ecg) -> None:
    assert one.marks is not None and other.marks is not None
    for name in ("item", "lead", "sample", "symbol"):
        np.testing.assert_array_equal(getattr(one.marks, name), getattr(other.marks, name))


def test_fiducials_of_single_leads_are_no_beats(tmp_path: Path) -> None:
    ecg = twelve(2, 2000, 500)
    lead = np.tile(np.arange(12), 2)
    marks = Marks(np.repeat([0, 1], 12), lead, 300 + lead, np.full(24, "r_peak"))
    formats.write(replace(ecg, marks=marks), f"{tmp_path}/set/")
    assert not [*(tmp_path / "set").glob("*.atr")]
    assert_same_marks(formats.read(f"{tmp_path}/set/"), replace(ecg, marks=marks))


def test_a_beat_whose_fiducials_alone_are_marked_has_the_code_of_its_class(tmp_path: Path) -> None:
    import wfdb

    ecg = beats(3)
    marks = Marks(np.arange(3), [-1] * 3, [24, 24, 24], ["r_peak"] * 3)  # type: ignore[arg-type]
    formats.write(replace(ecg, marks=marks), f"{tmp_path}/set/")
    assert wfdb.rdann(str(tmp_path / "set" / "ecg_000000"), "atr").symbol == [*"NSV"]
    assert_same_marks(formats.read(f"{tmp_path}/set/"), replace(ecg, marks=marks))


@pytest.mark.parametrize(
    "symbol",
    ["+", '"', "x", "u_onset", "class V", "class", "mark 1", "", "## time resolution: 5", "Ü-Welle",
     "[42]", "r peak", "a" * 255],
)  # fmt: skip
def test_marks_of_any_name_come_back(tmp_path: Path, symbol: str) -> None:
    ecg = beats(3)
    marks = Marks([0, 2], [-1, 0], [0, 9], [symbol, "p_peak"])  # type: ignore[arg-type]
    formats.write(replace(ecg, marks=marks), f"{tmp_path}/set/")
    assert_same_marks(formats.read(f"{tmp_path}/set/"), replace(ecg, marks=marks))


@pytest.mark.parametrize("symbol", ["a" * 256, "two\nlines", "tab\t"])
def test_marks_that_no_note_can_hold_are_refused(tmp_path: Path, symbol: str) -> None:
    marks = Marks([0], [-1], [0], [symbol])  # type: ignore[arg-type]
    with pytest.raises(EcgsynthError, match="a mark is called"):
        formats.write(replace(beats(1), marks=marks), f"{tmp_path}/set/")
    assert not [*tmp_path.iterdir()]


def test_fiducials_that_an_earlier_version_wrote_among_the_beats_are_read(tmp_path: Path) -> None:
    import wfdb

    ecg = beats(2)
    marks = Marks([0, 0, 0, 1], [-1] * 4, [9, 24, 24, 24], ["p_onset", "V", "r_peak", "N"])  # type: ignore[arg-type]
    formats.write(replace(ecg, marks=marks), f"{tmp_path}/set/")
    for file in (tmp_path / "set").glob("*.fid"):
        file.unlink()
    wfdb.wrann(
        "ecg_000000", "atr", np.array([9, 24, 24, 88]), [*"(VNN"], fs=360, chan=np.zeros(4, int),
        aux_note=["p_onset", "", "r_peak", ""], write_dir=str(tmp_path / "set"),
    )  # fmt: skip
    assert_same_marks(formats.read(f"{tmp_path}/set/"), replace(ecg, marks=marks))


def test_a_set_without_marks_leaves_none_of_the_set_before(tmp_path: Path) -> None:
    formats.write(simulate_record(5), f"{tmp_path}/set/")
    plain = replace(simulate_record(5), marks=None)
    formats.write(plain, f"{tmp_path}/set/")
    assert not [*(tmp_path / "set").glob("*.fid"), *(tmp_path / "set").glob("*.atr")]


@pytest.mark.parametrize(
    "source", ["two\nlines", "synthetic:\r\na \u2028 b", "# of all", "\u00e9" * 300, "a " * 300]
)
def test_a_source_of_any_text_comes_back(tmp_path: Path, source: str) -> None:
    import wfdb

    ecg = replace(beats(3), source=source)
    formats.write(ecg, f"{tmp_path}/set/")
    back = formats.read(f"{tmp_path}/set/")
    assert (back.source, back.card) == (ecg.source, ecg.card)
    header = tmp_path / "set" / "ecg_000000.hea"
    assert max(map(len, header.read_text(encoding="utf-8").split("\n"))) <= 255
    assert wfdb.rdheader(str(header.with_suffix(""))).sig_name == ["MLII"]


def foreign_record(folder: Path, name: str, samples: int) -> None:
    import wfdb

    folder.mkdir(exist_ok=True, parents=True)
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


def test_a_record_of_several_segments_is_one_item(tmp_path: Path) -> None:
    for name in ("s1", "s2"):
        foreign_record(tmp_path / "foreign", name, 500)
    (tmp_path / "foreign" / "a.hea").write_text("a/2 1 250 1000\ns1 500\ns2 500\n")
    ecg = formats.read(tmp_path / "foreign")
    assert ecg.record.tolist() == ["a"] and ecg.signal.shape == (1, 1, 1000)  # type: ignore[union-attr]


def test_records_in_folders_of_a_folder_are_found(tmp_path: Path) -> None:
    foreign_record(tmp_path / "foreign" / "p1", "a", 500)
    assert formats.read(tmp_path / "foreign").record.tolist() == ["p1/a"]  # type: ignore[union-attr]


def test_an_empty_folder_holds_no_records(tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="no .hea files"):
        formats.read(tmp_path)
