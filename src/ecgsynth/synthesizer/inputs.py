"""What is asked of a synthesizer, item by item: which class, and which random numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import whole


class Plan:
    """Which class each item has.

    turns: classes, in rotation; with `ends`, class k goes on until item ends[k] instead.
    """

    def __init__(
        self, turns: NDArray[np.int64], total: int, ends: NDArray[np.int64] | None = None
    ) -> None:
        self.turns = turns
        self.total = total
        self.ends = ends

    def labels(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.ends is None:
            return self.turns[items % len(self.turns)]
        items = np.minimum(items, self.total - 1)
        return self.turns[np.searchsorted(self.ends, items, "right")]


@dataclass(frozen=True)
class Drawn:
    """All that is random in some items, and what they are asked to be.

    label: [item, class]. style: [item]. context: [item, context], hidden ones last.
    latent: [item, latent], standard normal.
    """

    label: NDArray[np.float32]
    style: NDArray[np.int64]
    context: NDArray[np.float64]
    latent: NDArray[np.float32]

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Drawn:
        return Drawn(*(getattr(self, column.name)[rows] for column in fields(self)))

    @staticmethod
    def cat(parts: Sequence[Drawn]) -> Drawn:
        names = [column.name for column in fields(Drawn)]
        return Drawn(*(np.concatenate([getattr(part, n) for part in parts]) for n in names))


def checked_seed(seed: int) -> int:
    """The seed as a plain number.

    Raises
    ------
    EcgsynthError: it is no whole number, or out of range.
    """
    return whole(seed, "the seed")


def counter_uniform(seed: int, first: int, count: int, width: int) -> NDArray[np.float64]:
    """[count, width] numbers in (0, 1) that depend on (seed, item, column) alone.

    A counter-based generator (Philox, Salmon et al. 2011) is set to the item's own position.
    """
    words = -(-width // 4) * 4  # Philox hands out four words per count
    philox = np.random.Philox(key=seed)
    philox.advance(first * (words // 4))
    raw = philox.random_raw(count * words).reshape(count, words)[:, :width]
    return ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
