"""Condition: what a generated item is asked to be; shared by models, objectives and the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


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
