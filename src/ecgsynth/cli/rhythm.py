"""`ecgsynth rhythm`: beats in time from a line of text, as a table, annotations or a picture."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Seed
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.rhythm import Rhythm

SHOWN = 20
"""Beats of the table on the terminal."""

Hours = Annotated[float | None, typer.Option("--hours", help="Length of the recording [the sum of "
                  "the parts].")]  # fmt: skip
Replay = Annotated[Path | None, typer.Option("--replay", help="Instead of text: the annotations of "
                   "a real person, as in mitdb/100.atr.")]  # fmt: skip


def rhythm(
    text: Annotated[str, typer.Argument(metavar="RHYTHM", help="Parts with ; between, as in "
                                        "'sinus 60 s; af 30 s'.")] = "",
    hours: Hours = None,
    seed: Seed = 0,
    replay: Replay = None,
    to: Annotated[str, typer.Option("--to", help="The beats: .csv, or .atr for WFDB "
                                    "annotations.")] = "",
    plot: Annotated[str, typer.Option("--plot", help="The tachogram: .svg, .png or .pdf.")] = "",
    known: Annotated[bool, typer.Option("--list", help="List what RHYTHM may be made of.")] = False,
    force: Force = False,
) -> None:  # fmt: skip
    """Make beats in time from a line of text.

    Example: ecgsynth rhythm 'sinus 72 bpm 60 s; af 30 s' --to beats.csv

    A day: ecgsynth rhythm 'sinus with sleep' --hours 24 --plot day.png
    """
    from ecgsynth.rhythm.output import check_table, statement, summarise, write_rhythm

    if known:
        _list()
        return
    if to:
        check_table(to)
    if plot:
        from ecgsynth.signals.paper.sheet import check_picture_path

        check_picture_path(plot)
    check_targets(*[one for one in (to, plot) if one], force=force)
    found = rhythm_of(text, hours, seed, replay)
    _show(found)
    for name, figure in summarise(found):
        typer.echo(f"{name}: {figure}")
    typer.echo(statement(found))
    if to:
        typer.echo(f"beats: {write_rhythm(found, to)}")
    if plot:
        from ecgsynth.rhythm.picture import draw_tachogram

        draw_tachogram(found, plot, title=text)
        typer.echo(f"drawn: {plot}")


def rhythm_of(text: str, hours: float | None, seed: int, replayed: Path | None) -> Rhythm:
    """The rhythm that a command asks for: made from text, or read from annotations.

    Raises
    ------
    EcgsynthError: neither or both are given, or the rhythm has a fault.
    """
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.rhythm.compose import make_rhythm
    from ecgsynth.rhythm.replay import replay

    if bool(text.strip()) == (replayed is not None):
        raise EcgsynthError(
            "name a rhythm, as in 'sinus 72 bpm 60 s; af 30 s', or --replay FILE; "
            "`ecgsynth rhythm --list` shows what there is."
        )
    seconds = None if hours is None else hours * 3600
    if replayed is not None:
        return replay(replayed, seconds=seconds, seed=seed)
    return make_rhythm(text, seconds, seed)


def _show(rhythm: Rhythm) -> None:
    import numpy as np

    from ecgsynth.cli.console import table
    from ecgsynth.rhythm.output import rhythm_at
    from ecgsynth.signals.vocabulary import AAMI_CLASSES

    rr = np.diff(rhythm.time_s, prepend=np.nan)
    names = rhythm_at(rhythm)
    rows = [
        [f"{rhythm.time_s[k]:.3f}", AAMI_CLASSES[rhythm.kind[k]], _seconds(rr[k]),
         _seconds(rhythm.time_s[k] - rhythm.p_s[k]), names[k][1:]]
        for k in range(min(SHOWN, len(rhythm)))
    ]  # fmt: skip
    table("", ["time_s", "kind", "rr_s", "p_to_r_s", "rhythm"], rows)
    if len(rhythm) > SHOWN:
        typer.echo(f"... {len(rhythm) - SHOWN:,} beats more; --to FILE.csv has all")


def _seconds(value: float) -> str:
    return "" if isnan(value) else f"{value:.3f}"


def _list() -> None:
    from ecgsynth.cli.console import table
    from ecgsynth.rhythm.grammar import FREQUENCY
    from ecgsynth.rhythm.vocabulary import EVENTS, RHYTHMS

    for title, kinds in (("RHYTHMS", RHYTHMS), ("EVENTS, behind 'with'", EVENTS)):
        rows = [
            [one.name, one.text, ", ".join(option.name for option in one.options),
             ", ".join(one.others)]
            for one in kinds
        ]  # fmt: skip
        table(title, ["name", "what", "options", "also"], rows)
        typer.echo()
    options = {one.name: one.text for kind in (*RHYTHMS, *EVENTS) for one in kind.options}
    table("OPTIONS", ["name", "what"], [[name, text] for name, text in options.items()])
    typer.echo(f"\nhow often an event comes: {FREQUENCY}\nits length: of 5 beats, or of 10 min")
    typer.echo("a part without a length fills what the others leave of --hours")
