"""`ecgsynth record`: an annotated recording of any length, from a line of text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Seed, complete_model, names_of
from ecgsynth.cli.rhythm import Hours, Replay, rhythm_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecgsynth.rhythm import Rhythm
    from ecgsynth.signals.draft import Draft
    from ecgsynth.signals.ecg import Ecg

SIMULATOR = "simulator"


def record(
    text: Annotated[str, typer.Argument(metavar="RHYTHM", help="As of `ecgsynth rhythm`: 'sinus 60 "
                                        "s; af 30 s'.")] = "",
    model: Annotated[str, typer.Option("--model", help="What draws the beats: simulator, or a "
                     "model of recordings.", autocompletion=complete_model)] = SIMULATOR,
    hours: Hours = None,
    leads: Annotated[list[str] | None, typer.Option("--leads", metavar="NAMES", help="1, 2 or 12, "
                     "or names, as in I,II,V5 [2].")] = None,
    fs: Annotated[float, typer.Option("--fs", help="Samples a second.")] = 250.0,
    waves: Annotated[bool, typer.Option("--waves/--no-waves", help="Mark P, QRS and T, too.")]
    = True,
    noise: Annotated[list[str] | None, typer.Option("--noise", metavar="NAMES", help="wander, "
                     "muscle, electrode, mains; of NSTDB bw, ma, em.")] = None,
    snr: Annotated[str, typer.Option("--snr", help="dB, as in 12, 'stress 12' or '24 dB 2 min; "
                                     "clean 2 min'.")] = "",
    lead_off: Annotated[float, typer.Option("--lead-off", help="Times an hour that a lead comes "
                                            "off.")] = 0.0,
    range_mv: Annotated[float | None, typer.Option("--range-mv", help="Where the signal "
                        "saturates.")] = None,
    step_mv: Annotated[float | None, typer.Option("--step-mv", help="Of the converter.")] = None,
    clean: Annotated[str, typer.Option("--clean", help="The same without noise: a {formats}.")]
    = "",
    like: Annotated[str, typer.Option("--like", metavar="FILE", help="With a model: a recording of "
                    "the person in whose manner it is made.")] = "",
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAMES", help="With a "
                     "model: labels of the person, as in CRBBB.")] = None,
    context: Annotated[list[str] | None, typer.Option("--context", metavar="NAME=VALUE",
                       help="With a model: age, sex and others.")] = None,
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
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.formats import check_target, write
    from ecgsynth.signals.draft import spooled
    from ecgsynth.simulator.drawing import check_leads, draft_rhythm

    asked = names_of(leads) or ["2"]
    wanted = int(asked[0]) if asked[0].isdecimal() and len(asked) == 1 else asked
    names: int | Sequence[str] = check_leads(wanted) if model == SIMULATOR else wanted
    targets = [one for one in (to, clean) if one]
    for target in targets:
        check_target(target)
    if clean.rstrip("/") == to.rstrip("/"):
        raise EcgsynthError(f"--to and --clean both name {to}; choose another place for one.")
    check_targets(*targets, force=force)
    if model == SIMULATOR and (like or label or context):
        raise EcgsynthError(
            "--like, --label and --context are for a model; name one, as in "
            "--model ptbxl-12lead-flow."
        )
    rhythm = rhythm_of(text, hours, seed, replay)
    faults = (names_of(noise), snr, lead_off, range_mv, step_mv, seed)
    if model == SIMULATOR:
        one = draft_rhythm(rhythm, names, fs, waves=waves, seed=seed)
    else:
        from ecgsynth.cli.generate import contexts_of
        from ecgsynth.completion.files import recordings_of
        from ecgsynth.completion.record import draft

        check_model(model)
        one = draft(
            rhythm, model, leads=names, fs=fs, like=next(recordings_of(like)) if like else None,
            label="+".join(names_of(label)), context=contexts_of(context), seed=seed,
        )  # fmt: skip
    for target in targets:
        check_target(target, one.head.spec, 1)
    if not clean:
        write(_noisy(one, *faults), to)
    else:
        with spooled(one, Path(to).resolve().parent) as kept:
            noisy = _noisy(kept, *faults)
            write(kept, clean)
            write(noisy, to)
    _state(one.head, rhythm, to)


def check_model(model: str) -> None:
    """Refuse a model that is not there; the simulator is among the names that may be meant."""
    from ecgsynth.errors import EcgsynthError, did_you_mean
    from ecgsynth.synthesizer.find import find_model

    try:
        find_model(model)
    except EcgsynthError:
        if "Did you mean" in (meant := did_you_mean(model, [SIMULATOR])):
            raise EcgsynthError(f"no model named '{model}'.{meant}") from None
        raise


def _state(ecg: Ecg, rhythm: Rhythm, to: str) -> None:
    from ecgsynth.rhythm.output import statement

    leads = ", ".join(ecg.spec.leads)
    typer.echo(f"{ecg.spec.seconds:,.0f} s, {leads}, {len(rhythm):,} beats in {to}")
    typer.echo(statement(rhythm))


def _noisy(
    one: Draft, kinds: list[str], snr: str, lead_off: float, range_mv: float | None,
    step_mv: float | None, seed: int,
) -> Draft:  # fmt: skip
    """The recording with the noise and the faults that were asked for."""
    from ecgsynth.datasets.noise_stress import KINDS, read_noise
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.noise import add_noise
    from ecgsynth.noise.faults import RAIL_MV, Faults

    if kinds and not snr:
        raise EcgsynthError("--noise needs a ratio of signal to noise, as in --snr 12.")
    if snr:
        recorded = {name: read_noise(name) for name in kinds if name in KINDS}
        one = add_noise(one, kinds or ["electrode"], snr, seed, recorded)
    if not lead_off and range_mv is None and step_mv is None:
        return one
    return Faults(lead_off, range_mv or RAIL_MV, range_mv, step_mv, seed).draft(one)
