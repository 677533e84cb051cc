"""The training loop: one adversarial step after another, read from top to bottom."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor

from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.models import Condition
from ecgsynth.registry import MODELS, OBJECTIVES
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.scaling import GlobalScaler
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training import snapshots
from ecgsynth.training.card import make_card
from ecgsynth.training.tracking import Tracker

log = logging.getLogger("ecgsynth")

Report = Callable[[int, dict[str, float]], None]
"""Called after every logged step with (examples seen, values); the command draws a bar with it."""


def train(
    run: Run,
    to: str | Path | None = None,
    *,
    data: Ecg | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> Synthesizer:
    """Train a generator; progress is counted in examples (real items) seen.

    The random numbers of a step depend on (seed, step) alone, so that resuming equals not
    stopping and needs no random state on disk.

    Parameters
    ----------
    run: what to train. to: the run folder; None keeps nothing on disk.
    data: the training set; loaded as the run says when left out.
    resume: go on from the folder's snapshot.

    Raises
    ------
    EcgsynthError: an empty class, a used folder without `resume`, nothing to resume, a recipe
        that differs from the snapshot's, a loss that is not finite (the last snapshot stays).
    KeyboardInterrupt: after a snapshot and a usable model were written.
    """
    settings = run.training
    if settings.threads:
        torch.set_num_threads(settings.threads)
    folder = snapshots.open_folder(to, run, resume) if to else None
    data = data if data is not None else load(run.data.name, run.data.split, **run.data.settings)
    _check(data)
    fabric = Fabric(accelerator=settings.accelerator, devices=settings.devices, precision=settings.precision)
    fabric.launch()

    # What the model sees of the data: scaled signals, labels, contexts, who gave them.
    scaler = GlobalScaler.fit(data)
    people, style = np.unique(
        data.patient if settings.styles and data.patient is not None else np.zeros(len(data)),
        return_inverse=True,
    )
    styles = len(people) if len(people) > 1 else 0
    prior = ContextPrior.fit(data, style)
    signal = torch.from_numpy(scaler.forward(data.signal))
    whole = Condition(
        torch.from_numpy(np.asarray(data.label)),
        torch.from_numpy(prior.standardise(data.context)),
        torch.from_numpy(style.astype(np.int64)),
    )
    edges = _sampling_edges(data, settings.balance)

    family = MODELS.get(run.model.name)
    model_settings = run.model_settings(styles=styles)
    torch.manual_seed(run.seed)
    generator = family.generator(model_settings, data.spec)
    critic = family.critic(model_settings, data.spec)
    average = deepcopy(generator).requires_grad_(False).eval()
    objective = OBJECTIVES.get(run.objective.name)(run.objective_settings())
    adam = {"betas": settings.betas, "eps": 1e-8}
    for_generator = torch.optim.Adam(generator.parameters(), settings.rate_generator, **adam)
    for_critic = torch.optim.Adam(critic.parameters(), settings.rate_critic, **adam)
    parts = {"generator": generator, "average": average, "critic": critic}
    optimisers = {"for_generator": for_generator, "for_critic": for_critic}
    step = snapshots.restore(folder, parts, optimisers) if folder and resume else 0
    average.to(fabric.device)
    generator, for_generator = fabric.setup(generator, for_generator)
    critic, for_critic = fabric.setup(critic, for_critic)

    steps = math.ceil(settings.examples / settings.batch)
    card = make_card(run, data, scaler, prior, styles)
    synthesizer = Synthesizer(average, card)
    tracker = Tracker(folder, step * settings.batch) if folder else None

    def snapshot() -> None:
        """Everything needed to go on, and the model as it stands."""
        synthesizer.generator.eval()
        card.examples_seen = step * settings.batch
        if folder is None or not fabric.is_global_zero:
            return
        snapshots.keep(folder, step, run, parts, optimisers)
        synthesizer.save(folder / "model.safetensors")
        (folder / "card.json").write_text(card.model_dump_json(indent=1))
        if settings.keep_every and _crossed(step, settings.batch, settings.keep_every):
            synthesizer.save(folder / "kept" / f"{step * settings.batch:09d}.safetensors")
        if tracker:
            tracker.samples(step * settings.batch, synthesizer.generate(24, seed=0))

    sums: dict[str, float] = {}
    began, counted = time.perf_counter(), 0
    try:
        while step < steps:
            progress = step / steps
            rate = settings.rate_end + (1 - settings.rate_end) * (1 + math.cos(math.pi * progress)) / 2
            for_generator.param_groups[0]["lr"] = settings.rate_generator * rate
            for_critic.param_groups[0]["lr"] = settings.rate_critic * rate
            random = torch.Generator().manual_seed((run.seed * 1_000_003 + step) % 2**63)

            # Critic: which of the two is real?
            critic.requires_grad_(True)
            for _ in range(settings.critic_steps):
                real, condition, latent = _draw(
                    signal, whole, edges, settings.batch, generator.latent, random, fabric.device
                )
                with torch.no_grad():
                    synthetic = generator(latent, condition)
                terms = objective.critic_loss(
                    critic, real, synthetic, condition, progress=progress, step=step
                )
                loss = torch.stack([term.mean() for term in terms.values()]).sum()
                for_critic.zero_grad()
                fabric.backward(loss)
                for_critic.step()
            values = {f"critic/{name}": float(term.detach().mean()) for name, term in terms.items()}

            # Generator: make the critic take synthetic for real.
            critic.requires_grad_(False)
            terms = objective.generator_loss(
                critic, real, generator(latent, condition), condition, progress=progress, step=step
            )
            loss = torch.stack([term.mean() for term in terms.values()]).sum()
            for_generator.zero_grad()
            fabric.backward(loss)
            for_generator.step()
            values |= {f"generator/{name}": float(term.detach().mean()) for name, term in terms.items()}
            step += 1
            _follow(average, generator, step * settings.batch, settings)

            # Keep watch, keep a log, keep what was reached.
            if not all(math.isfinite(value) for value in values.values()):
                raise EcgsynthError(
                    f"the training diverged after {step * settings.batch:,} examples (a loss is "
                    "not finite); the last snapshot is whole. Resume with lower rates, as in "
                    "training.rate_generator=1e-4 training.rate_critic=1e-4."
                )
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + value
            counted += 1
            if step % settings.log_every == 0 or step == steps:
                seconds = time.perf_counter() - began
                line = {name: total / counted for name, total in sums.items()}
                line["examples_per_second"] = counted * settings.batch / seconds
                if tracker and fabric.is_global_zero:
                    tracker.scalars(step * settings.batch, line)
                if report:
                    report(step * settings.batch, line)
                sums, counted, began = {}, 0, time.perf_counter()
            due = [settings.snapshot_every, settings.keep_every or settings.snapshot_every]
            if any(_crossed(step, settings.batch, every) for every in due) and step < steps:
                snapshot()
        snapshot()
    except KeyboardInterrupt:
        snapshot()
        raise
    finally:
        if tracker:
            tracker.close()
    return synthesizer


def _draw(
    signal: Tensor, whole: Condition, edges: Tensor, batch: int, latent: int,
    random: torch.Generator, device: torch.device,
) -> tuple[Tensor, Condition, Tensor]:  # fmt: skip
    """A batch of real items, what they are, and noise for as many synthetic ones."""
    at = torch.rand(batch, generator=random, dtype=torch.float64)
    rows = torch.searchsorted(edges, at).clamp_(max=len(edges) - 1)
    noise = torch.randn(batch, latent, generator=random)
    return signal[rows].to(device), whole[rows].to(device), noise.to(device)


def _sampling_edges(data: Ecg, balance: float) -> Tensor:
    """Cumulative chance of every item; a class of n items is drawn n^(1 - balance) as often."""
    weight = np.ones(len(data))
    if data.spec.classes:
        counts = np.maximum((np.asarray(data.label) > 0).sum(0), 1).astype(float)
        per_item = np.where(np.asarray(data.label) > 0, counts**-balance, 0.0)
        weight = np.maximum(per_item.max(1), counts.max() ** -balance)
    return torch.from_numpy(np.cumsum(weight / weight.sum()))


@torch.no_grad()
def _follow(average: torch.nn.Module, generator: Any, examples: int, settings: Any) -> None:
    """Exponential moving average of the weights, short at first (Karras et al. 2020)."""
    half_life = min(settings.ema_half_life, 0.05 * examples)
    keep = 0.5 ** (settings.batch / max(half_life, 1e-8))
    theirs = dict(generator.module.state_dict())
    for name, mine in average.state_dict().items():
        mine.copy_(torch.lerp(theirs[name], mine, keep) if mine.is_floating_point() else theirs[name])


def _check(data: Ecg) -> None:
    """Refuse a training set that cannot give a good model; warn of one that may not."""
    if not np.isfinite(data.signal).all():
        raise EcgsynthError("the training signals hold NaN or infinity; drop those items first.")
    for name, total in data.counts().items():
        if total == 0:
            raise EcgsynthError(
                f"class '{name}' has no item in {data.source}; leave it out of data.classes."
            )
        if total < 30:
            log.warning("class '%s' has only %d items; expect copies of them.", name, total)


def _crossed(step: int, batch: int, every: int) -> bool:
    """Whether this step passed a multiple of `every` examples."""
    return step * batch // every > (step - 1) * batch // every
