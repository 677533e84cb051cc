"""Generators and critics, one family a file; they see a `Spec`, never a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from ecgsynth.signals.ecg import Spec


class Settings(BaseModel):
    """The shape of a family; refuses words that it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    styles: int = 0
    """How many people the training set holds; the loop fills it in. 0 = no style code."""


@dataclass(frozen=True)
class Condition:
    """What a generated item is asked to be.

    label: [batch, class], 0 or 1.
    context: [batch, context], standardised to zero mean and unit SD over the training set.
    style: [batch], int64: which training person's style; drawn anew at generation.
    """

    label: Tensor
    context: Tensor
    style: Tensor

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: Any) -> Condition:
        return Condition(self.label[rows], self.context[rows], self.style[rows])

    def to(self, device: torch.device) -> Condition:
        return Condition(self.label.to(device), self.context.to(device), self.style.to(device))

    @staticmethod
    def cat(parts: list[Condition]) -> Condition:
        return Condition(
            torch.cat([part.label for part in parts]),
            torch.cat([part.context for part in parts]),
            torch.cat([part.style for part in parts]),
        )


class Family(Protocol):
    """A registered model family: a class with these attributes, never instantiated.

    The generator maps ([batch, latent], Condition) to [batch, lead, sample] in scaled units and
    has an attribute `latent`. The critic maps (view, Condition) to a logit [batch] and class logits
    [batch, class] or None; its `view(signal)` gives, without parameters, what it looks at of
    [batch, lead, sample], and gradient penalties are taken with respect to that.
    """

    Settings: type[Settings]
    tiny: dict[str, Any]

    @staticmethod
    def generator(settings: Any, spec: Spec) -> nn.Module: ...

    @staticmethod
    def critic(settings: Any, spec: Spec) -> nn.Module | None: ...

    @staticmethod
    def sample(generator: nn.Module, latent: Tensor, condition: Condition) -> Tensor: ...
