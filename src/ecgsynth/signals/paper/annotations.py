"""Annotations on a sheet: symbols of beats, rhythms by name, ends and peaks of waves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.signals.paper.sheet import FAINT, WARNING, Sheet
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, FIDUCIALS, is_rhythm

if TYPE_CHECKING:
    from ecgsynth.signals.marks import Marks

PEAKS = {"p_peak": "P", "r_peak": "R", "t_peak": "T"}
WAVE_INK = "#1f7a4d"
TICK_MM = 2.0


def draw_annotations(
    sheet: Sheet, marks: Marks | None, item: int, lead: int, fs: float, x: float, y: float,
    zero: float, span: tuple[float, float], kind: str,
) -> None:  # fmt: skip
    """The annotations of an item between two times.

    lead: number of the lead below, whose own annotations are drawn with those of all leads. x: mm
    of the first time. y: mm of the symbols. zero: mm of 0 mV, where waves have their ends.
    kind: of `page.ANNOTATIONS`.
    """
    if marks is None or kind == "none":
        return
    at = marks.sample / fs - span[0]
    here = (marks.item == item) & (at >= 0) & (at < span[1] - span[0])
    beat = np.isin(marks.symbol, [*AAMI_OF_SYMBOL])
    here &= beat | (np.isin(marks.lead, [-1, lead]) if kind == "all" else False)
    for when, symbol in zip(at[here].tolist(), marks.symbol[here].tolist(), strict=True):
        across = x + when * sheet.speed
        if symbol in PEAKS:
            sheet.text(across, zero - 5.5, PEAKS[symbol], 4.5, ha="center", color=WAVE_INK)
        elif symbol in FIDUCIALS:
            ends = (zero - TICK_MM - 1, zero - 1)
            sheet.axes.plot([across, across], ends, color=WAVE_INK, lw=0.4, zorder=3)
        elif is_rhythm(symbol):
            sheet.axes.plot([across, across], [y - 1, y + 2.2], color=WARNING, lw=0.5, zorder=3)
            sheet.text(across + 0.5, y + 2.6, symbol, 5.5, color=WARNING)
        else:
            sheet.text(across, y, symbol, 6.5, ha="center", color=FAINT)
