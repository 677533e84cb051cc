"""The objective of conditional flow matching: find the clean signal in noise of any strength."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.objectives import Settings as BaseSettings
from ecgsynth.objectives.hiding import hide_t_waves, show_some
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
        """time_mean, time_sd: of the logit of the time; 0 is noise, 1 is signal. even: share of the
        times that are drawn evenly instead. latest: the last time that is drawn. hide: share of the
        items whose labels and contexts are hidden. show: share of which a part is known, for
        families that take one; of half of these families' items the T waves are not given. gain_sd:
        of the logarithm of a random gain.
        """

        classes: float = Field(0.0, ge=0, le=0)
        """No critic, no class logits."""
        time_mean: float = 0.0
        time_sd: float = Field(1.0, gt=0)
        even: float = Field(0.0, ge=0, le=1)
        latest: float = Field(1.0, gt=0, le=1)
        hide: float = Field(0.0, ge=0, le=1)
        show: float = Field(0.0, ge=0, le=1)
        gain_sd: float = Field(0.0, ge=0, le=0.5)

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def matching_loss(
        self, generator: Any, real: Tensor, noise: Tensor, condition: Condition, *, step: int
    ) -> dict[str, Tensor]:
        """Named terms, [batch] each.

        generator: of a family without a critic. real: [batch, lead, sample]. noise: [batch,
        latent].
        """
        settings, count = self.settings, len(real) * process_count()
        random = torch.Generator().manual_seed(SEED + step)
        drawn = local_rows(torch.randn(count, generator=random)).to(real)
        uniform = local_rows(torch.rand(count, 6, generator=random)).to(real)
        t = torch.sigmoid(settings.time_mean + settings.time_sd * drawn)
        t = torch.where(uniform[:, 0] < settings.even, uniform[:, 1], t) * settings.latest
        if settings.gain_sd:
            normal = torch.special.ndtri(uniform[:, 2].clamp(1e-4, 1 - 1e-4))
            real = real * torch.exp(settings.gain_sd * normal)[:, None, None]
        if settings.hide:
            condition = condition.hidden(uniform[:, 3] < settings.hide)
        if settings.show:
            framed = generator.framed(real)
            own = torch.Generator().manual_seed(SEED + int(uniform[0, 3] * 2**31))
            condition = hide_t_waves(condition, uniform[:, 4] < 0.5)
            condition = show_some(condition, framed, uniform[:, 5] < settings.show, own)
            clean = generator.whitened(framed)
        else:
            clean = generator.encode(real)
        wide = t[:, None, None]
        y = wide * clean + (1 - wide) * generator.shaped(noise, condition)
        weight = (t.square() + (1 - t).square()) / (1 - t).clamp_min(NEAREST).square()
        error = (generator(y, condition, t) - clean).square().flatten(1).mean(1)
        return {"matching": weight * error}
