"""The contexts of a prior by name, and how they are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.anonymity import COARSE
from ecgsynth.signals.prior.laws import Values
from ecgsynth.signals.rr import RR


@dataclass(frozen=True)
class Columns:
    """The contexts by name, hidden ones last, and how they are counted.

    Times (names that end in `_s`) are counted as logarithms. RR before and after an item lean on
    its mean RR: they are counted against it.
    """

    names: tuple[str, ...]

    @property
    def times(self) -> NDArray[np.bool_]:
        """[column] whether it is a time."""
        return np.array([name.endswith("_s") for name in self.names], bool)

    @property
    def mean(self) -> int | None:
        """Column of the mean RR."""
        return self.names.index(RR[2]) if RR[2] in self.names else None

    @property
    def rr_columns(self) -> list[int]:
        """Columns of RR before and after, where there is a mean RR."""
        given = self.mean is not None
        return [k for k, name in enumerate(self.names) if given and name in RR[:2]]

    @property
    def steps(self) -> Values:
        """[number] least coarse step of each."""
        return np.where(self.times, COARSE, 0.0)

    def to_working(self, context: Values) -> Values:
        """[item, number] of contexts in their own units; NaN for a time that is none."""
        context = np.array(context, np.float64)
        times = context[:, self.times]
        context[:, self.times] = np.log(times, where=times > 0, out=np.full(times.shape, np.nan))
        if self.mean is not None:
            context[:, self.rr_columns] -= context[:, [self.mean]]
        return context

    def from_working(self, counted: Values, held: Values) -> Values:
        """Contexts in their own units from what `counted` makes of them.

        held: [item, number], those that are known already, NaN where one is not.
        """
        context = counted.copy()
        if self.mean is not None:  # what leans on a mean RR that is held leans on that very number
            known = np.isfinite(held[:, self.mean])
            context[known, self.mean] = np.log(held[known, self.mean])
            context[:, self.rr_columns] += context[:, [self.mean]]
        with np.errstate(over="ignore"):  # a damaged prior's; whoever draws looks for infinity
            context[:, self.times] = np.exp(context[:, self.times])
        return np.where(np.isfinite(held), held, context)

    def loading(self, fixed: Sequence[int]) -> Values:
        """[fixed, number] what of the counted numbers each fixed context is the sum of."""
        rows = np.eye(len(self.names))[fixed]
        for row, k in zip(rows, fixed, strict=True):
            if k in self.rr_columns:
                row[self.mean] = 1.0
        return rows
