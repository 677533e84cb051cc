"""A set as the model sees it: scaled signals, labels, contexts, who gave them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ecgsynth.condition import Condition
from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.scaling import Hidden, Scaler, masked, measure_hidden

log = logging.getLogger("ecgsynth")

UNSEEN = ("heldout", "validation")
"""Splits with which a training may be compared, the better one first; a test split never is."""
ENOUGH = 256
"""Held-out items of a class that are kept; some dozens of them are looked at."""


@dataclass(frozen=True)
class Prepared:
    """signal: [item, lead, sample], scaled, zero where it is padding. style: [item], its code."""

    data: Ecg
    signal: NDArray[np.float32]
    condition: Condition
    style: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        data: Ecg,
        style: NDArray[np.int64],
        scaler: Scaler,
        prior: ContextPrior,
        hidden: Hidden,
    ) -> Prepared:
        """The set with the scaler and the prior of the training; hidden: of these items."""
        condition = Condition(
            torch.from_numpy(np.asarray(data.label)),
            torch.from_numpy(prior.standardise(np.asarray(data.context))),
            torch.from_numpy(style.astype(np.int64)),
        )
        return cls(data, masked(scaler.forward(data.signal, hidden), data.valid), condition, style)


def heldout_of(run: Run, train: Prepared, scaler: Scaler, prior: ContextPrior) -> Prepared | None:
    """Items that are like the training set's but not in it, or None where there are none.

    `mitbih:train` has `mitbih:heldout`, `ptbxl:train` has `ptbxl:validation`. A model with a code
    per training person can only be asked for these people, so that of other people's items
    nothing is left.
    """
    splits = [run.data.split.replace("train", name) for name in UNSEEN]
    known = DATASETS.get(run.data.name).splits
    for split in splits:
        if split == run.data.split or split not in known:
            continue
        try:
            data = load(run.data.name, split, **run.data.settings)
        except EcgsynthError as problem:
            log.info("nothing is held out: %s", problem)
            continue
        style = np.zeros(len(data), np.int64)
        if train.style.any():
            code = _codes(run, train)
            who = data.patient if data.patient is not None else np.array([""] * len(data))
            style = np.array([code.get(str(name), -1) for name in who], np.int64)
        rows = _some(data, np.flatnonzero(style >= 0), run.seed)
        if data.spec == train.data.spec and len(rows):
            data, style = data[rows], style[rows]
            return Prepared.of(data, style, scaler, prior, measure_hidden(scaler, data))
    return None


def _codes(run: Run, train: Prepared) -> dict[str, int]:
    """The style code of every person; none where a code means a stretch of a recording."""
    if run.training.style_minutes or train.data.patient is None:
        return {}
    return dict(zip(train.data.patient.tolist(), train.style.tolist(), strict=True))


def _some(data: Ecg, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """At most ENOUGH of these items for every class."""
    rows = np.random.default_rng(seed).permutation(rows)
    if not data.spec.classes:
        return np.sort(rows[:ENOUGH])
    label = np.asarray(data.label)[rows] > 0
    return np.unique(np.concatenate([rows[mine][:ENOUGH] for mine in label.T]))
