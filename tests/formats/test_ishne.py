"""ISHNE Holter files: what is written comes back with its beats; odd files of others."""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from edf_files import mutations
from hypothesis import given, settings
from hypothesis import strategies as st
from items import annotated, assert_same, beats, noise, with_marks

from ecgsynth import formats
from ecgsynth.completion.files import recordings_of
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.ishne.header import SIGNAL, Header
from ecgsynth.scoring import score
from ecgsynth.signals.vocabulary import LEADS_12, limb_leads


@given(
    leads=st.sampled_from([("II",), ("MLII", "V1"), ("Lead one of the chest", "ü"), LEADS_12]),
    fs=st.sampled_from([100.0, 128.0, 257.0, 1000.0]),
    samples=st.integers(1, 1500),
    at=st.lists(st.tuples(st.integers(0, 10**6), st.text(max_size=9)), max_size=30),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_signals_and_annotations_survive_within_half_a_step(
    tmp_path_factory: pytest.TempPathFactory, leads: tuple[str, ...], fs: float, samples: int,
    at: list[tuple[int, str]], seed: int,
) -> None:  # fmt: skip
    marks = sorted((place % samples, text) for place, text in at)
    ecg = annotated(noise(leads, fs, samples, seed), *map(list, zip(*marks, strict=True))) \
        if marks else noise(leads, fs, samples, seed)  # fmt: skip
    back = formats.read(formats.write(ecg, tmp_path_factory.mktemp("ishne") / "one.ishne"))
    assert (back.spec, back.source, back.marks) == (ecg.spec, ecg.source, ecg.marks)
    assert np.abs(back.signal - ecg.signal).max() <= 0.001 + 1e-6


def test_every_column_of_a_set_comes_back_and_no_beats_of_an_older_one_stay(tmp_path: Path) -> None:
    ecg = with_marks(beats(6))
    folder = formats.write(ecg, f"{tmp_path}/set.ishne/")
    assert_same(replace(formats.read(folder), signal=ecg.signal), ecg)
    formats.write(noise(("II",), 250, 500), f"{tmp_path}/set.ishne/")
    assert {file.name for file in folder.iterdir()} == {"ecg_000000.ishne", "ecgsynth.json"}


def test_einthoven_and_goldberger_hold_exactly(tmp_path: Path) -> None:
    content = formats.write(noise(LEADS_12, 500, 500), tmp_path / "a.ecg").read_bytes()
    steps = np.frombuffer(content[-500 * 24 :], "<i2").reshape(-1, 12).T.astype(float)
    for name, exact in limb_leads(steps[0], steps[1]).items():
        gain = 1 if name == "III" else 2
        assert np.abs(steps[LEADS_12.index(name)] - gain * exact).max() == 0


def holter(path: Path) -> Any:
    """A file as ishneholterlib reads it; its names of types are older than NumPy 2.4."""
    pytest.importorskip("ishneholterlib")
    origin = find_spec("ishneholterlib").origin  # type: ignore[union-attr]
    assert origin is not None
    source = re.sub(r"'a(\d+)'", r"'S\1'", Path(origin).read_text()).replace("'a'+", "'S'+")
    names: dict[str, Any] = {}
    exec(source.replace("tostring", "tobytes"), names)
    found = names["Holter"](str(path))
    found.load_data()
    found.load_ann()
    return found


def test_a_reader_of_others_gets_what_was_written(tmp_path: Path) -> None:
    ecg = annotated(noise(("I", "aVF"), 500, 5000), [5, 600, 4000], ["N", "V", "L"])
    found = holter(formats.write(ecg, tmp_path / "a.ecg"))
    assert found.is_valid() and (found.sr, found.nleads) == (500, 2)
    assert found.first_name == b"SYNTHETIC" and [one.spec for one in found.lead] == [5, 10]
    np.testing.assert_allclose([one.data for one in found.lead], ecg.signal[0], atol=6e-4)
    assert [(one["ann"], one["samp_num"]) for one in found.beat_anns] == [
        ("N", 5), ("V", 600), ("B", 4000)
    ]  # fmt: skip


def test_beats_that_are_far_apart_keep_their_places(tmp_path: Path) -> None:
    at = [7, 7, 32_774, 32_776, 140_000]
    ecg = annotated(noise(("II",), 200, 150_000), at, ["N", "V", "A", "N", "F"])
    path = formats.write(ecg, tmp_path / "a.ecg")
    content = bytearray(path.with_suffix(".ann").read_bytes())
    content[-3:-2] = b"N"  # somebody corrects the last beat
    path.with_suffix(".ann").write_bytes(bytes(content))
    marks = formats.read(path).marks
    assert marks is not None and marks.sample.tolist() == at
    assert marks.symbol.tolist() == ["N", "V", "A", "N", "N"]


def test_annotations_are_scored_by_the_recording_or_by_the_file_of_beats(tmp_path: Path) -> None:
    at = list(range(300, 20_000, 300))
    path = formats.write(annotated(noise(("II",), 360, 20_000), at, ["N"] * len(at)),
                         tmp_path / "r.ecg")  # fmt: skip
    result = score(path, path.with_suffix(".ann"), start_s=0)
    assert result.records[0].fractions["QRS"]["sensitivity"] == (len(at), len(at))
    (recording,) = recordings_of(path)
    assert recording.synthetic and recording.leads == ("II",)
    np.testing.assert_array_equal(recording.read(50, 90), formats.read(path).signal[0, :, 50:90])


def test_what_ishne_cannot_hold_is_refused(tmp_path: Path) -> None:
    for ecg, named in (
        (noise(("II",), 128.5, 100), "a whole rate"),
        (noise(tuple(f"E{k}" for k in range(13)), 100, 10), "up to 12 leads"),
    ):
        with pytest.raises(EcgsynthError, match=named):
            formats.write(ecg, tmp_path / "a.ecg")
    assert not list(tmp_path.iterdir())


# Files of others.


def write_holter(path: Path, **change: Any) -> Path:
    """Two leads, steps of 2.5 uV, a hundred samples of 4 and -8 steps."""
    header = Header(SIGNAL, 100, (6, 1), (2500, 2500), 200)
    data = np.tile(np.array([4, -8], "<i2"), 100).tobytes()
    path.write_bytes(replace(header, **change).to_bytes() + data)
    return path


def test_a_file_of_others_is_read_in_mv(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for samples in (100, 200):  # some programs state the samples of all leads together
        ecg = formats.read(write_holter(tmp_path / "a.ecg", samples=samples))
        assert (ecg.spec.leads, ecg.spec.fs, ecg.spec.samples) == (("II", "lead2"), 200, 100)
        np.testing.assert_allclose(ecg.signal[0, :, 0], [0.01, -0.02], rtol=1e-6)
    head = replace(Header(SIGNAL, 100, (6, 1), (2500, 2500), 200), magic=b"ANN  1.0").to_bytes()
    entries = b"Nx\x00\x00Sx\x1e\x00!x\x05\x00Vx\x05\x00Cx\x01\x00Nx\xff\xff"
    (tmp_path / "a.ann").write_bytes(head + struct.pack("<I", 10) + entries)
    marks = formats.read(tmp_path / "a.ecg").marks
    assert marks is not None and marks.sample.tolist() == [10, 40, 50]
    assert marks.symbol.tolist() == ["N", "S", "V"]
    assert "1 beats past the end are left out." in caplog.text
    (tmp_path / "a.ann").write_bytes(head + b"\0")
    with pytest.raises(EcgsynthError, match=r"a\.ann is damaged or cut short"):
        formats.read(tmp_path / "a.ecg")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda raw: raw[:9], "cut short in its header"),
        (lambda raw: raw[:-100], "cut short: it holds 75.0%"),
        (lambda _: b"", "not an ISHNE file"),
        (lambda raw: raw[:14] + b"\xff\xff\xff\x7f" + raw[18:], "cut short: it holds 0.0%"),
        (lambda raw: raw[:14] + b"\0\0\0\0" + raw[18:], "no samples"),
        (lambda raw: raw[:10] + b"\xff\xff\xff\x7f" + raw[14:], "places the data"),
        (lambda raw: raw[:156] + b"\0\2" + raw[158:], "in the wrong byte order"),
        (lambda raw: raw[:206] + b"\0\0" + raw[208:], "in steps of 0 nV"),
        (lambda raw: raw[:272] + b"\0\0" + raw[274:], "2 leads at 0 Hz"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, change: Any, named: str) -> None:
    path = write_holter(tmp_path / "a.ecg")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(EcgsynthError, match=named) as problem:
        formats.read(path)
    assert "a.ecg" in str(problem.value)


@pytest.mark.parametrize("ending", [".ecg", ".ann"])
def test_mutated_files_are_read_or_refused_in_a_sentence(tmp_path: Path, ending: str) -> None:
    path = formats.write(annotated(noise(("I", "II"), 250, 100), [9, 20], ["N", "V"]),
                         tmp_path / "a.ecg")  # fmt: skip
    odd, sentences = path.with_suffix(ending), []
    for changed in mutations(odd.read_bytes(), 200, 600):
        odd.write_bytes(changed)
        try:
            formats.read(path)
        except EcgsynthError as problem:
            sentences.append(str(problem))
    assert 0 < len(sentences) < 200 and not any("\n" in one for one in sentences)
