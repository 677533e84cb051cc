"""Files in and out: what is written comes back, whatever the format, and damage is named."""

from __future__ import annotations

import errno
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from items import BEAT, TARGETS, assert_same, beats, chunked, with_marks

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import stream
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec


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


def test_marks_that_csv_does_not_keep_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for ecg, said in ((beats(), False), (with_marks(beats()), True)):
        formats.write(ecg, tmp_path / "set.csv")
        assert ("set.csv has no marks" in caplog.text) == said
        assert formats.read(tmp_path / "set.csv").marks is None


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


@pytest.mark.parametrize(("place", "byte"), [("content", b"x"), ("method", b"\x63")])
def test_an_npz_of_what_numpy_does_not_know_is_called_damaged(
    tmp_path: Path, place: str, byte: bytes
) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("fs.npy", byte)
    if place == "method":  # two bytes of both headers say how it is packed
        content = bytearray((tmp_path / "x.npz").read_bytes())
        for start in (8, content.find(b"PK\x01\x02") + 10):
            content[start : start + 1] = byte
        (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(EcgsynthError, match="damaged"):
        formats.read(tmp_path / "x.npz")


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


@pytest.mark.data
@pytest.mark.parametrize("target", ("set.npz", "set.parquet"))
def test_real_beats_come_back_bit_by_bit(tmp_path: Path, target: str) -> None:
    from ecgsynth import datasets

    real = datasets.load("mitbih", "heldout")[::9]
    formats.write(chunked(real, 100), tmp_path / target)
    assert_same(formats.read(tmp_path / target), real)
