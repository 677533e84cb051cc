"""The random numbers of some items, and what the items are asked to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.prior import Drawn

OF_PEOPLE = 1 << 64
"""Added to a seed for the random numbers of people, which are others than those of items."""


@dataclass(frozen=True)
class Inputs:
    """All that is random in some items, and what they are asked to be.

    drawn: labels, styles, contexts and further fields. latent: [item, latent], standard normal.
    """

    drawn: Drawn
    latent: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.latent)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Inputs:
        return Inputs(self.drawn[rows], self.latent[rows])

    @staticmethod
    def cat(parts: Sequence[Inputs]) -> Inputs:
        """Several inputs as one."""
        latent = np.concatenate([part.latent for part in parts])
        return Inputs(Drawn.cat([part.drawn for part in parts]), latent)


def counter_uniform(seed: int, first: int, count: int, width: int) -> NDArray[np.float64]:
    """[count, width] numbers in (0, 1) that depend on (seed, item, column) alone.

    A counter-based generator (Philox, Salmon et al. 2011) is set to the item's own position.
    """
    words = -(-width // 4) * 4  # Philox hands out four words per count
    philox = np.random.Philox(key=seed)
    philox.advance(first * (words // 4))
    raw = philox.random_raw(count * words).reshape(count, words)[:, :width]
    return ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
