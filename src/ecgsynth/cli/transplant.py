"""`ecgsynth transplant`: a model that generates rare beats for all of its people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.options import complete_model
from ecgsynth.cli.targets import Force


def transplant(
    model: Annotated[
        str,
        typer.Argument(
            help="A shipped model, a .safetensors file or a run.", autocompletion=complete_model
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="The new .safetensors file.")],
    force: Force = False,
) -> None:
    """Make a model that gives rare beats to all of its people.

    Nothing is trained: an ectopic beat gets the style of another person, with the same prematurity
    relative to that person's mean RR.

    Example: ecgsynth transplant mitbih-beats --to everybody.safetensors
    """
    from ecgsynth.cli.join import new_model
    from ecgsynth.synthesizer import Synthesizer

    new_model(to, force)
    made = Synthesizer.load(model).transplanted(to.stem)
    made.save(to, half=made.halved)
    typer.echo(
        f"model: {to} generates {', '.join(made.prior.classes)} for {made.card.styles} people"
    )
    typer.echo(f"try:   ecgsynth generate {to} --label {[*made.prior.classes][-1]} --count 100")
