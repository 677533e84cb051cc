"""Measures of a training's health: pure functions of real and synthetic items, cheap to repeat."""

from __future__ import annotations

import torch
from torch import Tensor

EDGE = 0.002
"""Share of the whole span that counts as its end."""
LEAST_ADHERENCE = 0.3
"""A class is left out if its real items have less adherence than this (0 = none, 1 = full): that
of synthetic items could not be measured either."""


class RealReference:
    """Figures of synthetic items relative to those of fixed real items of the same classes.

    Parameters
    ----------
    real: [item, lead, sample], neighbours being pairs of one class and style.
    asked: [item, class], whether an item carries a class.
    aligned: whether items begin at the same point of the heart's cycle; of others the magnitudes
        of the spectrum are compared, which know no shift.
    """

    def __init__(self, real: Tensor, asked: Tensor, aligned: bool) -> None:
        self.asked, self.aligned = asked, aligned
        self.features = self._features(real)
        between = torch.cdist(self.features, self.features)
        # An item drawn twice is no neighbour of itself.
        between[between <= 1e-3 * between.mean()] = torch.inf
        self.effect = self._effect(between)
        self.nearest = self._nearest(between)
        self.spread = self._spread(self.features)
        self.at_bounds = share_at_bounds(real)

    def compare(self, synthetic: Tensor) -> dict[str, dict[int, float]]:
        """Figures by kind and class, each as a share of the real items' own.

        spread: how much items differ that were asked for alike. `told`: class adherence, how much
        more often than other items they lie nearest to a real item of their class.
        distance: to the nearest real item of their class.
        """
        features = self._features(synthetic)
        between = torch.cdist(features, self.features)
        effect, nearest = self._effect(between), self._nearest(between)
        spread = self._spread(features)
        return {
            "spread": {k: float(spread[k] / s) for k, s in enumerate(self.spread) if s > 0},
            "told": {
                k: float(effect[k] / e) for k, e in enumerate(self.effect) if e >= LEAST_ADHERENCE
            },
            "distance": {
                k: float(nearest[k] / self.nearest[k])
                for k in range(self.asked.shape[1])
                if 0 < self.nearest[k] < torch.inf
            },
        }

    def _features(self, signal: Tensor) -> Tensor:
        return (signal if self.aligned else torch.fft.rfft(signal).abs()).flatten(1)

    def _effect(self, between: Tensor) -> Tensor:
        """[class]: chance of a nearest real item of it, when asked for less when not."""
        carried = self.asked[between.argmin(1)].float()
        asked = self.asked.float()
        rest = 1 - asked
        if not (rest.sum(0) > 0).any():  # with one class there is no adherence
            return torch.zeros(asked.shape[1])
        hits = (carried * asked).sum(0) / asked.sum(0).clamp(min=1)
        return hits - (carried * rest).sum(0) / rest.sum(0).clamp(min=1)

    def _nearest(self, between: Tensor) -> Tensor:
        """[class]: median distance of its items to the nearest real item of it."""
        return torch.stack([
            between[members][:, members].amin(1).median() for members in self.asked.T
        ])  # fmt: skip

    def _spread(self, features: Tensor) -> Tensor:
        """[class]: root mean square of the distance between the two items of a pair."""
        apart = (features[0::2] - features[1::2]).square().sum(1)
        members = (self.asked[0::2] & self.asked[1::2]).float()
        return ((apart[:, None] * members).sum(0) / members.sum(0).clamp(min=1)).sqrt()


def critic_accuracy(gap: Tensor) -> float:
    """How often the critic rates a real item above the synthetic one of the same condition."""
    return float((gap > 0).float().mean() + 0.5 * (gap == 0).float().mean())


def share_at_bounds(signal: Tensor) -> float:
    """Share of samples within EDGE of the lowest or highest of all; zeros of padding left out."""
    counted = signal[signal != 0]
    if not len(counted):
        return 0.0
    low, high = counted.min(), counted.max()
    edge = EDGE * (high - low)
    if edge == 0:
        return 0.0
    return float(((counted <= low + edge) | (counted >= high - edge)).float().mean())
