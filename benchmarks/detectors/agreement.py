"""Figures of agreement, from counts of beats: F1, rank correlation, and the ceiling of halves.

Counts are arrays [person, SNR, detector, 3]: beats that were detected, missed, and falsely added.
F1 is gross, of the sums over people. Intervals draw people anew, the same ones on both sides, as a
synthetic recording replays its person's rhythm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

RATIOS: tuple[float | None, ...] = (None, 24.0, 18.0, 12.0, 6.0, 0.0)
"""Signal to noise, dB; None: nothing is added."""

HARD = (12.0, 6.0, 0.0)
"""Over which the figures are averaged: with less noise most detectors are equally good."""

DRAWS = 1000
"""Of people, for intervals, and of halves."""

Counts = NDArray[np.int64]
Values = NDArray[np.float64]


def f1(counts: Counts) -> Values:
    """[SNR, detector] gross F1 of the people given."""
    hit, missed, false = np.moveaxis(counts.sum(0), -1, 0)
    return np.asarray(2 * hit / np.maximum(2 * hit + missed + false, 1))


def rank_correlation(one: Values, other: Values) -> Values:
    """[SNR] Spearman's correlation over detectors; 0 where all are equal in one of both."""
    a, b = (rankdata(values, axis=-1) for values in (one, other))
    a, b = (ranks - ranks.mean(-1, keepdims=True) for ranks in (a, b))
    size = np.sqrt((a**2).sum(-1) * (b**2).sum(-1))
    return np.asarray(np.where(size > 0, (a * b).sum(-1) / np.where(size > 0, size, 1), 0.0))


def difference(one: Values, other: Values) -> Values:
    """[SNR] mean over detectors of the absolute difference of F1."""
    return np.asarray(np.abs(one - other).mean(-1))


def shift(one: Values, other: Values) -> Values:
    """[SNR] mean over detectors of F1 of the first less that of the other."""
    return np.asarray((one - other).mean(-1))


FIGURES: dict[str, Callable[[Values, Values], Values]] = {
    "rank_correlation": rank_correlation, "difference": difference, "shift": shift,
}  # fmt: skip


def compare(synthetic: Counts, real: Counts, seed: int = 0) -> dict[str, Any]:
    """Figure -> by SNR, and mean over HARD with its 95 % interval over people."""
    random = np.random.default_rng(seed)
    draws = [random.integers(len(real), size=len(real)) for _ in range(DRAWS)]
    whole = np.arange(len(real))
    return {
        name: _row([figure(f1(synthetic[who]), f1(real[who])) for who in [whole, *draws]])
        for name, figure in FIGURES.items()
    }


def halves(real: Counts, seed: int = 0) -> dict[str, Any]:
    """The same figures between random halves of the people: median, and 95 % of the halves."""
    random = np.random.default_rng(seed)
    pairs = [np.array_split(random.permutation(len(real)), 2) for _ in range(DRAWS)]
    found = {}
    for name in ("rank_correlation", "difference"):
        rows = [FIGURES[name](f1(real[one]), f1(real[other])) for one, other in pairs]
        found[name] = _row([np.median(rows, axis=0), *rows])
        found[name]["hard"][0] = round(float(np.median([_hard(row) for row in rows])), 4)
    return found


def _hard(row: Values) -> float:
    return float(np.mean([row[RATIOS.index(one)] for one in HARD]))


def _row(rows: Sequence[Values]) -> dict[str, Any]:
    """The first row, and its mean over HARD with 95 % of the others."""
    others = [_hard(row) for row in rows[1:]]
    low, high = np.quantile(others, [0.025, 0.975])
    return {
        "by_snr": [round(float(value), 4) for value in rows[0]],
        "hard": [round(float(value), 4) for value in (_hard(rows[0]), low, high)],
    }


def summarise(rows: dict[str, dict[str, Any]], real: str) -> dict[str, Any]:
    """Everything that the page shows: F1 of each recorder, comparisons, and the ceiling.

    rows: recorder -> record -> counts; real: which of them is what all others are compared with, on
    the records that both have.
    """
    shown, compared = {}, {}
    for name, found in rows.items():
        both = [record for record in rows[real] if record in found]
        if not both:
            continue
        one, other = (np.array([part[record] for record in both]) for part in (found, rows[real]))
        shown[name] = np.round(f1(one), 4).tolist()
        if name != real:
            compared[name] = {"people": len(both)} | compare(one, other)
    whole = np.array([*rows[real].values()])
    return {"f1": shown, "compared": compared, "halves": {"people": len(whole)} | halves(whole)}
