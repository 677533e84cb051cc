"""Condition: what a generated item is asked to be; shared by models, objectives and the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Condition:
    """What generated items are asked to be: tensors by name, each with a row an item.

    Attributes
    ----------
    label: [batch, class], 0 or 1.
    context: [batch, context], standardised to zero mean and unit SD over the training set.
    style: [batch], int64: which training person's style; drawn anew at generation. Of synthetic
    people [batch, style], shares of several people's styles.
    more: whatever else a family takes, by name, such as a track of events [batch, event, sample].
    """

    label: Tensor
    context: Tensor
    style: Tensor
    more: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {"label": self.label, "context": self.context, "style": self.style, **self.more}

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: Any) -> Condition:
        return self.map(lambda tensor: tensor[rows])

    def to(self, device: torch.device) -> Condition:
        """The same condition on a device."""
        return self.map(lambda tensor: tensor.to(device))

    def map(self, change: Callable[[Tensor], Tensor]) -> Condition:
        """The same fields, each of them changed."""
        return _of({name: change(tensor) for name, tensor in self.fields.items()})

    def hidden(self, rows: Tensor) -> Condition:
        """Without labels and contexts where `rows` [batch] is true.

        A label or context of zeros then stands for what nobody knows.
        """
        kept = (~rows).to(self.label)[:, None]
        return replace(self, label=self.label * kept, context=self.context * kept)

    @staticmethod
    def cat(parts: Sequence[Condition]) -> Condition:
        """Several batches as one; all have the same fields."""
        names = parts[0].fields
        return _of({name: torch.cat([part.fields[name] for part in parts]) for name in names})


def _of(fields: Mapping[str, Tensor]) -> Condition:
    own = ("label", "context", "style")
    more = {name: tensor for name, tensor in fields.items() if name not in own}
    return Condition(fields["label"], fields["context"], fields["style"], more)
