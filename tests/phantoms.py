"""A synthesizer that hands out simulated beats: what a generator without faults would make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.simulator.records import Noise, simulate_beats
from ecgsynth.synthesizer import Card, Synthesizer

SHARES = {"N": 0.6, "S": 0.2, "V": 0.2}


def halves(count: int = 1200) -> tuple[Ecg, Ecg]:
    """Beats of one simulated crowd in two random halves."""
    beats = simulate_beats(
        count, patients=6, beats=SHARES, noise=Noise(muscle_mv=0.01), seed=4
    ).with_classes(("N", "S", "V"))
    order = np.random.default_rng(0).permutation(len(beats))
    one, other = (replace(beats, marks=None)[rows] for rows in np.array_split(order, 2))
    return one, other


class Phantoms(Synthesizer):
    """Item k of a class is one out of a pool, by (seed, k); every `flaw`-th is spoilt.

    spoil: what is done to those, [sample] to [sample].
    """

    def __init__(self, pool: Ecg, every: int = 0, spoil: Any = np.zeros_like) -> None:
        self.pool, self.every, self.spoil = pool, every, spoil
        card = Card(
            name="phantoms", id="phantoms-1a2b3c4d", run={}, spec=pool.spec.to_json(), scaler={},
            prior={}, left_out={"Q": "nobody simulates them"},
        )  # fmt: skip
        prior = ContextPrior.fit(pool, np.zeros(len(pool), np.int64))
        sampler: Any = SimpleNamespace(
            spec=pool.spec, card=card, prior=prior, priors=[prior], size=256
        )
        self.sampler = sampler

    def stream(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float] | None = None,
        chunk: int = 4096,
        start: int = 0,
        stop: int | None = None,
    ) -> Iterator[Ecg]:
        super().stream(count, label, seed, context, chunk, start, stop)  # its refusals
        assert isinstance(count, int)
        names = [label] if isinstance(label, str) else list(label or self.spec.classes)
        parts = []
        for k in range(start, count if stop is None else stop):
            pool = self.pool.of_class(names[k % len(names)])
            item = pool[int(np.random.default_rng([seed, k]).integers(len(pool)))]
            if self.every and k % self.every == 0:
                signal = np.array(item.signal)
                signal[0, 0] = self.spoil(signal[0, 0])
                item = replace(item, signal=signal)
            parts.append(item)
        made = concatenate(parts)
        source = f"synthetic:{self.card.id}"
        yield replace(made, patient=None, record=None, onset_s=None, source=source)
