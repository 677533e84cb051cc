"""Curves of a run: losses, health, alarms and the latest samples, from what it left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.training.monitoring.tracking import read_metrics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLES = {
    "health/accuracy": "critic right (real above synthetic)",
    "health/gradient": "gradient norm",
    "health/told": "class adherence (1 = as real)",
    "health/spread": "spread within a class (1 = as real)",
    "health/distance": "distance to the nearest real item (1 = as real)",
    "health/amplitude": "amplitude (1 = as real)",
    "health/at_bounds": "share of samples at the bounds, above the real one",
    "health/overfitting": "critic's overfitting and augmentation",
    "health/augment": "critic's overfitting and augmentation",
}
"""Titles of the panels by how their names begin."""

STEEP = ("gradient norm",)
"""Panels that span decades."""


def draw_run(folder: Path, target: Path) -> Figure:
    """Draw losses, penalties, health and speed over examples seen, with the newest sample sheet.

    An alarm is a dashed line with its name in every panel. Returns the figure of Matplotlib.

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
    panels = _panels(lines)
    alarms = {line["alarm"]: line["examples"] for line in lines if "alarm" in line}
    samples = sorted((folder / "samples").glob("*.png"))
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(13, 2.3 * rows + 7 * bool(samples)), layout="constrained")
    heights = [1.0] * rows + [3.0] * bool(samples)
    grid = figure.add_gridspec(len(heights), 2, height_ratios=heights)
    for number, (title, members) in enumerate(panels.items()):
        axes = figure.add_subplot(grid[number // 2, number % 2])
        for name, points in members.items():
            axes.plot(*zip(*points, strict=True), lw=1, label=name)
        for name, at in alarms.items():
            axes.axvline(at, color="crimson", ls="--", lw=0.8)
            if not number:
                axes.text(at, 1, name, color="crimson", fontsize=8, rotation=90, ha="right",
                          va="top", transform=axes.get_xaxis_transform())  # fmt: skip
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_yscale("log" if title in STEEP else "linear")
        axes.grid(alpha=0.3)
        if len(members) > 1:
            axes.legend(fontsize=8, frameon=False, ncols=4)
        if number >= len(panels) - 2:
            axes.set_xlabel("examples seen")
    if samples:
        axes = figure.add_subplot(grid[rows, :])
        axes.imshow(imread(samples[-1]))
        axes.set_title(f"samples at {int(samples[-1].stem):,} examples", loc="left", fontsize=10)
        axes.axis("off")
    with atomic_write(target) as temporary:
        figure.savefig(temporary, format=target.suffix[1:].lower(), dpi=110)
    return figure


def _panels(lines: list[dict[str, Any]]) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Title -> name -> points (examples, value); losses first, then health, then speed."""
    panels: dict[str, dict[str, list[tuple[int, float]]]] = {}
    numbers = [
        (line["examples"], name, value)
        for line in lines
        for name, value in line.items()
        if name != "examples" and isinstance(value, int | float)
    ]
    order = ("critic", "generator", "health")
    numbers.sort(key=lambda n: next((k for k, w in enumerate(order) if n[1].startswith(w)), 9))
    for examples, name, value in numbers:
        found = (title for begin, title in TITLES.items() if name.startswith(begin))
        title = next(found, name.replace("_", " "))
        if name.startswith(("critic/", "generator/")):
            title = "adversarial loss" if name.endswith("/adversarial") else "penalties"
        label = name.rpartition("/")[2] if name.startswith("health/") else name
        panels.setdefault(title, {}).setdefault(label, []).append((examples, value))
    return panels
