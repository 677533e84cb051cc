"""The difference of two medians, with its interval over people.

The jackknife does not hold for medians (Efron 1982), so people are drawn with repetition, of both
sets independently.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation.metric import MIN_ITEMS, Estimate, too_few
from ecgsynth.signals.ecg import Ecg

DRAWS = 1000
"""Bootstrap draws of people."""


def median_difference(
    synthetic: tuple[NDArray, NDArray], real: tuple[NDArray, NDArray], random: np.random.Generator,
    digits: int = 0,
) -> Estimate:  # fmt: skip
    """The median of synthetic values minus that of real ones, with its 95 % interval over people.

    Parameters
    ----------
    synthetic, real: ([item] values, NaN where unknown; [item] person).
    digits: of the medians in the note.
    """
    known = [(value[np.isfinite(value)], person[np.isfinite(value)])
             for value, person in (synthetic, real)]  # fmt: skip
    fewest = min(len(value) for value, _ in known)
    if fewest < MIN_ITEMS:
        return too_few(fewest)
    one, other = (float(np.median(value)) for value, _ in known)
    drawn = [drawn_medians(value, person, random) for value, person in known]
    low, high = np.quantile(drawn[0] - drawn[1], [0.025, 0.975]).tolist()
    value = one - other
    people = len(np.unique(known[1][1]))
    note = f"median {one:.{digits}f}, of real items {other:.{digits}f}"
    return Estimate(value, min(low, value), max(high, value), note, f"{people} people")


def drawn_medians(
    value: NDArray, person: NDArray, random: np.random.Generator
) -> NDArray[np.float64]:
    """[DRAWS] medians of values [item] whose people are drawn with repetition."""
    order = np.argsort(value, kind="stable")
    names, number = np.unique(person[order], return_inverse=True)
    share = np.full(len(names), 1 / len(names))
    weight = random.multinomial(len(names), share, DRAWS)[:, number]
    total = np.cumsum(weight, 1)
    half = total[:, -1:] / 2
    ends = [(total >= half).argmax(1), (total > half).argmax(1)]
    ascending = np.asarray(value, np.float64)[order]
    return np.asarray((ascending[ends[0]] + ascending[ends[1]]) / 2)


def people_of_items(ecg: Ecg) -> NDArray:
    """[item] its person; every item has one of its own where the set names none."""
    return np.arange(len(ecg)) if ecg.patient is None else np.asarray(ecg.patient)


def holm(estimates: Sequence[Estimate]) -> NDArray[np.float64]:
    """[estimate] p that a difference is 0, after Holm (Scand. J. Stat. 1979) for all of them.

    p is that of a normal law with the width of the interval; NaN where there is no interval.
    """
    from scipy.special import ndtr

    p = np.full(len(estimates), np.nan)
    for k, one in enumerate(estimates):
        if one.low is not None and one.high is not None and np.isfinite(one.value):
            # The end of the interval that lies towards 0 decides: it may be skewed.
            reach = one.value - one.low if one.value > 0 else one.high - one.value
            p[k] = 2 * ndtr(-abs(one.value) / max(reach / 1.96, 1e-12)) if one.value else 1.0
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * np.arange(len(order), 0, -1)
    p[order] = np.minimum(1.0, np.maximum.accumulate(scaled)) if len(order) else scaled
    return p
