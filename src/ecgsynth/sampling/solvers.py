"""Solvers of the path from noise to signal of flow matching."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor


def heun(
    clean: Callable[[Tensor, float], Tensor], noise: Tensor, steps: int, bend: float = 1.0
) -> Tensor:
    """The signal at the end of the straight path from noise, by Heun's method.

    Two passes of the network a step, but one in the last: at the end the slope has no denominator.
    One step is thus one pass: what the network takes for the signal when it sees noise alone.

    Parameters
    ----------
    clean: gives the clean signal of what lies on the path at time t; 0 is noise, 1 is signal.
    noise: [batch, ...]. steps: of the method. bend: above 1 the steps are shorter towards the end,
        where detail is decided (Karras et al., NeurIPS 2022); below 1 at the beginning, where size
        is.
    """
    times = 1 - (1 - np.linspace(0, 1, steps + 1)) ** bend
    y = noise
    for now, then in zip(times[:-1].tolist(), times[1:].tolist(), strict=True):
        slope = (clean(y, now) - y) / (1 - now)
        ahead = y + (then - now) * slope
        if then < 1:
            slope = 0.5 * (slope + (clean(ahead, then) - ahead) / (1 - then))
        y = y + (then - now) * slope
    return y
