"""Recordings: read piece by piece, cut into windows, and back from items, with all annotations."""

from __future__ import annotations

import tracemalloc
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from ecgsynth.datasets import store
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import write
from ecgsynth.formats.wfdb.reader import open_recording, read_recording
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec

LEADS = ("I", "II")


@pytest.fixture
def recording() -> Recording:
    """Ten seconds at 100 Hz; a sample is its place, in the second lead as a negative number."""
    place = np.arange(1000, dtype=np.float32)
    beats = Annotations([50, 450, 460, 999], ["N", "V", "N", "N"], note=("", "x", "", ""))
    return Recording(
        np.stack([place, -place]), 100.0, LEADS, beats, name="r1", person="p1",
        start=datetime(2020, 1, 1), source="test",
    )  # fmt: skip


def test_a_piece_has_its_samples_its_annotations_and_its_time(recording: Recording) -> None:
    part = recording.piece(400, 500)
    np.testing.assert_array_equal(part.signal[0], np.arange(400, 500))
    assert part.annotations.sample.tolist() == [50, 60]
    assert part.annotations.symbol.tolist() == ["V", "N"] and part.annotations.note == ("x", "")
    assert part.start == datetime(2020, 1, 1, 0, 0, 4)


@pytest.mark.parametrize("seconds", [0.01, 3.0, 10.0, 99.0])
def test_pieces_along_time_are_the_whole(recording: Recording, seconds: float) -> None:
    parts = [*recording.chunks(seconds)]
    np.testing.assert_array_equal(
        np.concatenate([part.signal for part in parts], 1), recording.signal
    )
    assert sum(len(part.annotations) for part in parts) == 4


def test_windows_carry_record_person_time_and_annotations(recording: Recording) -> None:
    ecg = recording.windows([0, 400, 900], 100)
    assert ecg.signal.shape == (3, 2, 100) and ecg.signal[1, 1, 0] == -400
    assert ecg.patient is not None and ecg.record is not None and ecg.onset_s is not None
    assert ecg.patient.tolist() == ["p1"] * 3 and ecg.onset_s.tolist() == [0, 4, 9]
    assert ecg.marks is not None
    assert ecg.marks.of(0).tolist() == [50] and ecg.marks.of(1, "V").tolist() == [50]
    assert ecg.marks.of(2).tolist() == [99]


def test_an_item_is_a_recording_and_its_window_is_the_item(recording: Recording) -> None:
    ecg = recording.windows([400], 200)
    back = Recording.of(ecg)
    assert back.annotations.symbol.tolist() == ["V", "N"] and back.person == "p1"
    again = back.windows([0], 200)
    np.testing.assert_array_equal(again.signal, ecg.signal)
    assert again.marks == ecg.marks


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda r: r.read(500, 2000), "do not lie within r1, which has 1,000"),
        (lambda r: r.windows([950], 100), "do not lie within r1"),
        (lambda r: [*r.chunks(0)], "above 0"),
        (lambda _: Recording(np.zeros(5), 100.0, LEADS), r"is \[lead, sample\]"),
        (lambda _: Annotations([1, 2], ["N"]), "differ in length"),
        (lambda _: Recording.of(Ecg(np.zeros((1, 1, 5)), Spec(("I",), 100, 5, unit="normalised"))),
         "in mV"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(recording: Recording, make: object, why: str) -> None:
    with pytest.raises(EcgsynthError, match=why):
        make(recording)  # type: ignore[operator]


def test_a_record_on_the_disk_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    samples = 400_000
    wave = np.round(np.sin(np.arange(samples) / 50), 3).astype(np.float32)
    ecg = Ecg(np.stack([wave, -wave])[None], Spec(LEADS, 500.0, samples))
    write(ecg, tmp_path / "long", "wfdb")
    tracemalloc.start()
    lazy = open_recording(tmp_path / "long" / "ecg_000000")
    piece = lazy.read(200_000, 200_500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    np.testing.assert_allclose(piece[0], wave[200_000:200_500], atol=1e-3)
    assert lazy.seconds == 800 and peak < samples  # bytes: an eighth of the record in float32
    np.testing.assert_array_equal(lazy.signal, read_recording(tmp_path / "long/ecg_000000").signal)


@pytest.mark.data
@pytest.mark.parametrize("name", ["100", "207"])
def test_pieces_of_real_records_are_those_of_the_whole(name: str) -> None:
    """Format 212, whose samples are packed by twos: also from odd places."""
    path = store.find_folder("mitbih", "100.hea") / name
    lazy, whole = open_recording(path, annotations="atr"), read_recording(path, annotations="atr")
    assert lazy.annotations == whole.annotations and len(lazy.annotations) > 1000
    for start, stop in ((0, 1), (1, 2), (12_345, 12_350), (649_999, 650_000), (333, 99_998)):
        np.testing.assert_array_equal(lazy.read(start, stop), whole.signal[:, start:stop])


@pytest.mark.parametrize("piece", [("x", 5), (0.5, 2), (0, 1e3), (True, 5), (5, [7])])
def test_piece_that_no_whole_numbers_bound_is_refused(recording: Recording, piece: tuple) -> None:
    for read in (recording.read, recording.piece, recording.annotations.between):
        with pytest.raises(EcgsynthError, match="sample must be a whole number"):
            read(*piece)


@pytest.mark.parametrize("rows", [[0, 99], "x", [0.5], [True], None])
def test_annotations_that_are_not_there_are_refused(recording: Recording, rows: object) -> None:
    if rows is None:
        rows = {"a": 1}
    with pytest.raises(EcgsynthError, match="there are 4 annotations"):
        recording.annotations.select(rows)  # type: ignore[arg-type]
