"""What a renderer is given of an item while it learns: conditions hidden, parts of it known."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.signals.events import T

LIMB = 2
"""Leads I and II come first: the pair that is known most often, when leads are missing."""

LEAST, MOST = 0.05, 0.5
"""Shortest and longest known beginning and unknown gap, as shares of the item."""


def hide_t_waves(condition: Condition, hidden: Tensor) -> Condition:
    """The events without the times of T where `hidden` [batch] is true."""
    events = condition.more["events"].clone()
    events[hidden, :, T] = torch.nan
    return replace(condition, more={**condition.more, "events": events})


def show_part(condition: Condition, known: Tensor, mask: Tensor) -> Condition:
    """The condition with a known part; known, mask: [batch, lead, frame]."""
    return replace(condition, more={**condition.more, "known": known * mask, "mask": mask})


def show_some(
    condition: Condition, framed: Tensor, chosen: Tensor, random: torch.Generator
) -> Condition:
    """The condition with a part known of the items that are chosen [batch]."""
    parts = random_parts(framed, random).to(framed)
    return show_part(condition, framed, parts * chosen.to(framed)[:, None, None])


def random_parts(signal: Tensor, random: torch.Generator) -> Tensor:
    """[batch, lead, frame], 1 where an item is known: whole leads, its beginning, all but a gap.

    The three are drawn alike often. signal: of the same shape.
    """
    batch, leads, frames = signal.shape
    mask = torch.zeros(batch, leads, frames)
    kind, length, place, which = torch.rand(4, batch, generator=random)
    span = ((LEAST + (MOST - LEAST) * length) * frames).long()
    for k in range(batch):
        if kind[k] < 1 / 3:
            if which[k] < 0.5:
                chosen = torch.arange(min(LIMB, leads))
            else:
                count = 1 + int(2 * (which[k] - 0.5) * max(1, leads - 1))
                chosen = torch.randperm(leads, generator=random)[:count]
            mask[k, chosen] = 1
        elif kind[k] < 2 / 3:
            mask[k, :, : span[k]] = 1
        else:
            first = int(place[k] * (frames - span[k]))
            mask[k] = 1
            mask[k, :, first : first + span[k]] = 0
    return mask
