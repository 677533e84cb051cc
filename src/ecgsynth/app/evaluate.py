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
    from ecgsynth.formats import read

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
    """The figures as a table."""
    from ecgsynth.app.console import table

    def figure(value: float | None) -> str:
        return "-" if value is None else f"{value:.3g}"

    rows = []
    for row in report.rows:
        interval = "" if row.low is None else f"{figure(row.low)} .. {figure(row.high)}"
        rows.append([
            row.metric, row.group, figure(row.value), interval,
            figure(row.controls.get("gaussian")), figure(row.controls.get("real")),
            figure(row.score), row.unit, row.note,
        ])  # fmt: skip
    heads = ["metric", "of", "value", "95 %", "gaussian", "real", "score", "unit", "note"]
    table(f"{report.synthetic} against {report.against}", heads, rows)
    for name, reason in report.left_out.items():
        typer.echo(f"left out: {name}: {reason}")
    for note in report.notes:
        typer.echo(note)
