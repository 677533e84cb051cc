"""Health of a training: critic and generator are measured on the same few items again and again.

The real items, the held-out ones and the noise are drawn once, by a random generator of their
own, so that looking changes nothing that is learned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.config import Training
from ecgsynth.training.data.batches import Batch, Partners
from ecgsynth.training.data.training_set import TrainingSet
from ecgsynth.training.monitoring import measures

ITEMS = (64, 256)
"""Fewest and most real items that are looked at; in between four batches of the training."""
PER_CLASS = 8
"""Fewest items of a class from which it gets figures."""
MOST_CLASSES = 16
"""Classes with a figure of their own, those with most items; looking must stay cheap."""
SHOWN = 48
"""Points of the sample of each class that a terminal draws."""
WITHIN_NOISE = 3.0
"""Standard errors below which a critic's gap between real and synthetic items is none."""


Sample = Callable[[nn.Module, Tensor, Condition], Tensor]
"""What a family makes of noise with its generator (`ecgsynth.models.Family`)."""


class Health:
    """Looks at a generator and its critic, if it has one.

    Parameters
    ----------
    train: the training set. heldout: gives the held-out set when it is first needed, or None;
        None where there is none.
    latent: size of the noise. sample: of the family. seed: of what is drawn once.
    """

    def __init__(
        self,
        train: TrainingSet,
        heldout: Callable[[], TrainingSet | None] | None,
        settings: Training,
        latent: int,
        sample: Sample,
        seed: int,
    ) -> None:
        self._sample = sample
        random = torch.Generator().manual_seed(seed)
        spec = train.spec
        assert train.data.label is not None
        counts = (train.data.label > 0).sum(0)
        self._watched = np.sort(np.argsort(-counts, kind="stable")[:MOST_CLASSES])
        self._names = [spec.classes[k] for k in self._watched] or ["all"]
        total = min(max(ITEMS[0], 4 * settings.batch), ITEMS[1])
        per_class = max(PER_CLASS, total // len(self._names) // 2 * 2)
        self._draw = lambda part: _fixed_batch(part, self._watched, per_class, latent, random)
        self._batch = self._draw(train)
        self._heldout = heldout
        self._aligned = spec.r_sample is not None
        self._asked = self._members(self._batch.condition.label)
        self._real = measures.RealReference(self._batch.real, self._asked, self._aligned)

    def _members(self, label: Tensor) -> Tensor:
        """[item, watched class], whether an item carries it; one column without classes."""
        return label[:, self._watched] > 0 if label.shape[1] else label.new_ones(len(label), 1) > 0

    @torch.no_grad()
    def look(self, generator: nn.Module, critic: nn.Module | None) -> dict[str, float]:
        """Figures of this moment, by name; see docs/training.md for what each of them means."""
        nets = {"generator": generator} | ({} if critic is None else {"critic": critic})
        found = {
            f"health/gradient_{name}": float(_gradient_norm([p.grad for p in net.parameters()]))
            for name, net in nets.items()
        }
        with _eval_mode(*nets.values()):
            synthetic = self._generate(generator, self._batch)
            if critic is not None:
                found |= self._critic_figures(generator, critic, synthetic)
        self._synthetic = synthetic
        found["health/amplitude"] = float(synthetic.std() / self._batch.real.std())
        more = measures.share_at_bounds(synthetic) - self._real.at_bounds
        found["health/at_bounds"] = max(more, 0.0)
        for kind, values in self._real.compare(synthetic).items():
            found |= {f"health/{kind}/{self._names[k]}": value for k, value in values.items()}
        return found

    def _generate(self, generator: nn.Module, batch: Batch) -> Tensor:
        device = next(generator.parameters()).device
        made = self._sample(generator, batch.latent.to(device), batch.condition.to(device))
        return batch.padded(made.cpu()).float()

    def _critic_figures(
        self, generator: nn.Module, critic: nn.Module, synthetic: Tensor
    ) -> dict[str, float]:
        """How well the critic separates real items, and held-out ones, from synthetic items."""
        gap = _critic_gap(critic, self._batch, synthetic)
        found = {"health/accuracy": measures.critic_accuracy(gap)}
        if (unseen := self._heldout_batch) is not None:
            gap_unseen = _critic_gap(critic, unseen, self._generate(generator, unseen))
            found["health/accuracy_heldout"] = measures.critic_accuracy(gap_unseen)
            if float(gap.mean()) > WITHIN_NOISE * float(gap.std()) / len(gap) ** 0.5:
                found["health/overfitting"] = 1 - float(gap_unseen.mean() / gap.mean())
        return found

    def samples(self) -> dict[str, list[float]]:
        """Of every class the first item that was last looked at, its first lead in SHOWN points."""
        rows = self._asked.int().argmax(0).tolist()
        drawn = nn.functional.adaptive_avg_pool1d(self._synthetic[rows, :1], SHOWN)[:, 0]
        return {
            name: [round(v, 3) for v in line]
            for name, line in zip(self._names, drawn.tolist(), strict=True)
        }

    @property
    def _heldout_batch(self) -> Batch | None:
        """The held-out batch; the set is loaded when it is first asked for."""
        if not hasattr(self, "_kept"):
            part = self._heldout() if self._heldout else None
            self._kept = None if part is None else self._draw(part)
        return self._kept

    @property
    def has_heldout(self) -> bool:
        """Whether there are held-out items, with which overfitting can be seen."""
        return self._heldout_batch is not None


def _fixed_batch(
    part: TrainingSet, watched: np.ndarray, per_class: int, latent: int, random: torch.Generator
) -> Batch:
    """So many items of every watched class that is there, in pairs of one class and style.

    Pairs are what some critics look at, and what two people of one class would blur: how much
    items differ that were asked for alike.
    """
    label = np.asarray(part.data.label)
    groups = [np.flatnonzero(label[:, k] > 0) for k in watched] or [np.arange(len(label))]
    first = [
        torch.from_numpy(rows)[torch.randperm(len(rows), generator=random)].repeat(
            -(-per_class // len(rows))
        )[: per_class // 2]
        for rows in groups
        if len(rows)
    ]
    rows = torch.cat(first)
    uniform = torch.rand(len(rows), generator=random, dtype=torch.float64)
    rows = Partners(part.data, part.style, 2).with_partners(rows, uniform)
    noise = torch.randn(len(rows), latent, generator=random)
    signal = part.signal(rows, part.starts(len(rows), random))
    return Batch(signal, part.condition[rows], noise, part.valid(rows))


def _critic_gap(critic: nn.Module, batch: Batch, synthetic: Tensor) -> Tensor:
    """By how much the critic rates every real item above its synthetic one.

    A difference of two logits of one condition: what a critic adds to all logits of a condition
    is seen by no relativistic loss, and by this gap neither.
    """
    device = next(critic.parameters()).device
    condition = batch.condition.to(device)
    logits = [
        critic(critic.view(x.to(device)), condition)[0]  # type: ignore[operator]
        for x in (batch.real, synthetic)
    ]
    return (logits[0] - logits[1]).float().cpu()


@contextmanager
def _eval_mode(*nets: nn.Module) -> Iterator[None]:
    """Without dropout, and without a trace in the averages of batch normalisation."""
    before = [net.training for net in nets]
    try:
        for net in nets:
            net.eval()
        yield
    finally:
        for net, was in zip(nets, before, strict=True):
            net.train(was)


def _gradient_norm(gradients: list[Tensor | None]) -> Tensor:
    """Euclidean norm of all gradients as one vector."""
    return torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
