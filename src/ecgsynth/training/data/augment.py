"""Augmentation of what the critic sees, the same for real and synthetic items."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ecgsynth.processes import local_rows, process_count

GAIN = 0.1
"""Largest change of gain, log units: 10 %."""
SHIFT_S = 0.0084
"""Largest shift, s; three samples of MIT-BIH."""
WANDER = 0.5
"""Largest baseline wander, in units of the training set's SD."""


def augment(signal: Tensor, fs: float, chance: float, random: torch.Generator) -> Tensor:
    """Gain, shift and slow baseline wander, each with this chance, drawn anew for every item.

    The critic then cannot memorise the few real items of a rare class. Since real and synthetic
    items are altered alike, the generator does not learn the alterations (Karras et al., NeurIPS
    2020; Zhao et al., NeurIPS 2020). Never flips: polarity is a finding.

    signal: [batch, lead, sample], scaled. All leads of an item are moved and amplified together.
    """
    batch, _, samples = signal.shape
    drawn = local_rows(torch.rand((batch * process_count(), 7), generator=random)).to(signal.device)
    on = (drawn[:, :3] < chance).to(signal.dtype)
    gain = torch.exp(GAIN * (2 * drawn[:, 3] - 1) * on[:, 0])
    most = max(1, round(SHIFT_S * fs))
    move = (((2 * most + 1) * drawn[:, 4]).long().clamp(max=2 * most) - most) * on[:, 1].long()
    at = (torch.arange(samples, device=signal.device) + move[:, None]).clamp(0, samples - 1)
    signal = signal.gather(2, at[:, None].expand_as(signal))
    time = torch.linspace(0, 1, samples, device=signal.device)
    phase = math.pi * (0.3 + 0.7 * drawn[:, 6:7]) * time + 2 * math.pi * drawn[:, 5:6]
    wander = WANDER * on[:, 2:3] * torch.sin(phase)
    return signal * gain[:, None, None] + wander[:, None]
