"""`ecgsynth finetune`: continue the training of a model on own recordings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Overrides, complete_model

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report


def finetune(
    model: Annotated[
        str, typer.Argument(help="A shipped model, a run folder or a file.",
                            autocompletion=complete_model)
    ],
    overrides: Overrides = None,
    to: Annotated[Path | None, typer.Option("--to", help="Run folder [runs/NAME].")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last snapshot.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recordings, show the recipe.")
    ] = False,
    judged: Annotated[
        bool, typer.Option("--judge/--no-judge", help="Judge the model at the end.")
    ] = True,
) -> None:  # fmt: skip
    """Continue a model's training on own recordings.

    Example: ecgsynth finetune mitbih-beats data.path=records/ --to runs/ward

    A table: ecgsynth finetune beats data.path=beats.npz --to runs/ward

    Fewer than five people: for own use; the model must not be shared.
    """
    from ecgsynth.cli.train import train_with_bar
    from ecgsynth.processes import is_main_process
    from ecgsynth.signals.own_use import SENTENCE
    from ecgsynth.training.finetune import finetuning_run, resumed_run
    from ecgsynth.training.finetune_report import judge

    words = overrides or []
    folder = to or Path("runs") / f"{Path(model).stem}-finetuned"
    run = resumed_run(folder, words) if resume else finetuning_run(model, words)
    if dry_run:
        typer.echo(run.to_yaml())
        typer.echo(f"# would train into {folder}")
        return
    made = train_with_bar(run, folder, resume)
    if not is_main_process():
        return
    typer.echo(f"model: {folder / 'model.safetensors'}")
    if made.card.own_use:
        typer.echo(SENTENCE)
    if judged and (found := judge(made, folder)) is not None:
        show_privacy(found)
        typer.echo(f"report: {folder / 'report.html'}")
    typer.echo(f"try:   ecgsynth generate {folder} --count 100 --to {folder}/items.npz")


def show_privacy(report: Report) -> None:
    """The figures of privacy, then those of everything else, a table each."""
    from dataclasses import replace

    from ecgsynth.cli.evaluate import show_rows
    from ecgsynth.training.finetune_report import FIRST

    for private in (True, False):
        rows = [row for row in report.rows if (row.question == FIRST) == private]
        if rows:
            show_rows(replace(report, rows=rows), f"{FIRST}: " if private else "")
