"""`ecgsynth record`: an annotated recording of any length, from a line of text."""

from __future__ import annotations

from typing import Annotated

import typer

from ecgsynth.cli.options import Seed, names_of
from ecgsynth.cli.rhythm import Hours, Replay, rhythm_of
from ecgsynth.cli.targets import Force, check_targets

SIMULATOR = "simulator"


def record(
    text: Annotated[str, typer.Argument(metavar="RHYTHM", help="As of `ecgsynth rhythm`: 'sinus 60 "
                                        "s; af 30 s'.")] = "",
    model: Annotated[str, typer.Option("--model", help="What draws the beats: simulator.")]
    = SIMULATOR,
    hours: Hours = None,
    leads: Annotated[str, typer.Option("--leads", help="1, 2 or 12, or names, as in I,II,V5.")]
    = "2",
    fs: Annotated[float, typer.Option("--fs", help="Samples a second.")] = 250.0,
    waves: Annotated[bool, typer.Option("--waves/--no-waves", help="Mark P, QRS and T, too.")]
    = True,
    seed: Seed = 0,
    replay: Replay = None,
    to: Annotated[str, typer.Option("--to", help="A {formats}.")] = "recording/",
    force: Force = False,
) -> None:  # fmt: skip
    """Make a recording whose beats, rhythms and waves are known.

    Example: ecgsynth record 'sinus with pvc 2 %' --hours 1 --to holter/

    AF in 12 leads: ecgsynth record 'af 10 s' --leads 12 --fs 500 --to af.npz
    """
    from ecgsynth.errors import EcgsynthError, did_you_mean
    from ecgsynth.formats import check_target, write
    from ecgsynth.rhythm.output import statement
    from ecgsynth.simulator.drawing import check_leads, draw_rhythm

    if model != SIMULATOR:
        raise EcgsynthError(f"'{model}' draws no rhythm.{did_you_mean(model, [SIMULATOR])}")
    names = check_leads(int(leads) if leads.strip().isdecimal() else names_of([leads]))
    check_target(to)
    check_targets(to, force=force)
    rhythm = rhythm_of(text, hours, seed, replay)
    ecg = draw_rhythm(rhythm, names, fs, waves=waves, seed=seed)
    check_target(to, ecg.spec, 1)
    write(ecg, to)
    typer.echo(f"{ecg.spec.seconds:,.0f} s, {', '.join(names)}, {len(rhythm):,} beats in {to}")
    typer.echo(statement(rhythm))
