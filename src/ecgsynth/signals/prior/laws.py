"""Joint distribution of some numbers, measured so that no single person can be identified.

Stored are quantiles and rank correlations. Every stored number comes from at least `PEOPLE` people,
none of whom has more than one `PEOPLE`th of the weight, however many items they gave. Where there
are fewer people, it is made coarse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.anonymity import COARSE, PEOPLE, coarse_step, round_mean_and_sd

LEVELS = np.concatenate([[0.01], np.arange(0.05, 1.0, 0.05), [0.99]])
"""Levels of the stored quantiles; what lies beyond is never drawn."""

ENOUGH_ITEMS = 20
"""Items of a person that show their spread; a person with so many has half the weight of one with
very many."""

CROWD = 100
"""People who show the spread of a number that each of them has only once."""

LEAST = 1e-6
"""Below it a number is none: what no spread is less than, so that one can divide by it."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """Quantiles of some numbers and their correlations (a normal copula).

    quantiles: [number, level]; a row of NaN where no one has the number.
    correlation: [number, number], of the normal scores.
    """

    quantiles: Values
    correlation: Values

    def draw(self, uniform: Values, first: int = 0) -> Values:
        """[item, number] from uniform ones; the column `first` is drawn before the others, so that
        its level is the uniform number itself."""
        from scipy.special import ndtr, ndtri

        order = [first, *(k for k in range(len(self.quantiles)) if k != first)]
        score = np.empty(uniform.shape)
        if len(self.quantiles):
            factor = np.linalg.cholesky(self.correlation[np.ix_(order, order)])
            score[:, order] = ndtri(uniform[:, order]) @ factor.T
        return self.whole(self.at(ndtr(score)))

    def at(self, level: Values) -> Values:
        """Values at these levels; level: [item, number]."""
        level = LEVELS[0] + (LEVELS[-1] - LEVELS[0]) * level
        values = np.empty(level.shape)
        for k, row in enumerate(self.quantiles):
            values[:, k] = np.interp(level[:, k], LEVELS, row)
        return values

    def whole(self, values: Values) -> Values:
        """The values with those that are yes or no made whole and none outside the quantiles."""
        values = np.clip(values, self.quantiles[:, 0], self.quantiles[:, -1])
        yes_or_no = ((self.quantiles == 0) | (self.quantiles == 1)).all(1)
        return np.where(yes_or_no, np.round(values), values)

    def moments(self, column: int, low: float = 0.0, high: float = 1.0) -> tuple[float, float]:
        """Mean and SD of a number between two levels; 0 where no one has it."""
        level = np.tile(low + (high - low) * (np.arange(200) + 0.5) / 200, (1, 1)).T
        values = np.nan_to_num(Law(self.quantiles[[column]], np.eye(1)).at(level))
        return float(values.mean()), float(values.std())

    def to_json(self) -> dict[str, Any]:
        rows = self.quantiles.round(4).tolist()
        return {
            "quantiles": [None if np.isnan(row).any() else row for row in rows],
            "correlation": self.correlation.round(4).tolist(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], width: int) -> Law:
        """What `to_json` gave; width: how many numbers there are.

        Raises
        ------
        KeyError, TypeError, ValueError: something is missing or of another form.
        """
        unknown = [np.nan] * len(LEVELS)
        rows = [unknown if row is None else row for row in data["quantiles"]]
        quantiles = np.asarray(rows, np.float64).reshape(width, len(LEVELS))
        correlation = np.asarray(data["correlation"], np.float64).reshape(width, width)
        if (np.diff(quantiles) < 0).any() or not np.isfinite(correlation).all():
            raise ValueError("its quantiles fall, or its correlations are no numbers")
        if width and np.linalg.eigvalsh(correlation)[0] <= 0:
            raise ValueError("its correlations are none")
        return cls(quantiles, correlation)


def fit_law(values: Values, person: NDArray[np.int64], step: Values) -> Law:
    """The law of these numbers.

    `person_weights` gives the weights of people. A number is described by quantiles, each of them
    the mean of the nearest values of PEOPLE people. That needs so many people with ENOUGH_ITEMS
    items each (or CROWD people with any), who have values in common. Else a number is described by
    mean and SD, as a normal distribution, both in steps of at most a tenth of the SD. Where fewer
    than PEOPLE people have it, mean and SD come in coarse steps, the SD being at least one step.

    Parameters
    ----------
    values: [item, number], NaN where unknown. person: [item].
    step: [number], the least width of a coarse step.
    """
    rows = [_quantiles(*one, person) for one in zip(values.T, step, strict=True)]
    quantiles = np.array(rows).reshape(values.shape[1], len(LEVELS))
    return Law(quantiles, _correlation(values, person, quantiles))


def _quantiles(values: Values, step: float, person: NDArray[np.int64]) -> Values:
    """[level] of one number."""
    from scipy.special import ndtri

    known = np.isfinite(values)
    values, person = values[known], person[known]
    if not len(values):
        return np.full(len(LEVELS), np.nan)
    weight, count = person_weights(person), np.unique(person, return_counts=True)[1]
    mean = float(np.average(values, weights=weight))
    sd = float(np.sqrt(np.average((values - mean) ** 2, weights=weight)))
    yes_or_no = bool(np.isin(values, (0, 1)).all())
    if len(count) < PEOPLE:
        if yes_or_no:
            return (LEVELS > 0.5).astype(np.float64)  # one toss of a coin
        step = max(step, coarse_step(mean), coarse_step(sd / COARSE))
        if step:
            mean, sd = round(mean / step) * step, max(1, np.ceil(sd / step)) * step
    elif yes_or_no:
        return (1 - mean < LEVELS).astype(np.float64)
    else:
        if len(count) >= CROWD or (count >= ENOUGH_ITEMS).sum() >= PEOPLE:
            low, *_, high = _nearest_people(values, person, weight)
            # The tails in which fewer people have values are left out.
            inner = (values >= low - LEAST) & (values <= high + LEAST)
            if len(np.unique(person[inner])) >= PEOPLE:
                return _nearest_people(values[inner], person[inner], weight[inner])
        mean, sd = round_mean_and_sd(mean, sd)
    return mean + sd * ndtri(LEVELS)


def person_weights(person: NDArray[np.int64]) -> Values:
    """[item] weights of sum 1 with which people count: alike where each gave many items, less for
    who gave few (n / (n + ENOUGH_ITEMS)), and nobody for more than the PEOPLEth part."""
    _, code, count = np.unique(person, return_inverse=True, return_counts=True)
    reliability, most = count / (count + ENOUGH_ITEMS), 1 / min(PEOPLE, len(count))
    share, full = reliability / reliability.sum(), np.zeros(len(reliability), bool)
    while (over := ~full & (share > most * (1 + 1e-9))).any():  # what is above is the others'
        full |= over
        share = np.where(
            full, most, reliability * (1 - most * full.sum()) / reliability[~full].sum()
        )
    return (share / count)[code]


def _nearest_people(values: Values, person: NDArray[np.int64], weight: Values) -> Values:
    """[level] each quantile as the mean of the nearest values of PEOPLE people."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) - weight[order] / 2
    plain = np.interp(LEVELS, reached / weight.sum(), values[order])
    nearest = []
    for one in np.unique(person):
        own = values[person == one]
        nearest.append(own[np.abs(own[:, None] - plain).argmin(0)])
    each = np.array(nearest)  # [person, level]
    closest = np.argsort(np.abs(each - plain), axis=0, kind="stable")[:PEOPLE]
    return np.maximum.accumulate(np.take_along_axis(each, closest, 0).mean(0))


def _correlation(values: Values, person: NDArray[np.int64], quantiles: Values) -> Values:
    """[number, number] Spearman's, turned into a normal copula's; 0 where too few have both."""
    width = values.shape[1]
    correlation = np.eye(width)
    varies = np.flatnonzero(np.nan_to_num(np.ptp(quantiles, axis=1)) > 0)
    whole = np.isfinite(values[:, varies]).all(1)
    if len(varies) < 2 or len(np.unique(person[whole])) < PEOPLE or whole.sum() < ENOUGH_ITEMS:
        return correlation
    weight = person_weights(person[whole])
    ranks = np.stack([_ranks(values[whole, k], weight) for k in varies])
    if (np.ptp(ranks, axis=1) == 0).any():
        return correlation
    covariance = np.atleast_2d(np.cov(ranks, aweights=weight))
    sd = np.sqrt(np.diag(covariance))
    rho = 2 * np.sin(np.pi / 6 * covariance / np.outer(sd, sd))
    # Shrunk, so that it stays positive definite.
    lowest = np.linalg.eigvalsh(rho)[0]
    shrink = max(0.02, (0.02 - lowest) / (1 - lowest))
    rho = (1 - shrink) * rho
    np.fill_diagonal(rho, 1.0)
    correlation[np.ix_(varies, varies)] = rho
    return correlation


def _ranks(values: Values, weight: Values) -> Values:
    """[item] share of the weight below each value, half of its own included."""
    _, code = np.unique(values, return_inverse=True)
    mass = np.bincount(code, weight)
    return (np.cumsum(mass) - mass / 2)[code]
