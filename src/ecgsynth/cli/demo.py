"""`ecgsynth demo`: generate, evaluate, train and draw, in two or three minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgsynth.cli.options import complete_model
from ecgsynth.cli.targets import Force, check_targets

MADE = ("beats.png", "wfdb/", "beats.npz", "report.html", "report.json", "own-beats.png",
        "own-curves.png")  # fmt: skip
"""Files in its folder, in addition to a run."""


def demo(
    to: Annotated[Path, typer.Option("--to", help="Folder for the output.")] = Path("demo"),
    model: Annotated[
        str, typer.Option("--model", help="Shipped model.", autocompletion=complete_model)
    ] = "mitbih-beats",
    force: Force = False,
) -> None:
    """Generate, evaluate and train in some three minutes.

    It needs no recordings and no network.

    Example: ecgsynth demo --to demo
    """
    from ecgsynth.cli.evaluate import show
    from ecgsynth.cli.train import train_with_bar
    from ecgsynth.config import Run
    from ecgsynth.datasets import load
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.evaluation.judge import evaluate
    from ecgsynth.formats import write
    from ecgsynth.signals.paper import draw
    from ecgsynth.synthesizer import Synthesizer
    from ecgsynth.training.monitoring.curves import draw_run

    check_targets(*(f"{to / name}{'/' * name.endswith('/')}" for name in MADE), force=force)
    made: dict[str, Path] = {}

    def heading(text: str) -> None:
        typer.echo(f"\n== {text}")

    heading(f"1. beats of every class from the shipped weights '{model}'")
    synthesizer = Synthesizer.load(model)
    beats = synthesizer.generate(1200, seed=1)
    made["picture"] = to / "beats.png"
    draw(beats, made["picture"], title=f"{synthesizer.card.id}, synthetic")
    typer.echo(f"first picture: {made['picture']}")
    made["WFDB records"] = write(beats[:200], to / "wfdb", format="wfdb")
    made["NPZ"] = write(beats, to / "beats.npz")

    heading("2. evaluation against held-out items, or their shipped statistics")
    report = evaluate(synthesizer.generate(4000, seed=2), quick=True)
    made["report"] = report.save(to / "report.html")
    show(report, made["report"])

    # F is of few people, which a training warns of.
    run = Run.read("mitbih-beats", "data.classes=[N,S,V]").quickened()
    try:
        load(run.data.name, "heldout", **run.data.settings)
    except EcgsynthError:
        run = Run.read("simulated-beats").quickened()
    heading(f"3. a small generator, trained on {run.data.name} for about a minute")
    folder = _fresh(to / "run")
    own = train_with_bar(run, folder)
    made["own run"] = folder
    made["own beats"], made["own curves"] = to / "own-beats.png", to / "own-curves.png"
    title = f"{own.card.name}: one minute of training"
    draw(own.generate(200, seed=1), made["own beats"], title=title)
    draw_run(folder, made["own curves"])

    heading("files")
    for what, path in made.items():
        typer.echo(f"{what:13s} {path}")
    typer.echo(f"next: ecgsynth generate {model} --label V --count 500 --to pvc.npz")


def _fresh(folder: Path) -> Path:
    """A new run folder, so that no existing run is changed."""
    number, free = 2, folder
    while free.exists():
        free = folder.with_name(f"{folder.name}-{number}")
        number += 1
    return free
