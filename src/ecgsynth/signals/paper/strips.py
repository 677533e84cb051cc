"""Sheets of strips: rows of ten seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.signals.paper.annotations import draw_annotations
from ecgsynth.signals.paper.page import Page
from ecgsynth.signals.paper.sheet import (
    FAINT,
    FOOTER,
    HEADER,
    MARGIN,
    Sheet,
    footer_text,
    heading_of,
    mark_of,
    panel_limits,
    plain_gain,
    wave_of,
)

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg

STRIP_S = 10.0
"""Length of a strip's row, s: 250 mm at 25 mm/s."""
MAX_STRIP_ROWS = 30


def strips_sheet(ecg: Ecg, chosen: list[int], title: str, page: Page) -> Sheet:
    """Rows of 10 s; leads of the same ten seconds stand beneath each other."""
    spec = ecg.spec
    plain = spec.unit != "mV"
    speed, gain = page.of_strips
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
    sheet.frame(title, footer_text(left_out, spec), mark_of(ecg))
    y = FOOTER + tall
    labels = ecg.labels_str
    for item in items:
        item_rows = [(start, k) for i, start, k in shown if i == item]
        low, high = reaches[item]
        pitch = high - low + 5
        y -= heading_mm
        heading = heading_of(str(labels[item])) or f"item {item}"
        sheet.text(MARGIN, y + 3.5, heading, 9, weight="bold")
        if line := page.measured(ecg[[item]]):
            sheet.text(MARGIN, y + 0.8, line, 6.5)
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
                draw_annotations(
                    sheet, ecg.marks, item, k, spec.fs, MARGIN + lead_in, above, zero,
                    (start, start + per_row), page.annotations,
                )  # fmt: skip
    return sheet
