"""A command that is cut off, or that cannot print, ends in a sentence or in silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcome import Command
from patience import PATIENCE_S, wait_for
from tiny import tiny_synthesizer

from ecgsynth.cli import main
from ecgsynth.signals.ecg import Ecg
from ecgsynth.synthesizer import shipped

HEARING = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from ecgsynth.cli.main import main
main()
"""
"""A suite that runs in the background was started with Ctrl-C and SIGHUP ignored."""


@pytest.fixture(scope="module")
def model(simulated_beats: Ecg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_synthesizer(simulated_beats).save(tmp_path_factory.mktemp("m") / "t.safetensors")


@pytest.fixture
def begun(model: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A generation that goes on for minutes and has begun to write."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEARING, "generate", str(model), "--count", "9_000_000",
         "--to", "beats.npz"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_for(lambda: process.poll() is not None or [*tmp_path.glob(".beats.npz.*/*")])
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_generation_that_is_stopped_leaves_neither_file_nor_traceback(
    begun: subprocess.Popen[str], tmp_path: Path, name: str, code: int
) -> None:
    begun.send_signal(getattr(signal, name))
    err = begun.communicate(timeout=PATIENCE_S)[1]
    assert begun.returncode == code
    assert "Traceback" not in err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("words", [["list"], ["data", "check", "simulated", "beats=40"]])
def test_reader_that_leaves_is_no_fault(words: list[str]) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "ecgsynth", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    err = process.stderr.read().decode()
    assert process.wait(PATIENCE_S) in (0, 1)
    assert "Traceback" not in err and "Exception" not in err
    process.stderr.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_output_that_finds_the_disk_full_is_one_sentence() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ecgsynth", "list"], stdout=full, stderr=subprocess.PIPE,
            text=True, check=False, timeout=PATIENCE_S,
        )  # fmt: skip
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_fault_of_ecgsynth_is_one_sentence_and_its_traceback_on_request(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, str]:
        raise ZeroDivisionError("of mysql://me:hunter2@host")

    monkeypatch.setattr(shipped, "shipped_models", broken)
    done = command("list", "pretrained")
    assert done.code == main.FAULT
    assert len(done.err.strip().splitlines()) == 1
    assert "this is a fault of ecgsynth (ZeroDivisionError: of mysql://me:***@host" in done.err
    monkeypatch.setenv(main.SHOW, "1")
    with pytest.raises(ZeroDivisionError):
        command("list", "pretrained")


def test_name_that_steers_a_terminal_is_shown_and_not_obeyed(command: Command) -> None:
    done = command("plot", "\x1b[31mred\x07.npz")
    assert done.code == 2
    assert "\\x1b[31mred\\x07.npz" in done.err
    assert "\x1b" not in done.err


def test_name_that_no_letters_can_write_is_told(command: Command, tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe.npz")
    done = command("plot", name)
    assert done.code == 2
    assert "there is no file or folder" in done.err
