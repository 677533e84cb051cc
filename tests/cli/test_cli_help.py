"""Help: short summaries, an example in each, one style of options, and no heavy import."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from outcome import Command
from patience import PATIENCE_S

from ecgsynth.cli.main import app
from ecgsynth.cli.options import complete_metrics, complete_model, complete_recipe, names_of

WIDTH = 80
"""Columns of a usual terminal."""


def commands(group: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Words -> command, of the group and of all below it."""
    yield words, group
    for name, one in getattr(group, "commands", {}).items():
        yield from commands(one, *words, name)


TREE = dict(commands(typer.main.get_command(app)))
each_command = pytest.mark.parametrize(
    "words", list(TREE), ids=lambda words: "-".join(words) or "ecgsynth"
)


def help_of(command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> str:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    done = command(*words, "--help")
    assert (done.code, done.err) == (0, "")
    return done.out


def test_the_tree_has_commands_and_those_below_them() -> None:
    assert {(), ("generate",), ("data", "fetch"), ("classify", "test")} <= {*TREE}


@each_command
def test_every_help_has_an_example_in_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    shown = help_of(command, monkeypatch, words)
    examples = re.findall(r"^  [A-Z][\w, ]*: (ecgsynth .+)$", shown, re.MULTILINE)
    written = re.findall(r": (ecgsynth \S+ [^\n]+)", TREE[words].help or "")
    written += re.findall(r": (ecgsynth \S+ [^\n]+)", TREE[words].epilog or "")
    assert examples == written
    assert examples
    assert all(example.startswith(" ".join(["ecgsynth", *words])) for example in examples)


@each_command
def test_no_summary_is_cut_and_no_line_too_long(
    command: Command, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    lines = help_of(command, monkeypatch, words).partition("\n\n")[2].splitlines()
    assert not [line for line in lines if line.endswith("...")]
    assert max(map(len, lines)) <= WIDTH


@each_command
def test_every_argument_and_option_has_its_help(words: tuple[str, ...]) -> None:
    assert [one.name for one in TREE[words].params if not one.help] == []


def test_an_option_has_one_form_in_all_commands() -> None:
    forms: dict[str, set[tuple[bool, bool, str]]] = {}
    for command in TREE.values():
        for one in command.params:
            if one.param_type_name == "option":
                form = (one.is_flag, one.multiple, (one.metavar or "") * one.multiple)
                forms.setdefault(one.opts[0], set()).add(form)
    assert {name: found for name, found in forms.items() if len(found) > 1} == {}
    lists = ("--label", "--classes", "--metrics", "--splits")
    assert {form for name in lists for form in forms[name]} == {(False, True, "NAMES")}


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["N,V"], ["N", "V"]),
        (["N", "V"], ["N", "V"]),
        ([" V , N", "V"], ["V", "N"]),
        (["", ","], []),
        (None, []),
    ],
)
def test_names_stand_in_one_option_or_in_several(values: Any, names: list[str]) -> None:
    assert names_of(values) == names


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from ecgsynth.cli.main import app\n"
        f"for words in {[list(words) for words in TREE]}:\n"
        "    app([*words, '--help'], standalone_mode=False)\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    loaded = set(done.stdout.rpartition("LOADED")[2].split())
    assert "ecgsynth.cli.generate" in loaded
    assert not loaded & {
        "torch", "numpy", "scipy", "pandas", "matplotlib", "sklearn", "pyarrow", "wfdb", "requests",
        "fastapi", "ecgsynth.formats.npz",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ecgsynth gen", ["generate"]),
        ("ecgsynth generate mitbih-beats-", ["mitbih-beats-2lead"]),
        ("ecgsynth data sa", ["save"]),
        ("ecgsynth data save ptb", ["ptbxl"]),
    ],
)
def test_a_shell_completes_commands_and_names(line: str, words: list[str]) -> None:
    variables = {
        "_ECGSYNTH_COMPLETE": "complete_bash", "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }  # fmt: skip
    code = "import sys; sys.argv = ['ecgsynth']\nfrom ecgsynth.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        timeout=PATIENCE_S, env=os.environ | variables,
    )  # fmt: skip
    assert done.stdout.split() == words


def test_names_of_models_recipes_and_metrics_are_completed() -> None:
    assert complete_model("mitbih-beats") == ["mitbih-beats-2lead", "mitbih-beats"]
    assert complete_recipe("augment") == ["augment-svf"]
    assert complete_metrics("c2st,smooth") == ["c2st,smoothness"]
    assert complete_model("nothing") == []
