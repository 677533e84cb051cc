"""`ecgsynth join`: models of single classes become one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.targets import Force, checked_targets


def join(
    models: Annotated[list[str], typer.Argument(help="Runs or .safetensors files, a class each.")],
    to: Annotated[Path, typer.Option("--to", help="The one .safetensors file.")],
    force: Force = False,
) -> None:
    """Join models that make a class each into one that makes them all.

    Example: ecgsynth join runs/tcwgan-s runs/tcwgan-v runs/tcwgan-f --to tcwgan.safetensors
    """
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.synthesizer import Synthesizer

    new_model(to, force)
    if len(models) < 2:
        raise EcgsynthError(f"there is nothing to join to {models[0]}; name two models or more.")
    members: dict[str, Synthesizer] = {}
    for model in models:
        synthesizer = Synthesizer.load(model)
        for label in synthesizer.prior.classes:
            if label in members:
                raise EcgsynthError(
                    f"class '{label}' is made by {members[label].card.name} and by {model}; "
                    "leave one of them out."
                )
            members[label] = synthesizer
    joined = Synthesizer.join(members, to.stem)
    joined.save(to)
    typer.echo(f"model: {to} makes {', '.join(members)}")
    typer.echo(f"try:   ecgsynth generate {to} --label {next(iter(members))} --count 100")


def new_model(to: Path, force: bool) -> None:
    """Refuse a place where no model may be written.

    Raises
    ------
    EcgsynthError: no `.safetensors`, or see `checked_targets`.
    """
    from ecgsynth.errors import EcgsynthError

    if to.suffix != ".safetensors":
        raise EcgsynthError(f"a model is a .safetensors file; {to} does not end so.")
    checked_targets(to, force=force)
