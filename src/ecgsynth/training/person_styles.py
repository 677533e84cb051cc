"""The styles of new people in a model that has a code per person: found from their beats."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models.layers.condition_weights import STYLE
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.training.data.training_set import TrainingSet

BEATS, FEW_BEATS = 32, 8
"""Beats of a person whose mean is compared, and those that the network makes at each step."""

STEPS = 40
"""Steps of the descent."""

RATE = 0.05
"""Of the descent; styles differ by about 1 in every number."""

PEOPLE_AT_ONCE = 16


def find_styles(model: Synthesizer, items: TrainingSet) -> Tensor:
    """[style, width] the vector of every person of a set.

    Each begins as that of the training person of the model whose beats, made for this person's
    class and RR, are nearest to his own on average. Then gradient descent on the vector alone
    brings the mean of what the network makes nearer to his mean. Of a model without styles all
    begin as zero, without effect, and of one of several passes as the mean of its people.

    items: the set; its scaler is the model's.
    """
    codes = int(items.style.max(initial=0)) + 1
    table = model.weights().get(STYLE)
    family: Any = getattr(model.sampler, "family", None)
    if table is None:
        width = getattr(getattr(model.generator, "embed", None), "width", 0)
        return torch.zeros(codes, width)
    if not issubclass(family, OneStep):
        return table.mean(0).repeat(codes, 1)
    groups = torch.arange(codes).split(PEOPLE_AT_ONCE)
    return torch.cat([_styles_of(model, items, group.tolist(), table) for group in groups])


def _styles_of(model: Synthesizer, items: TrainingSet, people: list[int], table: Tensor) -> Tensor:
    """[person, width] the vectors of some people. table: [style, width], of the model's."""
    rows = _rows_of_people(items, people, [*model.spec.classes])
    random = torch.Generator().manual_seed(0)
    size = int(model.generator.latent)  # type: ignore[arg-type]
    latent = torch.randn(BEATS, size, generator=random).repeat(len(people), 1)
    real = items.signal(rows.flatten()).reshape(len(people), BEATS, -1).mean(1)
    condition = _as_asked(model, items, rows.flatten())

    def error(vectors: Tensor, beats: int) -> Tensor:
        """[person] squared distance between what the network makes of so many beats and reality."""
        first = torch.arange(len(latent)) % (BEATS // beats) == 0
        asked = condition[first]
        asked = replace(asked, style=torch.arange(len(people)).repeat_interleave(beats))
        made = torch.func.functional_call(model.generator, {STYLE: vectors}, (latent[first], asked))
        return (made.reshape(len(people), beats, -1).mean(1) - real).square().mean(1)

    with torch.inference_mode():
        far = torch.stack([error(one.repeat(len(people), 1), FEW_BEATS) for one in table])
    nearest = table[far.argmin(0)]
    vectors = nearest.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([vectors], RATE)
    for _ in range(STEPS):
        optimiser.zero_grad()
        error(vectors, FEW_BEATS).sum().backward()
        optimiser.step()
    with torch.no_grad():
        better = error(vectors, BEATS) < error(nearest, BEATS)
    return torch.where(better[:, None], vectors.detach(), nearest)


def _rows_of_people(items: TrainingSet, people: list[int], known: list[str]) -> Tensor:
    """[person, BEATS] rows of each person: of the class of his that the model knows and that he has
    most of, evenly over his recording; some repeat where he has fewer."""
    names, found = items.data.labels_str, []
    for code in people:
        own = np.flatnonzero(items.style == code)
        there = [name for name in known if (names[own] == name).any()]
        if there:
            most = max(there, key=lambda name: int((names[own] == name).sum()))
            own = own[names[own] == most]
        found.append(own[np.linspace(0, len(own) - 1, BEATS).round().astype(int)])
    return torch.from_numpy(np.stack(found))


def _as_asked(model: Synthesizer, items: TrainingSet, rows: Tensor) -> Condition:
    """What the model is asked for to make beats like these: in its own classes and contexts."""
    data, spec = items.data, model.spec
    at = rows.numpy()
    label = np.zeros((len(at), len(spec.classes)), np.float32)
    for k, name in enumerate(spec.classes):
        if name in data.spec.classes:
            label[:, k] = np.asarray(data.label)[at, data.spec.class_index(name)]
    context = np.full((len(at), len(spec.context)), np.nan)
    for k, name in enumerate(spec.context):
        if name in data.spec.context:
            context[:, k] = np.asarray(data.context)[at, data.spec.context.index(name)]
    return Condition(
        torch.from_numpy(label),
        torch.from_numpy(model.prior.standardise(context)),
        torch.zeros(len(at), dtype=torch.int64),
    )
