"""Wasserstein distance, the critic's weights clipped."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ecgsynth.objectives import Critic
from ecgsynth.objectives.adversarial import Adversarial
from ecgsynth.objectives.adversarial import Settings as BaseSettings
from ecgsynth.registry import OBJECTIVES


@OBJECTIVES.register("wgan")
class WGAN(Adversarial):
    """Wasserstein distance, the critic's weights clipped (Arjovsky et al., ICML 2017, alg. 1)."""

    class Settings(BaseSettings):
        """clip: largest absolute value of any weight of the critic."""

        clip: float = Field(0.01, gt=0)

    settings: Settings

    def critic_term(self, real: Tensor, synthetic: Tensor) -> Tensor:
        return synthetic - real

    def generator_term(self, synthetic: Tensor) -> Tensor:
        return -synthetic

    @torch.no_grad()
    def constrain(self, critic: Critic) -> None:
        """Clip every weight to [-clip, clip], which bounds the critic's slope."""
        for weight in critic.parameters():
            weight.clamp_(-self.settings.clip, self.settings.clip)
