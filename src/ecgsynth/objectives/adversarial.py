"""What all adversarial objectives share: the order of a loss, the class term, the slope."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from ecgsynth.condition import Condition
from ecgsynth.errors import EcgsynthError
from ecgsynth.objectives import Critic
from ecgsynth.objectives import Settings as BaseSettings
from ecgsynth.objectives.hiding import show_some
from ecgsynth.processes import process_count, process_number

SEED = 0x5E7C
"""Keeps the known parts apart from whatever else is drawn at a step of the same number."""


class Settings(BaseSettings):
    """Weights of an adversarial objective."""

    regression: float = Field(0.0, ge=0)
    """Weight of the error against what `training.teacher` made of the same noise, so that a
    student keeps what it learned from its teacher; 0 = none."""
    show: float = Field(0.0, ge=0, le=0.5)
    """Share of the items of which the generator knows a part, for families that take one."""


class Adversarial:
    """A critic's and a generator's loss, made of the two equations that a subclass gives.

    The terms are `adversarial`, `classes` where `settings.classes` is above 0, and the penalties.
    The critic's logit is unbounded: a sigmoid, where a publication has one, is part of the loss.
    """

    Settings: type[BaseSettings] = Settings
    adversarial = True

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    # What a subclass defines; logits and terms are [batch].

    def critic_term(self, real: Tensor, synthetic: Tensor) -> Tensor:
        """The critic's loss, of its logits of real and of synthetic items."""
        raise NotImplementedError

    def generator_term(self, synthetic: Tensor) -> Tensor:
        """The generator's loss, of the logits of synthetic items, less their `reference`."""
        raise NotImplementedError

    def reference(self, critic: Critic, real: Tensor, condition: Condition) -> Tensor | float:
        """What the generator's logits are measured against: 0, save where items are compared."""
        return 0.0

    def penalises(self, step: int) -> bool:
        """Whether `penalty` is asked at this step; `view` then takes part in the gradient."""
        return False

    def penalty(
        self, critic: Critic, view: Tensor, logit: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Weighted penalties on the critic's slope.

        view: [2 batch, ...], real items before synthetic ones. logit: [2 batch], of these.
        condition: of the batch.
        """
        return {}

    def constrain(self, critic: Critic) -> None:
        """Bring the critic's weights back to where they are allowed: everywhere."""

    # What the loop calls.

    def condition_of(
        self, generator: Any, real: Tensor, condition: Condition, *, step: int
    ) -> Condition:
        """The condition as the generator has it: with a part of some real items known."""
        share = self.settings.show
        if not share:
            return condition
        seed = (SEED + step) * process_count() + process_number()
        random = torch.Generator().manual_seed(seed)
        chosen = torch.rand(len(real), generator=random) < share
        return show_some(condition, generator.framed(real), chosen.to(real.device), random)

    def critic_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Named terms, [batch] each; no gradient reaches the generator.

        Raises
        ------
        EcgsynthError: class loss is asked of a critic that gives no class logits.
        """
        penalises = self.penalises(step)
        view = critic.view(torch.cat([real, synthetic]).detach()).requires_grad_(penalises)
        # A penalty is differentiated twice, and fused attention has no second derivative.
        with sdpa_kernel(SDPBackend.MATH) if penalises else nullcontext():
            logit, class_logit = _float(*critic(view, Condition.cat([condition, condition])))
            terms = {"adversarial": self.critic_term(*logit.chunk(2))}
            # Of real items alone: the critic must not learn classes from a poor generator.
            known = None if class_logit is None else class_logit[: len(real)]
            terms |= self._class_term(known, condition.label)
            if penalises:
                terms |= self.penalty(critic, view, logit, condition, progress=progress, step=step)
        return terms

    def generator_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]:  # fmt: skip
        """Named terms, [batch] each; `synthetic` carries the gradient to the generator.

        Raises
        ------
        EcgsynthError: class loss is asked of a critic that gives no class logits.
        """
        reference = self.reference(critic, real, condition)
        logit, class_logit = _float(*critic(critic.view(synthetic), condition))
        terms = {"adversarial": self.generator_term(logit - reference)}
        return terms | self._class_term(class_logit, condition.label)

    def _class_term(self, class_logit: Tensor | None, label: Tensor) -> dict[str, Tensor]:
        """Weighted cross-entropy of the asked classes (AC-GAN, Odena et al. 2017, eq. 3).

        class_logit: [batch, class], of real items in the critic's loss, of synthetic ones in the
        generator's. label: [batch, class], 0 or 1; each class is a question of its own where
        items may have several.
        """
        weight = self.settings.classes
        if not weight:
            return {}
        if class_logit is None or not class_logit.shape[1]:
            raise EcgsynthError(
                f"the class loss (objective.classes={weight:g}) needs a critic that classifies, "
                "and this one does not; set model.class_head=true where the data have classes "
                "and the model knows the word, or objective.classes=0."
            )
        if self.settings.multilabel:
            loss = F.binary_cross_entropy_with_logits(class_logit, label, reduction="none").mean(1)
        else:
            loss = F.cross_entropy(class_logit, label, reduction="none")
        return {"classes": weight * loss}


def _float(logit: Tensor, class_logit: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Logits of a network that counts in bfloat16, for losses that count in float32."""
    return logit.float(), None if class_logit is None else class_logit.float()


def slope(logit: Tensor, view: Tensor) -> Tensor:
    """Each item's gradient of its logit with respect to its view, [batch, number]."""
    (gradient,) = torch.autograd.grad(logit.sum(), view, create_graph=True)
    return gradient.flatten(1)
