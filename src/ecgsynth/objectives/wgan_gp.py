"""Wasserstein distance with a gradient penalty between real and synthetic items."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.objectives import Critic
from ecgsynth.objectives.adversarial import Adversarial, slope
from ecgsynth.objectives.adversarial import Settings as BaseSettings
from ecgsynth.processes import local_rows, process_count
from ecgsynth.registry import OBJECTIVES

SEED = 2**62
"""Where this file's random numbers begin: far from the loop's own, which draws the items."""


@OBJECTIVES.register("wgan_gp")
class WGANGP(Adversarial):
    """Wasserstein distance with a gradient penalty (Gulrajani et al., NeurIPS 2017, eq. 3)."""

    class Settings(BaseSettings):
        """gradient_penalty: weight of the squared difference between the slope and 1."""

        gradient_penalty: float = Field(10.0, gt=0)

    settings: Settings

    def critic_term(self, real: Tensor, synthetic: Tensor) -> Tensor:
        return synthetic - real

    def generator_term(self, synthetic: Tensor) -> Tensor:
        return -synthetic

    def penalises(self, step: int) -> bool:
        return True

    def penalty(
        self, critic: Critic, view: Tensor, logit: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """At a random place on the line from each synthetic item to its real one."""
        real, synthetic = view.detach().chunk(2)
        random = torch.Generator().manual_seed(SEED + step)
        share = local_rows(torch.rand(len(real) * process_count(), generator=random)).to(real)
        share = share.reshape(-1, *[1] * (real.ndim - 1))
        between = torch.lerp(synthetic, real, share).requires_grad_()
        norm = slope(critic(between, condition)[0], between).norm(dim=1)
        return {"gradient_penalty": self.settings.gradient_penalty * (norm - 1).square()}
