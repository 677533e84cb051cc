"""Pages of the site that are made when it is built: commands, settings, figures, Python names.

A MkDocs hook. Commands come from the help of the command, settings from the pydantic models,
figures from the registry, Python names from `ecgsynth.__all__`; CONTRIBUTING and CHANGELOG come
from the root of the repository.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from meanings import meaning_of
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import ecgsynth
from ecgsynth.cli.main import app
from ecgsynth.config import Data, Run, Training
from ecgsynth.registry import DATASETS, METRICS, MODELS, OBJECTIVES
from ecgsynth.service.settings import Settings as Service

ROOT = Path(__file__).parents[2]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Decisions, commands, and pages that mkdocs.yml does not name join the navigation."""
    docs = ROOT / "docs"
    named = set(places(config.nav))
    develop = section(config, "Develop")
    develop += sorted(path.name for path in docs.glob("*.md") if path.name not in named)
    decisions = sorted((docs / "decisions").glob("*.md"))
    develop.append({"Decisions": [f"decisions/{path.name}" for path in decisions]})
    pages = [{f"ecgsynth {name}": f"reference/{name}.md"} for name in commands()]
    section(config, "Reference").append({"Commands": pages})
    return config


def places(entry: Any) -> Iterator[str]:
    """Every page that a part of the navigation names."""
    if isinstance(entry, str):
        yield entry
        return
    for part in entry.values() if isinstance(entry, dict) else entry:
        yield from places(part)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The made pages join those that are files."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def section(config: MkDocsConfig, title: str) -> list[Any]:
    assert config.nav is not None
    return next(entry[title] for entry in config.nav if title in entry)


def pages() -> dict[str, str]:
    """Path of a page in the site -> its Markdown."""
    made = {f"reference/{name}.md": command_page(name, one) for name, one in commands().items()}
    made["reference/python.md"] = python_page()
    made["reference/settings.md"] = settings_page()
    made["reference/figures.md"] = figures_page()
    for name in ("CONTRIBUTING", "CHANGELOG"):
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        text = text.replace("](docs/", "](").replace("](CHANGELOG.md", "](changelog.md")
        made[f"{name.lower()}.md"] = text
    return made


def commands() -> dict[str, Any]:
    """Name -> sub-command, in the order of the help."""
    group = typer.main.get_command(app)
    return dict(group.commands)


def command_page(name: str, command: Any) -> str:
    return "\n\n".join(described(f"ecgsynth {name}", command, 1)) + "\n"


def described(name: str, command: Any, level: int) -> Iterator[str]:
    """Heading, usage, text, arguments and options of a command, and of its sub-commands."""
    context = typer.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"{'#' * level} {name}"
    yield f"```\n{name} {usage}\n```"
    yield from paragraphs(command.help or "")
    records = [param.get_help_record(context) for param in command.get_params(context)]
    shown = [f"- `{names}`: {text}" for names, text in filter(None, records)]
    if shown:
        yield "\n".join(shown)
    if command.epilog:
        yield from paragraphs(command.epilog)
    for part, one in getattr(command, "commands", {}).items():
        yield from described(f"{name} {part}", one, level + 1)


def paragraphs(text: str) -> Iterator[str]:
    """Paragraphs of a help; a command behind "Example:" is set as code."""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        one = " ".join(paragraph.split())
        before, mark, line = one.partition(": ecgsynth ")
        yield f"{before}:\n\n```\necgsynth {line}\n```" if mark else one


def python_page() -> str:
    """Every public name by its docstring, in groups."""
    groups = {
        "Signals": ("Ecg", "Recording", "Annotations", "Spec", "Marks", "concatenate"),
        "Reading and writing": ("load", "read", "write", "draw", "simulate_record"),
        "Models": ("pretrained", "Synthesizer", "Card", "train", "Run"),
        "Judging": ("evaluate", "Report"),
        "Augmentation": ("augment", "SyntheticSampler", "MixedDataset"),
        "Errors": ("EcgsynthError",),
    }
    known = {name for names in groups.values() for name in names}
    groups["More"] = tuple(name for name in ecgsynth.__all__ if name not in known)
    lines = ["# Python", "`import ecgsynth as es` has these names."]
    for title, names in groups.items():
        if names:
            lines.append(f"## {title}")
        for name in names:
            thing = getattr(ecgsynth, name)
            lines.append(f"::: {thing.__module__}.{thing.__qualname__}")
    return "\n\n".join(lines) + "\n"


def settings_page() -> str:
    """Every setting of a recipe and of the service, with default and meaning."""
    lines = [
        "# Settings",
        "A recipe is YAML with these keys; on the command line they are `key=value`, as in "
        "`ecgsynth train mitbih-beats training.batch=64`.",
        "## Recipe", *settings(Run, but=("data", "model", "objective", "training")),
        "## training", *settings(Training, "training."),
        "## data", *settings(Data, "data."),
    ]  # fmt: skip
    for registry, part in ((DATASETS, "data"), (MODELS, "model"), (OBJECTIVES, "objective")):
        for name in registry.names():
            kind = registry.get(name).Settings
            if kind.model_fields:
                lines += [f"## {part}: {name}", *settings(kind, f"{part}.")]
    lines += [
        "## Service",
        "As words of `ecgsynth serve`, or in the environment as `ECGSYNTH_SERVE_NAME`. "
        "[The service](../service.md#settings) explains them.",
        *settings(Service),
    ]
    return "\n\n".join(lines) + "\n"


def settings(kind: type[BaseModel], prefix: str = "", but: tuple[str, ...] = ()) -> list[str]:
    """A table of the fields of a pydantic model."""
    rows = ["| setting | default | meaning |", "|---|---|---|"]
    for name, field in kind.model_fields.items():
        if name in but:
            continue
        default = "" if field.default in (PydanticUndefined, "") else f"`{field.default}`"
        meaning = meaning_of(kind, name).replace("|", "\\|")
        rows.append(f"| `{prefix}{name}` | {default} | {meaning} |")
    return ["\n".join(rows)]


def figures_page() -> str:
    """Every metric with unit, goal, what it needs, and its source."""
    rows = ["| figure | what | unit | goal | needs | source |", "|---|---|---|---|---|---|"]
    for name in METRICS.names():
        one = METRICS.get(name)
        cells = (one.title, one.unit, one.goal, ", ".join(one.needs), one.reference)
        rows.append(f"| `{name}` | " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    lines = [
        "# Figures",
        "`ecgsynth list metrics` prints the same names. Goal: `lower`, `higher`, or `match` (equal "
        "to the value of real data). [How the judge works](../judging.md) explains the rest.",
        "\n".join(rows),
    ]
    return "\n\n".join(lines) + "\n"
