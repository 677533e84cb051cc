"""Strips as inline SVG on ECG paper to scale: 25 mm/s, 10 mm/mV."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
from markupsafe import Markup

from ecgsynth.evaluation.report.html.svg import Paper
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.paper import LONG_S
from ecgsynth.signals.paper.clinical import clinical_sheet
from ecgsynth.signals.paper.page import Page
from ecgsynth.signals.paper.sheet import Sheet, panel_limits, plain_gain, wave_of
from ecgsynth.signals.paper.strips import STRIP_S, strips_sheet
from ecgsynth.signals.vocabulary import LEADS_12

SPEED, GAIN = 25.0, 10.0
"""mm/s and mm/mV."""


def drawings(ecg: Ecg, ids: list[str]) -> list[tuple[Markup, float]]:
    """One picture per item and its height, mm: a paper strip per lead, or a sheet.

    Items of 12 leads become the clinical sheet, those of more than 10 s a sheet of rows.

    Parameters
    ----------
    ids: names of the items, used as unique ids of the drawings on one page.
    """
    spec = ecg.spec
    clinical = set(LEADS_12) <= set(spec.leads) and spec.seconds >= LONG_S
    if clinical or spec.seconds > STRIP_S:
        return [_sheet(ecg[k], name, clinical) for k, name in enumerate(ids)]
    plain = spec.unit != "mV"
    gain = plain_gain([ecg.signal]) if plain else GAIN
    found = []
    for item in range(len(ecg)):
        waves = [wave_of(ecg, item, k) for k in range(len(spec.leads))]
        low, high = panel_limits([wave[None] for wave in waves], gain)
        pieces = []
        for name, wave in zip(spec.leads, waves, strict=True):
            paper = Paper(spec.seconds, low, high, gain, plain)
            if len(waves) > 1:
                paper.text(paper.GUTTER + 0.8, paper.HEAD + 2.8, name, "lead-name")
            paper.wave(wave, spec.fs, "trace")
            pieces.append(paper.markup(f"ECG strip, lead {name}"))
        found.append((Markup("").join(pieces), paper.height))
    return found


def _sheet(one: Ecg, name: str, clinical: bool) -> tuple[Markup, float]:
    # The page shows the class; every sheet has the same heading.
    spec = replace(one.spec, classes=("ECG",))
    one = replace(one, spec=spec, label=np.ones((1, 1), np.float32))
    if clinical:
        sheet = clinical_sheet(one, 0, "", Page(speed=SPEED, gain=GAIN))
    else:
        sheet = strips_sheet(one, [0], "", Page(speed=SPEED, gain=GAIN))
    return Markup(_svg(sheet, name)), sheet.height  # our own drawing, escaped by matplotlib


def _svg(sheet: Sheet, name: str) -> str:
    import matplotlib

    # Ids inside a drawing contain the item's id, since they must be unique on the page.
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name}
    text = io.StringIO()
    with matplotlib.rc_context(settings):
        bare = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        sheet.figure.savefig(text, format="svg", metadata=bare)
    svg = text.getvalue()
    svg = re.sub(r' id="[a-z]\w*_\d+"', "", svg[svg.index("<svg") :])
    size = f'width="{sheet.width:g}mm" height="{sheet.height:g}mm"'
    size += ' role="img" aria-label="ECG strip"'
    return re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', size, svg, count=1)
