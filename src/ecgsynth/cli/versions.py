"""`ecgsynth versions`: register models with MLflow, promote and roll back versions."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecgsynth.model_registry import Version

app = typer.Typer(
    help="Versions of models in MLflow: add, promote, roll back.",
    epilog="Example: ecgsynth versions add runs/beats --name mitbih-beats",
    no_args_is_help=True,
)
Reference = Annotated[str, typer.Argument(help="NAME/NUMBER or NAME@ALIAS.")]
Alias = Annotated[str, typer.Option("--alias", help="Such as production or candidate.")]


@app.command()
def add(
    run: Annotated[str, typer.Argument(help="A run folder, or a model file.")],
    name: Annotated[str, typer.Option("--name", help="Of the model [the card's].")] = "",
    report: Annotated[Path | None, typer.Option("--report", help="JSON of `ecgsynth evaluate`, "
                                                            "stored with its figures.")] = None,
) -> None:  # fmt: skip
    """Register a run as the next version of its model.

    Example: ecgsynth versions add runs/beats --name mitbih-beats
    """
    from ecgsynth import model_registry as versions
    from ecgsynth.errors import mask_passwords
    from ecgsynth.synthesizer.mlflow_models import tracking_uri

    made = versions.add(run, name, report)
    typer.echo(f"{made} in {mask_passwords(tracking_uri())}")
    typer.echo(f"try: ecgsynth versions promote {quote(str(made))}")


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(help="One model; default: all.")] = "",
) -> None:
    """List versions with their aliases.

    Example: ecgsynth versions list mitbih-beats
    """
    from ecgsynth import model_registry as versions
    from ecgsynth.cli.console import table

    found = versions.versions(name)
    if not found:
        typer.echo("no versions yet; `ecgsynth versions add RUN` registers the first.")
        return
    columns = ["version", "alias", "made", "examples", "data", "commit", "card"]
    table("", columns, [[str(one), *_cells(one)] for one in found])


@app.command()
def promote(version: Reference, alias: Alias = "production") -> None:
    """Give a version an alias that `generate` accepts.

    Example: ecgsynth versions promote mitbih-beats/3 --alias production
    """
    from ecgsynth import model_registry as versions

    new, old = versions.promote(version, alias)
    before = f" (before: {old})" if old not in (None, new.number) else ""
    typer.echo(f"{new.name}@{alias} is version {new.number}{before}")
    model = quote(f"models:/{new.name}@{alias}")
    typer.echo(f"try: ecgsynth generate {model} --count 100 --to beats.npz")


@app.command()
def compare(
    versions: Annotated[list[str], typer.Argument(help="NAME/NUMBER or NAME@ALIAS, two or more.")],
) -> None:
    """Show how versions differ: settings, data, commit, figures.

    Example: ecgsynth versions compare beats@production beats/3
    """
    from ecgsynth.cli.console import table
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.model_registry import compare as compared

    if len(versions) < 2:
        raise EcgsynthError("name two versions or more to compare, as in NAME/1 NAME/2.")
    found, rows = compared(versions)
    if not rows:
        typer.echo("no difference.")
        return
    table("", ["", *map(str, found)], [[key, *row] for key, row in rows.items()])


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="The model.")], alias: Alias = "production"
) -> None:
    """Return an alias to the version that had it before.

    Example: ecgsynth versions rollback mitbih-beats --alias production
    """
    from ecgsynth import model_registry as versions

    last, now = versions.rollback(name, alias)
    typer.echo(f"{name}@{alias} is version {last.number} again (was {now})")


def _cells(one: Version) -> list[str]:
    from datetime import datetime

    made = datetime.fromtimestamp(one.created).strftime("%Y-%m-%d %H:%M")
    facts = (one.facts.get(key, "") for key in ("examples", "data", "commit", "card"))
    return [", ".join(one.aliases), made, *facts]
