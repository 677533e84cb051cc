"""`ecgsynth join`: join models of single classes in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.targets import Force, check_targets


def join(
    models: Annotated[
        list[str], typer.Argument(help="Runs or .safetensors files, one class each.")
    ],
    to: Annotated[Path, typer.Option("--to", help="The one .safetensors file.")],
    force: Force = False,
) -> None:
    """Join models of one class each into one model.

    Example: ecgsynth join runs/s runs/v runs/f --to joined.safetensors
    """
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.synthesizer import Synthesizer

    new_model(to, force)
    if len(models) < 2:
        raise EcgsynthError(f"only {models[0]} is named; name two models or more to join.")
    members: dict[str, Synthesizer] = {}
    for model in models:
        synthesizer = Synthesizer.load(model)
        for label in synthesizer.prior.classes:
            if label in members:
                raise EcgsynthError(
                    f"{members[label].card.name} and {model} both generate class '{label}'; "
                    "leave one of them out."
                )
            members[label] = synthesizer
    joined = Synthesizer.join(members, to.stem)
    joined.save(to)
    typer.echo(f"model: {to} generates {', '.join(members)}")
    typer.echo(f"try:   ecgsynth generate {to} --label {next(iter(members))} --count 100")


def new_model(to: Path, force: bool) -> None:
    """Check that a model may be written to this path.

    Raises
    ------
    EcgsynthError: the ending is not `.safetensors`, or see `check_targets`.
    """
    from ecgsynth.errors import EcgsynthError

    if to.suffix != ".safetensors":
        raise EcgsynthError(f"a model is a .safetensors file; {to} does not end in .safetensors.")
    check_targets(to, force=force)
