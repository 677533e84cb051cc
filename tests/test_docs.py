"""The docs are true: links, settings, options, examples, tables and paths; and can be read."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml

from ecgsynth import __version__
from ecgsynth.cli.main import app
from ecgsynth.config import Data, Run, Training
from ecgsynth.registry import DATASETS, MODELS, OBJECTIVES
from ecgsynth.service.settings import Settings

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "ecgsynth"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LAB_LOG = ROOT / "docs" / "lab-log.md"
GENERATED = re.compile(r"docs/(reference/[\w-]+|contributing|changelog)\.md")
"""Pages that are made when the site is built; the strict build looks at links to them."""

MOST_WORDS = 29
MOST_COLUMNS = 100

COMMANDS = typer.main.get_command(app)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(text: str, language: str = "") -> Iterator[str]:
    """What stands in the fences of a language."""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if found[1] == language:
            yield found[2]


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def slugs(text: str) -> set[str]:
    """Names of the headings in links, as the site and the hosts of repositories make them."""
    titles = re.findall(r"^#+ (.*)$", without_code(text), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", t).strip().lower()) for t in titles}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_inside_the_docs_leads_somewhere(page: Path) -> None:
    text = without_code(page.read_text("utf-8"))
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, heading = link.partition("#")
        if "://" in place:
            continue
        target = (page.parent / place).resolve() if place else page
        if GENERATED.fullmatch(target.relative_to(ROOT).as_posix()):
            continue
        if not target.exists() or (heading and heading not in slugs(target.read_text("utf-8"))):
            dead.append(link)
    assert not dead


def paragraphs(text: str) -> Iterator[str]:
    """Paragraphs, list items and table cells, without code, comments, pictures and addresses."""
    text = re.sub(r"<!--.*?-->", "", without_code(text), flags=re.DOTALL)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"`[^`]*`", "code", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.)\s)|\n(?=[|#])", text):
        yield from block.split("|") if block.startswith("|") else [block.lstrip("-*# ")]


def sentences(text: str) -> Iterator[str]:
    for paragraph in paragraphs(text):
        whole = " ".join(paragraph.split())
        yield from re.split(r"(?<=[.!?])[*_)\"]*\s+(?=[\"'*(\[]*[A-Z0-9.]|code\b)", whole)


@pytest.mark.parametrize("page", [page for page in PAGES if page != LAB_LOG], ids=name_of)
def test_no_sentence_has_thirty_words(page: Path) -> None:
    found = list(sentences(page.read_text("utf-8")))
    long = [s for s in found if len(re.findall(r"\S*\w\S*", s)) > MOST_WORDS]
    assert not long


STYLE = ROOT / "docs" / "style.md"


@pytest.mark.parametrize("page", [p for p in PAGES if p != STYLE], ids=name_of)
def test_no_page_has_a_word_that_the_page_of_style_replaces(page: Path) -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", STYLE.read_text("utf-8"), re.MULTILINE)
    words = [word for row in rows[1:] for word in row.split(", ")]
    assert "told" in words
    text = " ".join(paragraphs(page.read_text("utf-8")))
    assert not re.findall(rf"(?i)\b(?:{'|'.join(words)})\b", text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_line_is_longer_than_a_hundred_characters_but_in_tables_and_code(page: Path) -> None:
    text = re.sub(r"<!--.*?-->", "", without_code(page.read_text("utf-8")))
    lines = text.splitlines()
    assert not [x for x in lines if len(x) > MOST_COLUMNS and not x.startswith("|")]


def commands(text: str) -> Iterator[list[str]]:
    """Words of every `ecgsynth ...` in fences and in code within a line."""
    fenced = "\n".join(fences(text)).replace("\\\n", " ").split("\n")
    for line in [*fenced, *re.findall(r"`([^`]+)`", without_code(text))]:
        found = re.search(r"(?:^|[\s;])ecgsynth (.+)", " ".join(line.split()))
        if found:
            try:
                yield shlex.split(found[1], comments=True)
            except ValueError:  # a sketch such as `ecgsynth list ...'s`
                continue


def unknown(words: list[str]) -> list[str]:
    """The sub-command and options that the command does not know."""
    command = COMMANDS
    while parts := getattr(command, "commands", {}):
        if words and words[0] not in parts and (usual := getattr(command, "usual", "")):
            words = [usual, *words]
        if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
            break
        if words[0] not in parts:
            return [words[0]]
        command, words = parts[words[0]], words[1:]
    known = {opt for param in command.params for opt in [*param.opts, *param.secondary_opts]}
    options = [found[0] for word in words if (found := re.match(r"--[a-z][a-z-]*", word))]
    return [option for option in options if option not in known | {"--help"}]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_in_the_docs_has_the_options_that_it_is_shown_with(page: Path) -> None:
    bad = [(words, odd) for words in commands(page.read_text("utf-8")) if (odd := unknown(words))]
    assert not bad


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_setting_in_a_command_of_the_docs_exists(page: Path) -> None:
    bad = []
    for command, *words in commands(page.read_text("utf-8")):
        for word in words:
            if command in ("train", "tune") and word.startswith("training."):
                name = word.removeprefix("training.").partition("=")[0]
                bad += [word] if name not in Training.model_fields else []
            if command == "serve" and re.fullmatch(r"[a-z_]+=.*", word):
                bad += [word] if word.partition("=")[0] not in Settings.model_fields else []
    assert not bad


def test_a_made_up_option_or_command_is_found() -> None:
    shown = "`ecgsynth generate mitbih-beats --lable V` and\n```\necgsynth polt x.npz\n```\n"
    assert [unknown(words) for words in commands(shown)] == [["polt"], ["--lable"]]


def test_the_page_of_the_service_names_every_setting() -> None:
    text = (ROOT / "docs" / "service.md").read_text("utf-8")
    options = {"model_dir": "--model-dir", "jobs_db": "--jobs-db"}
    names = [options.get(name, f"`{name}`") for name in Settings.model_fields]
    assert not [name for name in names if name not in text]


def test_every_setting_has_the_meaning_that_its_page_is_made_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "hooks"))
    from meanings import meaning_of

    kinds = [Run, Training, Data, Settings]
    kinds += [r.get(name).Settings for r in (DATASETS, MODELS, OBJECTIVES) for name in r.names()]
    parts = {"data", "model", "objective", "training"}  # of a run: tables of their own
    fields = [(kind, name) for kind in kinds for name in kind.model_fields if name not in parts]
    assert not [field for field in fields if not meaning_of(*field)]


def test_tables_are_those_of_the_kept_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import tables

    assert not [name_of(p) for p, text in tables.rendered().items() if text != p.read_text("utf-8")]


def test_every_place_of_a_table_or_figure_has_a_beginning_and_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import tables

    for page in PAGES:
        text = page.read_text("utf-8")
        whole = [*tables.REGION.findall(text), *tables.FIGURE.findall(text)]
        begun = re.findall(r"<!--\s+(?:table|figure)\s", text)
        ended = re.findall(r"<!--\s+end\s", text)
        assert len(whole) == len(begun) == len(ended), name_of(page)


def test_a_figure_that_changes_in_a_kept_run_changes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import tables

    page = "a\n<!-- table busy -->\nold\n<!-- end -->\nb\n"
    assert tables.filled(page, tmp_path) == page
    run = '{"cpu_s": 40.0, "wall_s": 21.0, "load": 0.5}'
    kept = f'{{"cores": 2, "ratio": 1.25, "most": 3.0, "quiet": {run}, "busy": {run}}}'
    (tmp_path / "busy.json").write_text(kept)
    made = tables.filled(page, tmp_path)
    assert "| quiet | 40.0 | 21.0 | 0.5 |" in made and "1.25 (at most 3)" in made
    assert made.startswith("a\n<!-- table busy -->\n") and made.endswith("<!-- end -->\nb\n")
    assert "old" not in made


def test_a_figure_in_a_sentence_is_that_of_the_kept_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import tables

    page = "it has <!-- figure r tstr all{} -->.5<!-- end --> of them"
    assert tables.filled(page.format(""), tmp_path) == page.format("")
    row = {"metric": "tstr", "group": "all", "value": 0.48, "low": 0.38, "high": 0.56}
    rows = [row | {"controls": {"gaussian": 0.391}, "unit": "F1"}]
    (tmp_path / "r.json").write_text(json.dumps({"rows": rows}))
    assert "-->.48 (.38-.56)<!--" in tables.filled(page.format(""), tmp_path)
    assert "-->.39<!--" in tables.filled(page.format(" gaussian"), tmp_path)


def test_a_table_of_a_report_has_value_interval_floor_and_ceiling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import tables

    row = {
        "metric": "coverage", "group": "V", "value": 0.757, "low": 0.70, "high": 0.841,
        "unit": "share", "controls": {"gaussian": 0.45, "real": 0.779},
    }  # fmt: skip
    report = {"rows": [row, row | {"group": "F", "value": None}]}
    assert tables.match(report)[2:] == ["| coverage | V | .76 (.70-.84) | .45 | .78 |"]
    assert tables.every(report)[2:] == ["| `coverage` | share |  |  | .76 (.45, .78) |  |  |"]
    assert tables.utility(report) is None


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/paths.md"])
def test_every_file_and_name_in_the_maps_of_the_code_exists(page: str) -> None:
    text = without_code((ROOT / page).read_text("utf-8"))
    missing = []
    for span in re.findall(r"`([^`]+)`", text):
        place, _, name = span.partition(": ")
        if not re.fullmatch(r"[a-z][\w/-]*(/|\.(py|js|yaml|md))", place) or "NAME" in place:
            continue
        path = next((r / place for r in (SOURCE, ROOT) if (r / place).exists()), None)
        if path is None and place not in ("formats/dicom/",):
            missing.append(span)
        elif name and path is not None:
            pattern = rf"^\s*(async )?(def|class) {name}\b|^{name}\b"
            missing += [] if re.search(pattern, path.read_text("utf-8"), re.M) else [span]
    assert not missing


def test_the_version_is_the_same_wherever_it_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert project["version"] == citation["version"] == __version__
    assert project["license"] == citation["license"]


@pytest.mark.data("mitbih")
@pytest.mark.data("ptbxl")
@pytest.mark.parametrize("page", ["README.md", "docs/tour.md"])
def test_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = {"np": np, "x": np.zeros((3, 256), np.float32), "y": ["N", "N", "V"]}
    for code in fences((ROOT / page).read_text("utf-8"), "python"):
        exec(code.replace("1_000_000", "1_000"), names)


@pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs the extra `docs`")
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(tmp_path)]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    foreign = re.compile(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//")
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(PAGES)
    assert not [p for p in pages if foreign.search(p.read_text("utf-8"))]
