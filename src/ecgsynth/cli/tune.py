"""`ecgsynth tune`: search the settings of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Overrides, complete_recipe

if TYPE_CHECKING:
    from ecgsynth.tuning import TuningResult

SHOWN = 10
"""Rows of the table."""


def tune(
    recipe: Annotated[str, typer.Argument(help="A recipe with a section `tune`.",
                     autocompletion=complete_recipe)],
    overrides: Overrides = None,
    trials: Annotated[int, typer.Option("--trials", help="Number of trials of the study.")] = 30,
    to: Annotated[Path | None, typer.Option("--to", help="Study folder [studies/NAME].")] = None,
    processes: Annotated[int, typer.Option("--processes", help="Number of parallel "
                                                          "processes.")] = 1,
    seconds: Annotated[float, typer.Option("--seconds", min=0, help="Start no trial after so "
                                                               "long; 0 = no limit.")] = 0.0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the study.")] = False,
) -> None:  # fmt: skip
    """Search the settings of a recipe; the best become best.yaml.

    Example: ecgsynth tune vanilla-mitbih --trials 30 --processes 2
    """
    from ecgsynth.config import Run
    from ecgsynth.progress import share_bar
    from ecgsynth.tuning import tune as search

    run = Run.read(recipe, *(overrides or []))
    folder = to or Path("studies") / run.name
    try:
        with share_bar("starting") as advance:
            result = search(
                run, folder, trials, processes=processes, seconds=seconds, resume=resume,
                advance=advance,
            )  # fmt: skip
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command with --resume continues in {folder}.", err=True)
        raise
    show(result)
    for picture in result.pictures:
        typer.echo(f"picture: {picture}")
    typer.echo(f"try:     ecgsynth train {folder / 'best.yaml'}")


def show(result: TuningResult) -> None:
    """The best trials as a table."""
    from ecgsynth.cli.console import table

    keys = list(result.trials[0].params)
    rows = [
        [str(one.number), f"{one.value:.3g}", *(_cell(one.params[key]) for key in keys)]
        for one in result.trials[:SHOWN]
    ]
    title = (
        f"{len(result.trials)} complete trials; lower is better; real items have {result.real:.3g}"
    )
    if result.own is not None:
        title += f", the recipe itself {result.own:.3g}"
    short = [key.partition(".")[2] for key in keys]  # five settings side by side, in 80 columns
    table(title, ["trial", "score", *(short if len({*short}) == len(keys) else keys)], rows)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
