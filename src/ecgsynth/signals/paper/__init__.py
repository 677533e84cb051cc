"""ECG on ECG paper: true proportions in print, and synthetic items are marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ecgsynth.arguments import check_instance, check_number, check_text
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.columns import number_array
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.paper.beats import bands_of_classes, bands_of_leads, members_of, panels_sheet
from ecgsynth.signals.paper.sheet import check_picture_path, save
from ecgsynth.signals.paper.strips import strips_sheet, twelve_leads_sheet
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12

BEATS_PER_ROW = 8
MAX_BEAT_ROWS = 12
MOST_ROWS = 3
"""Leads that a class shows as rows beneath each other; of more, an item's lie side by side."""
LONG_S = 3.0
"""From this length on, s, an item is drawn as a strip and no longer as a beat."""


def draw(
    ecg: Ecg,
    target: str | Path,
    items: Sequence[int] | None = None,
    title: str | None = None,
    speed: float = 25.0,
    gain: float = 10.0,
) -> Path:
    """Draw items on ECG paper; printed at 100 % it measures right with a ruler.

    Beats of one lead become small papers, a row per class. With two or three leads there is a row
    per class and lead. With more leads, or where items are named, there is a row per item. Strips
    become rows of 10 s; a 12-lead item becomes the 3 x 4 sheet with lead II beneath. Normalised
    signals have no mV, so they get neither paper nor calibration pulse.

    Parameters
    ----------
    target: file; its ending, svg, png or pdf, is the kind (12-lead items get a page each in a PDF).
    items: which ones; when left out, beats of every class, or the first long item of each class.
    title: the heading; the set's source when left out.
    speed: paper speed, mm/s. gain: mm per mV.

    Raises
    ------
    EcgsynthError: unknown ending, no items, an item that is not there, the file cannot be written.
    """
    check_instance(ecg, Ecg, "what is drawn is an Ecg, as es.read and generate give it")
    target = check_picture_path(target)
    speed = check_number(speed, "the paper's speed, in mm/s,", 1, 200)
    gain = check_number(gain, "the gain, in mm/mV,", 1, 100)
    chosen = _check_items(ecg, items)
    title = " ".join(ecg.source.split()) if title is None else check_text(title, "the title")
    if ecg.spec.seconds < LONG_S:
        several = len(ecg.spec.leads) > 1
        if several and (chosen or len(ecg.spec.leads) > MOST_ROWS):
            bands = bands_of_leads(ecg, (chosen or first_of_each_class(ecg))[:MAX_BEAT_ROWS])
        else:
            some = ecg if chosen is None else ecg[chosen]
            rows = _each_lead(some) if several else {ecg.source: some}
            bands = bands_of_classes(rows, 0, BEATS_PER_ROW)
        sheets = [panels_sheet(bands, ecg.spec, title, ecg.synthetic, speed, gain)]
    elif fills_sheet(ecg.spec):
        pages = [0] if chosen is None else chosen
        if len(pages) > 1 and target.suffix.lower() != ".pdf":
            raise EcgsynthError(
                f"{target} holds one 12-lead sheet, but {len(pages)} items were named; name one, "
                "or a .pdf, which has a page for each."
            )
        sheets = [twelve_leads_sheet(ecg, item, title, speed, gain) for item in pages]
    else:
        sheets = [strips_sheet(ecg, chosen or first_of_each_class(ecg), title, speed, gain)]
    return save(sheets, target, title, ecg.synthetic)


def _each_lead(ecg: Ecg) -> dict[str, Ecg]:
    """The same beats as a set for each of their leads, under its name."""
    return {
        lead: replace(
            ecg, signal=ecg.signal[:, [k]], spec=replace(ecg.spec, leads=(lead,)), marks=None
        )
        for k, lead in enumerate(ecg.spec.leads)
    }


def fills_sheet(spec: Spec) -> bool:
    """Whether an item fills a sheet of its own: long ones of 12 leads do."""
    return spec.seconds >= LONG_S and set(LEADS_12) <= set(spec.leads)


def beats_sheet(
    ecg_by_name: Mapping[str, Ecg],
    target: str | Path,
    beats: int = BEATS_PER_ROW,
    title: str = "",
    lead: str | None = None,
) -> Path:
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
    target = check_picture_path(target)
    if not ecg_by_name or beats < 1:
        raise EcgsynthError("there is nothing to draw; give at least one set and one beat of it.")
    first = next(iter(ecg_by_name.values()))
    lead = lead or first.spec.leads[0]
    single = {}
    for name, ecg in ecg_by_name.items():
        _check_items(ecg, None)
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
    return save([sheet], target, title, synthetic)


def first_of_each_class(ecg: Ecg) -> list[int]:
    firsts = [members_of(ecg, name)[:1] for name in [*ecg.spec.classes, ""]]
    return list(dict.fromkeys(int(i) for found in firsts for i in found))


def _check_items(ecg: Ecg, items: Sequence[int] | None) -> list[int] | None:
    if not len(ecg):
        raise EcgsynthError("there is nothing to draw: the set holds no items.")
    if items is None:
        return None
    chosen = [int(item) for item in number_array(items, "`items`", np.int64).ravel()]
    for item in chosen:
        if not 0 <= item < len(ecg):
            raise EcgsynthError(f"there is no item {item}; the set holds {len(ecg)}, from 0.")
    return chosen or None
