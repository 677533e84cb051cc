"""Pairs of noise and of the signal that a teacher makes of it, from which a student learns."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ecgsynth.arguments import quote
from ecgsynth.datasets.store import data_root
from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write
from ecgsynth.objectives.hiding import random_parts
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
class KnownParts:
    """What is known of some items.

    row: [item], where its part stands, -1 = nothing is known. signal: [part, lead, frame] float16,
    scaled. mask: of the same shape, 1 where it is known.
    """

    row: NDArray[np.int64]
    signal: NDArray[np.float16]
    mask: NDArray[np.uint8]

    def __call__(self, rows: Tensor) -> dict[str, Tensor]:
        """`known` and `mask` [row, lead, frame] of these items, as a renderer takes them."""
        at = self.row[rows.numpy()]
        there = (at >= 0)[:, None, None]
        return {
            "known": torch.from_numpy(np.where(there, self.signal[at], 0).astype(np.float32)),
            "mask": torch.from_numpy(np.where(there, self.mask[at], 0).astype(np.float32)),
        }


@dataclass(frozen=True)
class Pairs:
    """What a teacher made of some noise.

    Attributes
    ----------
    teacher: at the rate of the pairs. data: its items. inputs: noise and conditions of them.
    known: what it knew of them; None = nothing of any.
    """

    teacher: NetworkSampler
    data: Ecg
    inputs: Inputs
    known: KnownParts | None = None

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
        return replace(items, latents=self.latents, known=self.known)


def make_pairs(model: str, count: int, fs: float, seed: int, show: float = 0.0) -> Pairs:
    """Pairs of a teacher, of the kinds that it makes when nothing is asked.

    They are made piece by piece and kept next to the parsed recordings, so that who stops continues
    where he was.

    Parameters
    ----------
    model: where the teacher is. count: pairs. fs: rate of the signals, Hz. show: share of them of
    which the teacher knows a part, of another signal that it made of the same beats.

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
           teacher.card.prior, teacher.card.run["model"], *([show] if show else [])]  # fmt: skip
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    folder = data_root() / "cache" / f"pairs-{digest}"
    chunks = []
    asked = np.resize(np.array(teacher.prior.turns, np.str_), teacher.size)
    with count_bar("pairs") as progress:
        task = progress.add_task("pairs of the teacher", total=count)
        for start in range(0, count, CHUNK * teacher.size):
            firsts = range(start, min(start + CHUNK * teacher.size, count), teacher.size)
            drawn = [teacher.draw(first, asked, seed, {}) for first in firsts]
            path, done = folder / f"{start:07d}-{len(drawn)}.npy", min(firsts.stop, count)
            if path.is_file():  # reading is faster than making
                progress.update(task, since=(done, time.monotonic()))
            chunks.append(_chunk(path, teacher, drawn, int(show * len(drawn)), seed + start))
            progress.update(task, completed=done)
    whole = Inputs.cat([one.inputs for one in chunks])
    asked_of, spec = whole.drawn, teacher.spec
    context = asked_of.context[:, : len(spec.context)].astype(np.float32)
    source = f"synthetic:{teacher.card.id}"
    signal = np.concatenate([one.signal for one in chunks])
    data = Ecg(signal, spec, asked_of.label, context, source=source)
    return Pairs(teacher, data, whole, _known_of(chunks) if show else None)


@dataclass(frozen=True)
class _Chunk:
    """Pairs that are kept as one file; the last ones are those of which a part is known.

    inputs: noise at half precision. signal: [item, lead, sample] float16, mV. known, mask: [item
    with a part, lead, frame].
    """

    inputs: Inputs
    signal: NDArray[np.float16]
    known: NDArray[np.float16]
    mask: NDArray[np.uint8]


def _known_of(chunks: Sequence[_Chunk]) -> KnownParts:
    """The known parts of all chunks."""
    known, mask = (np.concatenate([getattr(c, name) for c in chunks]) for name in ("known", "mask"))
    there = np.concatenate(
        [np.arange(len(c.signal)) >= len(c.signal) - len(c.known) for c in chunks]
    )
    return KnownParts(np.where(there, np.cumsum(there) - 1, -1), known, mask)


def _chunk(
    path: Path, teacher: NetworkSampler, drawn: list[Inputs], with_known: int, seed: int
) -> _Chunk:
    """The pairs of some blocks, from their file if it is there.

    with_known: so many blocks, the last ones, repeat the beats of the first ones with noise of
    their own and know a part of what was made of these.
    """
    # The noise is kept at half precision, so that it is made of that very noise.
    half = [Inputs(one.drawn, one.latent.astype(np.float16)) for one in drawn]
    kept = _read(path)
    plain, last = half[: len(half) - with_known], half[len(half) - with_known :]
    rows = sum(map(len, plain))
    signal = _signals_of(teacher, plain) if kept is None else kept[:rows]
    last = [Inputs(one.drawn, noise.latent) for one, noise in zip(plain, last, strict=False)]
    none = np.zeros((0, 1, 1))
    known, mask = none.astype(np.float16), none.astype(np.uint8)
    if last:
        known, mask = _parts(teacher, signal[: sum(map(len, last))], seed)
    if kept is None:
        parts = np.split(np.arange(len(known)), np.cumsum([len(one) for one in last])[:-1])
        with_parts = [_with(one, known[at], mask[at]) for one, at in zip(last, parts, strict=False)]
        kept = np.concatenate([signal, _signals_of(teacher, with_parts)]) if last else signal
        _keep(path, kept)
    return _Chunk(Inputs.cat([*plain, *last]), kept, known, mask)


def _parts(
    teacher: NetworkSampler, signal: NDArray[np.float16], seed: int
) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """A random part of each signal [item, lead, sample], mV: known and mask, as in `KnownParts`."""
    generator: Any = teacher.generator
    scaled = teacher.scaler.forward(signal.astype(np.float32), {})
    framed = generator.framed(torch.from_numpy(scaled))
    mask = random_parts(framed, torch.Generator().manual_seed(seed))
    return (framed * mask).numpy().astype(np.float16), mask.numpy().astype(np.uint8)


def _with(inputs: Inputs, known: NDArray[np.float16], mask: NDArray[np.uint8]) -> Inputs:
    """The inputs with a part that is known."""
    more = {"known": known.astype(np.float32), "mask": mask.astype(np.float32)}
    return replace(inputs, drawn=replace(inputs.drawn, more={**inputs.drawn.more, **more}))


def _signals_of(teacher: NetworkSampler, inputs: Sequence[Inputs]) -> NDArray[np.float16]:
    """[item, lead, sample] mV, what the teacher makes of these."""
    whole = [replace(one, latent=one.latent.astype(np.float32)) for one in inputs]
    signal = np.concatenate([teacher.items(one, teacher.scaled(one)).signal for one in whole])
    return signal.astype(np.float16)


def _read(path: Path) -> NDArray[np.float16] | None:
    if os.path.isfile(path):
        with suppress(OSError, ValueError, EOFError):  # a damaged one is replaced
            return np.asarray(np.load(path, allow_pickle=False))
    return None


def _keep(path: Path, signal: NDArray[np.float16]) -> None:
    content = io.BytesIO()
    np.save(content, signal)
    try:
        with atomic_write(path) as temporary:
            temporary.write_bytes(content.getvalue())
    except EcgsynthError as problem:  # without a cache, the next training takes longer
        log.warning("the pairs could not be cached: %s", problem)
