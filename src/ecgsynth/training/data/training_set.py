"""The training set as the model sees it: scaled signals, labels, contexts, who gave them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecgsynth.condition import Condition
from ecgsynth.config import Run
from ecgsynth.datasets import load, unseen_splits
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import Events, shift_events
from ecgsynth.signals.prior import Prior
from ecgsynth.signals.scaling import Hidden, Scaler, measure_hidden, zero_padding
from ecgsynth.signals.spec import Spec
from ecgsynth.training.data.events import known_events

log = logging.getLogger("ecgsynth")

ENOUGH = 256
"""Held-out items of a class that are kept; some dozens of them are looked at."""


@dataclass(frozen=True)
class TrainingSet:
    """Real items as the model sees them: scaled when they are drawn, so that a set of recordings
    may stay on the disk, memory-mapped, and is never in memory twice.

    Attributes
    ----------
    data: the items. scaler, hidden: from mV to the model's units; hidden: of these items.
    condition: what they are, standardised. style: [item], its code.
    latents: gives the noise of items that a teacher made of it; None = noise is drawn anew.
    known: gives what is known of items, as `known` and `mask`; None = nothing.
    window: samples of the windows that are drawn from the items at random places; None = whole
        items.
    """

    data: Ecg
    scaler: Scaler
    hidden: Hidden
    condition: Condition
    style: NDArray[np.int64]
    window: int | None = None
    latents: Callable[[Tensor], Tensor] | None = None
    known: Callable[[Tensor], dict[str, Tensor]] | None = None

    @classmethod
    def of(
        cls,
        data: Ecg,
        style: NDArray[np.int64],
        scaler: Scaler,
        prior: Prior,
        hidden: Hidden,
        window_s: float = 0.0,
        events: Events | None = None,
    ) -> TrainingSet:
        """The set with the scaler and the prior of the training.

        hidden: of these items. window_s: 0 = whole items. events: of these items, where the model
        takes them.

        Raises
        ------
        EcgsynthError: the window does not fit the items, or these are padded.
        """
        condition = Condition(
            torch.from_numpy(np.asarray(data.label)),
            torch.from_numpy(prior.standardise(np.asarray(data.context))),
            torch.from_numpy(style.astype(np.int64)),
            {} if events is None else {"events": torch.from_numpy(events)},
        )
        window = _window_of(data, window_s)
        return cls(data, scaler, hidden, condition, style, window)

    @property
    def spec(self) -> Spec:
        """Of what the model sees: the windows, or the whole items."""
        if self.window is None:
            return self.data.spec
        return replace(self.data.spec, samples=self.window, r_sample=None)

    def __len__(self) -> int:
        return len(self.data)

    def starts(self, count: int, random: torch.Generator) -> Tensor | None:
        """[count] first samples of windows at random places; None of whole items."""
        if self.window is None:
            return None
        places = self.data.spec.samples - self.window + 1
        return (torch.rand(count, generator=random, dtype=torch.float64) * places).long()

    def conditions(self, rows: Tensor, starts: Tensor | None = None) -> Condition:
        """What these items, or these windows of them, are."""
        condition = self.condition[rows]
        if self.known is not None:
            condition = replace(condition, more={**condition.more, **self.known(rows)})
        events = condition.more.get("events")
        if events is None or self.window is None or starts is None:
            return condition
        fs = self.data.spec.fs
        moved = shift_events(events.numpy(), starts.numpy() / fs, self.window / fs)
        return replace(condition, more={**condition.more, "events": torch.from_numpy(moved)})

    def signal(self, rows: Tensor, starts: Tensor | None = None) -> Tensor:
        """[row, lead, sample] of these items, scaled, zero where it is padding.

        starts: [row], where the windows begin, as `starts` gives them.
        """
        at = rows.numpy()
        if self.window is None or starts is None:
            signal = np.asarray(self.data.signal[at])
        else:  # of a set on the disk, the windows alone are read
            pieces = zip(at, starts.tolist(), strict=True)
            signal = np.stack(
                [self.data.signal[row, :, start : start + self.window] for row, start in pieces]
            )
        hidden = {name: values[at] for name, values in self.hidden.items()}
        valid = None if self.data.valid is None else self.data.valid[at]
        return torch.from_numpy(zero_padding(self.scaler.forward(signal, hidden), valid))

    def valid(self, rows: Tensor) -> Tensor | None:
        """[row] samples before the padding; None where nothing is padded."""
        if self.data.valid is None:
            return None
        return torch.from_numpy(self.data.valid[rows.numpy()])


def _window_of(data: Ecg, window_s: float) -> int | None:
    if not window_s:
        return None
    samples = round(window_s * data.spec.fs)
    if data.valid is not None:
        raise EcgsynthError(
            "training.window_s takes windows out of whole recordings, and these items are padded; "
            "leave it out."
        )
    if not 1 < samples <= data.spec.samples:
        raise EcgsynthError(
            f"training.window_s={window_s:g} does not fit items of {data.spec.seconds:g} s; give "
            "a length within them."
        )
    return samples if samples < data.spec.samples else None


def load_heldout(run: Run, train: TrainingSet, prior: Prior) -> TrainingSet | None:
    """Items that are like the training set's but not in it, or None where there are none.

    `mitbih:train` has `mitbih:heldout`, `ptbxl:train` has `ptbxl:validation`. A model with a code
    per training person can only be asked for these people, so that of other people's items
    nothing is left.
    """
    for split in unseen_splits(run.data.name, run.data.split):
        try:
            data = load(run.data.name, split, **run.data.settings)
        except EcgsynthError as problem:
            log.info("nothing is held out: %s", problem)
            continue
        style = np.zeros(len(data), np.int64)
        if train.style.any():
            code = _style_codes(run, train)
            who = data.patient if data.patient is not None else np.array([""] * len(data))
            style = np.array([code.get(str(name), -1) for name in who], np.int64)
        rows = _sample_rows(data, np.flatnonzero(style >= 0), run.seed)
        if data.spec == train.data.spec and len(rows):
            data, style = data[rows], style[rows]
            hidden = measure_hidden(train.scaler, data)
            events = known_events(data) if "events" in train.condition.more else None
            return TrainingSet.of(
                data, style, train.scaler, prior, hidden, run.training.window_s, events
            )
    return None


def _style_codes(run: Run, train: TrainingSet) -> dict[str, int]:
    """The style code of every person; none where a code means a stretch of a recording."""
    if run.training.style_minutes or train.data.patient is None:
        return {}
    return dict(zip(train.data.patient.tolist(), train.style.tolist(), strict=True))


def _sample_rows(data: Ecg, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """At most ENOUGH of these items for every class."""
    rows = np.random.default_rng(seed).permutation(rows)
    if not data.spec.classes:
        return np.sort(rows[:ENOUGH])
    label = np.asarray(data.label)[rows] > 0
    return np.unique(np.concatenate([rows[members][:ENOUGH] for members in label.T]))
