"""Which sheets a set of items fills: beats, strips, or the sheet of twelve leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.columns import number_array
from ecgsynth.signals.paper.beats import bands_of_classes, bands_of_leads, members_of, panels_sheet
from ecgsynth.signals.paper.clinical import clinical_sheet
from ecgsynth.signals.paper.page import LONG_S, Page
from ecgsynth.signals.paper.sheet import mark_of
from ecgsynth.signals.paper.strips import strips_sheet
from ecgsynth.signals.vocabulary import LEADS_12

if TYPE_CHECKING:  # an Ecg draws itself in a notebook, so that nothing here imports it
    from ecgsynth.signals.ecg import Ecg
    from ecgsynth.signals.paper.sheet import Sheet
    from ecgsynth.signals.spec import Spec

BEATS_PER_ROW = 8
MAX_BEAT_ROWS = 12
MOST_ROWS = 3
"""Leads that a class shows as rows beneath each other; of more, an item's lie side by side."""
USUAL = Page()


def sheets_of(ecg: Ecg, chosen: list[int] | None, title: str, page: Page = USUAL) -> list[Sheet]:
    """The sheets of these items, of all where none are chosen; long 12-lead items get one each, and
    so does every item of a layout of clinical sheets."""
    if ecg.spec.seconds < LONG_S:
        speed, gain = page.of_strips
        several = len(ecg.spec.leads) > 1
        if several and (chosen or len(ecg.spec.leads) > MOST_ROWS):
            bands = bands_of_leads(ecg, (chosen or first_of_each_class(ecg))[:MAX_BEAT_ROWS])
        else:
            some = ecg if chosen is None else ecg[chosen]
            rows = _each_lead(some) if several else {ecg.source: some}
            bands = bands_of_classes(rows, 0, BEATS_PER_ROW)
        return [panels_sheet(bands, ecg.spec, title, mark_of(ecg), speed, gain)]
    if page.layout or fills_sheet(ecg.spec):
        pages = [0] if chosen is None else chosen
        return [clinical_sheet(ecg, item, title, page) for item in pages]
    return [strips_sheet(ecg, chosen or first_of_each_class(ecg), title, page)]


def check_items(ecg: Ecg, items: Sequence[int] | None) -> list[int] | None:
    """The numbers of items to draw; None for all.

    Raises
    ------
    EcgsynthError: the set is empty, or has no such item.
    """
    if not len(ecg):
        raise EcgsynthError("there is nothing to draw: the set holds no items.")
    if items is None:
        return None
    chosen = [int(item) for item in number_array(items, "`items`", np.int64).ravel()]
    for item in chosen:
        if not 0 <= item < len(ecg):
            raise EcgsynthError(f"there is no item {item}; the set holds {len(ecg)}, from 0.")
    return chosen or None


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


def first_of_each_class(ecg: Ecg) -> list[int]:
    """Numbers of the first item of each class, and of the first without any."""
    firsts = [members_of(ecg, name)[:1] for name in [*ecg.spec.classes, ""]]
    return list(dict.fromkeys(int(i) for found in firsts for i in found))
