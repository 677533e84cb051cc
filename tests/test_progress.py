"""Progress of long work: it never goes back, and costs count, not parts."""

from __future__ import annotations

import io
import sys
import threading
import time

import pytest
from patience import PATIENCE_S

from ecgsynth import progress
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.progress import Steps
from ecgsynth.simulator.records import Noise, simulate_beats


def test_a_part_counts_by_its_cost_and_from_its_end_on() -> None:
    heard: list[tuple[str, float]] = []
    steps = Steps(lambda what, share: heard.append((what, share)), total=10, done=1)
    steps.begin("long", 6)
    steps.begin("short", 1)
    steps.skip(2)
    steps.begin("more than was known", 5)
    steps.begin("last", 1)
    assert heard == [
        ("long", 0.1), ("short", 0.7), ("more than was known", 1.0), ("last", 1.0)
    ]  # fmt: skip


def test_a_judging_tells_its_progress_in_order_whether_floors_are_known_or_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("ECGSYNTH_DATA", str(tmp_path))
    ecg = simulate_beats(80, patients=4, noise=Noise(muscle_mv=0.01), seed=1)
    lengths = []

    def told() -> list[tuple[str, float]]:
        heard: list[tuple[str, float]] = []
        evaluate(
            ecg, "simulated:test", "simulated:train", metrics=["amplitude_w1", "spread"],
            quick=True, advance=lambda what, share: heard.append((what, share)),
        )  # fmt: skip
        return heard

    for heard in (told(), told()):  # the second time the controls come out of the cache
        shares = [share for _, share in heard]
        assert shares == sorted(shares)
        assert (heard[0][1], heard[-1]) == (0.0, ("done", 1.0))
        assert shares[-2] > 0.8  # no leap at the end
        lengths.append(len(heard))
    assert lengths[0] > lengths[1]


def test_a_pipe_gets_lines_and_no_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = threading.Event()
    monkeypatch.setattr(progress, "FIRST_S", 0.001)
    monkeypatch.setattr("sys.stderr", Watched(written))
    with progress.share_bar("judging") as advance:
        advance("c2st of the set", 0.25)
        assert written.wait(PATIENCE_S)
    lines = sys.stderr.lines
    assert all("judging: 0 %" in line or "c2st of the set: 25 %" in line for line in lines)
    assert capsys.readouterr().out == ""


class Watched(io.StringIO):
    """Standard error that is no terminal; the event is set with the first line."""

    def __init__(self, written: threading.Event) -> None:
        super().__init__()
        self.written, self.lines = written, []

    def write(self, text: str) -> int:
        if text.strip():
            self.lines.append(text)
            self.written.set()
        return len(text)


def test_of_two_works_in_each_other_the_inner_one_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    written = threading.Event()
    monkeypatch.setattr("sys.stderr", Watched(written))
    monkeypatch.setattr(progress, "FIRST_S", 3600.0)
    with progress.count_bar("examples") as outer:
        outer.add_task("training", total=None)
        monkeypatch.setattr(progress, "FIRST_S", 0.001)
        read = list(progress.recordings(iter("abc"), 3))
        with progress.count_bar("recordings") as inner:
            inner.add_task("reading recordings", total=3)
            assert written.wait(PATIENCE_S)
    assert read == [*"abc"]
    assert {line.partition(":")[0] for line in sys.stderr.lines} == {"reading recordings"}


def test_recordings_count_as_they_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Watched(threading.Event()))
    read = progress.recordings(iter("abc"), 3)
    assert [progress._SHOWN[-1].tasks[-1].completed for _ in read] == [0, 1, 2]


def test_what_is_hidden_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Watched(threading.Event()))
    monkeypatch.setattr(progress, "FIRST_S", 0.001)
    with progress.count_bar("examples", hidden=True) as bar:
        bar.add_task("training", total=3)
        time.sleep(0.05)
    assert sys.stderr.lines == []


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (("judging", 0.25, 1.0, "", 10.2, .025), "judging: 25 %, 10 s, 30 s left"),
        (("critic 0.7", 6400, 12800, "examples", 40, 160),
         "critic 0.7: 6,400 of 12,800 examples, 50 %, 40 s, 40 s left"),
        (("reading the recordings", 0, None, "examples", 5, 0), "reading the recordings: 5 s"),
        (("done", 3, 3, "files", 9, 1), "done: 3 of 3 files, 100 %, 9 s"),
        (("", 0, 10, "examples", 5, 0), "working: 0 of 10 examples, 0 %, 5 s"),
    ],
)  # fmt: skip
def test_a_line_has_what_is_done_and_what_is_left(state: tuple, line: str) -> None:
    assert progress.progress_line(*state) == line


def test_what_an_earlier_command_did_is_no_part_of_the_speed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = threading.Event()
    monkeypatch.setattr("sys.stderr", Watched(written))
    monkeypatch.setattr(progress, "FIRST_S", 0.001)
    with progress.count_bar("examples") as bar:
        task = bar.add_task("resumed", total=None)
        bar.update(task, since=(900, time.monotonic() - 100))
        bar.update(task, total=1000, completed=950)  # 50 in 100 s: 100 s for the other 50
        assert written.wait(PATIENCE_S)
    lines = [line for line in sys.stderr.lines if " left" in line]
    assert 90 < float(lines[0].rpartition(", ")[2].removesuffix(" s left")) < 200


def test_within_a_long_step_nothing_is_known_of_the_time_left() -> None:
    assert progress.progress_line("c2st", 0.25, 1.0, "", 10, 0) == "c2st: 25 %, 10 s"


def test_lines_come_every_few_seconds_and_after_hours_every_minute() -> None:
    assert progress.line_interval(0) == 5
    assert progress.line_interval(60) == 5
    assert progress.line_interval(360) == 30
    assert progress.line_interval(36_000) == 60
