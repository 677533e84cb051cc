"""Weights of a conditional network for other classes, contexts and styles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ecgsynth.models.layers.blocks import SLOPE
from ecgsynth.signals.spec import Spec

LABEL, STYLE = "embed.label.weight", "embed.style.weight"
CONTEXT = ("embed.context.0.weight", "embed.context.0.bias", "embed.context.2.weight",
           "embed.context.2.bias")  # fmt: skip
MIX = ("embed.mix.0.weight", "embed.mix.0.bias", "embed.mix.2.bias")


@dataclass(frozen=True)
class Tables:
    """What a network is asked for, and how: by these its embedding of conditions is laid out.

    spec: classes and contexts. mean, sd: [context], by which contexts are standardised.
    """

    spec: Spec
    mean: np.ndarray
    sd: np.ndarray


def fit_condition(
    weights: dict[str, Tensor], before: Tables, after: Tables, styles: Tensor | None
) -> dict[str, Tensor]:
    """The weights of a network with a `ConditionEmbedding` for other tables.

    What it makes of a class or a context that both have stays as it is, to the digit: new means and
    SDs of contexts go into the first layer. A new class begins as the mean of the known ones; where
    an item may carry several, it begins without effect. A context that is gone, or that is new,
    begins as if it were unknown.

    styles: [style, width], the vectors of the people from now on; one alone becomes a part of the
    network; None keeps the table as it is.
    """
    weights = dict(weights)
    if LABEL in weights:
        _fit_labels(weights, before.spec, after.spec)
    if CONTEXT[0] in weights:
        _fit_contexts(weights, before, after)
    if styles is not None:
        _fit_styles(weights, styles)
    return weights


def _fit_labels(weights: dict[str, Tensor], before: Spec, after: Spec) -> None:
    table = weights.pop(LABEL)
    known = [before.classes.index(name) for name in after.classes if name in before.classes]
    new = 0 * table[:, 0] if after.multilabel or not known else table[:, known].mean(1)
    columns = [
        table[:, before.classes.index(name)] if name in before.classes else new
        for name in after.classes
    ]
    if columns:
        weights[LABEL] = torch.stack(columns, 1)


def _fit_contexts(weights: dict[str, Tensor], before: Tables, after: Tables) -> None:
    first, bias = weights[CONTEXT[0]], weights[CONTEXT[1]]
    names = before.spec.context
    kept = torch.zeros(len(first), len(after.spec.context), dtype=first.dtype)
    for k, name in enumerate(after.spec.context):
        if name not in names:
            continue
        old = names.index(name)
        kept[:, k] = first[:, old] * float(after.sd[k] / before.sd[old])
        bias = bias + first[:, old] * float((after.mean[k] - before.mean[old]) / before.sd[old])
    weights[CONTEXT[0]], weights[CONTEXT[1]] = kept, bias
    if after.spec.context:
        return
    hidden = torch.nn.functional.leaky_relu(bias, SLOPE)
    _add_to_all(weights, weights[CONTEXT[2]] @ hidden + weights[CONTEXT[3]])
    for name in CONTEXT:
        weights.pop(name)


def _fit_styles(weights: dict[str, Tensor], styles: Tensor) -> None:
    weights.pop(STYLE, None)
    if len(styles) > 1:
        weights[STYLE] = styles.clone()
    elif len(styles):
        _add_to_all(weights, styles[0])


def _add_to_all(weights: dict[str, Tensor], vector: Tensor) -> None:
    """Add a vector to the embedding of every condition: x + mix(x), of which mix has two layers."""
    first, bias, last = MIX
    weights[bias] = weights[bias] + weights[first] @ vector
    weights[last] = weights[last] + vector
