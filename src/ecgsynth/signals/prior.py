"""The prior of contexts: how a class's RR intervals (or ages) spread and hang together.

Beside the contexts that a model sees it holds hidden ones that only its scaler needs.
Kept are, per class and style, a share, quantiles and rank correlations: no patient's values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec

LEVELS = np.concatenate([[0.01], np.arange(0.05, 1.0, 0.05), [0.99]])
"""Levels of the stored quantiles; the extremes themselves are never kept."""

FEW = 20
"""Groups smaller than this are summarised by mean and SD alone."""

LOOSE = 0.05
"""Their SD is at least this share of their mean: so few do not tell how far they spread."""

LEAST = 5
"""Groups smaller than this borrow from their whole class: mean and SD of so few betray them."""


@dataclass(frozen=True)
class Group:
    """The contexts of one class in one style.

    style: number of the style. share: of the class. quantiles: [context, level].
    correlation: [context, context], Spearman's, turned into a normal copula's.
    """

    style: int
    share: float
    quantiles: NDArray[np.float64]
    correlation: NDArray[np.float64]


@dataclass(frozen=True)
class ContextPrior:
    """Distribution of style and context per class, drawn from uniform numbers.

    mean, sd: [context], over the training set; by these contexts are standardised.
    hidden: names of contexts that follow those of `spec`; they are drawn together with them, but
        no model sees them.
    """

    spec: Spec
    groups: dict[str, tuple[Group, ...]]
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    hidden: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """How many contexts are drawn for an item, the hidden ones included."""
        return len(self.spec.context) + len(self.hidden)

    @classmethod
    def fit(
        cls,
        ecg: Ecg,
        style: NDArray[np.int64],
        hidden: Mapping[str, NDArray[np.float64]] | None = None,
    ) -> ContextPrior:
        """Measure the prior of a training set; style: [item]; hidden: [item] under each name."""
        hidden = hidden or {}
        context = np.column_stack([np.asarray(ecg.context, np.float64), *hidden.values()])
        width = context.shape[1]
        mean = np.array([np.nanmean(c) if np.isfinite(c).any() else 0.0 for c in context.T])
        sd = np.array([np.nanstd(c) if np.isfinite(c).any() else 1.0 for c in context.T])
        sd[sd == 0] = 1.0
        assert ecg.label is not None
        names = ecg.spec.classes or ("",)
        groups = {}
        nothing = np.tile(mean[:, None], (1, len(LEVELS)))
        everyone = _quantiles(context, nothing)
        for k, name in enumerate(names):
            rows = np.flatnonzero(ecg.label[:, k] > 0) if ecg.spec.classes else np.arange(len(ecg))
            if not len(rows):
                continue
            class_wide = _quantiles(context[rows], everyone)
            groups[name] = tuple(
                _measure(int(s), context[rows[style[rows] == s]], len(rows), width, class_wide)
                for s in np.unique(style[rows])
            )
        return cls(ecg.spec, groups, mean, sd, tuple(hidden))

    def draw(
        self, name: str, uniform: NDArray[np.float64], fixed: dict[str, float]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Style [item] and context [item, width] of items of one class, hidden ones last.

        uniform: [item, 1 + width] in (0, 1): the first column chooses the style.
        fixed: contexts that the caller sets; styles in which they are usual become likelier.
        """
        from scipy.special import ndtr, ndtri

        groups = self.groups[name]
        weight = np.array([group.share for group in groups]) * self._fit(groups, fixed)
        edges = np.cumsum(weight / weight.sum())
        chosen = np.minimum(np.searchsorted(edges, uniform[:, 0]), len(groups) - 1)
        styles = np.array([group.style for group in groups])[chosen]
        context = np.empty((len(uniform), self.width))
        for k in np.unique(chosen):
            rows, group = np.flatnonzero(chosen == k), groups[k]
            factor = np.linalg.cholesky(group.correlation) if self.width else np.eye(0)
            normal = ndtri(uniform[rows, 1:]) @ factor.T
            level = ndtr(_given(normal, group, self.spec.context, fixed))
            for column in range(self.width):
                context[rows, column] = np.interp(level[:, column], LEVELS, group.quantiles[column])
        for key, value in fixed.items():
            context[:, self.spec.context.index(key)] = value
        return styles, context

    def range_of(self, name: str) -> tuple[float, float]:
        """Lowest and highest usual value of a context, over all classes and styles."""
        column = self.spec.context.index(name)
        rows = [group.quantiles[column] for groups in self.groups.values() for group in groups]
        return float(np.min(rows)), float(np.max(rows))

    def standardise(self, context: NDArray) -> NDArray[np.float32]:
        """What a model sees: zero mean, unit SD; unknown becomes 0, outliers stop at 5 SD.

        context: [item, context], without the hidden ones.
        """
        seen = slice(len(self.spec.context))
        z = (np.asarray(context, np.float64) - self.mean[seen]) / self.sd[seen]
        return np.clip(np.nan_to_num(z, nan=0.0), -5, 5).astype(np.float32)

    def _fit(self, groups: tuple[Group, ...], fixed: dict[str, float]) -> NDArray[np.float64]:
        """How usual the fixed contexts are in each group (normal density around its median)."""
        log = np.zeros(len(groups))
        for key, value in fixed.items():
            column = self.spec.context.index(key)
            centre = np.array([np.interp(0.5, LEVELS, g.quantiles[column]) for g in groups])
            spread = np.array([np.ptp(g.quantiles[column]) / 4 for g in groups])
            spread = np.maximum(spread, 0.1 * self.sd[column])
            log += -0.5 * ((value - centre) / spread) ** 2 - np.log(spread)
        return np.exp(log - log.max())

    def to_json(self) -> dict[str, Any]:
        return {
            "mean": self.mean.round(5).tolist(),
            "sd": self.sd.round(5).tolist(),
            "hidden": list(self.hidden),
            "groups": {
                name: [
                    {
                        "style": g.style,
                        "share": round(g.share, 5),
                        "quantiles": g.quantiles.round(4).tolist(),
                        "correlation": g.correlation.round(4).tolist(),
                    }
                    for g in groups
                ]
                for name, groups in self.groups.items()
            },
        }

    @classmethod
    def from_json(cls, spec: Spec, data: dict[str, Any]) -> ContextPrior:
        try:
            hidden = tuple(data.get("hidden", ()))
            width = len(spec.context) + len(hidden)
            groups = {
                name: tuple(
                    Group(
                        int(g["style"]),
                        float(g["share"]),
                        np.asarray(g["quantiles"], np.float64).reshape(width, len(LEVELS)),
                        np.asarray(g["correlation"], np.float64).reshape(width, width),
                    )
                    for g in rows
                )
                for name, rows in data["groups"].items()
            }
            return cls(spec, groups, np.asarray(data["mean"]), np.asarray(data["sd"]), hidden)
        except (KeyError, ValueError, TypeError) as problem:
            raise EcgsynthError(f"the context prior in the card is damaged: {problem}.") from None


def _quantiles(context: NDArray[np.float64], fallback: NDArray[np.float64]) -> NDArray[np.float64]:
    """[context, level] of these items; from `fallback` where too few are known."""
    from scipy.stats import norm

    quantiles = fallback.copy()
    for column, values in enumerate(context.T):
        known = values[np.isfinite(values)]
        if len(known) >= FEW:
            quantiles[column] = np.quantile(known, LEVELS)
        elif len(known) >= LEAST:
            sd = max(float(known.std()), LOOSE * abs(float(known.mean())))
            quantiles[column] = known.mean() + sd * norm.ppf(LEVELS)
    return quantiles


def _given(
    normal: NDArray[np.float64], group: Group, names: tuple[str, ...], fixed: dict[str, float]
) -> NDArray[np.float64]:
    """Normal scores [item, context] conditioned on the fixed contexts (Matheron's rule)."""
    from scipy.special import ndtri

    if not fixed:
        return normal
    columns = [names.index(key) for key in fixed]
    wanted = ndtri([
        np.interp(value, group.quantiles[column], LEVELS)
        for column, value in zip(columns, fixed.values(), strict=True)
    ])  # fmt: skip
    among = group.correlation[np.ix_(columns, columns)]
    moved = np.linalg.solve(among, (wanted - normal[:, columns]).T).T
    return normal + moved @ group.correlation[columns]


def _measure(
    style: int,
    context: NDArray[np.float64],
    total: int,
    width: int,
    class_wide: NDArray[np.float64],
) -> Group:
    from scipy.stats import rankdata

    quantiles = _quantiles(context, class_wide)
    correlation = np.eye(width)
    whole = context[np.isfinite(context).all(1)]
    varies = np.flatnonzero(np.ptp(whole, axis=0) > 0) if len(whole) >= FEW else np.arange(0)
    if len(varies) > 1:
        rho = np.corrcoef(rankdata(whole[:, varies], axis=0).T)  # Spearman's
        # To the correlation of a normal copula; shrunk, so that it stays positive definite.
        rho = 2 * np.sin(np.pi / 6 * rho)
        lowest = np.linalg.eigvalsh(rho)[0]
        shrink = max(0.02, (0.02 - lowest) / (1 - lowest))
        rho = (1 - shrink) * rho
        np.fill_diagonal(rho, 1.0)
        correlation[np.ix_(varies, varies)] = rho
    return Group(style, len(context) / total, quantiles, correlation)
