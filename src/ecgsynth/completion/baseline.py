"""Where the baseline of a lead lies in a gap: models make none, recordings have one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

EDGE_S = 0.1
"""The baseline at the edge of a gap is that of so much before or after it, s."""

DECAY_S = 1.0
"""After so long, a third of the distance from the usual baseline is left."""


class Baseline:
    """What a recording has and a model does not make, slow and constant, carried into gaps.

    It begins and ends in a gap as it is at the edges, and returns to the usual one in between.
    """

    def __init__(self, leads: int, fs: float) -> None:
        self.fs = fs
        self.usual = np.zeros(leads)
        self.total, self.count = np.zeros(leads), np.zeros(leads)
        self.last = np.full(leads, np.nan)
        self.edge = np.zeros(leads)

    def see(self, raw: NDArray[np.float32], clean: NDArray[np.float32], start: int) -> None:
        """Take in a stretch [lead, sample] that begins at a sample; NaN in `raw` is unknown."""
        reach = max(1, round(EDGE_S * self.fs))
        for k, rest in enumerate(raw.astype(np.float64) - clean):
            there = np.flatnonzero(np.isfinite(rest))
            if len(there):
                self.total[k] += rest[there].sum()
                self.count[k] += len(there)
                self.usual[k] = self.total[k] / self.count[k]
                self.edge[k] = rest[there[-reach:]].mean()
                self.last[k] = start + there[-1]

    def lines(
        self, raw: NDArray[np.float32], clean: NDArray[np.float32], start: int
    ) -> NDArray[np.float64]:
        """[lead, sample] what is to be added to made samples; zero in leads without known ones."""
        samples = raw.shape[1]
        reach, decay = max(1, round(EDGE_S * self.fs)), DECAY_S * self.fs
        found = np.zeros(raw.shape)
        for k, rest in enumerate(raw.astype(np.float64) - clean):
            there = np.isfinite(rest)
            if not there.any():
                if np.isfinite(self.last[k]):
                    away = (start + np.arange(samples) - self.last[k]) / decay
                    found[k] = self.usual[k] + (self.edge[k] - self.usual[k]) * np.exp(-away)
                continue
            at = np.arange(samples)
            known = np.flatnonzero(there)
            usual = self.usual[k] if self.count[k] else float(rest[known].mean())
            place = np.searchsorted(known, at)
            for gap in np.unique(place[~there]):
                rows = at[(place == gap) & ~there]
                left, right = np.nan, np.nan
                if gap > 0:
                    a, left = float(known[gap - 1]), rest[known[max(0, gap - reach) : gap]].mean()
                elif np.isfinite(self.last[k]):
                    a, left = self.last[k] - start, self.edge[k]
                if gap < len(known):
                    b, right = float(known[gap]), rest[known[gap : gap + reach]].mean()
                line = np.full(len(rows), usual)
                share = np.zeros(len(rows)) if np.isfinite(left) else np.ones(len(rows))
                if np.isfinite(left) and np.isfinite(right):
                    share = (rows - a) / (b - a)
                if np.isfinite(left):
                    line += (left - usual) * np.exp(-(rows - a) / decay) * (1 - share)
                if np.isfinite(right):
                    line += (right - usual) * np.exp(-(b - rows) / decay) * share
                found[k, rows] = line
        return found
