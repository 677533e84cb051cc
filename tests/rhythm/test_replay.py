"""Rhythms from annotation files, and into them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.annotation_writer import encode_annotations
from ecgsynth.formats.wfdb.annotations import read_annotations
from ecgsynth.rhythm.compose import make_rhythm
from ecgsynth.rhythm.output import annotation_bytes, source_of, statement, summarise, write_rhythm
from ecgsynth.rhythm.picture import draw_tachogram
from ecgsynth.rhythm.replay import replay

TEXT = "sinus 60 s with pvc every 8 beats and pac every 11 beats; af 20 s; vf 10 s; paced 10 s"


@pytest.fixture(scope="module")
def rhythm():
    return make_rhythm(TEXT, seed=3)


def write_atr(path: Path, tick, symbol, note=(), rate=None) -> Path:
    path.write_bytes(encode_annotations(tick, symbol, note=note, rate=rate))
    return path


# The writer of annotations.


@pytest.mark.parametrize("rate", [None, 128.0, 1000.0])
def test_wfdb_reads_what_is_written(tmp_path: Path, rate: float | None) -> None:
    random = np.random.default_rng(0)
    tick = np.cumsum(random.integers(0, 3000, 500))
    tick[250:] += 5_000_000  # farther than any word holds
    symbol = random.choice(["N", "V", "A", "/", "+", "p", "t"], 500)
    note = ["(AFIB" if one == "+" else "" for one in symbol]
    number, channel = random.integers(0, 3, 500), random.integers(0, 2, 500)
    subtype = random.integers(0, 2, 500)
    (tmp_path / "x.atr").write_bytes(
        encode_annotations(tick, symbol, note=note, number=number, channel=channel,
                           subtype=subtype, rate=rate)
    )  # fmt: skip
    found = wfdb.rdann(str(tmp_path / "x"), "atr")
    np.testing.assert_array_equal(found.sample, tick)
    assert found.symbol == symbol.tolist()
    assert [one.strip("\0") for one in found.aux_note] == note
    np.testing.assert_array_equal(found.num, number)
    np.testing.assert_array_equal(found.chan, channel)
    np.testing.assert_array_equal(found.subtype, subtype)
    assert found.fs == rate
    own = read_annotations(tmp_path / "x.atr")
    np.testing.assert_array_equal(own.tick, tick)
    assert own.rate == rate
    assert own.whole


def test_annotations_are_put_in_order_and_odd_ones_refused(tmp_path: Path) -> None:
    found = read_annotations(write_atr(tmp_path / "x.atr", [50, 10], ["V", "N"]))
    assert found.tick.tolist() == [10, 50]
    assert found.symbol.tolist() == ["N", "V"]
    assert read_annotations(write_atr(tmp_path / "e.atr", [], [])).whole
    with pytest.raises(EcgsynthError, match="no symbol 'Z'"):
        encode_annotations([1], ["Z"])
    with pytest.raises(EcgsynthError, match="255 bytes"):
        encode_annotations([1], ["N"], note=["x" * 256])


# There and back.


def test_a_rhythm_is_the_same_after_it_was_written_and_replayed(tmp_path: Path, rhythm) -> None:
    found = replay(write_rhythm(rhythm, tmp_path / "x.atr"), seconds=rhythm.seconds)
    np.testing.assert_allclose(found.time_s, rhythm.time_s, atol=0.0006)
    np.testing.assert_array_equal(found.kind, rhythm.kind)
    assert [one.code for one in found.episodes] == [one.code for one in rhythm.episodes]


def test_a_replayed_rhythm_is_called_a_real_person_s(tmp_path: Path, rhythm) -> None:
    found = replay(write_rhythm(rhythm, tmp_path / "x.atr"))
    assert "a real person's, from x.atr" in statement(found)
    assert "x.atr" in source_of(found.source, "simulator")
    assert source_of(found.source, "simulator").startswith("synthetic:")
    assert statement(rhythm).startswith("SYNTHETIC")
    assert source_of(rhythm.source, "simulator") == "synthetic:simulator"


def test_the_files_state_what_they_are(tmp_path: Path, rhythm) -> None:
    found = wfdb.rdann(str(write_rhythm(rhythm, tmp_path / "x.atr").with_suffix("")), "atr")
    assert any("SYNTHETIC" in note for note in found.aux_note)
    assert {"[", "]", "+", "/", "V", "S"} <= {*found.symbol}
    lines = write_rhythm(rhythm, tmp_path / "x.csv").read_text().splitlines()
    assert "SYNTHETIC" in lines[0]
    rows = [*csv.DictReader(lines[1:])]
    assert len(rows) == len(rhythm)
    assert [row["kind"] for row in rows].count("V") == (rhythm.kind == 2).sum()
    assert {row["rhythm"] for row in rows} == {"N", "AFIB", "P"}
    assert rows[0]["rr_s"] == ""


@pytest.mark.parametrize("name", ["x.npz", "x", "x.hea", "x.12"])
def test_another_ending_is_refused(tmp_path: Path, rhythm, name: str) -> None:
    with pytest.raises(EcgsynthError, match=r"end the name in \.csv"):
        write_rhythm(rhythm, tmp_path / name)


def test_the_summary_names_what_is_in_it(rhythm) -> None:
    found = dict(summarise(rhythm))
    assert found["atrial fibrillation"].startswith("20.0% of the time, 1 episode")
    assert found["length"] == "100 s"


@pytest.mark.parametrize("text", [TEXT, "asystole 5 s", "sinus 2 h with af 20 % of 10 min"])
def test_a_tachogram_is_drawn(tmp_path: Path, text: str) -> None:
    draw_tachogram(make_rhythm(text), tmp_path / "x.svg")
    assert "SYNTHETIC" in (tmp_path / "x.svg").read_text()


# Files of others.


def test_other_codes_count_as_their_class(tmp_path: Path) -> None:
    symbol = ["N", "L", "j", "A", "a", "E", "F", "/", "Q", "~", "|", "s", '"']
    path = write_atr(tmp_path / "x.atr", 400 * np.arange(1, 14), symbol, rate=400)
    found = replay(path)
    assert found.kind.tolist() == [0, 0, 0, 1, 1, 2, 3, 4, 0]
    assert found.time_s[0] == 1


def test_beats_past_the_end_and_too_near_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_atr(tmp_path / "x.atr", [100, 130, 200, 1000], ["N", "N", "V", "N"], rate=250)
    found = replay(path, seconds=2)
    assert found.time_s.tolist() == [0.4, 0.8]
    assert "1 beats outside of 2 s" in caplog.text
    assert "within 150 ms" in caplog.text


def test_the_header_has_rate_and_length(tmp_path: Path) -> None:
    (tmp_path / "x.hea").write_text("x 1 128 1280\nx.dat 16 200 16 0 0 0 0 ECG1\n")
    write_atr(tmp_path / "x.atr", [128, 256], ["N", "N"])
    found = replay(tmp_path / "x")
    assert found.time_s.tolist() == [1, 2]
    assert found.seconds == 10


def test_rhythms_of_others_are_kept_and_have_no_p_where_there_is_none(tmp_path: Path) -> None:
    tick = [0, 100, 250, 400, 501, 650, 800]
    symbol = ["+", "N", "N", "N", "+", "N", "N"]
    note = ["(N", "", "", "", "(AFIB\0", "", ""]
    found = replay(write_atr(tmp_path / "x.atr", tick, symbol, note, rate=150))
    assert [one.code for one in found.episodes] == ["(N", "(AFIB"]
    assert np.isfinite(found.p_s).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (encode_annotations([1, 2], ["~", "+"], rate=360), "has no beats"),
        (encode_annotations([1], ["N"]), "states no rate"),
        (b"\1\2\3", "damaged or cut short"),
    ],
)
def test_what_is_no_file_of_beats_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "x.atr").write_bytes(content)
    with pytest.raises(EcgsynthError, match=sentence):
        replay(tmp_path / "x.atr")


@pytest.mark.parametrize(
    "words", [{"fs": 0}, {"fs": "a"}, {"seconds": 0}, {"seconds": None, "fs": 1e9}, {"seed": -1}]
)
def test_odd_arguments_are_refused(tmp_path: Path, words) -> None:
    path = write_atr(tmp_path / "x.atr", [100, 300], ["N", "N"], rate=100)
    with pytest.raises(EcgsynthError):
        replay(path, **words)


@pytest.mark.data
def test_records_of_mitbih_are_replayed_whole() -> None:
    from ecgsynth.datasets.store import find_folder

    folder = find_folder("mitbih", "100.atr")
    found = replay(folder / "201")
    assert found.seconds == pytest.approx(1805.56, abs=0.01)
    assert len(found) == 1963
    assert {"(AFIB", "(N", "(T"} <= {one.code for one in found.episodes}
    assert annotation_bytes(found, 360)
