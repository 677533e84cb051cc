"""The study's pictures: gains by the number of real beats, and by arm."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.augmentation.figures import MACRO
from benchmarks.augmentation.generators import FLAGSHIP, PLAIN
from benchmarks.augmentation.results import Results
from benchmarks.augmentation.tables import title
from ecgsynth.files import atomic_write

COLOURS = {
    "jitter": "#4477aa", "smote": "#228833", "gaussian": "#888888", FLAGSHIP: "#cc3311",
}  # fmt: skip
"""Of the curve's arms; readable where colours are not seen alike (Tol's bright set)."""

MARKS = {"jitter": "s", "smote": "^", "gaussian": "D", FLAGSHIP: "o"}


def draw(found: Results, folder: Path) -> list[Path]:
    """Write `augmentation-curve` and `augmentation-gain` as SVG and PNG; returns the files."""
    written = []
    pictures = {"augmentation-gain": gain(found)}
    if found.ns:
        pictures["augmentation-curve"] = curve(found)
    for name, figure in pictures.items():
        for ending in (".svg", ".png"):
            target = folder / f"{name}{ending}"
            with atomic_write(target) as temporary:
                figure.savefig(temporary, format=ending[1:], dpi=110, metadata=_undated(ending))
            written.append(target)
    return written


def _undated(ending: str) -> dict[str, str | None] | None:
    """The same figures give the same file."""
    return {"Date": None} if ending == ".svg" else None


def curve(found: Results) -> Figure:
    """Above F1, below its gain over class weights, by n; bars are 95 %."""
    names = _groups(found)
    figure = Figure(figsize=(4 * len(names), 6), layout="constrained")
    panels = figure.subplots(2, len(names), squeeze=False, sharex=True, sharey="row")
    ns = [*found.ns, 0]
    for column, name in enumerate(names):
        for k, arm in enumerate(found.study.curve_arms):
            at = [x for x, n in enumerate(ns) if (arm, n) in found.chosen]
            at = [x for x in at if ("weights", ns[x]) in found.chosen]
            figures = [found.figures[arm, ns[x]] for x in at]
            _bars(panels[0, column], at, [one.estimate(name) for one in figures], arm, k)
            if arm != "weights":
                base = [found.figures["weights", ns[x]] for x in at]
                gains = [one.gain(b, name) for one, b in zip(figures, base, strict=True)]
                _bars(panels[1, column], at, gains, arm, k)
        panels[0, column].set_title(name if name == MACRO else f"class {name}")
        panels[1, column].axhline(0, color="black", lw=0.8)
        panels[1, column].set_xticks(range(len(ns)), [str(n or "all") for n in ns])
        panels[1, column].set_xlabel("real beats of every rare class")
    panels[0, 0].set_ylabel("F1")
    panels[1, 0].set_ylabel("gain over class weights")
    panels[0, 0].legend(frameon=False, fontsize=8)
    _about(figure, found)
    return figure


def gain(found: Results) -> Figure:
    """Gain of every arm over class weights with all real beats; bars are 95 %."""
    names = _groups(found)
    arms = [arm for arm in found.arms if arm not in PLAIN][::-1]
    figure = Figure(figsize=(3.6 * len(names), 0.9 + 0.4 * len(arms)), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False, sharey=True)[0]
    for axes, name in zip(panels, names, strict=True):
        axes.axvline(0, color="black", lw=0.8)
        for y, arm in enumerate(arms if "weights" in found.arms else []):
            one = found.figures[arm, 0].gain(found.figures["weights", 0], name)
            if one.low is not None and one.high is not None:
                axes.plot([one.low, one.high], [y, y], color=_colour(arm), lw=2)
            axes.plot(one.value, y, "o", color=_colour(arm), ms=6)
        axes.set_yticks(range(len(arms)), [title(arm) for arm in arms])
        axes.set_xlabel(f"gain in {name if name == MACRO else f'F1 {name}'}")
        axes.grid(axis="x", alpha=0.3)
    _about(figure, found)
    return figure


def _bars(axes: Axes, at: Sequence[int], values: Sequence, arm: str, k: int) -> None:
    """Points with their intervals, side by side."""
    if not at:
        return
    where = [x + 0.07 * (k - 2) for x in at]
    axes.plot(
        where, [one.value for one in values], marker=MARKS.get(arm, "x"), ms=5, lw=1,
        color=_colour(arm), label=title(arm),
    )  # fmt: skip
    for x, one in zip(where, values, strict=True):
        if one.low is not None:
            axes.plot([x, x], [one.low, one.high], color=_colour(arm), lw=1.2, alpha=0.7)
    axes.grid(axis="y", alpha=0.3)


def _groups(found: Results) -> list[str]:
    return [MACRO, *(name for name in ("S", "V") if name in found.whole.spec.classes)]


def _colour(arm: str) -> str:
    return COLOURS.get(arm, "#111111")


def _about(figure: Figure, found: Results) -> None:
    where = found.whole.source + ("" if found.own.all() else " without record 202")
    figure.suptitle(f"{where}: other people than were learned from; bars 95 %", fontsize=9)
