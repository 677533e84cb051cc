"""The objective of conditional flow matching: find the clean signal in noise of any strength."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.objectives import Settings as BaseSettings
from ecgsynth.processes import local_rows, process_count
from ecgsynth.registry import OBJECTIVES

SEED = 0x71E55
"""Keeps the times apart from whatever else is drawn at a step of the same number."""
NEAREST = 0.02
"""Least distance to the clean end that an error is weighed by."""


@OBJECTIVES.register("flow")
class FlowMatching:
    """Squared error of the clean signal, linear path (Lipman et al., ICLR 2023).

    For families without a critic. The time is logit-normal (Esser et al., ICML 2024); errors are
    weighed so that the network's own output counts alike at all times (Karras et al. 2022).
    """

    adversarial = False

    class Settings(BaseSettings):
        """time_mean, time_sd: of the logit of the time; 0 is noise, 1 is signal."""

        classes: float = Field(0.0, ge=0, le=0)
        """No critic, no class logits."""
        time_mean: float = 0.0
        time_sd: float = Field(1.0, gt=0)

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def matching_loss(
        self, generator: Any, real: Tensor, noise: Tensor, condition: Condition, *, step: int
    ) -> dict[str, Tensor]:
        """Named terms, [batch] each.

        generator: of the family `flow`. real: [batch, lead, sample]. noise: [batch, latent].
        """
        random = torch.Generator().manual_seed(SEED + step)
        drawn = local_rows(torch.randn(len(real) * process_count(), generator=random)).to(real)
        t = torch.sigmoid(self.settings.time_mean + self.settings.time_sd * drawn)
        wide = t[:, None, None]
        clean = generator.encode(real)
        y = wide * clean + (1 - wide) * generator.shaped(noise)
        weight = (t.square() + (1 - t).square()) / (1 - t).clamp_min(NEAREST).square()
        error = (generator(y, condition, t) - clean).square().flatten(1).mean(1)
        return {"matching": weight * error}
