"""Pairs of noise and of the signal that a teacher makes of it, from which a student learns."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ecgsynth.arguments import quote
from ecgsynth.datasets.store import data_root
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.progress import count_bar
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import Events
from ecgsynth.signals.scaling import Scaler, measure_hidden
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.inputs import Inputs
from ecgsynth.synthesizer.rates import with_rate
from ecgsynth.synthesizer.sampler import NetworkSampler
from ecgsynth.training.data.training_set import TrainingSet

log = logging.getLogger("ecgsynth")

CHUNK = 16
"""Blocks of a teacher that are kept as one file."""


@dataclass(frozen=True)
class Pairs:
    """What a teacher made of some noise.

    Attributes
    ----------
    teacher: at the rate of the pairs. data: its items. inputs: noise and conditions of them.
    """

    teacher: NetworkSampler
    data: Ecg
    inputs: Inputs

    @property
    def events(self) -> Events | None:
        """Events of the items; None where there are none."""
        return self.inputs.drawn.more.get("events")

    def latents(self, rows: Tensor) -> Tensor:
        """[row, latent] the noise of these items."""
        return torch.from_numpy(self.inputs.latent[rows.numpy()].astype(np.float32))

    def items(self, scaler: Scaler) -> TrainingSet:
        """The pairs as a set that a student learns from. scaler: of the training."""
        hidden, style = measure_hidden(scaler, self.data), np.zeros(len(self.data), np.int64)
        items = TrainingSet.of(
            self.data, style, scaler, self.teacher.prior, hidden, events=self.events
        )
        return replace(items, latents=self.latents)


def make_pairs(model: str, count: int, fs: float, seed: int) -> Pairs:
    """Pairs of a teacher, of the kinds that it makes when nothing is asked.

    They are made piece by piece and kept next to the parsed recordings, so that who stops continues
    where he was.

    Parameters
    ----------
    model: where the teacher is. count: pairs. fs: rate of the signals, Hz.

    Raises
    ------
    EcgsynthError: the teacher cannot be read, was joined of several, or has another rate.
    """
    loaded = Synthesizer.load(model).sampler
    if not isinstance(loaded, NetworkSampler):
        raise EcgsynthError(
            f"training.teacher={quote(model)} was joined of several models; name one of them."
        )
    teacher = with_rate(loaded, fs)
    steps = getattr(teacher.generator, "steps", 1)
    # The id is that of the weights; what is drawn and how it is sampled stands on the card.
    key = [teacher.card.id, teacher.spec.to_json(), steps, teacher.size, CHUNK, seed,
           teacher.card.prior, teacher.card.run["model"]]  # fmt: skip
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    folder = data_root() / "cache" / f"pairs-{digest}"
    signals, inputs = [], []
    asked = np.resize(np.array(teacher.prior.turns, np.str_), teacher.size)
    with count_bar("pairs") as progress:
        task = progress.add_task("pairs of the teacher", total=count)
        for start in range(0, count, CHUNK * teacher.size):
            firsts = range(start, min(start + CHUNK * teacher.size, count), teacher.size)
            drawn = [teacher.draw(first, asked, seed, {}) for first in firsts]
            path, done = folder / f"{start:07d}-{len(drawn)}.npy", min(firsts.stop, count)
            if path.is_file():  # reading is faster than making
                progress.update(task, since=(done, time.monotonic()))
            signals.append(_kept(path, teacher, drawn))
            inputs += [Inputs(one.drawn, one.latent.astype(np.float16)) for one in drawn]
            progress.update(task, completed=done)
    whole = Inputs.cat(inputs)
    asked_of, spec = whole.drawn, teacher.spec
    context = asked_of.context[:, : len(spec.context)].astype(np.float32)
    source = f"synthetic:{teacher.card.id}"
    data = Ecg(np.concatenate(signals), spec, asked_of.label, context, source=source)
    return Pairs(teacher, data, whole)


def _kept(path: Path, teacher: NetworkSampler, drawn: list[Inputs]) -> np.ndarray:
    """[item, lead, sample] float16, mV, what the teacher makes of these; from the file if there."""
    if os.path.isfile(path):
        with suppress(OSError, ValueError, EOFError):  # a damaged one is replaced
            return np.asarray(np.load(path, allow_pickle=False))
    # The noise is kept at half precision, so that it is made of that very noise.
    half = [Inputs(o.drawn, o.latent.astype(np.float16).astype(np.float32)) for o in drawn]
    made = np.concatenate([teacher.items(one, teacher.scaled(one)).signal for one in half])
    made = made.astype(np.float16)
    content = io.BytesIO()
    np.save(content, made)
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(content.getvalue())
    except EcgsynthError as problem:  # without a cache, the next training takes longer
        log.warning("the pairs could not be cached: %s", problem)
    return made
