"""One step of a training: critic and generator against each other, or a generator alone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from ecgsynth.config import Training
from ecgsynth.objectives.pairs import pair_error
from ecgsynth.training.data.batches import Batch
from ecgsynth.training.engine import autocast, average_gradients
from ecgsynth.training.optimisers import make_optimiser


class Trainer:
    """A generator, its average, its critic where the family has one, and their optimisers.

    Parameters
    ----------
    generator, critic: on the device of `fabric`. objective: of the kind that fits them.

    Attributes
    ----------
    parts, optimisers: by name, all that a snapshot keeps of them.
    """

    def __init__(
        self,
        fabric: Fabric,
        settings: Training,
        objective: Any,
        generator: nn.Module,
        critic: nn.Module | None,
    ) -> None:
        self.generator, self.critic = generator, critic
        self.average = deepcopy(generator).requires_grad_(False).eval()
        self._fabric, self._settings, self._objective = fabric, settings, objective
        self._rates = {"for_generator": settings.rate_generator}
        nets = {"for_generator": generator}
        self.parts = {"generator": generator, "average": self.average}
        if critic is not None:
            self._rates["for_critic"] = settings.rate_critic
            nets["for_critic"] = critic
            self.parts["critic"] = critic
        self.optimisers = {
            name: make_optimiser(settings, nets[name].parameters(), rate)
            for name, rate in self._rates.items()
        }

    @property
    def chance(self) -> float:
        """The loss of a critic that rates every item alike."""
        if self.critic is None:
            return 0.0
        nothing = torch.zeros(1)
        return float(self._objective.critic_term(nothing, nothing))

    def step(
        self,
        draw: Callable[[], Batch],
        altered: Callable[[Tensor], Tensor],
        rate: float,
        *,
        progress: float,
        step: int,
        pair_draw: Callable[[], Batch] | None = None,
    ) -> dict[str, float]:
        """One step of the generator and what goes with it; losses by name.

        draw: the next batch. altered: signals as the critic sees them. rate: share of the rates.
        progress: from 0 to 1 over the training. step: from 0. pair_draw: the next batch of what a
        teacher made, where the objective has a regression beside the critic.
        """
        share = self._generator_share(step * self._settings.per_step)
        for name, optimiser in self.optimisers.items():
            slow = share if name == "for_generator" else 1.0
            optimiser.param_groups[0]["lr"] = self._rates[name] * rate * slow
        with autocast(self._fabric, self._settings.precision):
            if self.critic is None:
                return self._match(draw(), step)
            moves = share > 0
            return self._play(self.critic, draw, altered, progress, step, pair_draw, moves=moves)

    def _generator_share(self, examples: int) -> float:
        """Share of its rate that the generator has once so many examples were seen.

        A generator that is good already would deceive a critic that knows nothing yet.
        """
        alone = self._settings.critic_first
        return min(max(examples / alone - 1, 0.0), 1.0) if alone and self.critic else 1.0

    def _play(
        self,
        critic: nn.Module,
        draw: Callable[[], Batch],
        altered: Callable[[Tensor], Tensor],
        progress: float,
        step: int,
        pair_draw: Callable[[], Batch] | None,
        *,
        moves: bool,
    ) -> dict[str, float]:
        """moves: whether the generator learns as well."""
        generator, objective = self.generator, self._objective

        # Critic: which of the two is real?
        critic.requires_grad_(True)
        for k in range(self._settings.critic_steps):
            batch = draw()
            # The last ones are the generator's, too: it does not change meanwhile.
            with torch.set_grad_enabled(moves and k == self._settings.critic_steps - 1):
                asked = objective.condition_of(generator, batch.real, batch.condition, step=step)
                made = batch.padded(generator(batch.latent, asked))
            real, synthetic = altered(batch.real), altered(made.detach())
            terms = objective.critic_loss(
                critic, real, synthetic, batch.condition, progress=progress, step=step
            )
            self._descend(critic, self.optimisers["for_critic"], terms)
            objective.constrain(critic)
        values = _mean_terms("critic", terms)
        if not moves:
            return values

        # Generator: make the critic take synthetic for real.
        critic.requires_grad_(False)
        terms = objective.generator_loss(
            critic, real, altered(made), batch.condition, progress=progress, step=step
        )
        if pair_draw is not None:
            batch, weight = pair_draw(), objective.settings.regression
            error = pair_error(generator, batch.real, batch.latent, batch.condition)
            terms["regression"] = weight * error
        self._descend(generator, self.optimisers["for_generator"], terms)
        return values | _mean_terms("generator", terms)

    def _match(self, batch: Batch, step: int) -> dict[str, float]:
        terms = self._objective.matching_loss(
            self.generator, batch.real, batch.latent, batch.condition, step=step
        )
        self._descend(self.generator, self.optimisers["for_generator"], terms)
        return _mean_terms("generator", terms)

    def _descend(self, net: nn.Module, optimiser: Optimizer, terms: dict[str, Tensor]) -> None:
        """One step of the optimiser down the sum of the terms."""
        loss = torch.stack([term.mean() for term in terms.values()]).sum()
        optimiser.zero_grad()
        loss.backward()
        average_gradients(self._fabric, net)
        if self._settings.clip_gradient:  # non-finite values are found in the losses
            clip_grad_norm_(net.parameters(), self._settings.clip_gradient)
        optimiser.step()

    @torch.no_grad()
    def follow(self, examples: int) -> None:
        """The weights' exponential moving average, short at first (Karras et al. 2020)."""
        half_life = min(self._settings.ema_half_life, 0.05 * examples)
        keep = 0.5 ** (self._settings.per_step / max(half_life, 1e-8))
        current = self.generator.state_dict()
        for name, average in self.average.state_dict().items():
            new = current[name]
            average.copy_(torch.lerp(new, average, keep) if average.is_floating_point() else new)


def _mean_terms(net: str, terms: dict[str, Tensor]) -> dict[str, float]:
    return {f"{net}/{name}": float(term.detach().mean()) for name, term in terms.items()}
