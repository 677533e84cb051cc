"""How many people a stored number needs, and what becomes of one that fewer people gave."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.ecg import Ecg

PEOPLE = 5
"""A number that is stored or offered comes from at least so many people, or is made coarse."""

COARSE = 0.1
"""Share of a number's size up to which the step of its rounding may be wide."""


def people_of(ecg: Ecg) -> NDArray[np.int64]:
    """[item] number of the person who gave each item: by patient, else by recording; of a set
    that names neither, all items count as one person's."""
    names = ecg.patient if ecg.patient is not None else ecg.record
    if names is None:
        return np.zeros(len(ecg), np.int64)
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def has_few_people(ecg: Ecg) -> bool:
    """Whether fewer than PEOPLE people gave the items."""
    return len(np.unique(people_of(ecg))) < PEOPLE


def coarse_step(size: float) -> float:
    """The widest of 1, 2 and 5 times a power of ten that is at most COARSE of this size."""
    most = COARSE * abs(size)
    if not 0 < most < math.inf:
        return 0.0
    power = 10.0 ** math.floor(math.log10(most))
    return power * max(digit for digit in (1, 2, 5) if digit * power <= most * (1 + 1e-9))


def round_coarse(number: float) -> float:
    """A number rounded to its coarse step: .7568 becomes .75, 363 becomes 360."""
    step = coarse_step(number)
    return round(round(number / step) * step, 12) if step else 0.0


def round_mean_and_sd(mean: float, sd: float) -> tuple[float, float]:
    """Mean and SD of many people, both rounded to the coarse step of the SD.

    Of two sets that differ by one person, the difference of exact means is that person's number.
    """
    step = coarse_step(sd)
    return (round(round(mean / step) * step, 12), round_coarse(sd)) if step else (mean, sd)


def round_to_steps(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positive numbers, each as the nearest of 1, 2 and 5 times a power of ten."""
    power = np.floor(np.log10(numbers))
    steps = np.log10([1.0, 2.0, 5.0, 10.0])
    nearest = np.abs(np.log10(numbers)[:, None] - power[:, None] - steps).argmin(1)
    return np.asarray(10.0**power * np.array([1.0, 2.0, 5.0, 10.0])[nearest])
