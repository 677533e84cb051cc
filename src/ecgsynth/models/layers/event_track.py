"""The track of events that a renderer sees: beats, P and T waves as numbers of every frame."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ecgsynth.signals.events import KIND, P, R, T
from ecgsynth.signals.vocabulary import AAMI_CLASSES

CHANNELS = len(AAMI_CLASSES) + 4
"""A bump at every R, in a channel for each kind of beat; one at every P and every T; the time
since the last R and to the next."""

BUMP_S = 0.02
"""SD of a bump, s."""

LONGEST_S = 2.0
"""Times since and to a beat count up to here."""

BEFORE_S, AFTER_S, STEP_S = 0.3, 0.6, 0.05
"""A beat reaches from P to the end of T, so far before and after R; its places are steps of so many
s."""


def place_count(step_s: float) -> int:
    """Places of positions in beats: those of narrow and of wide ones, and what is between."""
    return 2 * round((BEFORE_S + AFTER_S) / step_s) + 1


PLACES = place_count(STEP_S)
"""Of those in steps of STEP_S."""


def event_track(events: Tensor, frames: int, rate: float) -> Tensor:
    """[batch, channel, frame] of events [batch, beat, EVENT], NaN where there is no beat.

    frames: of an item. rate: frames a second.
    """
    if not events.shape[1]:  # no item has a beat
        events = events.new_full((len(events), 1, events.shape[2]), torch.nan)
    batch, beats = events.shape[:2]
    track = events.new_zeros(batch, CHANNELS, frames)
    none = torch.zeros(batch, beats, dtype=torch.long, device=events.device)
    _add_bumps(track, events[..., R], events[..., KIND].nan_to_num(0).long(), rate)
    for channel, column in enumerate((P, T), len(AAMI_CLASSES)):
        _add_bumps(track, events[..., column], none + channel, rate)
    track[:, -2:] = _gaps(events[..., R], frames, rate) - 0.5
    return track


def beat_places(events: Tensor, positions: int, rate: float, step_s: float = STEP_S) -> Tensor:
    """[batch, position] long, the place of every position in its beat: from 0 to place_count - 1.

    A position belongs to the next beat from BEFORE_S before its R, else to the last one. Beats that
    begin in the ventricles have places of their own; what belongs to no beat has the last place.
    """
    after, to, following, order = _beats_around(events[..., R], positions, rate)
    wide = torch.isin(events[..., KIND].gather(1, order).nan_to_num(0).long(), _wide(order.device))
    wide = F.pad(wide, (1, 1))
    ahead = to <= BEFORE_S
    phase = torch.where(ahead, -to, after)
    owner = torch.where(ahead, following, following - 1)
    steps = place_count(step_s) // 2
    place = ((phase + BEFORE_S) / step_s).clamp(0, steps - 1).long()
    place = place + steps * wide.gather(1, owner).long()
    return torch.where(phase < AFTER_S, place, 2 * steps)


def _wide(device: torch.device) -> Tensor:
    return torch.tensor([AAMI_CLASSES.index(name) for name in ("V", "F")], device=device)


def _add_bumps(track: Tensor, time: Tensor, channel: Tensor, rate: float) -> None:
    """Add a bump at every time, s, [batch, beat], in its channel; only where it is above 1e-8."""
    batch, channels, frames = track.shape
    reach = math.ceil(6 * BUMP_S * rate)
    nearby = torch.arange(-reach, reach + 1, device=track.device)
    frame = (time[..., None] * rate).nan_to_num(-1e6).long() + nearby
    away = (frame + 0.5) / rate - time[..., None]
    bump = torch.exp(-0.5 * (away / BUMP_S).square())
    inside = (frame >= 0) & (frame < frames)
    item = torch.arange(batch, device=track.device)[:, None, None]
    place = (item * channels + channel[..., None]) * frames + frame
    track.view(-1).scatter_add_(
        0, torch.where(inside, place, 0).flatten(), torch.where(inside, bump, 0.0).flatten()
    )


def _gaps(time: Tensor, frames: int, rate: float) -> Tensor:
    """[batch, 2, frame] time since the last beat and to the next, s; LONGEST_S where is none."""
    since, to, _, _ = _beats_around(time, frames, rate)
    return torch.stack([since, to], 1).clamp(max=LONGEST_S)


def _beats_around(
    time: Tensor, positions: int, rate: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where positions lie between the beats at `time`, s, [batch, beat], NaN where there is none.

    Returns
    -------
    since, to: [batch, position], time since the last beat and to the next, s, inf where is none.
    following: [batch, position], the number of the next beat, from 1, in order of time.
    order: [batch, beat], the beats in order of time.
    """
    middle = ((torch.arange(positions, device=time.device) + 0.5) / rate).expand(len(time), -1)
    known = time.nan_to_num(torch.inf)
    order = known.argsort(1)
    ends = time.new_full((len(time), 1), torch.inf)
    beats = torch.cat([-ends, known.gather(1, order), ends], 1)
    following = torch.searchsorted(beats, middle.contiguous(), right=True)
    since = middle - beats.gather(1, following - 1)
    return since, beats.gather(1, following) - middle, following, order
