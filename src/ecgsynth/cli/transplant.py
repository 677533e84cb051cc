"""`ecgsynth transplant`: a model that makes its rare beats of everybody it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.targets import Force


def transplant(
    model: Annotated[str, typer.Argument(help="Shipped name, run folder or .safetensors file.")],
    to: Annotated[Path, typer.Option("--to", help="The new .safetensors file.")],
    force: Force = False,
) -> None:
    """Make a model give its rare beats to everybody, also to people who never had any.

    Nothing is trained: an ectopic beat comes in the style of another person, as premature against
    that person's mean RR as it was in the one who had it.

    Example: ecgsynth transplant mitbih-beats --to everybody.safetensors
    """
    from ecgsynth.cli.join import new_model
    from ecgsynth.synthesizer import Synthesizer

    new_model(to, force)
    made = Synthesizer.load(model).transplanted(to.stem)
    made.save(to, half=made.halved)
    typer.echo(f"model: {to} makes {', '.join(made.prior.classes)} of {made.card.styles} people")
    typer.echo(f"try:   ecgsynth generate {to} --label {[*made.prior.classes][-1]} --count 100")
