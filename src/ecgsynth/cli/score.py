"""`ecgsynth score`: detected beats, runs and episodes against the truth, by ANSI/AAMI EC57."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecgsynth.cli.options import names_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.scoring import Performance


def score(
    detected: Annotated[str, typer.Argument(metavar="DETECTED", help="Annotations of WFDB "
                                            "(100.qrs), a table of beats (.csv with sample or "
                                            "time_s, label, record), a recording with "
                                            "annotations in it, or a folder of them.")],
    truth: Annotated[str, typer.Argument(metavar="TRUTH", help="The same for the truth; in a "
                                         "folder the files .atr.")],
    annotator: Annotated[str, typer.Option("--annotator", help="Ending of the detected files in a "
                                           "folder, where it holds several kinds.")] = "",
    truth_annotator: Annotated[str, typer.Option("--truth-annotator", help="Ending of the files of "
                                                 "the truth.", show_default="atr")] = "",
    fs: Annotated[float | None, typer.Option("--fs", help="Sampling rate, Hz, of records without "
                                             "a header.")] = None,
    leave_out: Annotated[list[str] | None, typer.Option("--leave-out", metavar="NAMES",
                                                        help="Records that are not compared, as in "
                                                        "102,104,107,217 (paced).")] = None,
    start: Annotated[float, typer.Option("--start", help="Where the test period begins, s.")] = 300,
    stop: Annotated[float | None, typer.Option("--stop", help="Where it ends, s; by default at the "
                                               "end of the record.")] = None,
    window: Annotated[float, typer.Option("--window", help="How far apart two marks of one beat "
                                          "may be, s.")] = 0.15,
    escape: Annotated[str, typer.Option("--escape", help="Class of escape beats (e, j, n): S, as "
                                        "in EC57, or N, as in many papers.")] = "S",
    quirks: Annotated[bool, typer.Option("--quirks/--no-quirks", help="Follow WFDB's programs also "
                                         "where they differ from what they mean to do.")] = True,
    each: Annotated[bool, typer.Option("--each", help="Show every record.")] = False,
    to: Annotated[str, typer.Option("--to", help="All counts and figures as .json, or the figures "
                                    "as .csv.")] = "",
    lines: Annotated[str, typer.Option("--lines", help="A folder for the line-format reports of "
                                       "bxb, rxr, epicmp, mxm and sumstats.")] = "",
    force: Force = False,
) -> None:  # fmt: skip
    """Compare detected beats with the truth, by ANSI/AAMI EC57.

    Beat by beat, run by run and episode by episode, as WFDB's bxb, rxr, epicmp and mxm do it.

    Example: ecgsynth score 100.qrs mitdb/100.atr

    Or: ecgsynth score found/ mitdb/ --leave-out 102,104 --to ec57.json
    """
    from ecgsynth.scoring import score as compare
    from ecgsynth.scoring.performance import check_ending
    from ecgsynth.scoring.sums import write_reports

    if to:
        check_ending(to)
    lines = f"{lines.rstrip('/')}/" if lines else ""
    check_targets(*[one for one in (to, lines) if one], force=force)
    result = compare(
        detected, truth, annotator=annotator, truth_annotator=truth_annotator, fs=fs,
        leave_out=names_of(leave_out), start_s=start, stop_s=stop, window_s=window,
        escape=escape, quirks=quirks,
    )  # fmt: skip
    if each:
        _show_records(result)
    _show_figures(result)
    if to:
        result.save(to)
        typer.echo(f"figures: {to}")
    if lines:
        write_reports(result, Path(lines))
        typer.echo(f"reports: {lines}")


COLUMNS = {"sensitivity": "Se", "predictivity": "+P", "false_positive_rate": "FPR"}


def _show_figures(result: Performance) -> None:
    from ecgsynth.cli.console import table

    count = len(result.records)
    title = f"EC57, gross / average of {count} record{'s' if count > 1 else ''}, %"
    rows = [
        [group, _count(result, group), *(_both(figures.get(name)) for name in COLUMNS)]
        for group, figures in result.figures.items()
        if any(figures.get(name, {}).get("records") for name in COLUMNS)
    ]
    table(title, ["", "in the truth", *COLUMNS.values()], rows)
    missed = result.figures["shutdown"]["missed"]["gross"]
    if missed:
        typer.echo(f"missed in shutdown: {100 * missed:.2f} % of all beats")
    error = result.figures["RR"]["error_ms"]["average"]
    if error is not None:
        typer.echo(f"RR error: {error:.2f} ms (root mean square, average of records)")


def _count(result: Performance, group: str) -> str:
    """How many the truth has, or how long they last."""
    parts = [one.fractions[group] for one in result.records]
    if "sensitivity" not in parts[0]:
        return ""
    whole = sum(one["sensitivity"][1] for one in parts)
    return f"{whole:,.1f} s" if group.endswith("duration") else f"{int(whole):,}"


def _both(figure: dict[str, Any] | None) -> str:
    if figure is None:
        return ""
    return f"{_percent(figure['gross'])} / {_percent(figure['average'])}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f}"


def _show_records(result: Performance) -> None:
    from ecgsynth.cli.console import table
    from ecgsynth.scoring.figures import value_of
    from ecgsynth.scoring.performance import BEATS

    columns = [(group, name) for group in BEATS for name in ("sensitivity", "predictivity")]
    rows = [
        [one.record, f"{one.fractions['QRS']['sensitivity'][1]:,}",
         *(_percent(value_of(one.fractions[group][name])) for group, name in columns)]
        for one in result.records
    ]  # fmt: skip
    heads = [f"{group} {COLUMNS[name]}" for group, name in columns]
    table("", ["record", "beats", *heads], rows)
    typer.echo()
