"""NPZ: the promised keys, the same bytes for the same items, and the files of others."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from items import beats, chunked

from ecgsynth import formats
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.spec import Spec


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
    assert ecg.spec == Spec(("ECG",), 250, 100, ("N", "V"))
    assert ecg.labels_str.tolist() == ["N", "V", "N", "V", "V"] and not ecg.synthetic
    np.savez(path, data=np.ones((2, 2, 90)), fs=500, leads=["I", "II"], synthetic=True)
    assert formats.read(path).spec.leads == ("I", "II") and formats.read(path).synthetic
    np.savez(path, data=np.full((2, 90), 1500, np.int16), fs=500, unit="uV")
    assert formats.read(path).spec.unit == "mV" and (formats.read(path).signal == 1.5).all()


def test_an_npz_of_others_may_say_where_r_is_and_which_band_it_keeps(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", data=np.ones((5, 100)), fs=250, r_sample=37, band=[0, 40])
    spec = formats.read(tmp_path / "foreign.npz").spec
    assert spec.r_sample == 37 and spec.band == (None, 40.0)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"ecg": np.ones((2, 90)), "fs": 100}, "no 'data' to take the signal from"),
        ({"data": np.ones((2, 90))}, "no sampling rate"),
        ({"data": np.ones(90), "fs": 100}, "shape"),
        ({"data": np.array(["a"]), "fs": 100}, "signals are numbers"),
        ({"data": np.ones((2, 90)) * 1j, "fs": 100}, "signals are numbers"),
        ({"data": np.zeros((2, 90), "f4,f4"), "fs": 100}, "signals are numbers"),
        ({"data": np.ones((2, 9, 3)), "fs": 100, "leads": ["a", "b"]}, "item, lead, sample"),
        ({"data": np.ones((2, 90)), "fs": 100, "labels": ["N"]}, "one label for each"),
        ({"data": np.ones((2, 90)), "fs": 100, "r_sample": 90}, "between 0 and 89"),
        ({"data": np.ones((2, 90)), "fs": 100, "band": 40}, "two numbers in Hz"),
        ({"data": np.array([{}, {}], object), "fs": 100}, "'data' .* Python objects, which are"),
        ({"data": np.ones((0, 90)), "fs": 100}, "no rows"),
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


def test_a_compressed_npz_with_a_wrong_stretch_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "foreign.npz"
    np.savez_compressed(path, data=np.random.default_rng(0).random((50, 100)), fs=250)
    content = bytearray(path.read_bytes())
    content[2000:2100] = b"\xff" * 100
    path.write_bytes(content)
    with pytest.raises(EcgsynthError, match="damaged"):
        formats.read(path)


def test_what_is_no_archive_is_damaged_and_no_advice_to_unpickle_it(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    np.save(tmp_path / "array.npy", np.ones((2, 9)))
    for content in (b"", b"hello", pickle.dumps([1]), (tmp_path / "array.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(EcgsynthError, match="not a whole NPZ archive") as caught:
            formats.read(path)
        assert "allow_pickle" not in str(caught.value)


def test_an_error_names_its_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "foreign.npz", data=np.ones((2, 9)), fs=-1)
    with pytest.raises(EcgsynthError, match=r"foreign\.npz: the sampling rate must be"):
        formats.read(tmp_path / "foreign.npz")


@pytest.mark.parametrize(
    "header", ["{'descr': '<f4', 'shape': (2,", '{\'descr\': """ }', "(" * 400, "{'a': 1L"]
)
def test_an_array_whose_header_is_no_python_is_damaged(tmp_path: Path, header: str) -> None:
    formats.write(beats(2), tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    text = header.encode().ljust(500) + b"\n"
    held["data.npy"] = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    with pytest.raises(EcgsynthError, match=r"b\.npz is damaged or cut short"):
        formats.read(tmp_path / "b.npz")
