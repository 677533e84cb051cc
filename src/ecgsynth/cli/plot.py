"""`ecgsynth plot`: draw ECG on ECG paper, or the curves of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Fs, Leads, Unit, names_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg
    from ecgsynth.signals.recording import Recording


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
    layout: Annotated[str, typer.Option("--layout", help="3x4, 6x2, 12x1, or full: lines of one "
                      "lead.")] = "",
    speed: Annotated[float | None, typer.Option("--speed", help="mm/s [25; lines of 60 s: 4].")]
    = None,
    gain: Annotated[float | None, typer.Option("--gain", help="mm/mV [10; lines of 60 s: 5].")]
    = None,
    lead: Annotated[str, typer.Option("--lead", help="Of the rhythm strip, or of the lines [II].")]
    = "",
    start: Annotated[float, typer.Option("--start", help="Where the drawing begins, s.")] = 0.0,
    seconds: Annotated[float | None, typer.Option("--seconds", help="How many [what fits on A4; "
                       "full: all].")] = None,
    line: Annotated[float | None, typer.Option("--line", help="Seconds of a line of full [60].")]
    = None,
    annotations: Annotated[str, typer.Option("--annotations", help="none, beats, or all: rhythms "
                           "and waves, too.")] = "beats",
    measure: Annotated[bool, typer.Option("--measure", help="Rate, PR, QRS, QT and QTc.")] = False,
    force: Force = False,
) -> None:  # fmt: skip
    """Draw ECG on ECG paper, or the curves of a run.

    Example: ecgsynth plot pvc.npz --to sheet.pdf

    A sheet: ecgsynth plot visit.dcm --layout 6x2 --measure --to a.pdf

    Holter: ecgsynth plot holter.edf --start 3600 --seconds 900 --to hour.pdf

    A training: ecgsynth plot runs/first --to curves.png
    """
    from ecgsynth.evaluation.reference_models.measurements import measurement_line
    from ecgsynth.signals.paper import draw, fills_sheet
    from ecgsynth.signals.paper.page import Page, check_page
    from ecgsynth.signals.paper.sheet import check_picture_path
    from ecgsynth.signals.recording import Recording

    check_targets(check_picture_path(to), force=force)
    check_page(Page(layout, speed, gain, start, seconds, line, lead, annotations))
    if (Path(what) / "metrics.jsonl").is_file():
        from ecgsynth.training.monitoring.curves import draw_run

        draw_run(Path(what), to)
    else:
        ecg = _signals(what, names_of(leads) or None, fs, unit)
        items = _numbers(item)
        draw(
            ecg, to, items, title or None, speed, gain, layout=layout, lead=lead, start_s=start,
            seconds=seconds, line_s=line, annotations=annotations,
            measure=measurement_line if measure else None,
        )  # fmt: skip
        count = 1 if isinstance(ecg, Recording) or items is not None else len(ecg)
        if count > 1 and not isinstance(ecg, Recording) and (layout or fills_sheet(ecg.spec)):
            typer.echo(f"the first of {count:,} records; --item selects another, 0 to {count - 1}")
    typer.echo(f"drawn: {to}")


def _signals(
    what: str, leads: list[str] | None, fs: float | None, unit: str | None
) -> Ecg | Recording:
    """A recording that may stay on the disk where it is long, else all that is there."""
    from ecgsynth.formats import read
    from ecgsynth.formats.long_recordings import long_recording
    from ecgsynth.signals.paper.page import DISCLOSED_S

    stated = leads or fs is not None or unit is not None
    long = None if stated else long_recording(Path(what), DISCLOSED_S)
    return long or read(what, leads=leads, fs=fs, unit=unit)


def _numbers(item: list[str] | None) -> list[int] | None:
    from ecgsynth.errors import EcgsynthError

    try:
        return [int(number) for number in names_of(item)] or None
    except ValueError:
        raise EcgsynthError(
            f"--item takes numbers of items, as in 0,3; got '{','.join(item or [])}'."
        ) from None
