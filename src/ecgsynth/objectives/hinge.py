"""Hinge loss: a logit that is right by a margin of 1 teaches the critic no more."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from ecgsynth.objectives.adversarial import Adversarial
from ecgsynth.registry import OBJECTIVES


@OBJECTIVES.register("hinge")
class Hinge(Adversarial):
    """Hinge loss with a margin of 1 (Lim & Ye 2017; Miyato et al., ICLR 2018, eq. 16-17)."""

    def critic_term(self, real: Tensor, synthetic: Tensor) -> Tensor:
        return relu(1 - real) + relu(1 + synthetic)

    def generator_term(self, synthetic: Tensor) -> Tensor:
        return -synthetic
