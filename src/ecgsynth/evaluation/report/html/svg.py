"""Inline SVG drawings with colours of the page's style sheet: charts and ECG paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike, NDArray

FINE = 100
"""Steps per unit to which paths are rounded; whole numbers keep a page small."""


class Drawing:
    """An SVG under construction; all text is escaped.

    Parameters
    ----------
    width, height: in units of the view box. kind: class of the element, for the style sheet.
    unit: "mm" fixes the size on the page, so that ECG paper prints to scale; "" fills the
    container.
    """

    def __init__(self, width: float, height: float, kind: str, unit: str = "") -> None:
        self.width, self.height, self.kind, self.unit = width, height, kind, unit
        self._parts: list[Markup] = []

    def path(self, d: str, kind: str, scaled: bool = False) -> None:
        """A path; `scaled` ones count in 1/100 units."""
        shrink = Markup(' transform="scale({})"').format(1 / FINE) if scaled else ""
        self._parts.append(Markup('<path class="{}"{} d="{}"/>').format(kind, shrink, d))

    def text(self, x: float, y: float, words: str, kind: str = "") -> None:
        """Add words at a place."""
        self._parts.append(
            Markup('<text x="{:g}" y="{:g}" class="{}">{}</text>').format(x, y, kind, words)
        )

    def box(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """Add a rectangle."""
        self._parts.append(
            Markup('<rect x="{:g}" y="{:g}" width="{:g}" height="{:g}" class="{}"/>').format(
                x, y, width, height, kind
            )
        )

    def line(self, x: ArrayLike, y: ArrayLike, kind: str) -> None:
        """A polyline through the finite points, broken where one is missing."""
        self.path(outline(x, y), kind, scaled=True)

    def markup(self, label: str) -> Markup:
        """The element, with a description for screen readers."""
        size = Markup(' width="{:g}{u}" height="{:g}{u}"').format(
            self.width, self.height, u=self.unit
        )
        return Markup(
            '<svg class="{}" viewBox="0 0 {:g} {:g}"{} role="img" aria-label="{}">{}</svg>'
        ).format(
            self.kind, self.width, self.height, size if self.unit else "", label,
            Markup("").join(self._parts),
        )  # fmt: skip


class Chart(Drawing):
    """A chart with two axes, 320 x 210 units.

    Parameters
    ----------
    x, y: (from, to) of the axes. x_name, y_name: with their units; an axis without a name has no
        numbers either.
        y_ticks: where marks stand, and their words; round numbers when left out.
    """

    LEFT, TOP, RIGHT, BOTTOM = 42.0, 10.0, 310.0, 172.0

    def __init__(
        self, x: tuple[float, float], y: tuple[float, float], x_name: str, y_name: str,
        y_ticks: Mapping[float, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(320, 210, "chart")
        self.x_range, self.y_range = _wide(x), _wide(y)
        for value in ticks(*self.x_range):
            at = float(self.across(value))
            self.path(f"M{at:g} {self.TOP:g}V{self.BOTTOM:g}", "grid")
            self.text(at, self.BOTTOM + 14, f"{value:g}" if x_name else "", "tick middle")
        low, high = self.y_range
        if y_ticks is None:
            y_ticks = {value: f"{value:g}" for value in ticks(low, high)}
        for value, words in y_ticks.items():
            if not low <= value <= high:
                continue
            at = float(self.up(value))
            self.path(f"M{self.LEFT:g} {at:g}H{self.RIGHT:g}", "grid")
            self.text(self.LEFT - 5, at + 3.5, words if y_name else "", "tick end")
        self.text((self.LEFT + self.RIGHT) / 2, 206, x_name, "axis middle")
        middle = (self.TOP + self.BOTTOM) / 2
        self._parts.append(
            Markup(
                '<text class="axis middle" transform="translate(10 {:g}) rotate(-90)">{}</text>'
            ).format(middle, y_name)
        )

    def across(self, value: ArrayLike) -> NDArray[np.float64]:
        """Place of values on the x axis, from the left, in units of the drawing."""
        low, high = self.x_range
        share = (np.asarray(value, np.float64) - low) / (high - low)
        return np.asarray(self.LEFT + np.clip(share, 0, 1) * (self.RIGHT - self.LEFT))

    def up(self, value: ArrayLike) -> NDArray[np.float64]:
        """Place of values on the y axis, from the top, in units of the drawing."""
        low, high = self.y_range
        share = (np.asarray(value, np.float64) - low) / (high - low)
        return np.asarray(self.BOTTOM - np.clip(share, 0, 1) * (self.BOTTOM - self.TOP))

    def curve(self, x: ArrayLike, y: ArrayLike, kind: str) -> None:
        """Add a line through points."""
        self.line(self.across(x), self.up(y), kind)

    def band(self, x: NDArray, low: NDArray, high: NDArray, kind: str) -> None:
        """Add the area between two curves."""
        around = np.concatenate([low, high[::-1]])
        self.line(self.across(np.concatenate([x, x[::-1]])), self.up(around), kind)

    def steps(self, edges: NDArray, share: NDArray, kind: str) -> None:
        """The outline of a histogram, on its base line at both ends."""
        self.curve(np.repeat(edges, 2), np.concatenate([[0], np.repeat(share, 2), [0]]), kind)

    def dots(self, x: NDArray, y: NDArray, kind: str, square: bool = False) -> None:
        """Points as one path: round dots, or hollow squares."""
        shape = "h4v4h-4z" if square else "h0"
        shift = 2.0 if square else 0.0
        spots = zip(self.across(x) - shift, self.up(y) - shift, strict=True)
        self.path("".join(f"M{a:.1f} {b:.1f}{shape}" for a, b in spots), kind)

    def shades(self, values: NDArray[np.float64], levels: int) -> None:
        """A map [row from below, column] of values from 0 to 1 that fills the chart.

        One path for each of the `levels` of shade keeps it small; cells of NaN stay blank.
        """
        rows, columns = values.shape
        across = np.linspace(self.LEFT, self.RIGHT, columns + 1)
        up = np.linspace(self.BOTTOM, self.TOP, rows + 1)
        level = np.where(np.isfinite(values), np.clip(values, 0, 1 - 1e-9) * levels, -1).astype(int)
        cells: dict[int, list[str]] = {}
        for k, row in enumerate(level):
            starts = np.flatnonzero(np.diff(row, prepend=-2))
            for a, b in zip(starts, [*starts[1:], columns], strict=True):
                left, right = across[a], across[b]
                if row[a] > 0:
                    cell = f"M{left:.1f} {up[k]:.1f}H{right:.1f}V{up[k + 1]:.1f}H{left:.1f}z"
                    cells.setdefault(int(row[a]), []).append(cell)
        self.box(self.LEFT, self.TOP, self.RIGHT - self.LEFT, self.BOTTOM - self.TOP, "frame")
        for shade, parts in sorted(cells.items()):
            self.path("".join(parts), f"shade s{shade}")


class Paper(Drawing):
    """A piece of ECG paper in mm, with 1-mm and 5-mm lines, and seconds and mV on its edges.

    Parameters
    ----------
    seconds: length. low, high: mm beneath and above 0 mV. gain: mm per unit of the signal.
    plain: for signals without mV; no lines.
    speed: mm/s.
    """

    HEAD, GUTTER, SIDE, FOOT = 1.3, 7.0, 2.0, 4.0
    """Room around the paper for its labels, mm."""

    def __init__(
        self, seconds: float, low: float, high: float, gain: float = 10.0, plain: bool = False,
        speed: float = 25.0,
    ) -> None:  # fmt: skip
        self.wide = float(np.ceil(seconds * speed / 5 - 1e-9) * 5)
        self.tall, self.low, self.gain, self.speed = high - low, low, gain, speed
        super().__init__(
            self.GUTTER + self.wide + self.SIDE, self.HEAD + self.tall + self.FOOT, "paper", "mm"
        )
        left, top = self.GUTTER, self.HEAD
        self.box(left, top, self.wide, self.tall, "sheet")
        for step, kind in ((1, "minor"), (5, "major")) if not plain else ():
            across, up = (np.arange(0, size + 0.1, step) for size in (self.wide, self.tall))
            lines = [f"M{left + k:g} {top:g}v{self.tall:g}" for k in across]
            lines += [f"M{left:g} {top + k:g}h{self.wide:g}" for k in up]
            self.path("".join(lines), kind)
        every = 0.4 if seconds < 3 else 1.0
        for value in np.arange(0, self.wide / speed + 1e-6, every):
            words = f"{value:g} s" if value == 0 else f"{value:g}"
            self.text(left + float(value) * speed, top + self.tall + 3, words, "tick middle")
        for tick in range(int(np.ceil(low / gain)), int(np.floor(high / gain)) + 1):
            words = f"{tick} mV" if tick == 0 and not plain else str(tick)
            self.text(left - 0.6, float(self.height_of(tick)) + 0.8, words, "tick end")

    def height_of(self, value: ArrayLike) -> NDArray[np.float64]:
        """Place of values in mV, from the top, mm."""
        return np.asarray(self.HEAD + self.tall + self.low - np.asarray(value) * self.gain)

    def wave(self, wave: NDArray, fs: float, kind: str) -> None:
        """wave: [sample], in the unit of the signal; values outside the paper are clipped to its
        edge."""
        height = np.clip(self.height_of(wave), self.HEAD, self.HEAD + self.tall)
        across = self.GUTTER + np.arange(len(wave)) / fs * self.speed
        keep = across <= self.GUTTER + self.wide
        self.line(across[keep], height[keep], kind)


def outline(x: ArrayLike, y: ArrayLike) -> str:
    """Path data in whole 1/100 units, relative, so that thousands of points stay small."""
    points = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], 1)
    whole = np.asarray(np.isfinite(points).all(axis=1))
    parts: list[str] = []
    for run in np.split(np.arange(len(points)), np.flatnonzero(np.diff(whole.astype(int))) + 1):
        if not len(run) or not whole[run[0]]:
            continue
        steps = np.round(points[run] * FINE).astype(np.int64)
        parts.append(f"M{steps[0, 0]} {steps[0, 1]}")
        if len(steps) > 1:
            parts.append("l" + " ".join(f"{a} {b}" for a, b in np.diff(steps, axis=0).tolist()))
    return "".join(parts)


def ticks(low: float, high: float, about: int = 5) -> Sequence[float]:
    """Round numbers between two ends."""
    from matplotlib.ticker import MaxNLocator

    found = MaxNLocator(about, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return [round(float(v), 10) for v in found if low - 1e-9 <= v <= high + 1e-9]


def _wide(ends: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(end) if np.isfinite(end) else 0.0 for end in ends)
    return (low, high) if high - low > 1e-9 else (low - 0.5, low + 0.5)
