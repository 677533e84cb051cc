"""RR intervals: from beat to beat of any kind, and unknown across what holds no rhythm."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own import everything
from wfdb_files import annotated, write_record

from ecgsynth.datasets import load, store
from ecgsynth.datasets.rr import GAP_S, LONGEST_S, rr_at
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

FS = 100.0
SECOND = 100


def recording(marks: list[tuple], seconds: float = 60, missing: slice | None = None) -> Recording:
    """marks: (second, symbol, note, subtype), the last two where they matter."""
    full = [(*mark, *("", 0)[len(mark) - 2 :]) for mark in marks]
    second, symbol, note, subtype = zip(*full, strict=True)
    signal = np.zeros((1, int(seconds * FS)), np.float32)
    if missing is not None:
        signal[:, missing] = np.nan
    notes = Annotations(
        np.round(np.array(second) * FS).astype(np.int64), np.array(symbol, np.str_),
        subtype=np.array(subtype), note=note,
    )  # fmt: skip
    return Recording(signal, FS, ("II",), notes)


def rr_of(marks: list[tuple], **more: object) -> tuple[list[float], float]:
    """Intervals between the beats "N", NaN first, and their mean."""
    made = recording(marks, **more)  # type: ignore[arg-type]
    rr = rr_at(made, made.annotations.sample[made.annotations.symbol == "N"])
    return [round(float(value), 3) for value in rr[:, 0]], float(rr[0, 2])


BEATS: list[tuple] = [(1, "N"), (2, "N"), (3, "N"), (7, "N"), (8, "N")]
PAUSE = ([np.nan, 1, 1, np.nan, 1], 1.0)
"""What is known where nothing is known of the time from 3 to 7 s."""


def assert_same(found: tuple, expected: tuple) -> None:
    np.testing.assert_array_equal(found[0], expected[0])
    assert found[1] == pytest.approx(expected[1])


def test_a_pause_is_an_interval() -> None:
    assert_same(rr_of(BEATS), ([np.nan, 1, 1, 4, 1], 7 / 4))


@pytest.mark.parametrize(
    "between",
    [
        [(3.2, "["), (3.5, "!"), (6.8, "]")],
        [(3.2, "["), (6.8, "]")],
        [(3, "["), (7, "]")],
        [(3.2, "[")],
        [(6.8, "]")],
        [(5, "!")],
        [(3.3, "+", "(VFL"), (7, "+", "(N")],
        [(3.3, "+", "(VFIB"), (6.9, "+", "(N")],
        [(3.3, "+", "(ASYS"), (7, "+", "(N")],
        [(3.3, "~", "", -1), (6.9, "~", "", 0)],
    ],
)
def test_an_interval_across_flutter_or_what_cannot_be_read_is_unknown(between: list[tuple]) -> None:
    marks = sorted([*BEATS, *between], key=lambda mark: mark[0])
    assert_same(rr_of(marks), PAUSE)


@pytest.mark.parametrize(
    "between",
    [
        [(3.3, "+", "(VT"), (7, "+", "(N")],
        [(3.3, "~", "", 3)],
        [(4, "x")],
        [(4, "|")],
        [(5, '"', "PSE")],
    ],
)
def test_an_interval_across_anything_else_is_known(between: list[tuple]) -> None:
    marks = sorted([*BEATS, *between], key=lambda mark: mark[0])
    assert_same(rr_of(marks), ([np.nan, 1, 1, 4, 1], 7 / 4))


def test_a_recording_that_ends_in_flutter_is_known_until_then() -> None:
    assert_same(rr_of([*BEATS, (8.2, "+", "(VF"), (9, "N")]), ([np.nan, 1, 1, 4, 1, np.nan], 7 / 4))


def test_an_interval_across_missing_samples_is_unknown_unless_beats_are_annotated_there() -> None:
    hole = slice(4 * SECOND, int((4 + GAP_S) * SECOND))
    assert_same(rr_of(BEATS, missing=hole), PAUSE)
    assert_same(rr_of(BEATS, missing=slice(hole.start, hole.stop - 1)), rr_of(BEATS))
    known = [*BEATS[:3], (4, "N"), (5, "N"), (6, "N"), *BEATS[3:]]
    hole = slice(350, 650)
    assert_same(rr_of(known, missing=hole), ([np.nan, *[1.0] * 7], 1))


def test_beats_further_apart_than_the_longest_pause_are_no_neighbours() -> None:
    last = 2 + LONGEST_S
    assert rr_of([(1, "N"), (2, "N"), (last, "N")])[0][2] == LONGEST_S
    assert np.isnan(rr_of([(1, "N"), (2, "N"), (last + 0.01, "N")])[0][2])
    nothing, mean = rr_of([(1, "N"), (30, "N")])
    assert np.isnan([*nothing, mean]).all()


@pytest.mark.parametrize("symbol", AAMI_OF_SYMBOL)
def test_beats_of_every_kind_are_neighbours(symbol: str) -> None:
    marks = [(1, "N"), (1.6, symbol), (2.4, "N")]
    made = recording(marks)
    rr = rr_at(made, np.array([240]))
    np.testing.assert_allclose(rr[0, [0, 2]], [0.8, 0.7], rtol=1e-6)


def test_a_symbol_that_is_cut_as_a_beat_is_a_neighbour() -> None:
    made = recording([(1, "N"), (1.6, "*"), (2.4, "N")])
    assert rr_at(made, np.array([240]))[0, 0] == pytest.approx(1.4)
    assert rr_at(made, np.array([240]), "*")[0, 0] == pytest.approx(0.8)


def test_two_annotations_of_one_beat_are_one_beat() -> None:
    assert_same(rr_of([(1, "N"), (2, "V"), (2, "N"), (3, "N")]), ([np.nan, 1, 1], 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A PVC early and a beat of an unknown kind late, in sinus rhythm of 1 s."""
    at = np.array([1, 2, 2.6, 4, 5, 6, 7])
    t = np.arange(2000) / 250
    wave = sum(np.exp(-0.5 * ((t - r) / 0.02) ** 2) for r in at)
    write_record(tmp_path, "a", [np.round(1000 * wave).astype(int)])
    annotated(tmp_path / "a.atr", (at * 250).astype(int), "NNVNBN" + "?")
    return tmp_path


def test_rr_of_one_class_alone_is_that_among_all_beats(folder: Path) -> None:
    every = everything(folder, classes=["N", "V", "Q"])
    alone = everything(folder, label_map={"V": "early"})
    assert alone.counts() == {"early": 1} and every.counts() == {"N": 5, "V": 1, "Q": 1}
    np.testing.assert_array_equal(alone.context, every.of_class("V").context)
    np.testing.assert_allclose(alone.context[0], [0.6, 1.4, 1.0], rtol=1e-5)


@pytest.mark.data
def test_rr_of_mit_bih_is_unknown_across_flutter_and_unreadable_stretches() -> None:
    validation = load("mitbih:validation")
    of_207 = validation[validation.record == "207"]
    assert np.nanmax(of_207.context[:, :2]) < 5
    assert of_207.context[0, 2] == pytest.approx(0.892, abs=0.001)
    # Six episodes of flutter, and nothing after the last beat; the first one lies at the edge.
    assert np.isnan(of_207.context[:, :2]).sum(0).tolist() == [6, 7]
    test = load("mitbih:ds2")
    assert np.nanmax(test.context[test.record == "232", 1]) == pytest.approx(5.87, abs=0.01)
    train = load("mitbih:train")
    assert np.isnan(train.context[train.record == "208", :2]).sum() == 2


@pytest.mark.data
def test_rr_of_mit_bih_is_the_same_in_the_users_own_folder() -> None:
    root = store.find_folder("mitbih", "100.hea")
    theirs = load("mitbih:ds1")
    theirs = theirs[theirs.record == "119"].of_class("V")
    ours = everything(root / "119.hea", leads=["MLII"], label_map={"V": "V"})
    np.testing.assert_array_equal(ours.context, theirs.context)
    np.testing.assert_array_equal(ours.signal, theirs.signal)
