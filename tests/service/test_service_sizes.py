"""What a file says of its size is not believed: a few bytes that speak of gigabytes take none."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from archives import npy, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from serving import served

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import write
from ecgsynth.formats.contract import named
from ecgsynth.service.files import uploads
from ecgsynth.service.settings import Settings
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import Synthesizer

WFDB = named("wfdb")


def checked(content: bytes, name: str = "x.npz", most_files: int = 1000) -> None:
    uploads.check(io.BytesIO(content), name, 512 << 20, most_files)


def saying(shape: str, kind: str = "<f4") -> bytes:
    """An .npy of three numbers that says it is something else."""
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(12)


# Arrays.


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (saying("(1048576, 1, 1000)"), "states 4,000 MiB in its header and has 12 bytes"),
        (saying("(4,)"), "states 16 bytes in its header and has 12 bytes"),
        (saying("(1,)", "<U400000000"), "states 1,525 MiB"),
        (saying("(2, 999999999999999999999)"), "more than any file has"),
        (saying("(3,)", "V999999999"), "states"),
        (saying("(-3,)"), "not a plain array"),
        (saying("('a',)"), "not a plain array"),
        (saying("(3,)", "<q9"), "not a plain array"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 4_000_000_000) + bytes(9), "not a plain array"),
    ],
)
def test_an_array_that_says_more_than_it_holds_is_refused(array: bytes, sentence: str) -> None:
    with pytest.raises(EcgsynthError, match=sentence) as refused:
        checked(zipped({"data.npy": array}))
    assert "'data.npy'" in str(refused.value)


@pytest.mark.parametrize(
    "array",
    [
        np.ones((3, 2), np.float32), np.ones((3, 2), np.float64, order="F"), np.array("words"),
        np.array(5), np.array(["N", "V"]), np.zeros((0, 4)), np.array([True]), np.array([b"a"]),
        np.array(["2001-01-01"], "M8[ns]"), np.ones(2, ">i2"), np.ones(2, complex),
    ],
    ids=lambda array: f"{array.dtype.str}{array.shape}",
)  # fmt: skip
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_an_array_that_is_what_it_says_is_taken(array: Any, version: tuple[int, int]) -> None:
    out = io.BytesIO()
    np.lib.format.write_array(out, array, version, allow_pickle=False)
    checked(zipped({"data.npy": out.getvalue()}))


def test_what_the_library_writes_is_taken(simulated_beats: Ecg, tmp_path: Path) -> None:
    write(simulated_beats[:40], tmp_path / "beats.npz")
    checked((tmp_path / "beats.npz").read_bytes())


# Archives.


def test_an_archive_that_unpacks_to_too_much_is_refused_however_it_is_packed() -> None:
    for way in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(EcgsynthError, match="packed in a way that is not read"):
            checked(zipped({"data.npy": npy(np.ones(9))}, way))
    with pytest.raises(EcgsynthError, match="unpacks from"):
        checked(zipped({f"{k}.npy": bytes(60 << 20) for k in range(2)}))


def test_the_table_of_an_archive_is_not_read_where_it_is_too_large() -> None:
    many = zipped({f"{k:05}{'a' * 100}.npy": b"" for k in range(2000)}, zipfile.ZIP_STORED)
    with pytest.raises(EcgsynthError, match="the directory of the archive has"):
        checked(many, most_files=50)
    with pytest.raises(EcgsynthError, match="holds 2000 files; 1999 are allowed"):
        checked(many, most_files=1999)


GOOD = zipped({"data.npy": npy(np.ones((2, 3))), "fs.npy": npy(360)}, zipfile.ZIP_STORED)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    at=st.lists(st.integers(0, len(GOOD) - 1), min_size=1, max_size=6),
    to=st.lists(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]), min_size=6, max_size=6),
    cut=st.integers(0, len(GOOD)),
)
def test_no_damage_to_an_archive_is_a_fault(at: list[int], to: list[int], cut: int) -> None:
    content = bytearray(GOOD)
    for place, value in zip(at, to, strict=False):
        content[place] = value
    for damaged in (bytes(content), bytes(content[:cut]), bytes(content[cut:])):
        for name in ("x.npz", "x.zip"):
            with contextlib.suppress(EcgsynthError):
                checked(damaged, name)


# Records.


@pytest.mark.parametrize(
    "header",
    [
        b"a 1 360 4000000000\na.dat 16 1000 16 0 0 0 0 MLII\n",
        b"a 1 360 99999999999999999999999999\na.dat 516 1000 16 0 0 0 0 MLII\n",
        b"a 1 360 100000\na.dat 16x50000 1000 16 0 0 0 0 MLII\n",
    ],
)
def test_a_header_that_speaks_of_too_much_is_refused(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "upload.zip").write_bytes(zipped({"a.hea": header, "a.dat": bytes(100)}))
    with pytest.raises(EcgsynthError, match=r"a.hea states .* of signal, more than the limit"):
        uploads.unpack(tmp_path / "upload.zip", tmp_path / "out", WFDB)


def test_headers_that_speak_of_too_much_together_are_refused(tmp_path: Path) -> None:
    header = b"%b 1 360 4000\na.dat 16 1000 16 0 0 0 0 MLII\n"
    files = {f"{name}.hea": header % name.encode() for name in "abcd"}
    (tmp_path / "upload.zip").write_bytes(zipped({**files, "a.dat": bytes(100)}))
    uploads.unpack(tmp_path / "upload.zip", tmp_path / "out", WFDB, 16_000)
    with pytest.raises(EcgsynthError, match="d.hea states"):
        uploads.unpack(tmp_path / "upload.zip", tmp_path / "out", WFDB, 15_999)


def test_a_segment_that_comes_many_times_counts_as_often(tmp_path: Path) -> None:
    part = b"b 2 360 1000\nb.dat 16x4 1000 16 0 0 0 0 MLII\nb.dat 16 1000 16 0 0 0 0 V1\n"
    head = b"a/300 2 360\n" + b"b 1000\n" * 300
    files = {"a.hea": head, "b.hea": part, "b.dat": bytes(10_000)}
    (tmp_path / "upload.zip").write_bytes(zipped(files))
    whole = 4 * 2 * 4 * 300_000  # bytes of both leads at the rate of the faster
    own = 4 * 5 * 1000
    uploads.unpack(tmp_path / "upload.zip", tmp_path / "out", WFDB, (whole + own) // 4)
    with pytest.raises(EcgsynthError, match="a.hea states 9 MiB of signal"):
        uploads.unpack(tmp_path / "upload.zip", tmp_path / "out", WFDB, whole // 4 - 1)


# Over the wire.


@pytest.fixture(scope="module")
def small(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that answers with a MiB of signal at most, and has eight on its disk."""
    database = tmp_path_factory.mktemp("jobs") / "jobs.sqlite"
    limits = Settings(
        model_dir=models, jobs_db=f"sqlite:///{database}", jobs=0, most_signal_mib=1, disk_mib=8,
        most_upload_mib=5,
    )  # fmt: skip
    with served(limits) as client:
        yield client


def sentence(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    return str(answer.json()["detail"])


@pytest.mark.parametrize("format", ["ndjson", "npz"])
def test_an_answer_is_bounded_by_its_bytes(
    small: httpx.Client, tiny: Synthesizer, format: str
) -> None:
    """1,024 items of 1 x 256 samples of 4 bytes are a MiB."""
    for count, status in ((1024, 200), ({"N": 1000, "V": 24}, 200), (1025, 422)):
        body = {"model": "tiny", "count": count, "format": format}
        assert small.post("/v1/ecgs", json=body).status_code == status
    said = sentence(small.post("/v1/ecgs", json=body), 422)
    assert "1025 items of 1 x 256 samples are 1 MiB of signal" in said
    assert "(1 MiB, 1024 such items)" in said
    twelve = small.post("/v1/ecgs", json={"model": "inception-ptbxl", "count": 100})
    assert "100 items of 12 x" in sentence(twelve, 422)


def test_uploads_that_come_together_take_no_more_of_the_disk_than_there_is(
    small: httpx.Client,
) -> None:
    begin = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.npz"\r\n\r\n'
    end = b"\r\n--x--\r\n"
    size = 4_500_000  # two of them are more than 8 MiB
    said = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(size)}
    beside: list[httpx.Response] = []

    def first() -> Iterator[bytes]:
        yield begin
        beside.append(small.post("/v1/evaluations", headers=said, content=bytes(size)))
        yield bytes(size - len(begin) - len(end)) + end

    answer = small.post("/v1/evaluations", headers=said, content=first())
    assert "not a whole archive" in sentence(answer, 422)
    assert "4 MiB of the 8 MiB of disk space" in sentence(beside[0], 503)
    assert beside[0].headers["retry-after"] == "60"
    again = small.post("/v1/evaluations", headers=said, content=first())  # it was given back
    assert "not a whole archive" in sentence(again, 422)
