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
            rows = [[n, text] for n, text in _pretrained().items()]
        else:
            described = getattr(registry, name.upper()).descriptions()
            rows = [[n, text] for n, text in described.items()]
        table("" if kind else name.upper(), columns, rows)
        if not kind:
            typer.echo()


def _pretrained() -> dict[str, str]:
    """Shipped models with a line from their cards, read without PyTorch."""
    import json

    from safetensors import safe_open

    from ecgsynth.synthesizer.find import pretrained

    rows = {}
    for name, path in pretrained().items():
        with safe_open(path, "np") as file:
            card = json.loads(file.metadata()["card"])
        classes = ", ".join(card["spec"]["classes"]) or "no classes"
        leads = len(card["spec"]["leads"])
        rows[name] = (
            f"{classes}; {leads} lead{'s' * (leads > 1)}, {card['spec']['samples']} samples at "
            f"{card['spec']['fs']:g} Hz; {card['examples_seen']:,} examples of "
            f"{card['data']['source']}; {path.stat().st_size / 1e6:.1f} MB"
        )
    return rows
