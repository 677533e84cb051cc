"""`ecgsynth list`: names of data sets, models, metrics and more, without importing them."""

from __future__ import annotations

from typing import Annotated

import typer

KINDS = ("datasets", "models", "objectives", "metrics", "formats", "recipes", "pretrained")


def list_(
    kind: Annotated[str, typer.Argument(help=" | ".join(KINDS) + " [all]")] = "",
) -> None:
    """List data sets, models, metrics, formats, recipes and more.

    Example: ecgsynth list models
    """
    from ecgsynth import registry
    from ecgsynth.cli.console import table
    from ecgsynth.errors import EcgsynthError, did_you_mean
    from ecgsynth.recipes import COMMAND, shipped
    from ecgsynth.synthesizer.shipped import pretrained

    if kind and kind not in KINDS:
        raise EcgsynthError(f"there is no list of '{kind}'.{did_you_mean(kind, KINDS)}")
    for name in [kind] if kind else KINDS:
        columns = ["name", "what"]
        if name == "recipes":
            columns = ["name", "for", "what"]
            rows = [
                [n, word, text]
                for of_kind, word in COMMAND.items()
                for n, text in shipped(of_kind).items()
            ]
        elif name == "pretrained":
            rows = [[one.name, one.facts] for one in pretrained()]
        else:
            described = getattr(registry, name.upper()).descriptions()
            rows = [[n, text] for n, text in described.items()]
        table("" if kind else name.upper(), columns, rows)
        if not kind:
            typer.echo()
