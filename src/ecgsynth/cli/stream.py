"""`ecgsynth stream`: an annotated recording that comes line by line, as from a monitor."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from itertools import chain
from math import inf
from typing import Annotated

import typer

from ecgsynth.cli.options import Seed, names_of
from ecgsynth.cli.record import (
    SIMULATOR,
    Context,
    Leads,
    Like,
    Model,
    Noise,
    OfPerson,
    Rate,
    Snr,
    leads_of,
)
from ecgsynth.cli.rhythm import Hours, Replay, rhythm_of

FASTEST = "max"


def stream(
    text: Annotated[str, typer.Argument(metavar="RHYTHM", help="As of `ecgsynth rhythm`; it comes "
                                        "again and again.")] = "",
    model: Model = SIMULATOR,
    hours: Hours = None,
    speed: Annotated[str, typer.Option("--speed", help="1 is real time; 10 is ten times as fast, "
                                       "max as fast as it goes.")] = "1",
    piece: Annotated[float, typer.Option("--piece", help="Seconds of a line.")] = 0.2,
    leads: Leads = None,
    fs: Rate = 250.0,
    noise: Noise = None,
    snr: Snr = "",
    like: Like = "",
    label: OfPerson = None,
    context: Context = None,
    seed: Seed = 0,
    replay: Replay = None,
) -> None:  # fmt: skip
    """Write a recording line by line, in real time.

    Example: ecgsynth stream 'sinus with pvc 2 %' --speed 10 | my-detector

    The first line has rate, leads and unit; the others samples in mV, and beats. Without --hours
    there is no end: stop it with Ctrl-C, or by the end of the program that reads it.
    """
    from ecgsynth.cli.generate import contexts_of
    from ecgsynth.completion import stream as streams
    from ecgsynth.completion.drafts import add_faults, draft_by
    from ecgsynth.completion.files import recordings_of

    rate = speed_of(speed)
    seconds = None if hours is None else hours * 3600
    if replay is None and text.strip():
        track = streams.track_of(text, seconds, seed)
    else:
        track = streams.track_of(rhythm_of(text, hours, seed, replay), None, seed)
    draft = draft_by(
        model, track, leads=leads_of(leads), fs=fs, context=contexts_of(context), seed=seed,
        like=next(recordings_of(like)) if like else None, label="+".join(names_of(label)),
    )  # fmt: skip
    draft = add_faults(draft, noise=names_of(noise), snr=snr, seed=seed)
    size = streams.piece_samples(piece, draft.head.spec.fs)
    lines = streams.lines_of(streams.made_ahead(draft.pieces()), draft, size)
    lines = chain([next(lines)], lines)  # what is wrong with the first is known before any line
    try:
        _write(streams.encode(streams.header_of(draft, text or track.source, model, seed)))
        for line in streams.paced(lines, size / draft.head.spec.fs, rate):
            _write(streams.encode(line))
    except BrokenPipeError:  # whoever read it has stopped, which is how a stream ends
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def speed_of(text: str) -> float:
    """Times real time; `max` is infinite.

    Raises
    ------
    EcgsynthError: it is no number above 0.
    """
    from ecgsynth.arguments import as_real_number
    from ecgsynth.errors import EcgsynthError

    found = inf if text.strip().lower() == FASTEST else None
    with suppress(ValueError):
        found = found or as_real_number(float(text))
    if found is None or not found >= 0.01:
        raise EcgsynthError(
            f"--speed is a number from .01 on, as in 1 for real time, or {FASTEST}; got '{text}'."
        )
    return float(found)


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
