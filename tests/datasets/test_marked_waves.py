"""Waves marked by hand: every point with its beat, and where nobody marked anything is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_svdb_qtdb import phantom
from wfdb_files import annotated

from ecgsynth.datasets import people
from ecgsynth.datasets.marked_waves import ABSENT, SPLITS, group_waves, read_marked
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.vocabulary import FIDUCIALS

FS = 250
WAVES = "(p)(N)t)"
OFFSETS = (-60, -50, -40, -15, 0, 15, 60, 80)


def mark(folder: Path, record: str, beats: list[int], waves: dict[int, str] | None = None) -> None:
    """Marks of some beats, which lie a second apart."""
    ticks, symbols = [], ""
    for beat in beats:
        text = (waves or {}).get(beat, WAVES)
        offset = dict(zip(WAVES, OFFSETS, strict=False)) if text != WAVES else None
        places = OFFSETS if offset is None else OFFSETS[-len(text) :]
        ticks += [beat * FS + place for place in places]
        symbols += text
    annotated(folder / f"{record}.q1c", ticks, symbols)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    for record in ("sel100", "sele0104", "sele0106"):
        phantom(tmp_path / "qtdb", record, FS, ("D3", "V4"))
        mark(tmp_path / "qtdb", record, [10, 11, 12])
    return tmp_path / "qtdb"


def test_every_point_stands_with_its_beat(folder: Path) -> None:
    found = next(m for m in read_marked("qtdb") if m.recording.name == "sele0104")
    assert found.recording.leads == ("D3", "V4")
    assert found.recording.person == "qtdb-sele0104"
    assert found.recording.source == "qtdb"
    assert found.recording.fs == FS
    assert found.kind.tolist() == ["N", "N", "N"]
    assert (found.beats[:, FIDUCIALS.index("r_peak")] == FS * np.array([10, 11, 12])).all()
    assert (found.beats[:, FIDUCIALS.index("t_onset")] == ABSENT).all()
    assert (found.beats[:, FIDUCIALS.index("t_offset")] == FS * np.array([10, 11, 12]) + 80).all()
    assert found.recording.signal[0, FS * 10] > found.recording.signal[1, FS * 10]


def test_a_beat_between_two_marked_ones_parts_the_stretch(folder: Path) -> None:
    mark(folder, "sele0104", [10, 11, 13, 14, 15, 30])
    found = next(m for m in read_marked("qtdb") if m.recording.name == "sele0104")
    assert found.stretches.tolist() == [
        [10 * FS - 60, 11 * FS + 80], [13 * FS - 60, 15 * FS + 80], [30 * FS - 60, 30 * FS + 80],
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["(N)t)", "(V)t)"])
def test_an_absent_p_wave_is_absent_and_the_kind_of_the_beat_is_kept(folder, text) -> None:
    mark(folder, "sele0104", [10, 11, 12], {11: text})
    found = next(m for m in read_marked("qtdb") if m.recording.name == "sele0104")
    assert len(found.beats) == 3
    assert (found.beats[1, :3] == ABSENT).all()
    assert (found.beats[[0, 2], :3] >= 0).all()
    assert found.kind[1] == text[1]
    assert len(found.stretches) == 1


@pytest.mark.parametrize(
    ("points", "beats"),
    [
        ([0, 1, 2, 3, 4, 5, 7, 8], 1),
        ([3, 4, 5, 3, 4, 5], 2),
        ([1, 1, 4], 2),  # a P wave that no QRS complex follows
        ([4, 7, 1, 4, 7], 2),
        ([7, 4], 2),
        ([], 0),
    ],
)
def test_a_wave_that_the_beat_has_passed_begins_the_next_one(points, beats) -> None:
    found = group_waves(np.arange(len(points)) * 10, np.array(points, np.int64))
    assert found.shape == (beats, len(FIDUCIALS))
    assert sorted(found[found >= 0].tolist()) == [10 * k for k in range(len(points))]


def test_nobody_of_ds2_is_in_the_marks_to_train_with(folder: Path) -> None:
    assert [m.recording.name for m in read_marked("qtdb", "test")] == ["sel100"]
    for split in ("train", "validation", "heldout-people"):
        for found in read_marked("qtdb", split):
            assert found.recording.person not in people.TEST_PEOPLE


def test_a_damaged_record_is_left_out_and_the_others_are_read(folder: Path, caplog) -> None:
    (folder / "sele0104.q1c").write_bytes(b"\x01")
    assert {m.recording.name for m in read_marked("qtdb")} == {"sel100", "sele0106"}
    assert "sele0104 is left out" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("qtdb", "trian"), "Did you mean 'train'"),
        (("qtbd",), "Did you mean 'qtdb'"),
        (("qtdb", "all", "q3c"), "no reader 'q3c'"),
    ],
)
def test_a_wrong_word_is_answered_with_the_nearest(folder, arguments, words) -> None:
    with pytest.raises(EcgsynthError, match=words):
        list(read_marked(*arguments))


@pytest.mark.data("qtdb")
def test_3623_beats_of_105_records_were_marked_and_11_records_twice() -> None:
    found = list(read_marked("qtdb"))
    assert sum(len(m.beats) for m in found) == 3_623
    assert len(found) == 105
    assert len({m.recording.person for m in found}) == 102
    assert len(list(read_marked("qtdb", reader="q2c"))) == 11
    for marked in found:
        assert (np.diff(marked.beats[marked.beats >= 0]) >= 0).all()
        assert (marked.beats[:, 3:6] >= 0).all()
        assert (np.diff(marked.stretches.reshape(-1)) >= 0).all()
    splits = {s: {m.recording.person for m in read_marked("qtdb", s)} for s in SPLITS[:-1]}
    assert {name: len(who) for name, who in splits.items()} == {
        "train": 77, "validation": 4, "heldout-people": 10, "test": 9,
    }  # fmt: skip
    assert len(set.union(*splits.values())) == 100


@pytest.mark.data("ludb")
def test_ludb_is_given_in_the_same_form_lead_by_lead() -> None:
    found = list(read_marked("ludb", "test"))
    assert len({m.recording.person for m in found}) == 40
    for marked in found:
        assert len(marked.recording.leads) == 1
        assert marked.beats.max() < marked.recording.samples
        assert marked.recording.source == "ludb"
        assert marked.stretches.tolist() == [
            [marked.beats[marked.beats >= 0].min(), marked.beats.max()]
        ]
