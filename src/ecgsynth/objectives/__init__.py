"""Losses and penalties: what critic and generator are asked to do."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ecgsynth.condition import Condition


class Settings(BaseModel):
    """Weights of an objective; refuses words that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Critic(Protocol):
    """What an objective asks of a critic (see `ecgsynth.models.Family`)."""

    def view(self, signal: Tensor) -> Tensor: ...

    def __call__(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]: ...


class Objective(Protocol):
    """A registered objective: made from its settings, then called once per step.

    Both methods return named terms, [batch] each, that the loop adds up; `progress` runs from 0
    to 1 over the training, `step` counts from 0.
    """

    Settings: type[Settings]

    def __init__(self, settings: Any) -> None: ...

    def critic_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]: ...  # fmt: skip

    def generator_loss(
        self, critic: Critic, real: Tensor, synthetic: Tensor, condition: Condition,
        *, progress: float, step: int,
    ) -> dict[str, Tensor]: ...  # fmt: skip
