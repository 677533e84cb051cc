"""Optimisers and their learning rates over a training."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch.nn import Parameter
from torch.optim import Adam, AdamW, Optimizer, RMSprop

from ecgsynth.config import Training


def make_optimiser(settings: Training, parameters: Iterable[Parameter], rate: float) -> Optimizer:
    """The optimiser that the settings name, at its first rate."""
    if settings.optimiser == "rmsprop":
        return RMSprop(parameters, rate, weight_decay=settings.weight_decay)
    kind = {"adam": Adam, "adamw": AdamW}[settings.optimiser]
    return kind(
        parameters, rate, betas=settings.betas, eps=1e-8, weight_decay=settings.weight_decay
    )


def rate_factor(settings: Training, progress: float, epoch: float) -> float:
    """What is left of the first rates: a cosine down to `rate_end`, or halves.

    progress: from 0 to 1 over the training. epoch: passes over the set so far.
    """
    if settings.rate_halved_every:
        return float(0.5 ** (epoch // settings.rate_halved_every))
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return settings.rate_end + (1 - settings.rate_end) * cosine
