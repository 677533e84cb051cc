"""`ecgsynth watch` and `plot RUN` read whatever a run has left so far, and refuse what is none."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from patience import PATIENCE_S
from typer.testing import CliRunner

from ecgsynth.cli.main import app
from ecgsynth.cli.watch import curve, span
from ecgsynth.errors import EcgsynthError
from ecgsynth.training.monitoring.curves import draw_run


def line(number: int, **more: Any) -> dict[str, Any]:
    return {
        "examples": 6400 * number, "critic/adversarial": 0.6 - 0.1 * number, "critic/r1": 0.1,
        "generator/adversarial": 1.0 + number, "examples_per_second": 640.0,
        "seconds_left": 10.0 * (3 - number), "memory_gb": 1.25, "health/accuracy": 0.91,
        "health/accuracy_heldout": 0.83, "health/overfitting": 0.21, "health/gradient_critic": 2.5,
        "health/told/N": 0.77, "health/spread/N": 0.66, "health/distance/N": 1.55,
        "samples": {"N": [0.0] * 20 + [1.0, 3.0, -1.0] + [0.1] * 25},
    } | more  # fmt: skip


ALARM = {"examples": 12800, "alarm": "saturation", "saw": "clipped tops", "try": "a wider range"}


def run_folder(folder: Path, lines: list[dict[str, Any]], tail: str = "") -> Path:
    folder.mkdir()
    text = "".join(json.dumps(each) + "\n" for each in lines)
    (folder / "metrics.jsonl").write_text(text + tail)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folder(tmp_path / "run", [line(1), line(2), ALARM], '{"examples": 19200, "cri')


def shown(*words: str | Path) -> str:
    done = CliRunner().invoke(app, ["watch", *map(str, words), "--once"], env={"COLUMNS": "200"})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_a_frame_tells_where_a_run_is_and_how_it_does(run: Path) -> None:
    text = shown(run)
    assert "12,800 examples (67%), 640/s, 1.2 GB, 10 s left" in text
    for label, value in (
        ("critic adversarial", "0.4"), ("generator adversarial", "3"), ("critic r1", "0.1"),
        ("accuracy, real", "0.91"), ("accuracy, held-out", "0.83"),
        ("critic overfits", "0.21"), ("critic's gradient", "2.5"),
    ):  # fmt: skip
        assert re.search(rf"{label} +{value} ", text), label
    assert re.search(r"N +0.77 +0.66 +1.55", text)
    assert "! saturation after 12,800 examples: clipped tops; a wider range" in " ".join(
        text.replace("│", " ").split()
    )


def test_several_runs_stand_side_by_side_or_below_each_other(run: Path, tmp_path: Path) -> None:
    other = run_folder(tmp_path / "other", [line(3)])
    wide = shown(run, other)
    assert "finished" in wide
    assert any("╮ ╭" in text for text in wide.splitlines())
    narrow = (
        CliRunner()
        .invoke(app, ["watch", str(run), str(other), "--once"], env={"COLUMNS": "80"})
        .output
    )
    assert "╮ ╭" not in narrow
    assert narrow.count("╭") == 2


def test_a_run_from_before_there_was_a_watch_is_shown(tmp_path: Path) -> None:
    old = {"examples": 640, "critic/adversarial": 0.5, "examples_per_second": 100.0}
    text = shown(run_folder(tmp_path / "old", [old]))
    assert "640 examples, 100/s" in text
    assert "left" not in text


@pytest.mark.parametrize("columns", [20, 40, 76, 77])
def test_a_narrow_terminal_has_a_narrow_panel(run: Path, columns: int) -> None:
    done = CliRunner().invoke(app, ["watch", str(run), "--once"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    assert {len(row) for row in done.output.splitlines()} == {min(columns - 1, 76)}


def test_runs_that_are_higher_than_the_terminal_have_a_line_each(tmp_path: Path) -> None:
    from rich.console import Console

    from ecgsynth.cli.watch import _fitting

    runs = [run_folder(tmp_path / str(n), [line(1), line(2), ALARM]) for n in range(20)]
    small = Console(width=160, height=25, force_terminal=True)
    with small.capture() as told:
        small.print(_fitting(runs, small))
    rows = told.get().splitlines()
    assert len(rows) == 20
    assert all("12,800 examples (67%)" in row and "! saturation" in row for row in rows)
    high = Console(width=160, height=500, force_terminal=True)
    with high.capture() as told:
        high.print(_fitting(runs, high))
    assert told.get().count("╭") == 20


def test_what_a_power_cut_left_in_the_log_is_passed_over(run: Path, tmp_path: Path) -> None:
    before = shown(run)
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'\0\0\n\xc0\xff\n{"examples": "many"}\n{"examples": 19200, "alarm": "cut"}\n')
    assert shown(run) == before
    assert draw_run(run, tmp_path / "curves.png").axes
    assert (tmp_path / "curves.png").is_file()


def test_a_run_that_went_back_says_so(tmp_path: Path) -> None:
    back = ALARM | {"examples": 6400, "back_from": 12800}
    text = " ".join(shown(run_folder(tmp_path / "run", [line(1), back])).replace("│", " ").split())
    assert (
        "saturation after 12,800 examples: clipped tops; a wider range (went back to 6,400)" in text
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "name the run folders to watch"),
        (["nowhere"], "there is no .*nowhere"),
        (["file.npz"], "is a file; name the run folder"),
        (["empty"], "is not a run"),
        (["torn"], "is not a run"),
    ],
    ids=str,
)
def test_what_is_no_run_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], reason: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.npz").write_text("")
    run_folder(tmp_path / "torn", [], '{"examples": 64, "cr')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EcgsynthError, match=reason) as caught:
        shown(*words)
    assert "\n" not in str(caught.value)


def test_a_run_that_has_only_begun_stands_beside_the_others(run: Path, tmp_path: Path) -> None:
    (tmp_path / "begun").mkdir()
    (tmp_path / "begun" / "run.yaml").write_text("name: begun")
    frame = shown(run, tmp_path / "begun")
    assert "no steps yet" in frame
    assert "examples" in frame


def test_a_frame_every_zero_seconds_is_refused(run: Path) -> None:
    with pytest.raises(EcgsynthError, match="--every must be a positive number"):
        shown(run, "--every", "0")


LIVE = """
import os, signal, sys
from ecgsynth.cli import main as cli, watch
frames, frame = [], watch._frame
def third(*given):
    frames.append(given)
    if len(frames) == 3:
        os.kill(os.getpid(), signal.SIGINT)
    return frame(*given)
watch._frame = third
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.argv = ["ecgsynth", "watch", sys.argv[1], "--every", "0.01"]
try:
    cli.main()
finally:
    print("LOADED", *sys.modules)
"""


def test_ctrl_c_leaves_cleanly_and_nothing_heavy_was_loaded(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIVE, str(run)],
        check=False, capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert not {"torch", "matplotlib"} & set(done.stdout.rpartition("LOADED")[2].split())


def test_a_curve_goes_from_its_lowest_to_its_highest_dot() -> None:
    assert curve([0, 1], width=1) == ["⡸"]
    assert curve([1, 0], width=1) == ["⢱"]
    assert curve([2, 2, 2], width=2) == ["⣀⣀"]
    assert curve([], width=3, rows=2) == ["", ""]
    assert curve([float("nan"), 1.0], width=1) == ["⣀"]
    top, bottom = curve([0, 0, 1, 1], width=2, rows=2)
    assert top[1] != "⠀" and bottom[0] != "⠀"
    assert len(curve([float(k % 7) for k in range(1000)], width=24)[0]) == 24


@pytest.mark.parametrize(
    ("seconds", "said"), [(40, "40 s"), (720, "12 min"), (11_100, "3 h 5 min"), (7199, "2 h 0 min")]
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_curves_of_a_run_name_its_figures_and_mark_its_alarms(run: Path, tmp_path: Path) -> None:
    draw_run(run, tmp_path / "run.svg")
    drawn = (tmp_path / "run.svg").read_text()
    for words in (
        "adversarial loss",
        "penalties",
        "critic right",
        "class adherence",
        "gradient norm",
    ):
        assert f"<!-- {words}" in drawn, words
    assert "<!-- saturation -->" in drawn
    draw_run(run, tmp_path / "run.png")
    assert (tmp_path / "run.png").stat().st_size > 10_000


def test_curves_of_an_old_run_are_drawn(tmp_path: Path) -> None:
    old = [{"examples": 640 * k, "critic/adversarial": 0.5, "lpips": 0.1} for k in (1, 2)]
    draw_run(run_folder(tmp_path / "old", old), tmp_path / "old.svg")
    assert "<!-- lpips -->" in (tmp_path / "old.svg").read_text()
