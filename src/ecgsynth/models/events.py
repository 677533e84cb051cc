"""The track of events that a renderer sees: beats, P and T waves as numbers of every frame."""

from __future__ import annotations

import torch
from torch import Tensor

from ecgsynth.signals.events import KIND, P, R, T
from ecgsynth.signals.vocabulary import AAMI_CLASSES

CHANNELS = len(AAMI_CLASSES) + 4
"""A bump at every R, in a channel for each kind of beat; one at every P and every T; the time
since the last R and to the next."""

BUMP_S = 0.02
"""SD of a bump, s."""

LONGEST_S = 2.0
"""Times since and to a beat count up to here."""


def event_track(events: Tensor, frames: int, rate: float) -> Tensor:
    """[batch, channel, frame] of events [batch, beat, EVENT], NaN where there is no beat.

    frames: of an item. rate: frames a second.
    """
    middle = ((torch.arange(frames, device=events.device) + 0.5) / rate)[None, :, None]
    away = middle - events[:, None, :, R]  # [batch, frame, beat], NaN where there is none
    kinds = torch.arange(len(AAMI_CLASSES), device=events.device)
    of_kind = (events[..., KIND, None] == kinds).to(events)  # [batch, beat, kind]
    beats = _bumps(away) @ of_kind  # beats are too far apart for their bumps to add up
    waves = [_bumps(middle - events[:, None, :, k]).sum(2, keepdim=True) for k in (P, T)]
    since = torch.where(away >= 0, away, LONGEST_S).amin(2, keepdim=True)
    to = torch.where(away < 0, -away, LONGEST_S).amin(2, keepdim=True)
    gaps = [gap.clamp(max=LONGEST_S) - 0.5 for gap in (since, to)]
    return torch.cat([beats, *waves, *gaps], 2).transpose(1, 2)


def _bumps(away: Tensor) -> Tensor:
    return torch.exp(-0.5 * (away / BUMP_S).square()).nan_to_num(0.0)
