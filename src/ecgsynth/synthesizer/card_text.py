"""A card in words: one line, and a few sentences for a notebook."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from ecgsynth.arguments import quote
from ecgsynth.errors import printable_line
from ecgsynth.signals.spec import quote_names

if TYPE_CHECKING:  # a card describes itself
    from ecgsynth.synthesizer.card import Card

MOST_LEADS = 3
"""Leads that are named; more are counted."""


def summary(card: Card) -> str:
    """Name, what it makes and from what, in one line: for `repr`."""
    return printable_line(f"{_name(card)}: {_makes(card)}; trained on {_source(card)}")


def markdown(card: Card) -> str:
    """What the model makes, what it was trained on, and what it is for."""
    lines = [
        f"**{_plain(_name(card))}** makes {_plain(_makes(card))}.",
        _plain(f"It was trained on {_source(card)}, with {card.examples_seen:,} examples."),
    ]
    if contexts := _names(card.spec.get("context")):
        lines.append(_plain(f"Contexts that can be held fixed: {', '.join(contexts)}."))
    if card.doubts:
        lines.append(_plain(f"Warnings about its training set: {' '.join(card.doubts)}"))
    if citation := card.data.get("citation"):
        lines.append(_plain(f"Recordings: {citation} ({card.data.get('licence', '')})."))
    lines += [_plain(card.intended_use), f"*{_plain(card.warning)}*"]
    return "\n\n".join(lines)


def _plain(text: str) -> str:
    """A text of a card as Markdown that has no tags, links, formulas or emphasis of its own."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`*\[\]$|~])", r"\\\1", escape(one_line, quote=False))


def _names(value: Any) -> tuple[str, ...]:
    """Names that stand in a card; none where something else does."""
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()


def _number(value: Any) -> str:
    """A number that stands in a card; something else as it is."""
    counted = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if counted else f"{value:g}" if isinstance(value, float) else quote(value)


def _name(card: Card) -> str:
    return card.id or card.name


def _makes(card: Card) -> str:
    spec = card.spec
    leads = _names(spec.get("leads"))
    shown = "/".join(leads) if len(leads) <= MOST_LEADS else f"{len(leads)} leads"
    classes = _names(spec.get("classes"))
    what = quote_names(classes) if classes else "items without classes"
    return (
        f"{what} in {shown}, {spec.get('samples')} samples at {_number(spec.get('fs', 0))} Hz, "
        f"{spec.get('unit', 'mV')}"
    )


def _source(card: Card) -> str:
    data = card.data
    items = f"{_number(data['items'])} items of " if data.get("items") else ""
    return f"{items}{data.get('source', 'an unknown set')}"
