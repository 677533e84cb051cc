"""`ecgsynth train`: train a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.options import Overrides, complete_recipe


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            help="A shipped recipe's name or a YAML file.", autocompletion=complete_recipe
        ),
    ],
    overrides: Overrides = None,
    to: Annotated[Path | None, typer.Option("--to", help="Run folder [runs/NAME].")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A short trial of one or two minutes.")
    ] = False,
    steps: Annotated[int, typer.Option("--steps", help="Stop after this many steps.")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the recipe, train nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the last snapshot.")
    ] = False,
    track: Annotated[bool, typer.Option("--track", help="Register the run with MLflow.")] = False,
) -> None:
    """Train a generator; --resume continues a stopped run.

    Example: ecgsynth train mitbih-beats --quick --to runs/first

    With settings: ecgsynth train mitbih-beats model.width=64 --to runs/narrow
    """
    from ecgsynth.config import Run
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.processes import is_main_process

    run = Run.read(recipe, *(overrides or []))
    if quick:
        run = run.quickened()
        run = Run.from_dict(_with_overrides(run.to_dict(), overrides or []))
    if steps < 0:
        raise EcgsynthError(f"--steps must be a positive number; got {steps}.")
    if steps:
        run.training.epochs = 0
        run.training.examples = steps * run.training.per_step
    folder = to or Path("runs") / run.name
    if dry_run:
        run.model_settings()
        run.objective_settings()
        typer.echo(run.to_yaml())
        typer.echo(f"# would train into {folder}")
        return
    track = track and is_main_process()
    if track:
        _try_store()
    train_with_bar(run, folder, resume)
    if is_main_process():
        typer.echo(f"model: {folder / 'model.safetensors'}")
        typer.echo(f"try:   ecgsynth generate {folder} --count 100 --to {folder}/beats.npz")
    if track:
        _register(folder)


def _try_store() -> None:
    """Check before the training that the run can be registered.

    Raises
    ------
    EcgsynthError: MLflow is not installed.
    """
    from ecgsynth import model_registry
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.progress import stderr_console
    from ecgsynth.synthesizer.mlflow_models import check_mlflow

    check_mlflow()
    try:
        model_registry.versions()
    except EcgsynthError as problem:
        stderr_console().print(f"the training continues, but cannot be registered: {problem}")


def _register(folder: Path) -> None:
    """Register the run as a version; if that fails, the run is still complete."""
    from ecgsynth import model_registry
    from ecgsynth.errors import EcgsynthError, mask_passwords
    from ecgsynth.progress import stderr_console
    from ecgsynth.synthesizer.mlflow_models import tracking_uri

    try:
        store = mask_passwords(tracking_uri())
        typer.echo(f"kept:  {model_registry.add(folder)} in {store}")
    except EcgsynthError as problem:
        stderr_console().print(
            f"not registered: {problem} The run is complete; `ecgsynth versions add {folder}` "
            "registers it later."
        )


def _with_overrides(content: dict, overrides: list[str]) -> dict:
    """Apply the user's settings over the recipe's quick settings."""
    from ecgsynth.recipes import parse_override, put

    for override in overrides:
        put(content, *parse_override(override))
    return content


def train_with_bar(run, folder: Path, resume: bool = False):  # type: ignore[no-untyped-def]
    """Train with a bar of examples, losses and rate; returns the synthesizer."""
    import time

    from ecgsynth.processes import is_main_process
    from ecgsynth.progress import count_bar, stderr_console
    from ecgsynth.training.loop import train as train_run

    with count_bar("examples", hidden=not is_main_process()) as bar:
        task = bar.add_task("reading the recordings", total=None)

        def report(examples: int, total: int, values: dict[str, float]) -> None:
            first: dict[str, float] = {}  # of each network, the main term of its objective
            for name, value in values.items():
                if "/" in name:
                    first.setdefault(name.partition("/")[0], value)
            losses = " ".join(f"{net} {value:.3f}" for net, value in first.items())
            if bar.tasks[task].total is None:  # a resumed run begins with what it has seen
                bar.update(task, since=(examples, time.monotonic()))
            bar.update(task, completed=examples, total=total, description=losses)

        try:
            return train_run(run, folder, resume=resume, report=report)
        except KeyboardInterrupt:
            if is_main_process() and (folder / "resume.safetensors").is_file():
                stderr_console().print(
                    f"stopped; the same command with --resume continues in {folder}."
                )
            raise
