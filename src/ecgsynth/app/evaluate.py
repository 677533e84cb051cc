"""`ecgsynth evaluate`: judge a synthetic set of any origin."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report


def evaluate(
    synthetic: Annotated[str, typer.Argument(help="File or folder of synthetic items.")],
    against: Annotated[str, typer.Option("--against", help="Held-out items of the same people.")]
    = "mitbih:heldout",
    train: Annotated[str, typer.Option("--train", help="What the generator learned from.")]
    = "mitbih:train",
    new_patients: Annotated[str, typer.Option("--new-patients", help="Items of other people, for "
                            "TSTR; mitbih:test is looked at once per shipped version.")] = "",
    metrics: Annotated[str, typer.Option("--metrics", help="Names, comma between.")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="No classifier trainings.")] = False,
    show_real: Annotated[bool, typer.Option("--show-real", help="Draw real traces of a private "
                         "source too.")] = False,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    to: Annotated[Path, typer.Option("--to", help="Report, .html (with .json beside) or .json.")]
    = Path("report.html"),
) -> None:  # fmt: skip
    """Judge a synthetic set: every figure with its floors, its ceiling and its interval.

    Example: ecgsynth evaluate pvc.npz --against mitbih:heldout --train mitbih:train --quick
    """
    from ecgsynth.evaluation.report import checked_target
    from ecgsynth.formats import read

    checked_target(to)
    report = evaluate_with_bar(
        read(synthetic), against, train, new_patients or None, metrics, quick, seed
    )
    report.save(to, True if show_real else None)
    show(report)
    typer.echo(f"report: {to}")


def evaluate_with_bar(ecg, against, train, new_patients, metrics="", quick=False, seed=0):  # type: ignore[no-untyped-def]
    """`ecgsynth.evaluate` with a bar of metrics."""
    from rich.progress import Progress

    from ecgsynth.app.console import console
    from ecgsynth.evaluation.judge import evaluate as judge

    with Progress(console=console(), transient=True) as bar:
        task = bar.add_task("judging", total=1.0)
        names = [name.strip() for name in metrics.split(",") if name.strip()] or None
        return judge(
            ecg, against, train, new_patients, names, quick=quick, seed=seed,
            advance=lambda what, share: bar.update(task, description=what, completed=share),
        )  # fmt: skip


def show(report: Report) -> None:
    """The figures as a table: a row per metric, a column per class; the page has the rest."""
    from ecgsynth.app.console import table

    def cell(metric: str, group: str) -> str:
        row = found.get((metric, group))
        if row is None or row.value is None:
            return "" if row is None else "-"
        ceiling = row.controls.get("real")
        return f"{row.value:.3g}" + (f" [{ceiling:.3g}]" if ceiling is not None else "")

    found = {(row.metric, row.group): row for row in report.rows}
    groups = list(dict.fromkeys(row.group for row in report.rows))
    first = {row.metric: row for row in reversed(report.rows)}
    rows = [
        [metric, *(cell(metric, group) for group in groups), row.unit, row.goal]
        for metric, row in sorted(first.items())
    ]
    heads = ["metric", *groups, "unit", "better"]
    table(f"{report.synthetic} against {report.against}; [what real beats reach]", heads, rows)
    for name, reason in report.left_out.items():
        typer.echo(f"left out: {name}: {reason}")
    for note in report.notes:
        typer.echo(note)
