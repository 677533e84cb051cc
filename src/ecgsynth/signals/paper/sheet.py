"""A sheet to draw on in millimetres: paper, traces, calibration pulses, words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_path
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ecgsynth.signals.ecg import Ecg

SUFFIXES = (".svg", ".png", ".pdf")
SYNTHETIC_MARK = "SYNTHETIC - not for diagnosis"
PARTLY_MARK = f"PARTLY {SYNTHETIC_MARK}"
PAPER, MINOR, MAJOR, PLAIN_EDGE = "#fffaf8", "#f8dad5", "#eda79e", "#d9d9dc"
INK, SYNTHETIC_INK, WARNING, FAINT = "#16181d", "#0a4a8f", "#b3122b", "#6d6d72"
MARGIN, HEADER, FOOTER = 10.0, 15.0, 10.0
"""Borders of a sheet, mm."""
DPI, SCREEN_DPI = 200, 90
"""Of a file, and of what a notebook shows."""


def png(figure: Figure) -> bytes:
    """A picture for a screen."""
    content = BytesIO()
    figure.savefig(content, format="png", dpi=SCREEN_DPI)
    return content.getvalue()


@cache
def _figure_type() -> type[Figure]:
    from matplotlib.figure import Figure

    class SheetFigure(Figure):
        """A figure that a notebook shows, also without pyplot."""

        def _repr_png_(self) -> bytes:
            return png(self)

    return SheetFigure


class Sheet:
    """A figure with one pair of axes that counts in mm from the lower left corner.

    Parameters
    ----------
    width, height: mm. speed: mm/s. gain: mm per unit of the signal.
    plain: for signals without mV; no paper, no pulse, and a footer that states it.
    """

    def __init__(
        self, width: float, height: float, speed: float, gain: float, plain: bool = False
    ) -> None:
        self.width, self.height, self.speed, self.gain = width, height, speed, gain
        self.plain = plain
        self.figure: Figure = _figure_type()(
            figsize=(width / 25.4, height / 25.4), facecolor="white"
        )
        self.axes: Axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(0, height)
        self.axes.axis("off")

    def png(self) -> bytes:
        """The sheet as a picture for a screen."""
        return png(self.figure)

    def paper(self, x: float, y: float, width: float, height: float) -> None:
        """A piece of paper with its 1-mm and 5-mm lines, counted from its lower left corner."""
        from matplotlib.patches import Rectangle

        if not self.plain:
            self.axes.add_patch(Rectangle((x, y), width, height, fc=PAPER, ec="none", zorder=0))
            self._grid_lines(x, y, width, height, 1.0, MINOR, 0.2)
            self._grid_lines(x, y, width, height, 5.0, MAJOR, 0.4)
        edge = PLAIN_EDGE if self.plain else MAJOR
        self.axes.add_patch(Rectangle((x, y), width, height, fc="none", ec=edge, lw=0.5, zorder=2))

    def _grid_lines(
        self, x: float, y: float, width: float, height: float, step: float, colour: str, line: float
    ) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path as Outline

        across, up = (np.arange(0, size + 1e-6, step).tolist() for size in (width, height))
        ends = [((x + k, y), (x + k, y + height)) for k in across]
        ends += [((x, y + k), (x + width, y + k)) for k in up]
        # One path for all lines keeps an SVG small.
        outline = Outline(
            np.array(ends).reshape(-1, 2),
            np.tile([Outline.MOVETO, Outline.LINETO], len(ends)).astype(np.uint8),
        )
        self.axes.add_patch(PathPatch(outline, fc="none", ec=colour, lw=line, zorder=1))

    def trace(
        self,
        x: float,
        zero: float,
        wave: NDArray,
        fs: float,
        colour: str = INK,
        box: tuple[float, float, float, float] | None = None,
        at: NDArray[np.int64] | None = None,
        **style: Any,
    ) -> None:
        """A wave [sample] that begins at x and has its 0 mV at the height `zero`.

        box: x, y, width, height in mm, beyond which nothing is drawn. at: numbers of the samples,
        where some are left out.
        """
        from matplotlib.patches import Rectangle

        across = x + (np.arange(len(wave)) if at is None else at) / fs * self.speed
        style = dict[str, Any](lw=0.75, zorder=3, solid_joinstyle="round") | style
        (drawn,) = self.axes.plot(across, zero + wave * self.gain, color=colour, **style)
        if box is not None:
            corner, size = box[:2], box[2:]
            drawn.set_clip_path(Rectangle(corner, *size, transform=self.axes.transData))

    def pulse(self, x: float, zero: float) -> None:
        """The calibration pulse: 1 mV high and 5 mm wide, with feet of 1 mm."""
        if self.plain:
            return
        across = x + np.array([0, 1, 1, 6, 6, 7])
        up = zero + np.array([0, 0, 1, 1, 0, 0]) * self.gain
        self.axes.plot(across, up, color=INK, lw=0.75, zorder=3, solid_joinstyle="miter")

    def text(self, x: float, y: float, text: str, size: float = 8, **style: Any) -> None:
        """Words with their base line at y; size in points; a $ is a $ and no formula."""
        style = dict[str, Any](color=INK, zorder=4, parse_math=False) | style
        self.axes.text(x, y, text, fontsize=size, **style)

    def frame(self, title: str, note: str, mark: str, line: str = "") -> None:
        """Title above, scale beneath, and where it is due the word SYNTHETIC.

        mark: of `mark_of`. line: a second line under the title, such as measurements.
        """
        top = self.height - 9.5
        room = int((self.width - 2 * MARGIN - 75) / 2.7)  # letters next to PARTLY SYNTHETIC
        title = title if len(title) <= room else title[: room - 3] + "..."
        self.text(MARGIN, top, title, 11, weight="bold")
        if line:
            self.text(MARGIN, top - 4.3, line, 8)
        if mark:
            right = self.width - MARGIN
            self.text(right, top, mark, 9, weight="bold", color=WARNING, ha="right")
        self.text(MARGIN, 4.5, note, 6.5, color=FAINT)
        scale = f"{self.speed:g} mm/s    {self.gain:g} mm/mV"
        scale = "normalised amplitude, no mV" if self.plain else scale
        self.text(self.width - MARGIN, 4.5, scale, 6.5, color=FAINT, ha="right")


def check_picture_path(target: str | Path) -> Path:
    """The path of a picture.

    Raises
    ------
    EcgsynthError: its ending is none that can be drawn.
    """
    path = check_path(target, "the picture")
    if path.suffix.lower() not in SUFFIXES:
        raise EcgsynthError(
            f"{path} has no ending of a picture; end the name in {', '.join(SUFFIXES)}."
        )
    return path


def mark_of(ecg: Ecg) -> str:
    """The words of a sheet that shows synthetic ECG, or some; "" where all of it is real."""
    mask = ecg.synthetic_mask
    if mask is not None and mask.any() and not mask.all():
        return PARTLY_MARK
    return SYNTHETIC_MARK if ecg.synthetic or (mask is not None and mask.any()) else ""


def save(sheets: Iterable[Sheet], target: Path, title: str, mark: str) -> None:
    """Write sheets, one a page in a PDF, else the first one; same sheets, same bytes.

    Sheets are taken as they come: of many pages one is in memory.

    Raises
    ------
    EcgsynthError: the file cannot be written.
    """
    import matplotlib
    from matplotlib.backends.backend_pdf import PdfPages

    kind = target.suffix.lower()[1:]
    subject = mark or "not for diagnosis"
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": "ecgsynth", "pdf.fonttype": 42}
    with matplotlib.rc_context(settings), atomic_write(target) as temporary:
        named: dict[str, Any]
        if kind == "pdf":
            named = {"Title": title, "Subject": subject, "CreationDate": None}
            with PdfPages(temporary, metadata=named) as pages:
                for sheet in sheets:
                    pages.savefig(sheet.figure)
        else:
            named = {"Title": title, "Description": subject}
            if kind == "svg":
                named["Date"] = None
            sheet = next(iter(sheets))
            sheet.figure.savefig(temporary, format=kind, dpi=DPI, metadata=named)


def wave_of(ecg: Ecg, item: int, lead: int) -> NDArray:
    """One wave [sample]; NaN, which is not drawn, where it is padding."""
    wave: NDArray = ecg.signal[item, lead].astype(np.float64)
    if ecg.valid is not None:
        wave[int(ecg.valid[item]) :] = np.nan
    return wave


def panel_limits(waves: list[NDArray], gain: float) -> tuple[float, float]:
    """Lowest and highest mm of a panel around its zero line: whole large boxes.

    The calibration pulse fits in. What is farther away than 3 mV, or 4.5 mV upwards, is not counted
    in, at 10 mm/mV and less at 30 and 45 mm.
    """
    pulse = min(float(np.ceil((gain + 0.5) / 5) * 5), 25.0)
    far = min(max(gain / 10, 1.0), 2.0)
    values = np.concatenate([wave.ravel() for wave in waves]) * gain
    values = values[np.isfinite(values)]
    if not len(values):
        return -5.0, pulse
    low, high = np.percentile(values, [0.05, 99.95])
    for wave in waves:  # many over each other may lose their outermost; a single one is whole
        if len(wave) == 1 and np.isfinite(wave).any():
            low = min(low, float(np.nanmin(wave)) * gain)
            high = max(high, float(np.nanmax(wave)) * gain)
    low = max(-30.0 * far, float(np.floor((low - 0.5) / 5) * 5))
    high = min(45.0 * far, float(np.ceil((high + 0.5) / 5) * 5))
    return min(low, -5.0), max(high, pulse)


def plain_gain(waves: list[NDArray]) -> float:
    """mm per unit by which signals without mV fill 30 mm."""
    values = np.concatenate([wave.ravel() for wave in waves])
    values = values[np.isfinite(values)]
    return 30.0 / float(np.ptp(values)) if len(values) and np.ptp(values) > 0 else 10.0


def footer_text(first: str, spec: Spec) -> str:
    """What stands at the foot of a sheet: rate and band."""
    low, high = spec.band
    edges = [] if low is None else [f"from {low:g}"]
    edges += [] if high is None else [f"up to {high:g}"]
    band = f"{' '.join(edges)} Hz" if edges else ""
    return "    ".join(part for part in (first, f"{spec.fs:g} samples/s", band) if part)


def heading_of(label: str) -> str:
    """A class with its AAMI name, where it has one."""
    name = AAMI_NAMES.get(label)
    return f"{label}   {name}" if name else label
