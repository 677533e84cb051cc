"""The clinical sheet of one item: leads in 3 x 4, 6 x 2 or 12 x 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.paper.annotations import draw_annotations
from ecgsynth.signals.paper.page import COLUMNS, WIDE_MM, Page
from ecgsynth.signals.paper.sheet import (
    FOOTER,
    HEADER,
    INK,
    MARGIN,
    Sheet,
    footer_text,
    mark_of,
    panel_limits,
    plain_gain,
    wave_of,
)
from ecgsynth.signals.vocabulary import LEADS_12

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg

A4 = (297.0, 210.0)
LEAD_IN, ABOVE = 10.0, 5.0
"""For the calibration pulses before the traces, and for symbols above them, mm."""


def clinical_sheet(ecg: Ecg, item: int, title: str, page: Page) -> Sheet:
    """A4, or larger where the traces need it; columns of leads follow each other in time.

    Raises
    ------
    EcgsynthError: a lead is missing, or the item ends before the drawing begins.
    """
    spec, plain = ecg.spec, ecg.spec.unit != "mV"
    speed, gain = page.of_strips
    gain = plain_gain([ecg.signal[item]]) if plain else gain
    layout = page.layout or "3x4"
    rows = rows_of(spec.leads, layout, page.lead)
    length = spec.samples if ecg.valid is None else int(ecg.valid[item])
    first, stop = span_of(length, spec.fs, page, WIDE_MM / speed)
    seconds = (stop - first) / spec.fs
    column_s = seconds / COLUMNS[layout]
    waves = {k: wave_of(ecg, item, k)[first:stop] for row in rows for k in row}
    limits = [panel_limits([waves[k][None] for k in row], gain) for row in rows]
    wide = float(np.ceil((LEAD_IN + seconds * speed + 2) / 5 - 1e-9) * 5)
    tall = sum(high - low for low, high in limits)
    slack = max(0.0, (A4[1] - HEADER - FOOTER - ABOVE - tall) // len(rows))
    paper = (wide, tall + slack * len(rows) + ABOVE)
    sheet = Sheet(
        max(A4[0], wide + 2 * MARGIN), max(A4[1], paper[1] + HEADER + FOOTER), speed, gain, plain
    )
    left = (sheet.width - wide) / 2
    bottom = FOOTER + (sheet.height - HEADER - FOOTER - paper[1]) / 2
    box = (left, bottom, *paper)
    span = (first / spec.fs, stop / spec.fs)
    shown = "" if stop - first == length else f"seconds {span[0]:g} to {span[1]:g}"
    note = footer_text("    ".join(t for t in (str(ecg.labels_str[item]), shown) if t), spec)
    sheet.frame(title, note, mark_of(ecg), page.measured(ecg[[item]]))
    sheet.paper(*box)
    top = bottom + paper[1] - ABOVE
    for number, (row, (low, high)) in enumerate(zip(rows, limits, strict=True)):
        zero = top - slack // 2 - high
        top -= high - low + slack
        strip = len(row) < COLUMNS[layout]
        sheet.pulse(left + 1.5, zero)
        for column, k in enumerate(row):
            begin = round(column * column_s * spec.fs)
            # One sample more, so that no gap is between two columns.
            end = None if strip else round((column + 1) * column_s * spec.fs) + 1
            x = left + LEAD_IN + begin / spec.fs * speed
            sheet.trace(x, zero, waves[k][begin:end], spec.fs, box=box)
            sheet.text(x + 1, zero + high - 2.5, spec.leads[k], 8.5, weight="bold")
            if column:  # where one lead gives way to the next
                sheet.axes.plot([x, x], [zero - 3, zero + 3], color=INK, lw=0.5, zorder=3)
        if number == (len(rows) - 1 if layout == "3x4" else 0):
            draw_annotations(
                sheet, ecg.marks, item, row[0], spec.fs, left + LEAD_IN, zero + high + 1, zero,
                span, page.annotations,
            )  # fmt: skip
    return sheet


def rows_of(leads: tuple[str, ...], layout: str, rhythm: str = "") -> list[list[int]]:
    """Numbers of the leads in each row of a layout; 3 x 4 has a rhythm strip beneath.

    12 x 1 takes any leads, the standard ones first.

    Raises
    ------
    EcgsynthError: a lead is missing.
    """
    if layout == "12x1":
        standard = [leads.index(name) for name in LEADS_12 if name in leads]
        return [[k] for k in [*standard, *(k for k in range(len(leads)) if k not in standard)]]
    missing = [name for name in LEADS_12 if name not in leads]
    if missing:
        raise EcgsynthError(
            f"the sheet {layout} has the twelve leads, and {', '.join(missing[:3])} "
            f"{'is' if len(missing) == 1 else 'are'} missing; choose 12x1 or full, or have leads "
            "made by ecgsynth complete."
        )
    columns = COLUMNS[layout]
    count = len(LEADS_12) // columns
    rows = [[leads.index(LEADS_12[count * c + r]) for c in range(columns)] for r in range(count)]
    return [*rows, [lead_number(leads, rhythm)]] if layout == "3x4" else rows


def lead_number(leads: tuple[str, ...], name: str) -> int:
    """The number of a lead; where none is named that of II, or MLII, or the first.

    Raises
    ------
    EcgsynthError: there is no such lead.
    """
    if name and name not in leads:
        raise EcgsynthError(f"there is no lead '{name}'; choose one of {', '.join(leads)}.")
    return leads.index(name or next((k for k in ("II", "MLII") if k in leads), leads[0]))


def span_of(length: int, fs: float, page: Page, usual_s: float) -> tuple[int, int]:
    """First sample of a drawing, and the one after its last.

    length: samples that there are. usual_s: how many seconds are drawn if not set.

    Raises
    ------
    EcgsynthError: the recording ends before.
    """
    first = round(page.start_s * fs)
    if first >= length:
        raise EcgsynthError(
            f"the drawing would begin at {page.start_s:g} s, and the recording has "
            f"{length / fs:g} s; choose an earlier start."
        )
    seconds = usual_s if page.seconds is None else page.seconds
    return first, min(length, first + max(2, round(min(seconds, length / fs) * fs)))
