"""Sheets of strips: rows of ten seconds, and the clinical sheet of twelve leads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.signals.paper.sheet import (
    FAINT,
    FOOTER,
    HEADER,
    INK,
    MARGIN,
    Sheet,
    footer_text,
    heading_of,
    panel_limits,
    plain_gain,
    wave_of,
)
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, LEADS_12

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg

STRIP_S = 10.0
"""Length of a strip's row, s: 250 mm at 25 mm/s."""
MAX_STRIP_ROWS = 30


def twelve_leads_sheet(ecg: Ecg, item: int, title: str, speed: float, gain: float) -> Sheet:
    """The clinical sheet: four columns of three leads, and ten seconds of lead II beneath."""
    spec = ecg.spec
    seconds = min(spec.seconds, STRIP_S)
    pitch, lead_in = 40.0, 10.0
    paper = (np.ceil((lead_in + seconds * speed + 2) / 5) * 5, 4 * pitch + 10)
    width = max(297.0, paper[0] + 2 * MARGIN)
    height = max(210.0, paper[1] + HEADER + FOOTER)
    sheet = Sheet(width, height, speed, gain, spec.unit != "mV")
    left, bottom = (width - paper[0]) / 2, FOOTER + (height - HEADER - FOOTER - paper[1]) / 2
    box = (left, bottom, *paper)
    sheet.frame(title, footer_text(str(ecg.labels_str[item]), spec), ecg.synthetic)
    sheet.paper(*box)
    column_s = seconds / 4
    for row in range(4):
        zero = bottom + 20 + (3 - row) * pitch
        sheet.pulse(left + 1.5, zero)
        names = ["II"] if row == 3 else [LEADS_12[3 * column + row] for column in range(4)]
        for column, name in enumerate(names):
            start = round(column * column_s * spec.fs)
            stop = (
                round((column + 1) * column_s * spec.fs) + 1
                if row < 3
                else round(seconds * spec.fs)
            )
            wave = wave_of(ecg, item, spec.leads.index(name))[start:stop]
            x = left + lead_in + start / spec.fs * speed
            sheet.trace(x, zero, wave, spec.fs, box=box)
            sheet.text(x + 1, zero + 15, name, 8.5, weight="bold")
            if column:  # where one lead gives way to the next
                sheet.axes.plot([x, x], [zero - 3, zero + 3], color=INK, lw=0.5, zorder=3)
    _beat_marks(sheet, ecg, item, left + lead_in, bottom + 20 + 19, 0, seconds)
    return sheet


def strips_sheet(ecg: Ecg, chosen: list[int], title: str, speed: float, gain: float) -> Sheet:
    """Rows of 10 s; leads of the same ten seconds stand beneath each other."""
    spec = ecg.spec
    plain = spec.unit != "mV"
    if plain:
        gain = plain_gain([ecg.signal[chosen]])
    per_row = min(STRIP_S, spec.seconds)
    starts = np.arange(0, spec.seconds - 0.5 / spec.fs, per_row).tolist()
    rows = [(i, s, k) for i in chosen for s in starts for k in range(len(spec.leads))]
    shown = rows[:MAX_STRIP_ROWS]
    lead_in, heading_mm = 0.0 if plain else 10.0, 8.0
    wide = float(np.ceil((lead_in + per_row * speed + 2) / 5) * 5)
    reaches = {i: panel_limits([ecg.signal[i]], gain) for i in {i for i, _, _ in shown}}
    items = list(dict.fromkeys(i for i, _, _ in shown))
    tall = sum(reaches[i][1] - reaches[i][0] + 5 for i, _, _ in shown) + heading_mm * len(items)
    sheet = Sheet(max(150.0, wide + 2 * MARGIN), HEADER + tall + FOOTER, speed, gain, plain)
    left_out = f"the first {len(shown)} of {len(rows)} rows" if len(shown) < len(rows) else ""
    sheet.frame(title, footer_text(left_out, spec), ecg.synthetic)
    y = FOOTER + tall
    labels = ecg.labels_str
    for item in items:
        item_rows = [(start, k) for i, start, k in shown if i == item]
        low, high = reaches[item]
        pitch = high - low + 5
        y -= heading_mm
        sheet.text(MARGIN, y + 2, heading_of(str(labels[item])) or f"item {item}", 9, weight="bold")
        top = y
        y -= pitch * len(item_rows)
        sheet.paper(MARGIN, y, wide, top - y)
        for row, (start, k) in enumerate(item_rows):
            zero = top - row * pitch - 5 - high
            first = round(start * spec.fs)
            wave = wave_of(ecg, item, k)[first : first + round(per_row * spec.fs)]
            sheet.pulse(MARGIN + 1.5, zero)
            sheet.trace(MARGIN + lead_in, zero, wave, spec.fs, box=(MARGIN, y, wide, top - y))
            above = top - row * pitch - 3.6
            sheet.text(MARGIN + 1.2, above, spec.leads[k], 7.5, weight="bold")
            if len(starts) > 1:
                sheet.text(MARGIN + 1.2, zero - 3.6, f"{start:g} s", 6.5, color=FAINT)
            if k == 0:
                _beat_marks(sheet, ecg, item, MARGIN + lead_in, above, start, per_row)
    return sheet


def _beat_marks(
    sheet: Sheet, ecg: Ecg, item: int, x: float, y: float, start: float, seconds: float
) -> None:
    """The symbols of annotated beats above the trace."""
    if ecg.marks is None:
        return
    rows = np.flatnonzero((ecg.marks.item == item) & np.isin(ecg.marks.symbol, [*AAMI_OF_SYMBOL]))
    at = ecg.marks.sample[rows] / ecg.spec.fs - start
    for when, symbol in zip(at, ecg.marks.symbol[rows], strict=True):
        if 0 <= when < seconds:
            sheet.text(x + when * sheet.speed, y, str(symbol), 6.5, ha="center", color=FAINT)
