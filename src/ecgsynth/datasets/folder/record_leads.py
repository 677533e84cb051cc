"""The leads of the user's records, whose headers may name and order them in many ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ecgsynth.datasets.leads import MAIN, SECOND, choose_leads
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.reader import read_outline, read_recording
from ecgsynth.signals.leads import lead_rows, standard_leads
from ecgsynth.signals.recording import Recording

Layout = tuple[tuple[str, ...], float]
"""Leads under their names here, and the rate that they are read at, Hz."""


def layout_of(path: Path, leads: Sequence[str] | None, rename: Mapping[str, str]) -> Layout:
    """The layout of a record, by default with all of its leads.

    Raises
    ------
    EcgsynthError: the header is damaged, or a lead is not there.
    """
    _, names, fs = _own_leads(path, leads, rename)
    return names, fs


def read_leads(
    path: Path, leads: Sequence[str], rename: Mapping[str, str], annotations: str | None
) -> Recording:
    """The leads of a record, under these names and in this order, with its annotations.

    Raises
    ------
    EcgsynthError: as in `read_recording`.
    """
    own, names, _ = _own_leads(path, leads, rename)
    return replace(read_recording(path, own, annotations), leads=names)


def usual_layout(layouts: Sequence[Layout]) -> Layout:
    """The leads of most records in the order of most of these, and the rate of the first such."""
    common = Counter(frozenset(leads) for leads, _ in layouts).most_common(1)[0][0]
    alike = [leads for leads, _ in layouts if frozenset(leads) == common]
    usual = Counter(alike).most_common(1)[0][0]
    return next(layout for layout in layouts if layout[0] == usual)


def _own_leads(
    path: Path, leads: Sequence[str] | None, rename: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...], float]:
    """Names in the header, names here, and the rate."""
    if leads is not None and not rename:
        with suppress(EcgsynthError):  # the header has these very names
            own, fs = read_outline(path, tuple(leads))
            return own, own, fs
    own, fs = read_outline(path)
    names = standard_leads(own, {old: new for old, new in rename.items() if old in own})
    if leads is None:
        return own, names, fs
    rows = lead_rows(names, leads)
    if all(name in (MAIN, SECOND) for name in leads):  # by their place, whatever they are called
        rows = choose_leads(path.name, names, leads)
    if absent := [name for name, row in zip(leads, rows, strict=True) if row < 0]:
        raise EcgsynthError(
            f"{path.name} has no lead {', '.join(absent)}; it has {', '.join(names)}. Rename "
            f"one that is alike, as in data.rename={{{names[0]}: {absent[0]}}}."
        )
    chosen = tuple(own[row] for row in rows)
    return chosen, tuple(leads), read_outline(path, chosen)[1]
