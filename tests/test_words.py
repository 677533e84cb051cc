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

LATER = {
    "evaluation/metrics/privacy/linkability.py", "evaluation/metrics/privacy/memorisation.py",
}  # fmt: skip
"""Modules that are not plain yet."""

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
    for path in sorted(SOURCE.rglob("*.py")):
        if path.relative_to(SOURCE).as_posix() not in LATER:
            yield path


def names(tree: ast.AST) -> Iterator[str]:
    """Names of classes, functions and parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg


def variables(tree: ast.AST) -> Iterator[str]:
    """Names of variables and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def texts(tree: ast.AST) -> Iterator[str]:
    """Docstrings and other strings, those of f-strings included, but for keys of old files."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and node.value not in KEYS
        ):
            yield re.sub(r"`[^`]*`", "", node.value)


def parts_of(name: str) -> list[str]:
    """The words of a name, in small letters."""
    return re.split(r"_+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())


def wrong_words(name: str, source: str) -> set[str]:
    """Words of a module, named `name`, that the page of style replaces."""
    tree = ast.parse(source)
    in_names = {
        part
        for called in [name, *names(tree)]
        for part in parts_of(called)
        if called.strip("_") in words("names") or part in words("texts")
    }
    in_variables = {
        part
        for called in variables(tree)
        for part in parts_of(called)
        if called.strip("_") not in FIELDS
    } & (words("texts") | words("variables"))
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(words('texts') - FIELDS))})\b", re.IGNORECASE)
    in_texts = {match.lower() for text in texts(tree) for match in pattern.findall(text)}
    return in_names & (words("names") | words("texts")) | in_variables | in_texts


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
        ("told = read(path)", "told"),
        ("for mine, other in pairs: ...", "mine"),
        ("with atomic_write(path) as beside: ...", "beside"),
        ("class Card:\n    said: str = ''", "said"),
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


BRACES = re.compile(r"\{[A-Za-z_][\w.]*(?:\([\w.]*\))?(?::[^}\s]*)?\}")

TYPED = {"{lead}"}
"""What a user types as it stands, in a pattern of columns."""


def left_in_braces(source: str) -> list[str]:
    """Names in braces that a message shows as they stand: a part of it is no f-string."""
    found = []
    for node in ast.walk(ast.parse(source)):
        parts = node.values if isinstance(node, ast.JoinedStr) else []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            parts = node.args if node.func.id.endswith(("Error", "NotApplicable")) else []
        texts = [part.value for part in parts if isinstance(part, ast.Constant)]
        found += [hit for text in texts if isinstance(text, str) for hit in BRACES.findall(text)]
    return [hit for hit in found if hit not in TYPED]


@pytest.mark.parametrize(
    "path", sorted((ROOT / "src").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT / "src"))
)
def test_no_message_shows_the_name_of_a_value_in_place_of_it(path: Path) -> None:
    assert not left_in_braces(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "raise EcgsynthError(f'{n} samples; at least ' '{LEAST_SAMPLES}, so cut longer ones.')",
        "text = f'Of 100 beats generated {asked}, ' '{in_100(row.value)} to that class'",
        "raise EcgsynthError('{count:,} items are too many.')",
    ],
)
def test_a_name_that_is_left_in_braces_is_seen(source: str) -> None:
    assert len(left_in_braces(source)) == 1
    assert not left_in_braces(source.replace("' '", "' f'").replace("('{c", "(f'{c"))
