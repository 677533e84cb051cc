"""`ecgsynth rhythm` as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from outcome import Command

TEXT = "sinus 72 bpm 30 s; af 10 s"


def test_beats_are_printed_drawn_and_written(command: Command) -> None:
    done = command("rhythm", TEXT, "--to", "x.csv", "--plot", "x.svg")
    assert (done.code, done.err) == (0, "")
    assert "atrial fibrillation: 25.0% of the time, 1 episode" in done.out
    assert "SYNTHETIC" in done.out
    assert Path("x.csv").is_file()
    assert Path("x.svg").is_file()
    assert command("rhythm", TEXT, "--to", "x.csv").code == 2
    assert command("rhythm", TEXT, "--to", "x.csv", "--force").code == 0


def test_annotations_are_replayed(command: Command) -> None:
    command("rhythm", TEXT, "--to", "x.atr")
    done = command("rhythm", "--replay", "x.atr")
    assert done.code == 0
    assert "a real person's, from x.atr" in done.out


def test_the_list_has_all_that_the_grammar_knows(command: Command) -> None:
    done = command("rhythm", "--list")
    for word in ("sinus", "wenckebach", "pvc", "coupling", "every 8 beats"):
        assert word in done.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sinis 3 s"], "column 1: 'sinis'"),
        ([], "name a rhythm"),
        (["sinus", "--replay", "x.atr"], "name a rhythm"),
        (["--replay", "none.atr"], "none.atr"),
        (["sinus", "--hours", "0"], "the length of a recording"),
        (["sinus", "--to", "x.npz"], "end the name in .csv"),
        (["sinus", "--plot", "x.txt"], "picture"),
        (["sinus", "--seed", "-1"], "the seed"),
    ],
)
def test_a_fault_is_one_sentence_and_leaves_no_file(
    command: Command, words: list[str], sentence: str
) -> None:
    done = command("rhythm", *words)
    assert done.code == 2
    assert sentence in done.err
    assert not [*Path().iterdir()]
