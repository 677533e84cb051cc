"""`ecgsynth plot`: draw ECG on ECG paper, or the curves of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.targets import Force, check_targets


def plot(
    what: Annotated[str, typer.Argument(help="File or folder with ECG, or run folder.")],
    to: Annotated[Path, typer.Option("--to", help=".svg, .png or .pdf")] = Path("sheet.svg"),
    item: Annotated[list[int] | None, typer.Option("--item", help="Items; repeatable.")] = None,
    title: Annotated[str, typer.Option("--title")] = "",
    force: Force = False,
) -> None:
    """Draw ECG on paper (25 mm/s, 10 mm/mV), or a run's losses, scores and samples.

    Example: ecgsynth plot pvc.npz --to sheet.pdf
    """
    from ecgsynth.formats import read
    from ecgsynth.signals.paper import draw, fills_sheet
    from ecgsynth.signals.paper.sheet import check_picture_path

    check_targets(check_picture_path(to), force=force)
    if (Path(what) / "metrics.jsonl").is_file():
        from ecgsynth.training.monitoring.curves import draw_run

        draw_run(Path(what), to)
    else:
        ecg = read(what)
        draw(ecg, to, items=item, title=title or None)
        if fills_sheet(ecg.spec) and item is None and len(ecg) > 1:
            typer.echo(
                f"the first of {len(ecg):,} records; --item selects another, 0 to {len(ecg) - 1}"
            )
    typer.echo(f"drawn: {to}")
