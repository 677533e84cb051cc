"""Generators and critics, one family a file; they see a `Spec`, never a data set."""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import Field
from torch import Tensor, nn

from ecgsynth.condition import Condition as Condition
from ecgsynth.settings import Settings as BaseSettings
from ecgsynth.signals.spec import Spec


class Settings(BaseSettings):
    """The shape of a family."""

    styles: int = Field(0, ge=0)
    """How many people the training set holds; the loop fills it in. 0 = no style code."""

    pairs: bool = False
    """Whether the critic compares neighbours in the batch; the loop then makes the batch of pairs
    of one class and person."""


class Family(Protocol):
    """A registered model family: a class with these attributes, never instantiated.

    The generator maps ([batch, latent], Condition) to [batch, lead, sample] in scaled units and
    has an attribute `latent`. The critic maps (view, Condition) to a logit [batch] and class logits
    [batch, class] or None; its `view(signal)` computes, without parameters, what it sees of [batch,
    lead, sample]. Gradient penalties are taken with respect to the view. A family that is not
    `adversarial` has None for a critic, takes an objective of its own kind, and its generator is
    asked by `sample` alone.

    takes: which fields of `Condition.more` it needs, such as ("events",). block: items that are
    computed together, always in the same blocks. any_rate: whether the same weights make signals of
    any rate. student: whether the generator can learn from what a teacher of the same network made
    of noise (`ecgsynth.objectives.pairs`). A family may have `fit_weights(weights, before, after)`:
    the weights of a network of one `Spec` as a start for one of another.
    """

    Settings: type[Settings]
    tiny: dict[str, Any]
    adversarial: bool
    takes: tuple[str, ...] = ()
    block: int = 256
    any_rate: bool = False
    student: bool = False

    @staticmethod
    def generator(settings: Any, spec: Spec) -> nn.Module: ...

    @staticmethod
    def critic(settings: Any, spec: Spec) -> nn.Module | None: ...

    @staticmethod
    def sample(generator: nn.Module, latent: Tensor, condition: Condition) -> Tensor: ...


class OneStep:
    """What adversarial families share: their generator makes an item in one step."""

    adversarial = True
    takes: tuple[str, ...] = ()
    block = 256

    @staticmethod
    def sample(generator: nn.Module, latent: Tensor, condition: Condition) -> Tensor:
        made: Tensor = generator(latent, condition)
        return made


class WithoutCritic:
    """What families share that learn alone, without a critic."""

    adversarial = False
    takes: tuple[str, ...] = ()
    block = 256

    @staticmethod
    def critic(settings: Settings, spec: Spec) -> None:  # noqa: ARG004
        return None
