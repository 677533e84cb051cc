"""A stream: a recording piece by piece, in its time, without an end; its reader may stop."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice, pairwise

import numpy as np
import pytest
from outcome import Command
from patience import PATIENCE_S
from tiny import tiny_renderer

import ecgsynth as es
from ecgsynth.completion import stream as streams
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.draft import Piece, no_marks


def test_pieces_are_the_recording_with_its_beats() -> None:
    rhythm = es.make_rhythm("sinus 50 s; af 40 s", seed=3)
    whole = es.draw_rhythm(rhythm, 2, 100.0, waves=False, seed=3)
    pieces = [*es.stream(rhythm, fs=100, piece_s=0.37, seed=3)]
    signal = np.concatenate([one.signal for one in pieces], 1)
    np.testing.assert_array_equal(signal, whole.signal[0])
    starts = np.cumsum([0, *(one.samples for one in pieces)])
    marks = [at + start for one, start in zip(pieces, starts[:-1], strict=True)
             for at in one.annotations.sample]  # fmt: skip
    assert marks == whole.marks.sample.tolist()
    assert all(one.synthetic for one in pieces)
    assert {one.samples for one in pieces[:-1]} == {37}


def test_a_model_streams_what_it_records() -> None:
    model, rhythm = tiny_renderer(4.0), es.make_rhythm("sinus 20 s")
    whole = es.record(rhythm, model, leads=["II"], fs=100, seed=1).signal[0]
    pieces = es.stream(rhythm, model, leads=["II"], fs=100, seed=1)
    np.testing.assert_array_equal(np.concatenate([one.signal for one in pieces], 1), whole)


def test_a_text_has_no_end_and_is_made_only_as_it_is_read() -> None:
    pieces = es.stream("sinus 5 s; af 5 s", fs=100, piece_s=60, noise=["muscle"], snr="6")
    found = [*islice(pieces, 40)]
    codes = [c for one in found for c in one.annotations.symbol.tolist() if c.startswith("(")]
    assert codes == ["(N", "(AFIB"] * (len(codes) // 2)
    assert len(codes) == 2 * 40 * 6
    signal = np.concatenate([one.signal for one in found], 1)
    assert np.abs(signal[:, :1000] - signal[:, 60_000:61_000]).max() > 0.1


def test_a_line_is_later_by_its_length_and_a_late_one_does_not_hurry_the_others() -> None:
    clock, slept = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 6))
        clock[0] += seconds

    lines = streams.paced([{}] * 6, 0.2, 2.0, sleep, lambda: clock[0])
    next(lines)
    clock[0] += 100.0  # the reader paused
    assert len([*lines]) == 5
    assert slept == [0.1] * 5


def test_the_next_piece_is_made_meanwhile_and_no_further_one() -> None:
    made = list[int]()

    def pieces():
        for k in range(9):
            made.append(k)
            yield Piece(np.zeros((1, 1), np.float32), no_marks())

    found = streams.made_ahead(pieces())
    for count in range(1, 5):
        next(found)
        assert len(made) <= count + 1
    assert len([*found]) == 5


def test_what_fails_ahead_fails_here() -> None:
    def pieces():
        yield Piece(np.zeros((1, 1), np.float32), no_marks())
        raise EcgsynthError("no more.")

    found = streams.made_ahead(pieces())
    next(found)
    with pytest.raises(EcgsynthError, match="no more"):
        next(found)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"rhythm": "sinis"}, "column 1"), ({"rhythm": 3}, "a text or a Rhythm"),
        ({"rhythm": es.make_rhythm("sinus 5 s"), "seconds": 3}, "a length of its own"),
        ({"piece_s": 0}, "length of a piece"), ({"seconds": -1}, "length of a recording"),
        ({"noise": ["muscle"]}, "needs a ratio"), ({"snr": "loud"}, "column 1"),
        ({"model": "simulatr"}, "Did you mean 'simulator'"), ({"label": "AFIB"}, "for a model"),
        ({"fs": 20}, "100 to 10000 Hz"), ({"leads": ["V9"]}, "no lead 'V9'"),
    ],
)  # fmt: skip
def test_what_cannot_be_streamed_is_refused_at_once(words: dict, sentence: str) -> None:
    with pytest.raises(EcgsynthError, match=sentence):
        es.stream(**{"rhythm": "sinus"} | words)


def test_the_command_writes_a_header_pieces_and_the_number_of_samples(command: Command) -> None:
    done = command("stream", "sinus; af 1 s", "--hours", "0.001", "--speed", "max", "--leads",
                   "II,V5", "--seed", "4")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    header, *pieces, last = [json.loads(line) for line in done.out.splitlines()]
    assert (header["fs"], header["leads"], header["unit"]) == (250, ["II", "V5"], "mV")
    assert "SYNTHETIC" in header["statement"]
    assert last == {"samples": 900}
    assert [one["time_s"] for one in pieces] == [round(0.2 * k, 4) for k in range(18)]
    assert all(len(one["signal"]["V5"]) == 50 for one in pieces)
    beats = [beat for one in pieces for beat in one["beats"]]
    rhythm = es.make_rhythm("sinus; af 1 s", 3.6, 4)
    np.testing.assert_allclose([one["time_s"] for one in beats], rhythm.time_s, atol=0.003)
    assert [one["rhythm"] for piece in pieces for one in piece.get("rhythms", [])] == [
        "(N", "(AFIB",
    ]  # fmt: skip
    for words in (["--speed", "0"], ["--speed", "fast"], ["--speed", "nan"], ["--piece", "nan"]):
        assert command("stream", "sinus", *words).code == 2
    done = command("stream", "vf 5 s", "--snr", "6", "--hours", "0.01", "--speed", "max")
    assert done.code == 2
    assert done.out == ""


def test_the_work_ends_where_the_reader_stops() -> None:
    words = [sys.executable, "-m", "ecgsynth", "stream", "sinus", "--speed", "max", "--fs", "100"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as work:
        assert work.stdout is not None
        assert work.stderr is not None
        lines = [json.loads(work.stdout.readline()) for _ in range(4)]
        work.stdout.close()
        assert work.wait(PATIENCE_S) == 0
        assert work.stderr.read() == b""
    assert all(b["time_s"] - a["time_s"] == pytest.approx(0.2) for a, b in pairwise(lines[1:]))
