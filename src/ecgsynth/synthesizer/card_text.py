"""A card in words: one line, and a few sentences for a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecgsynth.signals.spec import quote_names

if TYPE_CHECKING:  # a card describes itself
    from ecgsynth.synthesizer.card import Card

MOST_LEADS = 3
"""Leads that are named; more are counted."""


def summary(card: Card) -> str:
    """Name, what it makes and from what, in one line: for `repr`."""
    return f"{_name(card)}: {_makes(card)}; trained on {_source(card)}"


def markdown(card: Card) -> str:
    """What the model makes, what it was trained on, and what it is for."""
    spec = card.spec
    lines = [
        f"**{_name(card)}** makes {_makes(card)}.",
        f"It was trained on {_source(card)}, with {card.examples_seen:,} examples.",
    ]
    if spec.get("context"):
        lines.append(f"Contexts that can be held fixed: {', '.join(spec['context'])}.")
    if card.doubts:
        lines.append(f"Warnings about its training set: {' '.join(card.doubts)}")
    if card.data.get("citation"):
        lines.append(f"Recordings: {card.data['citation']} ({card.data.get('licence', '')}).")
    lines += [card.intended_use, f"*{card.warning}*"]
    return "\n\n".join(lines)


def _name(card: Card) -> str:
    return card.id or card.name


def _makes(card: Card) -> str:
    spec = card.spec
    leads = spec.get("leads", [])
    shown = "/".join(leads) if len(leads) <= MOST_LEADS else f"{len(leads)} leads"
    classes = tuple(spec.get("classes", ()))
    what = quote_names(classes) if classes else "items without classes"
    return (
        f"{what} in {shown}, {spec.get('samples')} samples at {spec.get('fs', 0):g} Hz, "
        f"{spec.get('unit', 'mV')}"
    )


def _source(card: Card) -> str:
    data = card.data
    items = f"{data['items']:,} items of " if data.get("items") else ""
    return f"{items}{data.get('source', 'an unknown set')}"
