"""`ecgsynth record`: an annotated recording of any length, from a line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Seed, names_of
from ecgsynth.cli.rhythm import Hours, Replay, rhythm_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg

SIMULATOR = "simulator"


def record(
    text: Annotated[str, typer.Argument(metavar="RHYTHM", help="As of `ecgsynth rhythm`: 'sinus 60 "
                                        "s; af 30 s'.")] = "",
    model: Annotated[str, typer.Option("--model", help="What draws the beats: simulator.")]
    = SIMULATOR,
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
    seed: Seed = 0,
    replay: Replay = None,
    to: Annotated[str, typer.Option("--to", help="A {formats}.")] = "recording/",
    force: Force = False,
) -> None:  # fmt: skip
    """Make a recording whose beats, rhythms and waves are known.

    Example: ecgsynth record 'sinus with pvc 2 %' --hours 1 --to holter/

    With noise: ecgsynth record 'sinus' --hours 1 --snr 12 --to h/ --clean h0/
    """
    from ecgsynth.errors import EcgsynthError, did_you_mean
    from ecgsynth.formats import check_target, write
    from ecgsynth.rhythm.output import statement
    from ecgsynth.simulator.drawing import check_leads, draw_rhythm

    if model != SIMULATOR:
        raise EcgsynthError(f"'{model}' draws no rhythm.{did_you_mean(model, [SIMULATOR])}")
    asked = names_of(leads) or ["2"]
    names = check_leads(int(asked[0]) if asked[0].isdecimal() and len(asked) == 1 else asked)
    targets = [one for one in (to, clean) if one]
    for target in targets:
        check_target(target)
    if clean.rstrip("/") == to.rstrip("/"):
        raise EcgsynthError(f"--to and --clean both name {to}; choose another place for one.")
    check_targets(*targets, force=force)
    rhythm = rhythm_of(text, hours, seed, replay)
    ecg = draw_rhythm(rhythm, names, fs, waves=waves, seed=seed)
    for target in targets:
        check_target(target, ecg.spec, 1)
    noisy = _noisy(ecg, names_of(noise), snr, lead_off, range_mv, step_mv, seed)
    if clean:
        write(ecg, clean)
    write(noisy, to)
    typer.echo(f"{ecg.spec.seconds:,.0f} s, {', '.join(names)}, {len(rhythm):,} beats in {to}")
    typer.echo(statement(rhythm))


def _noisy(
    ecg: Ecg, kinds: list[str], snr: str, lead_off: float, range_mv: float | None,
    step_mv: float | None, seed: int,
) -> Ecg:  # fmt: skip
    """The recording with the noise and the faults that were asked for."""
    from ecgsynth.datasets.noise_stress import KINDS, read_noise
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.noise import add_recording_noise
    from ecgsynth.noise.faults import RAIL_MV, convert, lose_leads, saturate

    if kinds and not snr:
        raise EcgsynthError("--noise needs a ratio of signal to noise, as in --snr 12.")
    if snr:
        recorded = {name: read_noise(name) for name in kinds if name in KINDS}
        ecg = add_recording_noise(ecg, kinds or ["electrode"], snr, seed, recorded).noisy
    if lead_off:
        ecg = lose_leads(ecg, lead_off, range_mv or RAIL_MV, seed)
    if range_mv is not None:
        ecg = saturate(ecg, range_mv)
    return ecg if step_mv is None else convert(ecg, step_mv)
