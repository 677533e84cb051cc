"""`ecgsynth complete`: missing leads made, gaps filled, recordings prolonged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgsynth.cli.options import Seed, complete_model, names_of
from ecgsynth.cli.targets import Force, check_targets

if TYPE_CHECKING:
    from ecgsynth.signals.annotations import Annotations
    from ecgsynth.signals.recording import Recording


def complete(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A WFDB record, a folder of them, or "
                                        "a file of recordings in another format.")],
    model: Annotated[str, typer.Option("--model", help="A model that takes a known part.",
                     autocompletion=complete_model)] = "ptbxl-12lead-flow",
    leads: Annotated[list[str] | None, typer.Option("--leads", metavar="NAMES", help="The known "
                     "leads, as in I,II or II=MLII [all that the model has].")] = None,
    prolong: Annotated[str, typer.Option("--prolong", metavar="LENGTH", help="Length of the "
                       "result, as in 30s, 10min, 24h.")] = "",
    events: Annotated[str, typer.Option("--events", help="'found', or a WFDB annotation file "
                      "[the annotations of FILE, else found].")] = "",
    label: Annotated[list[str] | None, typer.Option("--label", metavar="NAMES", help="Statements "
                     "of the person, as in AFIB,CRBBB.")] = None,
    context: Annotated[list[str] | None, typer.Option("--context", metavar="NAME=VALUE",
                       help="age, sex, and the heart_rate of what is prolonged.")] = None,
    draws: Annotated[int, typer.Option("--draws", help="Completions of each recording.")] = 1,
    seed: Seed = 0,
    to: Annotated[str, typer.Option("--to", help="A {formats} [FILE-completed/].")] = "",
    force: Force = False,
) -> None:  # fmt: skip
    """Make missing leads, gaps and time of recordings.

    Known samples stay as they are, and the result names what was made. A gap is NaN.

    Example: ecgsynth complete mitdb/100 --leads II=MLII,V5 --to twelve/

    Longer: ecgsynth complete strip.npz --prolong 10min --to long/
    """
    from ecgsynth.cli.generate import contexts_of
    from ecgsynth.completion.complete import FOUND, check_draws, plan
    from ecgsynth.completion.files import annotations_at, recordings_of, write_completed
    from ecgsynth.formats import check_target

    target = to or f"{Path(file).stem}-completed/"
    check_target(target)
    check_targets(target, force=force)
    seconds = length_s(prolong) if prolong else None
    chosen = names_of(leads) or None
    draws = check_draws(draws)

    def read(recording: Recording) -> Annotations | str | None:
        if not events or events == FOUND:
            return events or None
        return annotations_at(events, recording.fs)

    completions = plan(
        recordings_of(file), model, leads=chosen, events=read, label="+".join(names_of(label)),
        context=contexts_of(context), prolong_s=seconds, seed=seed,
    )  # fmt: skip
    count = write_completed(completions, draws, target)
    typer.echo(f"{count:,} partly synthetic {'record' if count == 1 else 'records'} in {target}")


LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|h)?")
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def length_s(text: str) -> float:
    """Seconds of a length such as 30s, 10min or 24h; a number alone is seconds.

    Raises
    ------
    EcgsynthError: it is no length.
    """
    from ecgsynth.errors import EcgsynthError

    match = LENGTH.fullmatch(text.strip())
    if match is None:
        raise EcgsynthError(f"'{text}' is no length; write it as 30s, 10min or 24h.")
    return float(match[1]) * SECONDS[match[2] or "s"]
