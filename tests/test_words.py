"""Names, docstrings and messages of the code have none of the words that docs/style.md replaces."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "ecgsynth"
STYLE = ROOT / "docs" / "style.md"

PLAIN = (
    "signals", "simulator", "datasets", "models", "objectives", "training", "tuning",
    "model_registry", "synthesizer", "augmentation", "recipes", "formats/foreign", "evaluation",
    "cli", "service",
)  # fmt: skip
"""Packages whose words are checked; the modules at the top are, too."""

LATER: set[str] = set()
"""Modules of these packages that are not plain yet."""

KEYS = {"told", "health/told", "doubts"}
"""Keys of files that version 0.1.0 wrote."""

FIELDS = {"doubts"}
"""Words in docstrings that name a field of such a file."""


def words(kind: str) -> set[str]:
    """The words that the page of style replaces in names or in texts."""
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", STYLE.read_text("utf-8"), re.MULTILINE
    )
    return {word for left, places in rows if kind in places for word in left.split(", ")}


def modules() -> Iterator[Path]:
    yield from sorted(SOURCE.glob("*.py"))
    for package in PLAIN:
        for path in sorted((SOURCE / package).rglob("*.py")):
            if path.relative_to(SOURCE).as_posix() not in LATER:
                yield path


def names(tree: ast.AST) -> Iterator[str]:
    """Names of classes, functions and parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def texts(tree: ast.AST) -> Iterator[str]:
    """Docstrings and other strings, those of f-strings included, but for keys of old files."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value not in KEYS
        ):
            yield re.sub(r"`[^`]*`", "", node.value)


def wrong_words(name: str, source: str) -> set[str]:
    """Words of a module, named `name`, that the page of style replaces."""
    tree = ast.parse(source)
    in_names = {
        part
        for found in [name, *names(tree)]
        for part in re.split(r"_+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", found).lower())
        if found.strip("_") in words("names") or part in words("texts")
    }
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(words('texts') - FIELDS))})\b", re.IGNORECASE)
    in_texts = {match.lower() for text in texts(tree) for match in pattern.findall(text)}
    return in_names & (words("names") | words("texts")) | in_texts


@pytest.mark.parametrize(
    "path", list(modules()), ids=lambda path: path.relative_to(SOURCE).as_posix()
)
def test_no_module_has_a_word_that_the_page_of_style_replaces(path: Path) -> None:
    name = path.parent.name if path.stem == "__init__" else path.stem
    assert wrong_words(name, path.read_text("utf-8")) == set()


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("def told(x): ...", "told"),
        ("def _told(x): ...", "told"),
        ("def share(mine): ...", "mine"),
        ("class Doubts: ...", "doubts"),
        ("def load(x, *, beside): ...", "beside"),
        ("def opened(): ...", "opened"),
        ('"""What the file says."""', "says"),
        ('raise ValueError(f"{1} is not told; name it.")', "told"),
    ],
)
def test_a_wrong_word_is_seen(source: str, word: str) -> None:
    assert wrong_words("module", source) == {word}


def test_a_module_is_not_named_by_a_wrong_word() -> None:
    assert wrong_words("shelf", "") == {"shelf"}


def test_keys_of_old_files_and_code_in_backticks_are_no_wrong_words() -> None:
    assert wrong_words("module", 'x = {"told": 1}\n"""The key `told` of the log."""') == set()
