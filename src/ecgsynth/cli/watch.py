"""`ecgsynth watch`: show runs in the terminal while they train, from their metrics.jsonl."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecgsynth.errors import EcgsynthError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 24
"""Width of a curve in characters; each is two dots wide and four high."""
PANEL = 76
"""Most characters of a run; in a wider terminal, runs are side by side."""
FIGURES = {
    "health/accuracy": "accuracy, real",
    "health/accuracy_heldout": "accuracy, held-out",
    "health/overfitting": "critic overfits",
    "health/augment": "augmentation",
    "health/gradient_critic": "critic's gradient",
    "health/gradient_generator": "generator's gradient",
    "health/amplitude": "amplitude",
    "health/at_bounds": "at the bounds",
}
"""Displayed figures and their names, in order; docs/training.md explains them."""
BY_CLASS = {"told": "told", "spread": "spread", "distance": "distance"}
OF_THE_RUN = ("examples", "examples_per_second", "seconds_left", "memory_gb")


def watch(
    runs: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN...", help="Run folders.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and exit.")] = False,
    every: Annotated[float, typer.Option("--every", help="Seconds between frames.")] = 2.0,
) -> None:
    """Watch trainings: losses, health, samples and alarms.

    Ctrl-C ends the watching, not the trainings.

    Example: ecgsynth watch runs/beats runs/other
    """
    from rich.console import Console
    from rich.live import Live

    if not runs:
        raise EcgsynthError("name the run folders to watch, as in `ecgsynth watch runs/beats`.")
    if not every > 0:
        raise EcgsynthError(f"--every must be a positive number of seconds; got {every}.")
    console = Console(highlight=False, markup=False)
    if once:
        console.print(_frame(runs, console))
        return
    try:
        with Live(_fitting(runs, console), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(_fitting(runs, console), refresh=True)
    except KeyboardInterrupt:
        return


def _frame(runs: Sequence[Path], console: Console) -> RenderableType:
    """One panel per run, narrower in a narrow terminal."""
    from rich.columns import Columns

    width = min(PANEL, console.width - 1)  # one space between columns
    return Columns([_panel(folder, _lines(folder), width) for folder in runs], width=width)


def _fitting(runs: Sequence[Path], console: Console) -> RenderableType:
    """The panels of all runs, or one line per run if the panels are higher than the terminal."""
    frame = _frame(runs, console)
    high = len(console.render_lines(frame, pad=False))
    if len(runs) == 1 or not console.is_terminal or high <= console.height:
        return frame
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for folder in runs:
        lines = _lines(folder)
        alarms = ", ".join(dict.fromkeys(line["alarm"] for line in lines if "alarm" in line))
        table.add_row(
            str(folder), _position(_series(lines)), Text(alarms and f"! {alarms}", "bold red")
        )
    return table


def _lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics; none if it has just started.

    Raises
    ------
    EcgsynthError: the folder is not a run.
    """
    from ecgsynth.training.monitoring.tracking import read_metrics

    if not folder.exists():
        raise EcgsynthError(f"there is no {folder}; name the folder of `train --to`.")
    if not folder.is_dir():
        raise EcgsynthError(f"{folder} is a file; name the run folder that contains it.")
    lines = read_metrics(folder / "metrics.jsonl")
    if not lines and not (folder / "run.yaml").is_file():
        raise EcgsynthError(
            f"{folder} is not a run: it has neither metrics nor a recipe; name the folder of "
            "`train --to`."
        )
    return lines


def _panel(folder: Path, lines: list[dict[str, Any]], width: int) -> RenderableType:
    """One run: position, curves, classes and alarms."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from ecgsynth.training.monitoring.alarms import alarm_of

    series = _series(lines)
    curves = Table.grid(padding=(0, 2))
    losses = [name for name in series if name.startswith(("critic/", "generator/"))]
    for name in [*losses, *(name for name in FIGURES if name in series)]:
        label = FIGURES.get(name, name.replace("/", " "))
        curves.add_row(label, f"{series[name][-1]:.3g}", *curve(series[name]))
    parts: list[RenderableType] = [Text(_position(series)), curves]
    samples: dict[str, list[float]] = next(
        (line["samples"] for line in reversed(lines) if "samples" in line), {}
    )
    if samples:
        classes = Table(box=None, pad_edge=False)
        for title in ("class", *BY_CLASS.values(), "newest sample"):
            classes.add_column(title, no_wrap=True)
        for name, sample in samples.items():
            figures = [series.get(f"health/{kind}/{name}", [])[-1:] for kind in BY_CLASS]
            cells = [f"{f[0]:.2f}" if f else "-" for f in figures]
            classes.add_row(name, *cells, "\n".join(curve(sample, rows=3)))
        parts.append(classes)
    for line in lines:
        if "alarm" in line:
            back = f" (went back to {line['examples']:,})" if "back_from" in line else ""
            parts.append(Text(f"! {alarm_of(line)}{back}", style="bold red"))
    return Panel(Group(*parts), title=str(folder), width=width)


def _series(lines: list[dict[str, Any]]) -> dict[str, list[float]]:
    """The numbers of a log by their names, oldest first."""
    series: dict[str, list[float]] = {}
    for line in lines:
        for name, value in line.items():
            if isinstance(value, int | float):
                series.setdefault(name, []).append(float(value))
    return series


def _position(series: dict[str, list[float]]) -> str:
    """Examples, speed, memory and time left, if the log has them."""
    if "examples" not in series:
        return "started; no steps yet"
    examples, rate, left, memory = (series.get(name, [])[-1:] for name in OF_THE_RUN)
    facts = [f"{examples[0]:,.0f} examples"]
    if rate:
        if left:
            share = examples[0] / (examples[0] + left[0] * rate[0])
            facts[0] += f" ({share:.0%})"
        facts.append(f"{rate[0]:,.0f}/s")
    facts += [f"{m:.1f} GB" for m in memory]
    facts += [f"{span(s)} left" if s >= 1 else "finished" for s in left]
    return ", ".join(facts)


def span(seconds: float) -> str:
    """A duration as text: 40 s, 12 min, 3 h 5 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Braille's bits by row and column within a character."""


def curve(values: Sequence[float], width: int = WIDTH, rows: int = 1) -> list[str]:
    """A line of dots, lowest to highest value; so many characters wide and high, top row first.

    Longer data are averaged in pieces, shorter data are stretched.
    """
    import numpy as np

    points = np.asarray(values, float)
    points = points[np.isfinite(points)]
    if not len(points):
        return [""] * rows
    if len(points) > 2 * width:
        points = np.array([piece.mean() for piece in np.array_split(points, 2 * width)])
    points = np.interp(np.linspace(0, 1, 2 * width), np.linspace(0, 1, len(points)), points)
    low, reach = points.min(), np.ptp(points) or 1.0
    heights = np.rint((points - low) / reach * (4 * rows - 1)).astype(int)
    cells = np.zeros((rows, width), int)
    before = heights[0]
    for x, height in enumerate(heights):
        # Connect points: each column reaches halfway to the previous value.
        first, last = sorted((height, before + int(np.sign(height - before)) * (before != height)))
        for y in range(first, last + 1):
            up = 4 * rows - 1 - y
            cells[up // 4, x // 2] |= DOTS[up % 4][x % 2]
        before = height
    return ["".join(chr(0x2800 + bits) for bits in row) for row in cells.tolist()]
