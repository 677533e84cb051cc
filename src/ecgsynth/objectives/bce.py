"""Binary cross-entropy on logits, the generator's non-saturating."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from ecgsynth.objectives.adversarial import Adversarial
from ecgsynth.registry import OBJECTIVES


@OBJECTIVES.register("bce")
class BCE(Adversarial):
    """Binary cross-entropy, the generator's non-saturating (Goodfellow et al., NeurIPS 2014)."""

    def critic_term(self, real: Tensor, synthetic: Tensor) -> Tensor:
        # Eq. 1, negated: -log D(x) - log(1 - D(G(z))), where D = sigmoid(logit).
        return softplus(-real) + softplus(synthetic)

    def generator_term(self, synthetic: Tensor) -> Tensor:
        # Section 3: -log D(G(z)) has the fixed point of log(1 - D(G(z))), and early gradients.
        return softplus(-synthetic)
