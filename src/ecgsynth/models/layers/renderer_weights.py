"""Weights of a renderer for signals of other leads, labels or contexts: a start for a training."""

from __future__ import annotations

import torch
from torch import Tensor

from ecgsynth.models.layers.blocks import SLOPE
from ecgsynth.models.layers.frames import independent_leads
from ecgsynth.signals.spec import Spec

ALIKE = {"ECG1": "II", "MLII": "II", "ECG2": "V1"}
"""Leads that begin as another one, where the weights do not have them."""


def fit_weights(
    weights: dict[str, Tensor], before: Spec, after: Spec, patch: int
) -> dict[str, Tensor]:
    """The weights of a network for `before` as those of one for `after`.

    What the network makes of a lead, and of a label, is kept for those that both have. New labels
    begin without effect, and so do contexts that are gone: the network begins as if they were
    unknown. Weights that nothing can be made of stay as they are.

    patch: frames of a position.
    """
    weights = dict(weights)
    names = independent_leads(before)[0]
    wanted = [ALIKE.get(n, n) if n not in names else n for n in independent_leads(after)[0]]
    if all(name in names for name in wanted):
        rows = [names.index(name) for name in wanted]
        _choose_leads(weights, rows, len(names), patch)
    label = weights.get("embed.label.weight")
    if label is not None and after.classes != before.classes:
        columns = [
            label[:, before.classes.index(name)] if name in before.classes else 0 * label[:, 0]
            for name in after.classes
        ]
        weights["embed.label.weight"] = torch.stack(columns, 1) if columns else label[:, :0]
    if before.context and not after.context:
        _drop_context(weights)
    return weights


def _choose_leads(weights: dict[str, Tensor], rows: list[int], leads: int, patch: int) -> None:
    """Keep what belongs to these leads: of signal, known part and mask, and of what is made."""
    first = weights["start.conv.weight"]
    own = first.reshape(len(first), -1, patch, *first.shape[2:])
    events = range(leads, own.shape[1] - 2 * leads)
    known = own.shape[1] - 2 * leads
    taken = [*rows, *events, *(known + k for k in rows), *(known + leads + k for k in rows)]
    weights["start.conv.weight"] = own[:, taken].flatten(1, 2)
    for name in ("head.conv.weight", "head.conv.bias"):
        last = weights[name]
        weights[name] = last.reshape(leads, patch, *last.shape[1:])[rows].flatten(0, 1)
    weights["smooth.weight"] = weights["smooth.weight"][rows]


def _drop_context(weights: dict[str, Tensor]) -> None:
    """Take the contexts off and add what unknown ones give to the network's biases."""
    part = {n: weights.pop(n) for n in list(weights) if n.startswith("embed.context.")}
    hidden = torch.nn.functional.leaky_relu(part["embed.context.0.bias"], SLOPE)
    unknown = part["embed.context.2.weight"] @ hidden + part["embed.context.2.bias"]
    mix = weights["embed.mix.0.weight"]
    weights["embed.mix.0.bias"] = weights["embed.mix.0.bias"] + mix @ unknown
    weights["embed.mix.2.bias"] = weights["embed.mix.2.bias"] + unknown
