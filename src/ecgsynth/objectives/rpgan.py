"""Relativistic pairing loss with R1 and R2 penalties (R3GAN)."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from ecgsynth.condition import Condition
from ecgsynth.objectives import Critic
from ecgsynth.objectives.adversarial import Adversarial, slope
from ecgsynth.objectives.adversarial import Settings as BaseSettings
from ecgsynth.registry import OBJECTIVES


@OBJECTIVES.register("rpgan")
class RpGAN(Adversarial):
    """Relativistic pairing loss with R1 and R2 penalties (Huang et al., NeurIPS 2024, eq. 2-3)."""

    class Settings(BaseSettings):
        """gamma: weight of the penalties at the start; gamma_end: at the end (cosine between).
        penalty_every: apply them every so many steps, that many times as strongly.
        """

        gamma: float = Field(1.0, ge=0)
        gamma_end: float = Field(0.1, ge=0)
        penalty_every: int = Field(1, ge=1)

    settings: Settings

    def critic_term(self, real: Tensor, synthetic: Tensor) -> Tensor:
        # Each real item is judged against one synthetic item of the same condition.
        return softplus(synthetic - real)

    def generator_term(self, synthetic: Tensor) -> Tensor:
        return softplus(-synthetic)

    @torch.no_grad()
    def reference(self, critic: Critic, real: Tensor, condition: Condition) -> Tensor:
        """The logit of the real item that each synthetic one is paired with."""
        return critic(critic.view(real), condition)[0]

    def penalises(self, step: int) -> bool:
        return step % self.settings.penalty_every == 0

    def penalty(
        self, critic: Critic, view: Tensor, logit: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Squared slope at real items (R1) and at synthetic ones (R2)."""
        r1, r2 = slope(logit, view).square().sum(1).chunk(2)
        weight = 0.5 * self.settings.penalty_every * self.gamma(progress)
        return {"r1": weight * r1, "r2": weight * r2}

    def gamma(self, progress: float) -> float:
        """Penalty weight at this point of the training."""
        start, end = self.settings.gamma, self.settings.gamma_end
        return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
