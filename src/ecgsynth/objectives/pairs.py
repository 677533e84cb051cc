"""The objective of a student: what its teacher makes of noise in many passes, in one."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.objectives import Settings as BaseSettings
from ecgsynth.registry import OBJECTIVES


@OBJECTIVES.register("pairs")
class PairRegression:
    """Squared error of one pass against what a teacher makes of the same noise (Liu et al. 2023).

    For families without a critic, in a training with `training.teacher`. Liu et al., ICLR 2023,
    call it the distillation of a rectified flow.
    """

    adversarial = False
    of_pairs = True

    class Settings(BaseSettings):
        """show: share of the pairs of which a part is known, of another signal of the same beats;
        for families that take one.
        """

        classes: float = Field(0.0, ge=0, le=0)
        """No critic, no class logits."""
        show: float = Field(0.0, ge=0, le=0.5)

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    def matching_loss(
        self,
        generator: Any,
        real: Tensor,
        noise: Tensor,
        condition: Condition,
        *,
        step: int,
    ) -> dict[str, Tensor]:
        """Named terms, [batch] each.

        real: [batch, lead, sample], what the teacher made of noise [batch, latent].
        """
        return {"pairs": pair_error(generator, real, noise, condition)}


def pair_error(generator: Any, real: Tensor, noise: Tensor, condition: Condition) -> Tensor:
    """[batch] squared error of one pass, as in `PairRegression.matching_loss`."""
    start = noise.new_zeros(len(noise))
    made = generator(generator.shaped(noise, condition), condition, start)
    error: Tensor = (made - generator.encode(real)).square().flatten(1).mean(1)
    return error
