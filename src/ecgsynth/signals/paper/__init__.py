"""ECG on ECG paper: true proportions in print, and synthetic items are marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.arguments import check_instance, check_number, check_text
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.paper.beats import bands_of_classes, panels_sheet
from ecgsynth.signals.paper.sheet import check_picture_path, save
from ecgsynth.signals.paper.sheets import (
    BEATS_PER_ROW,
    LONG_S,
    check_items,
    fills_sheet,
    first_of_each_class,
    sheets_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LONG_S", "beats_sheet", "draw", "fills_sheet", "first_of_each_class"]


def draw(
    ecg: Ecg,
    target: str | Path | None = None,
    items: Sequence[int] | None = None,
    title: str | None = None,
    speed: float = 25.0,
    gain: float = 10.0,
) -> Figure:
    """Draw items on ECG paper; printed at 100 % it measures right with a ruler.

    Returns the figure of Matplotlib, of several pages the first one.

    Beats of one lead become small papers, a row per class. With two or three leads there is a row
    per class and lead. With more leads, or where items are named, there is a row per item. Strips
    become rows of 10 s; a 12-lead item becomes the 3 x 4 sheet with lead II beneath. Normalised
    signals have no mV, so they get neither paper nor calibration pulse.

    Parameters
    ----------
    target: file; its ending, svg, png or pdf, is the kind (12-lead items get a page each in a PDF).
        None: no file.
    items: which ones; when left out, beats of every class, or the first long item of each class.
    title: the heading; the set's source when left out.
    speed: paper speed, mm/s. gain: mm per mV.

    Raises
    ------
    EcgsynthError: unknown ending, no items, an item that is not there, the file cannot be written.
    """
    check_instance(ecg, Ecg, "what is drawn is an Ecg, as es.read and generate give it")
    path = None if target is None else check_picture_path(target)
    speed = check_number(speed, "the paper's speed, in mm/s,", 1, 200)
    gain = check_number(gain, "the gain, in mm/mV,", 1, 100)
    chosen = check_items(ecg, items)
    title = " ".join(ecg.source.split()) if title is None else check_text(title, "the title")
    several = chosen is not None and len(chosen) > 1 and fills_sheet(ecg.spec)
    if several and (path is None or path.suffix.lower() != ".pdf"):
        raise EcgsynthError(
            f"{path or 'a figure'} holds one 12-lead sheet, but several items were named; name "
            "one, or a .pdf, which has a page for each."
        )
    sheets = sheets_of(ecg, chosen, title, speed, gain)
    if path is not None:
        save(sheets, path, title, ecg.synthetic)
    return sheets[0].figure


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
    synthetic = any(ecg.synthetic for ecg in single.values())
    sheet = panels_sheet(bands, first.spec, title, synthetic, 25.0, 10.0, lead)
    if path is not None:
        save([sheet], path, title, synthetic)
    return sheet.figure
