"""`ecgsynth candidates`: which statements of a labelled set a generator can learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.options import Overrides, Seed
from ecgsynth.cli.targets import Force, check_targets


def candidates(
    data: Annotated[
        str, typer.Argument(help="A data set's split, as in ptbxl:train, or a file.")
    ] = "ptbxl:train",
    overrides: Overrides = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds of people.")] = 5,
    steps: Annotated[int, typer.Option("--steps", min=1, help="Of each classifier.")] = 1500,
    limit: Annotated[float, typer.Option("--limit", help="Least lower end of an AUROC.")] = 0.8,
    seed: Seed = 0,
    to: Annotated[Path | None, typer.Option("--to", help="JSON file of the table.")] = None,
    force: Force = False,
) -> None:
    """Rank statements by whether a generator can learn them.

    Example: ecgsynth candidates ptbxl:train --to candidates.json

    Some of them: ecgsynth candidates ptbxl:train classes=[AFLT,PACE,WPW]
    """
    from ecgsynth.cli.console import table
    from ecgsynth.datasets import load
    from ecgsynth.evaluation.candidates import candidates as rank
    from ecgsynth.evaluation.candidates import check_split
    from ecgsynth.formats import read
    from ecgsynth.recipes import settings_of
    from ecgsynth.registry import DATASETS

    if to is not None:
        check_targets(to, force=force)
    name = data.partition(":")[0]
    if name in DATASETS.names():
        settings = settings_of(overrides or [])
        statements = getattr(DATASETS.get(name), "statements", None)
        if statements is not None:
            settings.setdefault("classes", statements())
        ecg = load(check_split(data), **settings)
    else:
        ecg = read(data)
    found = rank(ecg, folds=folds, steps=steps, limit=limit, seed=seed)

    def text(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    rows = [
        [row.name, f"{row.people}", f"{row.records}", text(row.auroc),
         f"{text(row.low)}-{text(row.high)}" if row.low is not None else "", row.verdict]
        for row in found.rows
    ]  # fmt: skip
    title = f"{found.source}: {found.people} people, {found.records} records"
    table(title, ["statement", "people", "records", "AUROC", "95 %", "verdict"], rows)
    if to is not None:
        found.save(to)
        typer.echo(f"table: {to}")
