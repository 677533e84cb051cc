"""ECG on ECG paper: true proportions in print, and synthetic items are marked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.arguments import check_callback, check_instance, check_text
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.annotations import Annotations
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.paper.beats import bands_of_classes, panels_sheet
from ecgsynth.signals.paper.clinical import span_of
from ecgsynth.signals.paper.full import Disclosure, disclosure
from ecgsynth.signals.paper.page import DISCLOSED_S, FULL, LONG_S, WIDE_MM, Page, check_page
from ecgsynth.signals.paper.sheet import check_picture_path, mark_of, save
from ecgsynth.signals.paper.sheets import (
    BEATS_PER_ROW,
    check_items,
    fills_sheet,
    first_of_each_class,
    sheets_of,
)
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.vocabulary import is_rhythm

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ecgsynth.signals.spec import Spec

log = logging.getLogger("ecgsynth")

__all__ = ["LONG_S", "beats_sheet", "draw", "fills_sheet", "first_of_each_class"]


def draw(
    ecg: Ecg | Recording,
    target: str | Path | None = None,
    items: Sequence[int] | None = None,
    title: str | None = None,
    speed: float | None = None,
    gain: float | None = None,
    *,
    layout: str = "",
    lead: str = "",
    start_s: float = 0.0,
    seconds: float | None = None,
    line_s: float | None = None,
    annotations: str = "beats",
    measure: Callable[[Ecg], str] | None = None,
) -> Figure:
    """Draw items on ECG paper; printed at 100 % it measures right with a ruler.

    Returns the figure of Matplotlib, of several pages the first one.

    Beats of one lead become small papers, a row per class. With two or three leads there is a row
    per class and lead. With more leads, or where items are named, there is a row per item. Strips
    become rows of 10 s; a 12-lead item becomes the 3 x 4 sheet with lead II beneath. A recording of
    more than a minute becomes lines of 60 s of one lead, and is read page by page. Normalised
    signals have no mV, so they get neither paper nor calibration pulse.

    Parameters
    ----------
    ecg: a set, or a recording, whose samples may lie on the disk.
    target: file; its ending, svg, png or pdf, is the kind (only a PDF has several pages).
        None: no file.
    items: which ones; when left out, beats of every class, or the first long item of each class.
    title: the heading; the set's source when left out.
    speed: paper speed, mm/s [25; lines of 60 s: 4]. gain: mm per mV [10; lines of 60 s: 5].
    layout: "3x4" with a rhythm strip, "6x2", "12x1" (any leads), or "full", lines of one lead.
    lead: of the rhythm strip or the lines [II, MLII or the first].
    start_s, seconds: the part that is drawn [as much as fits on A4; full: all].
    line_s: seconds of a line of "full".
    annotations: "none", "beats", or "all", with rhythms and waves.
    measure: gives the line of measurements of an item, as
        `ecgsynth.evaluation.reference_models.measurements.measurement_line` does.

    Raises
    ------
    EcgsynthError: unknown ending, no items, an item, lead or time that is not there, a layout that
        does not suit the items; the file cannot be written.
    """
    path = None if target is None else check_picture_path(target)
    page = check_page(
        Page(layout, speed, gain, start_s, seconds, line_s, lead, annotations, measure)
    )
    check_callback(measure, "measure")
    if title is not None:
        title = check_text(title, "the title")
    long = ecg.seconds if isinstance(ecg, Recording) else _length_s(ecg)
    if page.layout and long < LONG_S:
        raise EcgsynthError(
            f"items of {long:g} s are beats, and the layout {page.layout} is for recordings of "
            f"{LONG_S:g} s or more; leave it out."
        )
    if page.layout == FULL or (not page.layout and (page.line_s or long > DISCLOSED_S)):
        recording = ecg if isinstance(ecg, Recording) else _recording(ecg, items)
        name = recording.name or recording.source
        return _draw_lines(disclosure(recording, _one_line(name, title), page), path)
    if isinstance(ecg, Recording):
        first, stop = span_of(ecg.samples, ecg.fs, page, WIDE_MM / page.of_strips[0])
        ecg = replace(ecg, annotations=_named_rhythms(ecg.annotations))
        stated = any("SYNTHETIC" in comment for comment in ecg.comments) and not ecg.synthetic
        ecg = replace(ecg, source=SYNTHETIC + ecg.name) if stated else ecg
        ecg, page = ecg.windows([first], stop - first), replace(page, start_s=0.0, seconds=None)
    chosen = check_items(ecg, items)
    title = _one_line(ecg.source, title)
    clinical = bool(page.layout) or fills_sheet(ecg.spec)
    if not clinical:
        _check_unused(page, ecg.spec)
    if clinical and chosen is not None and len(chosen) > 1 and not _has_pages(path):
        sheet = f"one {page.layout} sheet" if page.layout else "one 12-lead sheet"
        raise EcgsynthError(
            f"{path or 'a figure'} holds {sheet}, but several items were named; name "
            "one, or a .pdf, which has a page for each."
        )
    sheets = sheets_of(ecg, chosen, title, page)
    if path is not None:
        save(sheets, path, title, mark_of(ecg))
    return sheets[0].figure


def _named_rhythms(notes: Annotations) -> Annotations:
    """Annotations whose changes of rhythm have the name of the rhythm as a symbol."""
    pairs = zip(notes.symbol.tolist(), notes.note or notes.symbol.tolist(), strict=True)
    symbol = [note if is_rhythm(note) else symbol for symbol, note in pairs]
    return replace(notes, symbol=np.array(symbol, np.str_))


def _one_line(name: str, title: str | None) -> str:
    return " ".join(name.split()) if title is None else title


def _length_s(ecg: Ecg) -> float:
    what = "what is drawn is an Ecg, as es.read and generate give it, or a Recording"
    return check_instance(ecg, Ecg, what).spec.seconds


def _recording(ecg: Ecg, items: Sequence[int] | None) -> Recording:
    """The one item that is drawn in lines."""
    chosen = check_items(ecg, items) or [0]
    if len(chosen) > 1:
        raise EcgsynthError("lines are drawn of one recording, but several were named; name one.")
    return Recording.of(ecg, chosen[0])


def _has_pages(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".pdf"


def _check_unused(page: Page, spec: Spec) -> None:
    """Refuse what sheets of beats and strips do not have."""
    beats = spec.seconds < LONG_S
    given = {
        "start": page.start_s > 0, "seconds": page.seconds is not None, "lead": bool(page.lead),
        "measurements": beats and page.measure is not None,
    }  # fmt: skip
    for name in (name for name, there in given.items() if there):
        raise EcgsynthError(
            f"a sheet of {'beats' if beats else 'strips'} has no choice of {name}; leave it out"
            f"{'' if beats else ', or choose a layout, as in 12x1'}."
        )


def _draw_lines(lines: Disclosure, path: Path | None) -> Figure:
    """Full disclosure in a file: every page of a PDF, else the first."""
    first = next(lines.sheets())
    if path is not None:
        sheets = lines.sheets() if _has_pages(path) else [first]
        save(sheets, path, lines.title, lines.mark)
        if lines.pages > 1 and not _has_pages(path):
            log.warning(
                "%s holds page 1 of %d; a .pdf has all, --start and --seconds choose a part.",
                path.name, lines.pages,
            )  # fmt: skip
    return first.figure


def beats_sheet(
    ecg_by_name: Mapping[str, Ecg],
    target: str | Path | None = None,
    beats: int = BEATS_PER_ROW,
    title: str = "",
    lead: str | None = None,
) -> Figure:
    """Beats of several sets, such as real and synthetic, on one mV axis; a band per class.

    A row shows single beats, evenly spaced through the set, and at its end up to sixty of them
    over each other with their median.

    Parameters
    ----------
    ecg_by_name: sets under the names that label their rows.
    beats: single beats in a row. lead: which one; the first of the first set when left out.

    Raises
    ------
    EcgsynthError: no set, an empty set, sets that differ in unit or lack the lead.
    """
    path = None if target is None else check_picture_path(target)
    if not ecg_by_name or beats < 1:
        raise EcgsynthError("there is nothing to draw; give at least one set and one beat of it.")
    first = next(iter(ecg_by_name.values()))
    lead = lead or first.spec.leads[0]
    single = {}
    for name, ecg in ecg_by_name.items():
        check_items(ecg, None)
        if lead not in ecg.spec.leads or ecg.spec.unit != first.spec.unit:
            raise EcgsynthError(
                f"'{name}' has {', '.join(ecg.spec.leads)} in {ecg.spec.unit}; to be drawn with "
                f"the others it needs lead {lead} in {first.spec.unit}."
            )
        if ecg.spec.seconds >= LONG_S:
            raise EcgsynthError(f"'{name}' holds strips of {ecg.spec.seconds:g} s, not beats.")
        single[name] = ecg
    bands = bands_of_classes(single, lead, beats)
    mark = max((mark_of(ecg) for ecg in single.values()), key=len)
    sheet = panels_sheet(bands, first.spec, title, mark, 25.0, 10.0, lead)
    if path is not None:
        save([sheet], path, title, mark)
    return sheet.figure
