"""Curves of a run: losses, rate and the latest samples, from what it left in its folder."""

from __future__ import annotations

from pathlib import Path

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import written_beside
from ecgsynth.training.tracking import read_metrics


def draw_run(folder: Path, target: Path) -> Path:
    """Draw losses, penalties, scores and rate over examples seen, with the newest sample sheet.

    Raises
    ------
    EcgsynthError: the run has no whole line of metrics yet, or the ending is not svg, png or pdf.
    """
    from matplotlib.figure import Figure
    from matplotlib.image import imread

    if target.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise EcgsynthError(f"a picture is .svg, .png or .pdf; '{target.name}' is none of them.")
    lines = read_metrics(folder / "metrics.jsonl")
    if not lines:
        raise EcgsynthError(f"{folder} has no metrics yet; train it for a while first.")
    names = sorted({name for line in lines for name in line} - {"examples"})
    panels: dict[str, list[str]] = {}
    for name in names:
        kind = name.rpartition("/")[2]
        title = "adversarial loss" if kind == "adversarial" else ""
        title = title or ("penalties" if name.startswith("critic/") else name.replace("_", " "))
        panels.setdefault(title, []).append(name)
    samples = sorted((folder / "samples").glob("*.png"))
    rows = len(panels) + bool(samples)
    figure = Figure(figsize=(9, 2.3 * len(panels) + 6 * bool(samples)), layout="constrained")
    grid = figure.add_gridspec(rows, 1, height_ratios=[1.0] * len(panels) + [2.6] * bool(samples))
    for row, (title, members) in enumerate(panels.items()):
        axes = figure.add_subplot(grid[row])
        for name in members:
            points = [(line["examples"], line[name]) for line in lines if name in line]
            axes.plot(*zip(*points, strict=True), lw=1, label=name)
        axes.set_title(title, loc="left", fontsize=10)
        axes.grid(alpha=0.3)
        if len(members) > 1:
            axes.legend(fontsize=8, frameon=False, ncols=len(members))
        if row == len(panels) - 1:
            axes.set_xlabel("examples seen")
    if samples:
        axes = figure.add_subplot(grid[rows - 1])
        axes.imshow(imread(samples[-1]))
        axes.set_title(f"samples at {int(samples[-1].stem):,} examples", loc="left", fontsize=10)
        axes.axis("off")
    with written_beside(target) as beside:
        figure.savefig(beside, format=target.suffix[1:].lower(), dpi=110)
    return target
