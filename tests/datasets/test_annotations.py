"""WFDB annotations: their times, whatever these count, and what a file says of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from own import everything
from wfdb_files import annotated, write_record

from ecgsynth import formats
from ecgsynth.datasets import store
from ecgsynth.errors import DamagedFileError, EcgsynthError
from ecgsynth.formats.wfdb.annotations import SYMBOLS, read_annotations
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, LEADS_12

IN_ONE_FOLDER = [HealthCheck.function_scoped_fixture]

R = np.array([250, 450, 652, 850, 1049])
"""Samples at 250 Hz."""


def record(folder: Path, name: str = "a") -> Path:
    t = np.arange(1500)
    wave = sum(1000 * np.exp(-0.5 * ((t - r) / 3) ** 2) for r in R)
    write_record(folder, name, [np.round(wave).astype(int)])
    return folder / name


@pytest.mark.parametrize(("rate", "ticks"), [("", R), ("1000", R * 4), ("1e3", R * 4), ("125", np.round(R / 2)), ("250.0", R), ("0", R)])  # fmt: skip # noqa: E501
def test_times_are_samples_at_the_rate_of_the_record(
    tmp_path: Path, rate: str, ticks: np.ndarray
) -> None:
    path = record(tmp_path)
    annotated(tmp_path / "a.atr", ticks.astype(int), "NNVNN", rate=rate)
    expected = np.round(R / 2) * 2 if rate == "125" else R
    assert read_recording(path, annotations="atr").annotations.sample.tolist() == expected.tolist()
    marks = formats.read(path).marks
    assert marks is not None and marks.sample.tolist() == expected.tolist()
    ecg = everything(tmp_path)
    assert np.abs(ecg.signal.argmax(2) - ecg.spec.r_sample).max() <= 1
    assert np.nanmedian(ecg.context[:, 0]) == pytest.approx(0.8, abs=0.01)


def test_half_a_sample_is_rounded_up_as_in_wfdb(tmp_path: Path) -> None:
    annotated(tmp_path / "a.atr", [1, 2, 3, 5], "NNNN", rate="500")
    assert read_annotations(tmp_path / "a.atr").samples_at(250, 250).tolist() == [1, 1, 2, 3]


def test_marks_of_ludb_may_have_a_resolution_of_their_own(tmp_path: Path) -> None:
    from ecgsynth.datasets.ludb import files

    leads = [lead.lower() for lead in LEADS_12]
    write_record(tmp_path, "1", [np.arange(5000)] * 12, fs="500", leads=leads)
    for lead in leads:
        annotated(tmp_path / f"1.{lead}", [990, 1000, 1020], "(N)", rate="1000")
    _, marks = files.read(tmp_path, 1)
    assert marks[:3, 1].tolist() == [495, 500, 510]


def test_a_comment_at_the_beginning_is_a_comment(tmp_path: Path) -> None:
    before = ["## of the ward", "(as read)"]
    annotated(tmp_path / "a.atr", [0, 9], 'N"', before=before, notes=["", "later"])
    found = read_annotations(tmp_path / "a.atr")
    assert found.symbol.tolist() == ['"', '"', "N", '"'] and found.rate is None
    assert found.note.tolist() == ["## of the ward", "(as read)", "", "later"]


def test_a_file_may_define_symbols(tmp_path: Path) -> None:
    definitions = ["## annotation type definitions", "42 X an odd beat", "## end of definitions"]
    annotated(tmp_path / "a.atr", [5], "N", rate="500", before=definitions)
    content = (tmp_path / "a.atr").read_bytes()
    (tmp_path / "a.atr").write_bytes(
        content[:-2] + (42 << 10 | 7).to_bytes(2, "little") + (43 << 10 | 7).to_bytes(2, "little")
        + b"\0\0"
    )  # fmt: skip
    found = read_annotations(tmp_path / "a.atr")
    assert found.symbol.tolist() == ["N", "X", "[43]"]
    assert (found.tick.tolist(), found.rate) == ([5, 12, 19], 500)


def test_annotations_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    annotated(
        tmp_path / "a.atr", [5000, 90_000_000, 7, 7, -3], "NVFSN", notes=["", "far", "", "", ""]
    )
    found = read_annotations(tmp_path / "a.atr")
    assert found.tick.tolist() == [-3, 7, 7, 5000, 90_000_000]
    assert "".join(found.symbol) == "NFSNV" and found.note[-1] == "far"


def test_annotations_outside_of_the_record_are_left_out(tmp_path: Path) -> None:
    path = record(tmp_path)
    annotated(tmp_path / "a.atr", [-5, 0, 1499, 1500], "NNVN")
    assert read_recording(path, annotations="atr").annotations.symbol.tolist() == ["N", "V"]


def test_a_file_that_is_cut_between_annotations_is_doubted_and_one_cut_inside_is_damaged(
    tmp_path: Path,
) -> None:
    path = record(tmp_path)
    annotated(tmp_path / "a.atr", R, "NNVNN", end=b"")
    assert "some may be missing" in read_recording(path, annotations="atr").assumptions[0]
    annotated(tmp_path / "a.atr", R[:2], "N+", notes=["", "(AFIB"], end=b"")
    whole = (tmp_path / "a.atr").read_bytes()
    for cut in (whole[:-2], whole[:-3], whole[:1]):
        (tmp_path / "a.atr").write_bytes(cut)
        with pytest.raises(DamagedFileError, match=r"a\.atr is damaged or cut short"):
            read_recording(path, annotations="atr")


def test_the_format_of_the_aha_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.atr").write_bytes(b"\0N" + bytes(14))
    with pytest.raises(EcgsynthError, match="format of the AHA database"):
        read_annotations(tmp_path / "a.atr")


def test_beats_are_those_that_wfdb_calls_so() -> None:
    from wfdb.io.annotation import ann_label_table, is_qrs

    theirs = {
        symbol
        for code, symbol in zip(ann_label_table.label_store, ann_label_table.symbol, strict=True)
        if is_qrs[code]
    }
    assert {*AAMI_OF_SYMBOL} == theirs - {"!"}  # a flutter wave, and no beat
    table = zip(ann_label_table.label_store, ann_label_table.symbol, strict=True)
    assert {code: symbol for code, symbol in table if code} == SYMBOLS


@settings(max_examples=40, deadline=None, suppress_health_check=IN_ONE_FOLDER)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 3000), st.sampled_from(sorted(SYMBOLS.values())), st.integers(-128, 127),
            st.integers(0, 255), st.integers(0, 127), st.text("abc (", max_size=9),
        ),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_what_wfdb_writes_is_read(tmp_path: Path, rows: list[tuple]) -> None:
    step, symbol, subtype, channel, number, note = zip(*rows, strict=True)
    tick = np.cumsum(step) + 1
    wfdb.wrann(
        "a", "atr", tick, [*symbol], np.array(subtype), np.array(channel), np.array(number),
        [*note], fs=360, write_dir=str(tmp_path),
    )  # fmt: skip
    found = read_annotations(tmp_path / "a.atr")
    for mine, theirs in (
        (found.tick, tick), (found.symbol, symbol), (found.subtype, subtype),
        (found.channel, channel), (found.number, number), (found.note, note),
    ):  # fmt: skip
        assert mine.tolist() == [*np.asarray(theirs).tolist()]
    assert found.rate == 360 and found.whole


@settings(max_examples=150, deadline=None, suppress_health_check=IN_ONE_FOLDER)
@given(content=st.binary(max_size=40))  # fmt: skip
def test_no_annotation_file_ends_in_a_traceback(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.atr").write_bytes(content)
    try:
        found = read_annotations(tmp_path / "a.atr")
    except EcgsynthError:
        return
    assert len(found.tick) == len(found.symbol) == len(found.note)
    assert (np.diff(found.tick) >= 0).all()


@pytest.mark.data
def test_real_annotations_are_what_wfdb_reads() -> None:
    folder = store.find_folder("mitbih", "100.hea")
    for name in ("100", "207", "208"):
        theirs = wfdb.rdann(str(folder / name), "atr")
        ours = read_annotations(folder / f"{name}.atr")
        assert ours.symbol.tolist() == theirs.symbol
        for mine, its in ((ours.tick, theirs.sample), (ours.subtype, theirs.subtype), (ours.channel, theirs.chan)):  # fmt: skip # noqa: E501
            np.testing.assert_array_equal(mine, its)
        assert ours.note.tolist() == [note.rstrip("\0") for note in theirs.aux_note]
