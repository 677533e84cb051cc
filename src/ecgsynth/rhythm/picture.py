"""The tachogram of a rhythm: every RR interval over time, the kinds of beats, and the rhythms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.files import atomic_write
from ecgsynth.rhythm import CODES, Rhythm
from ecgsynth.rhythm.output import statement
from ecgsynth.signals.paper.sheet import check_picture_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#4d4d4d", "#0072b2", "#d55e00", "#cc79a7", "#009e73")
"""Of N, S, V, F and paced beats; people who see few colours can separate them."""

BANDS = {"(AFIB": "#cfe4f5", "(AFL": "#cfe4f5", "(VT": "#f8dccb", "(SVTA": "#d8ecd8"}
OTHER_BAND = "#ececec"

MOST_NAMES = 40
"""Episodes whose names are written."""


def draw_tachogram(rhythm: Rhythm, target: str | Path | None = None, title: str = "") -> Figure:
    """Draw every RR interval at the beat that ends it; the figure of Matplotlib.

    target: file; its ending, svg, png or pdf, is the kind. None: no file.

    Raises
    ------
    EcgsynthError: the ending is none of these, or the file cannot be written.
    """
    from matplotlib.figure import Figure

    path = None if target is None else check_picture_path(target)
    unit, scale = _unit(rhythm.seconds)
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    axes = figure.add_subplot()
    rr = np.diff(rhythm.time_s)
    time = rhythm.time_s[1:] / scale
    top = max(1.2, float(np.quantile(rr, 0.999)) * 1.15) if len(rr) else 1.2
    size = float(np.clip(3000 / max(len(rr), 1), 0.6, 14))
    for number, (name, colour) in enumerate(
        zip(("N", "S", "V", "F", "paced"), COLOURS, strict=True)
    ):
        rows = rhythm.kind[1:] == number
        if rows.any():
            axes.scatter(time[rows], rr[rows], size * (1 + (number > 0)), colour, label=name,
                         zorder=2 + number, linewidths=0, rasterized=len(rr) > 5000)  # fmt: skip
    if len(rr) <= 1000:
        axes.plot(time, rr, color="#b0b0b0", lw=0.6, zorder=1)
    for k, one in enumerate(rhythm.episodes):
        if one.code != "(N":
            colour = BANDS.get(one.code, OTHER_BAND)
            axes.axvspan(one.start_s / scale, one.stop_s / scale, color=colour, lw=0, zorder=0)
        if len(rhythm.episodes) <= MOST_NAMES:
            height = top * (0.97 - 0.07 * (k % 2))
            axes.text(one.start_s / scale, height, f" {one.code[1:]}", fontsize=8, va="top",
                      clip_on=True)  # fmt: skip
    axes.set(
        xlim=(0, rhythm.seconds / scale), ylim=(0, top), xlabel=f"time, {unit}", ylabel="RR, s"
    )
    axes.set_title(title or _names(rhythm), fontsize=10, loc="left")
    axes.text(0.995, 0.02, statement(rhythm), transform=axes.transAxes, fontsize=7, ha="right")
    if len(rr):
        axes.legend(loc="lower left", ncols=5, fontsize=8, frameon=False, markerscale=1.5)
    if path is not None:
        kind = path.suffix.lower()[1:]
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=150)
    return figure


def _unit(seconds: float) -> tuple[str, float]:
    if seconds <= 300:
        return "s", 1.0
    return ("min", 60.0) if seconds <= 3 * 3600 else ("h", 3600.0)


def _names(rhythm: Rhythm) -> str:
    names = dict.fromkeys(CODES.get(one.code, one.code) for one in rhythm.episodes)
    return ", ".join(names) or "rhythm"
