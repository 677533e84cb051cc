"""Full disclosure: a long recording as lines of one lead, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.acquisition import acquisition
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.paper.clinical import A4, lead_number, span_of
from ecgsynth.signals.paper.page import GRID_SPEED, Page
from ecgsynth.signals.paper.sheet import (
    FAINT,
    FOOTER,
    HEADER,
    MAJOR,
    MARGIN,
    MINOR,
    WARNING,
    Sheet,
)
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL, is_rhythm

GUTTER = 24.0
"""Before a line, mm, for its time and the calibration pulse."""

LINE_MV = 2.4
"""Height of a line."""

STEP_MM = 0.1
"""Of so much paper the lowest and the highest sample are drawn; one pixel has 0.127 mm."""

MOST_PAGES = 500
MOST_MM = 2000.0
"""Widest sheet."""


@dataclass(frozen=True)
class Disclosure:
    """The lines of a recording.

    recording: what is drawn. lead: its number. first, stop: samples. per_line: samples a line.
    lines: a page. pitch: mm from line to line.
    """

    recording: Recording
    title: str
    page: Page
    lead: int
    first: int
    stop: int
    per_line: int
    lines: int
    pitch: float

    @property
    def pages(self) -> int:
        """Sheets on which it is drawn."""
        return -(-(self.stop - self.first) // (self.per_line * self.lines))

    @property
    def mark(self) -> str:
        """The words of a synthetic recording."""
        mark = acquisition(self.recording).mark
        stated = [c for c in self.recording.comments if "SYNTHETIC" in c]
        if any("PARTLY SYNTHETIC" in comment for comment in stated):
            mark = "PARTLY SYNTHETIC"
        return f"{mark or 'SYNTHETIC'} - not for diagnosis" if mark or stated else ""

    def sheets(self) -> Iterator[Sheet]:
        """The sheets one after the other; of the recording one page at a time is read."""
        step = self.per_line * self.lines
        for number, start in enumerate(range(self.first, self.stop, step)):
            yield self._sheet(number, start, min(start + step, self.stop))

    def _sheet(self, number: int, start: int, stop: int) -> Sheet:
        recording, fs = self.recording, self.recording.fs
        speed, gain, _ = self.page.of_lines
        wide = self.per_line / fs * speed
        tall = self.lines * self.pitch
        sheet = Sheet(
            max(A4[0], wide + GUTTER + 2 * MARGIN), max(A4[1], tall + HEADER + FOOTER), speed, gain
        )
        part = recording.piece(start, stop)
        one = part if self.page.measure is None else part.windows([0], stop - start)
        line = self.page.measured(one) if not isinstance(one, Recording) else ""
        grid = "" if speed >= GRID_SPEED else "    thin lines 1 s, heavy lines 5 s"
        note = (
            f"lead {recording.leads[self.lead]}    {self.per_line / fs:g} s a line    page "
            f"{number + 1} of {self.pages}    {fs:g} samples/s{grid}"
        )
        sheet.frame(self.title, note, self.mark, line)
        x, top = MARGIN + GUTTER, sheet.height - HEADER
        box = (x, top - tall, wide, tall)
        clip = (x, top - tall - 4, wide, tall + 4)  # a deep beat of the last line is whole
        if speed >= GRID_SPEED:
            sheet.paper(*box)
        else:
            _seconds(sheet, box)
        wave = part.signal[self.lead].astype(np.float64)
        for row, begin in enumerate(range(0, stop - start, self.per_line)):
            end = min(begin + self.per_line, stop - start)
            zero = top - (row + 0.6) * self.pitch
            self._label(sheet, start + begin, zero)
            sheet.pulse(x - 8, zero)
            rows = envelope(wave[begin:end], max(1, int(STEP_MM / speed * fs)))
            sheet.trace(
                x,
                zero,
                wave[begin:end][rows],
                fs,
                box=clip,
                at=rows,
                lw=0.5,
            )
            notes = part.annotations.between(begin, end)
            self._notes(sheet, notes, x, zero + 0.6 * self.pitch - 2.2, zero)
        return sheet

    def _label(self, sheet: Sheet, sample: int, zero: float) -> None:
        """The time of a line: of the day where it is known, else of the recording."""
        seconds = round(sample / self.recording.fs)
        began = self.recording.start
        text = f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
        if began is not None:
            text = f"{began + timedelta(seconds=seconds):%H:%M:%S}"
        sheet.text(MARGIN, zero, text, 6.5)

    def _notes(self, sheet: Sheet, notes: Annotations, x: float, y: float, zero: float) -> None:
        """Ticks of normal beats, symbols of others, the rate; rhythms where all are wanted."""
        if self.page.annotations == "none":
            return
        scale = sheet.speed / self.recording.fs
        beat = np.isin(notes.symbol, [*AAMI_OF_SYMBOL])
        usual = beat & np.isin(notes.symbol, [s for s, c in AAMI_OF_SYMBOL.items() if c == "N"])
        across = x + notes.sample * scale
        ticks = np.stack([across[usual], across[usual], np.full(int(usual.sum()), np.nan)], 1)
        up = np.tile([y, y + 1.2, np.nan], len(ticks))
        sheet.axes.plot(ticks.ravel(), up, color=FAINT, lw=0.4, zorder=3)
        for at, symbol in zip(across[beat & ~usual], notes.symbol[beat & ~usual], strict=True):
            sheet.text(at, y, str(symbol), 5.5, ha="center", color=WARNING, weight="bold")
        if (rr := np.diff(notes.sample[beat])).any():
            rate = 60 * self.recording.fs / float(np.mean(rr))
            sheet.text(MARGIN, zero - 2.6, f"{rate:.0f}/min", 5.5, color=FAINT)
        if self.page.annotations == "all":
            texts = notes.note or notes.symbol.tolist()
            for at, symbol, text in zip(across, notes.symbol, texts, strict=True):
                name = text if is_rhythm(text) else str(symbol)
                if is_rhythm(name):
                    sheet.text(at, y + 1.6, name, 5, color=WARNING)


def disclosure(recording: Recording, title: str, page: Page) -> Disclosure:
    """The lines of a recording.

    Raises
    ------
    EcgsynthError: there is no such lead, the recording ends before the drawing begins, or the
        sheets would be too many or too wide.
    """
    speed, gain, line_s = page.of_lines
    lead = lead_number(recording.leads, page.lead)
    first, stop = span_of(recording.samples, recording.fs, page, recording.seconds)
    per_line = max(2, round(line_s * recording.fs))
    pitch = float(np.ceil(LINE_MV * gain))
    lines = max(1, int((A4[1] - HEADER - FOOTER) // pitch))
    if line_s * speed > MOST_MM:
        raise EcgsynthError(
            f"a line of {line_s:g} s at {speed:g} mm/s would be {line_s * speed / 1000:,.1f} m "
            f"long; choose at most {MOST_MM / speed:g} s."
        )
    found = Disclosure(recording, title, page, lead, first, stop, per_line, lines, pitch)
    if found.pages > MOST_PAGES:
        raise EcgsynthError(
            f"{recording.name or 'the recording'} would fill {found.pages:,} pages of "
            f"{lines * line_s:,.0f} s, and {MOST_PAGES} are the most; draw a part of it or longer "
            "lines, as in --start 3600 --seconds 600."
        )
    return found


def envelope(wave: NDArray[np.float64], step: int) -> NDArray[np.int64]:
    """Numbers of the samples that draw the same: of every `step` the lowest and the highest.

    A missing sample stays, so that a gap is one.
    """
    count = len(wave) // step
    if step < 3 or not count:
        return np.arange(len(wave))
    whole = wave[: count * step].reshape(count, step)
    begin = np.arange(count) * step
    missing = np.isnan(whole)
    low = np.where(missing, np.inf, whole).argmin(1)
    high = np.where(missing, -np.inf, whole).argmax(1)
    rows = [begin + low, begin + high, np.arange(count * step, len(wave))]
    gaps = np.flatnonzero(missing.any(1))
    rows.append(begin[gaps] + missing[gaps].argmax(1))
    return np.unique(np.concatenate(rows))


def _seconds(sheet: Sheet, box: tuple[float, float, float, float]) -> None:
    """Lines on seconds, where a millimetre would be no help."""
    x, y, wide, tall = box
    for every, colour, width in ((1.0, MINOR, 0.2), (5.0, MAJOR, 0.35)):
        at = x + np.arange(0, wide / sheet.speed + 1e-6, every) * sheet.speed
        ticks = np.stack([at, at, np.full(len(at), np.nan)], 1)
        up = np.tile([y, y + tall, np.nan], len(at))
        sheet.axes.plot(ticks.ravel(), up, color=colour, lw=width, zorder=1)
    sheet.axes.plot(
        [x, x + wide, x + wide, x, x], [y, y, y + tall, y + tall, y], color=MAJOR, lw=0.5, zorder=2
    )
