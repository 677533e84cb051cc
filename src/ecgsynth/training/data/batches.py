"""Batches for the training: real items at random, what they are, and noise for synthetic ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.config import Training
from ecgsynth.errors import EcgsynthError
from ecgsynth.processes import local_rows
from ecgsynth.signals.ecg import Ecg
from ecgsynth.training.data.training_set import TrainingSet


@dataclass(frozen=True)
class Batch:
    """Real items, what they are, and noise for as many synthetic ones of the same kind.

    real: [batch, lead, sample], scaled, zero where it is padding. latent: [batch, latent].
    valid: [batch], samples before the padding; None where nothing is padded.
    """

    real: Tensor
    condition: Condition
    latent: Tensor
    valid: Tensor | None

    def padded(self, synthetic: Tensor) -> Tensor:
        """Synthetic items cut where the real ones end: padding is never generated, nor judged."""
        if self.valid is None:
            return synthetic
        place = torch.arange(synthetic.shape[-1], device=synthetic.device)
        return synthetic * (place < self.valid[:, None, None])


class Batches:
    """Draws batches of a training set.

    Parameters
    ----------
    items: the training set. pairs: whether neighbours in a batch must be of one class and style.

    Attributes
    ----------
    shares: class -> its share of what is drawn.

    Raises
    ------
    EcgsynthError: a batch of pairs is odd.
    """

    def __init__(self, items: TrainingSet, settings: Training, pairs: bool) -> None:
        data, self.items = items.data, items
        self.edges = cumulative_weights(data, settings.balance)
        self.size = settings.batch
        self.partners = Partners(data, items.style, settings.batch) if pairs else None
        chance = np.diff(self.edges.numpy(), prepend=0.0)
        share = (np.asarray(data.label) > 0).T.astype(float) @ chance
        self.shares = dict(zip(data.spec.classes, share.tolist(), strict=True))

    def draw(self, latent: int, random: torch.Generator, device: torch.device) -> Batch:
        """The next batch of this random generator, or this process's share of it; latent: size of
        the noise."""
        at = torch.rand(self.size, generator=random, dtype=torch.float64)
        rows = torch.searchsorted(self.edges, at).clamp_(max=len(self.edges) - 1)
        if self.partners is not None:
            rows = self.partners.with_partners(rows[: self.size // 2], at[self.size // 2 :])
        noise = local_rows(torch.randn(self.size, latent, generator=random))
        starts = self.items.starts(self.size, random)
        rows, starts = local_rows(rows), None if starts is None else local_rows(starts)
        if self.items.latents is not None:
            noise = self.items.latents(rows)
        valid = self.items.valid(rows)
        return Batch(
            self.items.signal(rows, starts).to(device),
            self.items.conditions(rows, starts).to(device),
            noise.to(device),
            None if valid is None else valid.to(device),
        )


class Partners:
    """For every item others of its class and style, so that a batch can be made of such pairs."""

    def __init__(self, data: Ecg, style: NDArray[np.int64], batch: int) -> None:
        if batch % 2:
            raise EcgsynthError(f"a batch of pairs is even; training.batch is {batch}.")
        group = np.unique(data.labels_id * (style.max() + 1) + style, return_inverse=True)[1]
        sizes = np.bincount(group)
        self.group, self.size = torch.from_numpy(group), torch.from_numpy(sizes)
        self.first = torch.from_numpy(np.cumsum(sizes) - sizes)
        self.order = torch.from_numpy(np.argsort(group, kind="stable"))

    def with_partners(self, rows: Tensor, uniform: Tensor) -> Tensor:
        """rows: [n], uniform: [n] in [0, 1) -> [2 n], each row followed by a partner."""
        group = self.group[rows]
        offset = (uniform * self.size[group]).long()
        return torch.stack([rows, self.order[self.first[group] + offset]], 1).flatten()


def style_codes(data: Ecg, settings: Training) -> tuple[int, NDArray[np.int64]]:
    """How many style codes there are (0 for fewer than two), and which is each item's."""
    who = data.patient if settings.styles else None
    if who is None:
        return 0, np.zeros(len(data), np.int64)
    if settings.style_minutes and data.record is not None and data.onset_s is not None:
        # People change within half an hour; a stretch of a recording is more of one kind.
        stretch = (data.onset_s // (60 * settings.style_minutes)).astype(np.int64)
        who = np.char.add(np.char.add(data.record, "/"), stretch.astype(np.str_))
    codes, style = np.unique(who, return_inverse=True)
    return (len(codes) if len(codes) > 1 else 0), style


def cumulative_weights(data: Ecg, balance: float) -> Tensor:
    """Cumulative chance of every item; a class of n items is drawn n^(1 - balance) as often."""
    weight = np.ones(len(data))
    if data.spec.classes:
        counts = np.maximum((np.asarray(data.label) > 0).sum(0), 1).astype(float)
        per_item = np.where(np.asarray(data.label) > 0, counts**-balance, 0.0)
        weight = np.maximum(per_item.max(1), counts.max() ** -balance)
    return torch.from_numpy(np.cumsum(weight / weight.sum()))
