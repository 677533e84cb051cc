"""Options that several commands share, with the words that a shell completes.

A list of names is written with commas, or the option is repeated: `--label N,V`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

Seed = Annotated[int, typer.Option("--seed", help="Same seed, same result.")]

Label = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAMES", help="Classes, as in N,V [all]."),
]
Classes = Annotated[
    list[str] | None,
    typer.Option("--classes", metavar="NAMES", help="Only items of these classes, as in N,V."),
]
Window = Annotated[
    str,
    typer.Option("--window", metavar="SAMPLES", help="The setting `window`, as in 90,110."),
]
Leads = Annotated[
    list[str] | None,
    typer.Option("--leads", metavar="NAMES", help="Leads to take, as in II,V5 [all]."),
]
Fs = Annotated[
    float | None,
    typer.Option("--fs", metavar="HZ", help="The rate of a table that states none, as in 360."),
]
Unit = Annotated[
    str | None,
    typer.Option("--unit", metavar="UNIT", help="The unit of a table's numbers: mV, uV, V [mV]."),
]
Overrides = Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Other settings.")]


def names_of(values: Iterable[str] | None) -> list[str]:
    """The names in an option, each of them once."""
    parts = (part.strip() for value in values or () for part in value.split(","))
    return list(dict.fromkeys(part for part in parts if part))


def dataset_settings(
    overrides: list[str] | None, classes: list[str] | None, window: str
) -> dict[str, Any]:
    """Settings of a data set, from `key=value` and from --classes and --window.

    Raises
    ------
    EcgsynthError: a word is no setting.
    """
    from ecgsynth.recipes import settings_of

    settings = settings_of(overrides or [])
    if names := names_of(classes):
        settings["classes"] = names
    if window:
        settings |= settings_of([f"window=[{window}]" if "," in window else f"window={window}"])
    return settings


def complete_model(incomplete: str) -> list[str]:
    """Shipped models; the shell itself completes files."""
    return _begin_with(incomplete, (path.stem for path in _shipped("pretrained", "safetensors")))


def complete_recipe(incomplete: str) -> list[str]:
    """Shipped recipes of trainings and augmentations."""
    return _begin_with(incomplete, (path.stem for path in _shipped("recipes", "yaml")))


def complete_dataset(incomplete: str) -> list[str]:
    """Registered data sets."""
    from ecgsynth.registry import DATASETS

    return _begin_with(incomplete, DATASETS.names())


def complete_metrics(incomplete: str) -> list[str]:
    """Registered metrics, also behind a comma."""
    from ecgsynth.registry import METRICS

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _begin_with(last, METRICS.names())]


def _begin_with(start: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(start)]


def _shipped(folder: str, ending: str) -> list[Path]:
    return sorted((Path(__file__).parents[1] / folder).glob(f"*.{ending}"))
