"""Relativistic pairing loss with R1 and R2 penalties (R3GAN)."""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import softplus

from ecgsynth.condition import Condition
from ecgsynth.objectives import Critic
from ecgsynth.objectives import Settings as BaseSettings
from ecgsynth.registry import OBJECTIVES


@OBJECTIVES.register("rpgan")
class RpGAN:
    """Relativistic pairing loss with R1 and R2 penalties (Huang et al., NeurIPS 2024, eq. 2-3)."""

    class Settings(BaseSettings):
        """gamma: weight of the penalties at the start; gamma_end: at the end (cosine between).
        penalty_every: apply them every so many steps, that many times as strongly.
        """

        gamma: float = Field(1.0, ge=0)
        gamma_end: float = Field(0.1, ge=0)
        penalty_every: int = Field(1, ge=1)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def critic_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        every = self.settings.penalty_every
        penalise = step % every == 0
        both = critic.view(torch.cat([real, synthetic]).detach()).requires_grad_(penalise)
        logit, _ = critic(both, Condition.cat([condition, condition]))
        real_logit, synthetic_logit = logit.chunk(2)
        # Each real item is judged against one synthetic item of the same condition.
        terms = {"adversarial": softplus(synthetic_logit - real_logit)}
        if penalise:
            (slope,) = torch.autograd.grad(logit.sum(), both, create_graph=True)
            r1, r2 = slope.square().sum((1, 2)).chunk(2)
            weight = 0.5 * every * self.gamma(progress)
            terms |= {"r1": weight * r1, "r2": weight * r2}
        return terms

    def generator_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        with torch.no_grad():
            real_logit, _ = critic(critic.view(real), condition)
        synthetic_logit, _ = critic(critic.view(synthetic), condition)
        return {"adversarial": softplus(real_logit - synthetic_logit)}

    def gamma(self, progress: float) -> float:
        """Penalty weight at this point of the training."""
        start, end = self.settings.gamma, self.settings.gamma_end
        return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
