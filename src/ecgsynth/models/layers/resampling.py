"""Cosines of a window: resampling and whitening as matrices that are exact within a band."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cosines(rows: int, samples: int) -> NDArray[np.float64]:
    """[row, sample], the first cosines of a window, orthonormal (DCT-II)."""
    k, n = np.arange(rows)[:, None], np.arange(samples)
    found = np.sqrt(2 / samples) * np.cos(np.pi * (n + 0.5) * k / samples)
    found[0] /= np.sqrt(2)
    return np.asarray(found)


def resampling(samples: int, to: int, gain: NDArray[np.float64] | None = None) -> NDArray:
    """[sample, to], float32: what resamples a window of one length to another.

    gain: [cosine], by which each of them is multiplied on the way; min(samples, to) of them.
    """
    shared = min(samples, to)
    gain = np.ones(shared) if gain is None else gain[:shared]
    matrix = cosines(shared, samples).T * (gain * np.sqrt(to / samples)) @ cosines(shared, to)
    return matrix.astype(np.float32)
