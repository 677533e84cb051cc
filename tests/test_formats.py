"""Files in and out: what is written comes back, others can read it, and damage is named."""

from __future__ import annotations

import csv as text_csv
import errno
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import stream
from ecgsynth.signals.ecg import Ecg, Marks, Spec, one_hot
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, twelve_leads

TARGETS = ("set.npz", "set.csv", "set.parquet", "set/")
BEAT = Spec(("MLII",), 360, 64, ("N", "S", "V"), context=("rr_before_s", "rr_after_s"), r_sample=24)


def beats(count: int = 23, spec: Spec = BEAT, **more: object) -> Ecg:
    """Items on the 1-uV grid, with every column filled and some unknowns among the contexts."""
    rng = np.random.default_rng(count)
    shape = (count, len(spec.leads), spec.samples)
    context = rng.uniform(0.3, 1.5, (count, len(spec.context))).astype(np.float32)
    context[::5] = np.nan
    columns = {
        "label": one_hot(np.arange(count) % len(spec.classes), len(spec.classes)),
        "context": context,
        "patient": np.array([f"{k % 7:03d}" for k in range(count)]),
        "record": np.array([f"rec {k}, 'odd' # name" for k in range(count)]),
        "valid": np.full(count, spec.samples - 4),
        "onset_s": rng.uniform(0, 1800, count),
        "source": "synthetic:demo-1a2b3c4d",
        "card": {"id": "demo-1a2b3c4d", "metrics": {"r": 0.9}},
    }
    signal = (rng.integers(-3000, 3000, shape) / 1000).astype(np.float32)
    return Ecg(signal, spec, **(columns | more))


def with_marks(ecg: Ecg) -> Ecg:
    count = len(ecg)
    item = np.repeat(np.arange(count), 2)
    symbol = np.tile(["p_peak", "V"], count)
    return replace(ecg, marks=Marks(item, np.tile([0, -1], count), np.tile([9, 24], count), symbol))


def chunked(ecg: Ecg, size: int) -> list[Ecg]:
    return [ecg[k : k + size] for k in range(0, len(ecg), size)]


def assert_same(one: Ecg, two: Ecg) -> None:
    assert (one.spec, one.source, one.card) == (two.spec, two.source, two.card)
    for name in ("signal", "label", "context", "patient", "record", "valid", "onset_s"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), err_msg=name)


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_written_comes_back(tmp_path: Path, target: str) -> None:
    ecg = beats()
    formats.write(ecg, f"{tmp_path}/{target}")
    assert_same(formats.read(f"{tmp_path}/{target}"), ecg)


@pytest.mark.parametrize("target", TARGETS)
def test_a_stream_gives_the_same_file_as_its_whole(tmp_path: Path, target: str) -> None:
    ecg = beats(50)
    for name, chunks in (("one", ecg), ("many", (part for part in chunked(ecg, 7)))):
        formats.write(chunks, f"{tmp_path}/{name}-{target}")
    assert_same(formats.read(f"{tmp_path}/one-{target}"), formats.read(f"{tmp_path}/many-{target}"))


@pytest.mark.parametrize("target", ("set.npz", "set.parquet", "set/"))
def test_marks_come_back(tmp_path: Path, target: str) -> None:
    ecg = with_marks(beats())
    formats.write(chunked(ecg, 5), f"{tmp_path}/{target}")
    marks = formats.read(f"{tmp_path}/{target}").marks
    assert marks is not None and ecg.marks is not None
    for name in ("item", "lead", "sample", "symbol"):
        np.testing.assert_array_equal(getattr(marks, name), getattr(ecg.marks, name))


@pytest.mark.parametrize("target", TARGETS)
def test_an_item_may_carry_several_classes(tmp_path: Path, target: str) -> None:
    label = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 1]], np.float32)
    ecg = beats(3, replace(BEAT, multilabel=True), label=label)
    formats.write(ecg, f"{tmp_path}/{target}")
    np.testing.assert_array_equal(formats.read(f"{tmp_path}/{target}").label, label)


@pytest.mark.parametrize("target", TARGETS)
def test_bare_signals_without_classes_or_columns_come_back(tmp_path: Path, target: str) -> None:
    ecg = Ecg(beats(4).signal, Spec(("MLII",), 360, 64), source="mitbih:test")
    formats.write(ecg, f"{tmp_path}/{target}")
    back = formats.read(f"{tmp_path}/{target}")
    assert back.patient is None and back.marks is None and not back.synthetic
    assert back.signal.tobytes() == ecg.signal.tobytes()


@pytest.mark.parametrize("target", TARGETS)
def test_missing_samples_stay_missing(tmp_path: Path, target: str) -> None:
    ecg = beats(4)
    signal = ecg.signal.copy()
    signal[2, 0, 10:20] = np.nan
    formats.write(replace(ecg, signal=signal), f"{tmp_path}/{target}")
    np.testing.assert_array_equal(formats.read(f"{tmp_path}/{target}").signal, signal)


def test_every_file_says_that_it_is_synthetic_and_from_which_card(tmp_path: Path) -> None:
    import pyarrow.parquet
    import wfdb

    for target in TARGETS:
        formats.write(beats(), f"{tmp_path}/{target}")
    said = [
        str(np.load(tmp_path / "set.npz")["statement"]),
        (tmp_path / "set.csv").read_text().split("\n")[0],
        pyarrow.parquet.read_schema(tmp_path / "set.parquet").metadata[b"statement"].decode(),
        wfdb.rdheader(str(tmp_path / "set" / "ecg_000000")).comments[0],
    ]
    for text in said:
        assert "SYNTHETIC" in text and "demo-1a2b3c4d" in text


@pytest.mark.parametrize("target", TARGETS)
def test_an_empty_stream_writes_nothing_and_says_so(tmp_path: Path, target: str) -> None:
    for empty in ([], [beats()[:0]]):
        with pytest.raises(EcgsynthError, match="no items"):
            formats.write(empty, f"{tmp_path}/{target}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_real_and_synthetic_items_do_not_share_a_file(tmp_path: Path, target: str) -> None:
    mixed = [beats(), replace(beats(), source="mitbih:train")]
    with pytest.raises(EcgsynthError, match="different source"):
        formats.write(mixed, f"{tmp_path}/{target}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_a_stream_that_breaks_off_leaves_the_older_file_whole(tmp_path: Path, target: str) -> None:
    def breaking() -> object:
        yield beats(600)
        raise KeyboardInterrupt

    formats.write(beats(), f"{tmp_path}/{target}")
    with pytest.raises(KeyboardInterrupt):
        formats.write(breaking(), f"{tmp_path}/{target}")  # type: ignore[arg-type]
    assert_same(formats.read(f"{tmp_path}/{target}"), beats())
    assert [file.name for file in tmp_path.iterdir()] == [target.rstrip("/")]


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("set.npz", "shutil.copyfileobj"),
        ("set.csv", "pyarrow.csv.CSVWriter.write_table"),
        ("set.parquet", "pyarrow.parquet.ParquetWriter.write_table"),
        ("set/", "wfdb.wrsamp"),
    ],
)
def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, place: str
) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if target == "set.csv":  # a compiled class cannot be patched in place

        class Full(pyarrow.csv.CSVWriter):
            write_table = full

        monkeypatch.setattr("pyarrow.csv.CSVWriter", Full)
    else:
        monkeypatch.setattr(place, full)
    with pytest.raises(EcgsynthError, match="No space left"):
        formats.write(beats(), f"{tmp_path}/{target}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, target: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(EcgsynthError, match="could not be written"):
        formats.write(beats(), f"{tmp_path}/file/{target}")


@pytest.mark.parametrize("target", ("set.npz", "set.parquet", "set.csv"))
@pytest.mark.parametrize("share", (0.0, 0.3, 0.97))
def test_a_truncated_file_is_called_damaged(tmp_path: Path, target: str, share: float) -> None:
    path = formats.write(beats(), tmp_path / target)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(EcgsynthError, match="damaged|states neither"):
        formats.read(path)


@pytest.mark.parametrize("target", TARGETS)
def test_a_file_of_a_newer_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(stream, "FILE_SCHEMA", 99)
        formats.write(beats(), f"{tmp_path}/{target}")
    with pytest.raises(EcgsynthError, match="newer ecgsynth"):
        formats.read(f"{tmp_path}/{target}")


def test_regrouping_keeps_every_item_in_order() -> None:
    ecg = beats(47)
    for size in (1, 5, 47, 100):
        parts = list(stream.regroup(chunked(ecg, 6), size))
        assert {len(part) for part in parts[:-1]} <= {size}
        np.testing.assert_array_equal(np.concatenate([p.signal for p in parts]), ecg.signal)


# NPZ


def test_numpy_reads_the_npz_under_the_promised_keys(tmp_path: Path) -> None:
    ecg = beats()
    formats.write(chunked(ecg, 4), tmp_path / "set.npz")
    with np.load(tmp_path / "set.npz", allow_pickle=False) as file:
        assert file["data"].shape == (23, 1, 64) and file["data"].dtype == np.float32
        assert file["labels_str"].tolist() == ecg.labels_str.tolist()
        assert file["labels_id"].tolist() == ecg.labels_id.tolist()
        assert file["pid"].tolist() == ecg.patient.tolist()  # type: ignore[union-attr]
        assert file["classes"].tolist() == ["N", "S", "V"] and file["leads"].tolist() == ["MLII"]
        assert float(file["fs"]) == 360 and str(file["unit"]) == "mV" and bool(file["synthetic"])
        assert json.loads(str(file["card"]))["id"] == "demo-1a2b3c4d"


def test_text_columns_of_growing_width_are_not_cut(tmp_path: Path) -> None:
    ecg = beats(2)
    short, long = replace(ecg, patient=["a", "b"]), replace(ecg, patient=["c", "person " * 9])
    formats.write([short, long], tmp_path / "set.npz")
    assert formats.read(tmp_path / "set.npz").patient.tolist()[-1] == "person " * 9  # type: ignore[union-attr]


def test_the_same_items_give_the_same_bytes(tmp_path: Path) -> None:
    one = formats.write(beats(), tmp_path / "one.npz").read_bytes()
    assert formats.write(beats(), tmp_path / "two.npz").read_bytes() == one


def test_an_npz_of_others_needs_only_data_and_rate(tmp_path: Path) -> None:
    path = tmp_path / "foreign.npz"
    np.savez(path, data=np.ones((5, 100)), fs=250, labels=["N", "V", "N", "V", "V"])
    ecg = formats.read(path)
    assert ecg.spec == Spec(("lead1",), 250, 100, ("N", "V"))
    assert ecg.labels_str.tolist() == ["N", "V", "N", "V", "V"] and not ecg.synthetic
    np.savez(path, data=np.ones((2, 2, 9)), fs=500, leads=["I", "II"], synthetic=True)
    assert formats.read(path).spec.leads == ("I", "II") and formats.read(path).synthetic


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"signal": np.ones((2, 9))}, "no array 'data'"),
        ({"data": np.ones((2, 9))}, "no sampling rate"),
        ({"data": np.ones(9), "fs": 100}, "shape"),
        ({"data": np.array(["a"]), "fs": 100}, "not numbers"),
        ({"data": np.ones((2, 9, 3)), "fs": 100, "leads": ["a", "b", "c"]}, "item, lead, sample"),
        ({"data": np.ones((2, 9)), "fs": 100, "labels": ["N"]}, "one label for each"),
        ({"data": np.array([{}, {}], object)}, "damaged"),
    ],
)
def test_an_npz_that_does_not_fit_says_why(
    tmp_path: Path, arrays: dict[str, object], reason: str
) -> None:
    np.savez(tmp_path / "foreign.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(EcgsynthError, match=reason):
        formats.read(tmp_path / "foreign.npz")


def test_an_npz_that_lost_an_array_is_called_damaged(tmp_path: Path) -> None:
    formats.write(beats(), tmp_path / "set.npz")
    with (
        zipfile.ZipFile(tmp_path / "set.npz") as whole,
        zipfile.ZipFile(tmp_path / "part.npz", "w") as part,
    ):
        for name in set(whole.namelist()) - {"context.npy"}:
            part.writestr(name, whole.read(name))
    with pytest.raises(EcgsynthError, match="context"):
        formats.read(tmp_path / "part.npz")


# CSV and Parquet


def test_pandas_reads_the_csv_in_mv_to_the_microvolt(tmp_path: Path) -> None:
    import pandas as pd

    ecg = replace(beats(), signal=beats().signal + np.float32(0.0002))
    formats.write(ecg, tmp_path / "set.csv")
    table = pd.read_csv(tmp_path / "set.csv", comment="#", usecols=lambda name: name != "record")
    assert table["label"].tolist() == ecg.labels_str.tolist()
    wide = table[[f"MLII_{k}" for k in range(64)]].to_numpy()
    np.testing.assert_allclose(wide, ecg.signal[:, 0], atol=0.00051)
    cells = (tmp_path / "set.csv").read_text().splitlines()[-2].split(",")[-64:]
    assert max(len(cell.partition(".")[2]) for cell in cells) == 3


def test_a_csv_cut_at_the_end_of_a_row_is_called_damaged(tmp_path: Path) -> None:
    path = formats.write(beats(), tmp_path / "set.csv")
    lines = path.read_text().splitlines(keepends=True)
    for kept in (lines[:-1], lines[:-2], [*lines[:-2], lines[-1]]):
        path.write_text("".join(kept))
        with pytest.raises(EcgsynthError, match="damaged"):
            formats.read(path)


def test_normalised_csv_keeps_every_digit(tmp_path: Path) -> None:
    ecg = beats(4, replace(BEAT, unit="normalised"))
    ecg = replace(ecg, signal=np.random.default_rng(1).random(ecg.signal.shape))
    formats.write(ecg, tmp_path / "set.csv")
    np.testing.assert_array_equal(formats.read(tmp_path / "set.csv").signal, ecg.signal)


@pytest.mark.parametrize("name", ("set.csv", "set.parquet"))
def test_a_table_of_others_is_refused_for_its_missing_rate(tmp_path: Path, name: str) -> None:
    import pandas as pd

    table = pd.DataFrame({"label": ["N"], "a": [0.5]})
    table.to_csv(tmp_path / "set.csv")
    table.to_parquet(tmp_path / "set.parquet")
    with pytest.raises(EcgsynthError, match="sampling rate"):
        formats.read(tmp_path / name)


def test_pandas_reads_the_parquet_as_a_column_per_lead(tmp_path: Path) -> None:
    import pandas as pd

    ecg = beats(12, replace(BEAT, leads=("I", "V1")))
    formats.write(chunked(ecg, 5), tmp_path / "set.parquet")
    table = pd.read_parquet(tmp_path / "set.parquet")
    np.testing.assert_array_equal(np.stack(table["V1"]), ecg.signal[:, 1])
    assert table["patient"].tolist() == ecg.patient.tolist()  # type: ignore[union-attr]


# WFDB


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


def test_records_of_different_length_point_to_the_folder_data_set(tmp_path: Path) -> None:
    foreign_record(tmp_path / "foreign", "a1", 1000)
    foreign_record(tmp_path / "foreign", "a2", 1001)
    with pytest.raises(EcgsynthError, match="differ in length .* `folder`"):
        formats.read(tmp_path / "foreign")


def test_an_empty_folder_holds_no_records(tmp_path: Path) -> None:
    with pytest.raises(EcgsynthError, match="no .hea files"):
        formats.read(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize("target", ("set.npz", "set.parquet"))
def test_real_beats_come_back_bit_by_bit(tmp_path: Path, target: str) -> None:
    from ecgsynth import datasets

    real = datasets.load("mitbih", "heldout")[::9]
    formats.write(chunked(real, 100), tmp_path / target)
    assert_same(formats.read(tmp_path / target), real)
