"""Losses and penalties: what critic and generator are asked to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from pydantic import Field
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.settings import Settings as BaseSettings


class Settings(BaseSettings):
    """Weights of an objective."""

    classes: float = Field(0.0, ge=0)
    """Weight of the auxiliary class loss, which needs a critic that gives class logits; 0 = none.
    """

    multilabel: bool = False
    """Whether an item may have several classes, or none; the loop fills it in."""


class Critic(Protocol):
    """What an objective asks of a critic (see `ecgsynth.models.Family`)."""

    def view(self, signal: Tensor) -> Tensor: ...

    def __call__(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...


class Objective(Protocol):
    """A registered objective: made from its settings, then called once per step.

    Both losses return named terms, [batch] each, already weighted, that the loop adds up;
    `progress` runs from 0 to 1 over the training, `step` counts from 0. Random numbers depend on
    `step` alone. `constrain` is called after every step of the critic's optimiser.

    `ecgsynth.objectives.adversarial.Adversarial` does all of this but the equations. One that is
    not `adversarial` has `matching_loss` alone (`ecgsynth.objectives.flow`); one `of_pairs`
    learns from what a teacher made of the noise.
    """

    Settings: type[Settings]
    adversarial: bool
    of_pairs: bool = False

    def __init__(self, settings: Any) -> None: ...

    def critic_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]: ...  # fmt: skip

    def generator_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]: ...  # fmt: skip

    def constrain(self, critic: Critic) -> None: ...
