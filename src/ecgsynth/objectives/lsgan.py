"""Least squares: logits of real items go to 1, of synthetic ones to 0."""

from __future__ import annotations

from torch import Tensor

from ecgsynth.objectives.adversarial import Adversarial
from ecgsynth.registry import OBJECTIVES


@OBJECTIVES.register("lsgan")
class LSGAN(Adversarial):
    """Least squares between the logits and 1 for real, 0 for synthetic (Mao et al., ICCV 2017)."""

    def critic_term(self, real: Tensor, synthetic: Tensor) -> Tensor:
        # Eq. 9: the 0-1 coding, a = 0 and b = c = 1 in eq. 2.
        return 0.5 * (real - 1).square() + 0.5 * synthetic.square()

    def generator_term(self, synthetic: Tensor) -> Tensor:
        return 0.5 * (synthetic - 1).square()
