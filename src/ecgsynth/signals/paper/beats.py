"""Sheets of beats: small papers side by side, a band of rows per class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.paper.sheet import (
    FOOTER,
    HEADER,
    INK,
    MARGIN,
    SYNTHETIC_INK,
    Sheet,
    footer_text,
    heading_of,
    panel_limits,
    plain_gain,
    wave_of,
)
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg

OVERLAID = 60
"""Beats laid over each other in the last panel of a row."""


@dataclass(frozen=True)
class _Row:
    """Panels side by side, each of waves [wave, sample] at fs Hz."""

    name: str
    panels: list[NDArray]
    fs: float
    colour: str = INK
    captions: tuple[str, ...] = ()


_Bands = list[tuple[str, list[_Row]]]


def bands_of_classes(sets: Mapping[str, Ecg], lead: str | int, beats: int) -> _Bands:
    """A band per class: single beats of each set, then many over each other."""
    classes: list[str] = []
    for ecg in sets.values():
        classes += [name for name in ecg.spec.classes if name not in classes]
    bands: _Bands = []
    for label in [*classes, ""]:
        rows = []
        for name, ecg in sets.items():
            members = members_of(ecg, label)
            if not len(members):
                continue
            k = lead if isinstance(lead, int) else ecg.spec.leads.index(lead)
            panels = [wave_of(ecg, i, k)[None] for i in pick_evenly(members, beats)]
            if len(members) > beats:
                panels.append(
                    np.stack([wave_of(ecg, i, k) for i in pick_evenly(members, OVERLAID)])
                )
            several = f"{name}: " if len(sets) > 1 else ""
            found = f"{several}{len(members):,} beat{'s' * (len(members) > 1)}"
            colour = SYNTHETIC_INK if ecg.synthetic else INK
            rows.append(_Row(found, panels, ecg.spec.fs, colour))
        if rows:
            bands.append((heading_of(label), rows))
    return bands


def bands_of_leads(ecg: Ecg, items: list[int]) -> _Bands:
    """A band per item: its leads side by side."""
    colour = SYNTHETIC_INK if ecg.synthetic else INK
    labels = ecg.labels_str
    return [
        (
            heading_of(str(labels[item])),
            [
                _Row(
                    f"item {item}",
                    [wave_of(ecg, item, k)[None] for k in range(len(ecg.spec.leads))],
                    ecg.spec.fs,
                    colour,
                    ecg.spec.leads,
                )
            ],
        )
        for item in items
    ]


def panels_sheet(
    bands: _Bands,
    spec: Spec,
    title: str,
    mark: str,
    speed: float,
    gain: float,
    lead: str | None = None,
) -> Sheet:
    """Bands beneath each other; within a band all panels share one mV axis."""
    plain = spec.unit != "mV"
    if plain:
        gain = plain_gain([p for _, rows in bands for row in rows for p in row.panels])
    gap, title_mm, caption_mm, pulse_mm = 2.0, 9.0, 5.0, 0.0 if plain else 10.0
    heights = [panel_limits([p for row in rows for p in row.panels], gain) for _, rows in bands]
    widest = max(
        sum(_width(p, row.fs, speed) + gap for p in row.panels) for _, rows in bands for row in rows
    )
    total = sum(
        (title_mm if heading else 0) + len(rows) * (high - low + caption_mm + gap)
        for (low, high), (heading, rows) in zip(heights, bands, strict=True)
    )
    width = max(150.0, 2 * MARGIN + pulse_mm + widest)
    sheet = Sheet(width, HEADER + total + FOOTER, speed, gain, plain)
    leads = lead or (spec.leads[0] if len(spec.leads) == 1 else "")
    sheet.frame(title, footer_text(f"lead {leads}" if leads else "", spec), mark)
    y = FOOTER + total
    for (low, high), (heading, rows) in zip(heights, bands, strict=True):
        if heading:
            y -= title_mm
            sheet.text(MARGIN, y + 2.5, heading, 9.5, weight="bold")
        for row in rows:
            y -= caption_mm
            sheet.text(MARGIN, y + 1.4, row.name, 7, color=row.colour)
            y -= high - low
            x = MARGIN
            if not plain:
                sheet.paper(x, y, pulse_mm - gap, high - low)
                sheet.pulse(x + 0.5, y - low)
                x += pulse_mm
            for k, waves in enumerate(row.panels):
                wide = _width(waves, row.fs, speed)
                _panel(sheet, x, y, wide, low, high, waves, row)
                if row.captions:
                    sheet.text(x, y + high - low + 1.4, row.captions[k], 7, weight="bold")
                elif len(waves) > 1:
                    above = f"median of {len(waves)}"
                    sheet.text(x, y + high - low + 1.4, above, 7, color=row.colour)
                x += wide + gap
            y -= gap
    return sheet


def _panel(
    sheet: Sheet,
    x: float,
    y: float,
    wide: float,
    low: float,
    high: float,
    waves: NDArray,
    row: _Row,
) -> None:
    """One small paper with a wave, or with many and their median."""
    sheet.paper(x, y, wide, high - low)
    box = (x, y, wide, high - low)
    many = len(waves) > 1
    style: dict[str, Any] = {"lw": 0.4, "alpha": max(0.1, 3 / len(waves))} if many else {"lw": 0.8}
    for wave in waves:
        sheet.trace(x, y - low, wave, row.fs, row.colour, box, **style)
    if many:
        # Where all of them are padded there is no median, and no warning of it either.
        median = np.ma.median(np.ma.masked_invalid(waves), axis=0).filled(np.nan)
        sheet.trace(x, y - low, median, row.fs, row.colour, box, lw=1.0)


def _width(waves: NDArray, fs: float, speed: float) -> float:
    """Width of a panel, mm: whole large boxes."""
    return float(np.ceil(waves.shape[1] / fs * speed / 5 - 1e-9) * 5)


def members_of(ecg: Ecg, label: str) -> NDArray[np.int64]:
    """Numbers of the items of a class; "" means those without any."""
    assert ecg.label is not None
    if not label:
        return np.flatnonzero(~ecg.label.any(1))
    if label not in ecg.spec.classes:
        return np.zeros(0, np.int64)
    return np.flatnonzero(ecg.label[:, ecg.spec.classes.index(label)] > 0)


def pick_evenly(members: NDArray[np.int64], count: int) -> list[int]:
    """At most `count` of them, evenly spaced, so that many patients come to be seen."""
    picks = np.linspace(0, len(members) - 1, min(count, len(members)))
    return [int(i) for i in members[np.round(picks).astype(int)]]
