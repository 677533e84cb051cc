"""`ecgsynth plot`: draw ECG on ECG paper, or the curves of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.options import Fs, Leads, Unit, names_of
from ecgsynth.cli.targets import Force, check_targets


def plot(
    what: Annotated[str, typer.Argument(help="File or folder with ECG, or run folder.")],
    to: Annotated[Path, typer.Option("--to", help="The picture: .svg, .png or .pdf.")]
    = Path("sheet.svg"),
    item: Annotated[list[str] | None, typer.Option("--item", metavar="NUMBERS", help="Items, as in "
                    "0,3.")] = None,
    title: Annotated[str, typer.Option("--title", help="The heading [the set's source].")] = "",
    leads: Leads = None,
    fs: Fs = None,
    unit: Unit = None,
    force: Force = False,
) -> None:  # fmt: skip
    """Draw ECG on ECG paper, or the curves of a run.

    Example: ecgsynth plot pvc.npz --to sheet.pdf

    A training: ecgsynth plot runs/first --to curves.png
    """
    from ecgsynth.formats import read
    from ecgsynth.signals.paper import draw, fills_sheet
    from ecgsynth.signals.paper.sheet import check_picture_path

    check_targets(check_picture_path(to), force=force)
    if (Path(what) / "metrics.jsonl").is_file():
        from ecgsynth.training.monitoring.curves import draw_run

        draw_run(Path(what), to)
    else:
        ecg = read(what, leads=names_of(leads) or None, fs=fs, unit=unit)
        items = _numbers(item)
        draw(ecg, to, items=items, title=title or None)
        if fills_sheet(ecg.spec) and items is None and len(ecg) > 1:
            typer.echo(
                f"the first of {len(ecg):,} records; --item selects another, 0 to {len(ecg) - 1}"
            )
    typer.echo(f"drawn: {to}")


def _numbers(item: list[str] | None) -> list[int] | None:
    from ecgsynth.errors import EcgsynthError

    try:
        return [int(number) for number in names_of(item)] or None
    except ValueError:
        raise EcgsynthError(
            f"--item takes numbers of items, as in 0,3; got '{','.join(item or [])}'."
        ) from None
