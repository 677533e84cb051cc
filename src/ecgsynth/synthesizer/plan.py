"""What is asked of a synthesizer, item by item: which class, and which random numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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


def is_count(number: object) -> bool:
    """Whether this is a whole number of items, 0 or more."""
    if isinstance(number, bool):
        return False
    return isinstance(number, int | np.integer) and int(number) >= 0


def counter_uniform(seed: int, first: int, count: int, width: int) -> NDArray[np.float64]:
    """[count, width] numbers in (0, 1) that depend on (seed, item, column) alone.

    A counter-based generator (Philox, Salmon et al. 2011) is set to the item's own position.
    """
    words = -(-width // 4) * 4  # Philox hands out four words per count
    philox = np.random.Philox(key=seed)
    philox.advance(first * (words // 4))
    raw = philox.random_raw(count * words).reshape(count, words)[:, :width]
    return ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
