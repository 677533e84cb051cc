"""`ecgsynth record`: an annotated recording of any length, from a line of text."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Seed, complete_model, names_of
from ecgsynth.cli.rhythm import Hours, Replay, rhythm_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.rhythm import Rhythm
    from ecgsynth.signals.ecg import Ecg

SIMULATOR = "simulator"

Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="What draws the beats: simulator, or a model of recordings.",
        autocompletion=complete_model,
    ),
]
Leads = Annotated[
    list[str] | None,
    typer.Option("--leads", metavar="NAMES", help="1, 2 or 12, or names, as in I,II,V5 [2]."),
]
Rate = Annotated[float, typer.Option("--fs", help="Samples a second.")]
Noise = Annotated[
    list[str] | None,
    typer.Option(
        "--noise", metavar="NAMES", help="wander, muscle, electrode, mains; of NSTDB bw, ma, em."
    ),
]
Snr = Annotated[
    str, typer.Option("--snr", help="dB, as in 12, 'stress 12' or '24 dB 2 min; clean 2 min'.")
]
Like = Annotated[
    str,
    typer.Option(
        "--like",
        metavar="FILE",
        help="With a model: a recording of the person in whose manner it is made.",
    ),
]
OfPerson = Annotated[
    list[str] | None,
    typer.Option(
        "--label", metavar="NAMES", help="With a model: labels of the person, as in CRBBB."
    ),
]
Context = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="NAME=VALUE", help="With a model: age, sex and others."),
]


def record(
    text: Annotated[str, typer.Argument(metavar="RHYTHM", help="As of `ecgsynth rhythm`: 'sinus 60 "
                                        "s; af 30 s'.")] = "",
    model: Model = SIMULATOR,
    hours: Hours = None,
    leads: Leads = None,
    fs: Rate = 250.0,
    waves: Annotated[bool, typer.Option("--waves/--no-waves", help="Mark P, QRS and T, too.")]
    = True,
    noise: Noise = None,
    snr: Snr = "",
    lead_off: Annotated[float, typer.Option("--lead-off", help="Times an hour that a lead comes "
                                            "off.")] = 0.0,
    range_mv: Annotated[float | None, typer.Option("--range-mv", help="Where the signal "
                        "saturates.")] = None,
    step_mv: Annotated[float | None, typer.Option("--step-mv", help="Of the converter.")] = None,
    clean: Annotated[str, typer.Option("--clean", help="The same without noise: a {formats}.")]
    = "",
    like: Like = "",
    label: OfPerson = None,
    context: Context = None,
    seed: Seed = 0,
    replay: Replay = None,
    to: Annotated[str, typer.Option("--to", help="A {formats}.")] = "recording/",
    force: Force = False,
) -> None:  # fmt: skip
    """Make a recording whose beats, rhythms and waves are known.

    Example: ecgsynth record 'sinus with pvc 2 %' --hours 1 --to holter/

    With noise: ecgsynth record 'sinus' --hours 1 --snr 12 --to h/ --clean h0/

    Learned: ecgsynth record 'sinus 60 s' --model mitbih-strips --to h/
    """
    from ecgsynth.cli.generate import contexts_of
    from ecgsynth.completion.drafts import add_faults, draft_by
    from ecgsynth.completion.files import recordings_of
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import check_target, write
    from ecgsynth.signals.draft import spooled
    from ecgsynth.simulator.drawing import check_leads

    names = leads_of(leads)
    if model == SIMULATOR:
        check_leads(names)
    targets = [one for one in (to, clean) if one]
    for target in targets:
        check_target(target)
    if clean.rstrip("/") == to.rstrip("/"):
        raise EcgsynthError(f"--to and --clean both name {to}; choose another place for one.")
    check_targets(*targets, force=force)
    rhythm = rhythm_of(text, hours, seed, replay)
    one = draft_by(
        model, rhythm, leads=names, fs=fs, waves=waves,
        like=next(recordings_of(like)) if like else None, label="+".join(names_of(label)),
        context=contexts_of(context), seed=seed,
    )  # fmt: skip
    for target in targets:
        check_target(target, one.head.spec, 1)
    with spooled(one, Path(to).resolve().parent) if clean else nullcontext(one) as kept:
        noisy = add_faults(
            kept, noise=names_of(noise), snr=snr, lead_off=lead_off, range_mv=range_mv,
            step_mv=step_mv, seed=seed,
        )  # fmt: skip
        if clean:
            write(kept, clean)
        write(noisy, to)
    _state(one.head, rhythm, to)


def leads_of(words: list[str] | None) -> int | list[str]:
    """Names of leads, or how many: two of the usual ones when left out."""
    asked = names_of(words) or ["2"]
    return int(asked[0]) if asked[0].isdecimal() and len(asked) == 1 else asked


def _state(ecg: Ecg, rhythm: Rhythm, to: str) -> None:
    from ecgsynth.rhythm.output import statement

    leads = ", ".join(ecg.spec.leads)
    typer.echo(f"{ecg.spec.seconds:,.0f} s, {leads}, {len(rhythm):,} beats in {to}")
    typer.echo(statement(rhythm))
