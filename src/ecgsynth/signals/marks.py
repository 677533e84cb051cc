"""Annotations of a signal, all items' in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError


@dataclass(frozen=True)
class Marks:
    """Annotations: one row per mark, in order of item and sample.

    Attributes
    ----------
    item: index into the items, int64.
    lead: index into the leads, or -1 for all of them, int16.
    sample: position from the start of the item, int64.
    symbol: what is there: a beat code ("N", "V", ...), or a fiducial of
        `ecgsynth.signals.vocabulary.FIDUCIALS` ("p_onset", "r_peak", ...).
    """

    item: NDArray[np.int64]
    lead: NDArray[np.int16]
    sample: NDArray[np.int64]
    symbol: NDArray[np.str_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "item", np.asarray(self.item, np.int64))
        object.__setattr__(self, "lead", np.asarray(self.lead, np.int16))
        object.__setattr__(self, "sample", np.asarray(self.sample, np.int64))
        object.__setattr__(self, "symbol", np.asarray(self.symbol, np.str_))
        if len({len(self.item), len(self.lead), len(self.sample), len(self.symbol)}) != 1:
            raise EcgsynthError("the columns of the marks differ in length.")

    def __len__(self) -> int:
        return len(self.item)

    def of(self, item: int, symbol: str | None = None) -> NDArray[np.int64]:
        """Samples of an item's marks, all or those of one symbol."""
        rows = self.item == item
        if symbol is not None:
            rows &= self.symbol == symbol
        return self.sample[rows]

    def select(self, items: NDArray[np.int64]) -> Marks:
        """The marks of these items, renumbered in the order given."""
        order = np.argsort(self.item, kind="stable")
        start = np.searchsorted(self.item[order], items, "left")
        stop = np.searchsorted(self.item[order], items, "right")
        rows = np.concatenate(
            [order[a:b] for a, b in zip(start, stop, strict=True)] or [np.zeros(0, np.int64)]
        )
        number = np.repeat(np.arange(len(items)), stop - start)
        return Marks(number, self.lead[rows], self.sample[rows], self.symbol[rows])

    @classmethod
    def join(cls, parts: Sequence[Marks], lengths: Sequence[int]) -> Marks:
        """Marks of several sets, renumbered as if the sets stood one after another."""
        offset = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        return cls(
            np.concatenate([part.item + start for part, start in zip(parts, offset, strict=True)]),
            np.concatenate([part.lead for part in parts]),
            np.concatenate([part.sample for part in parts]),
            np.concatenate([part.symbol for part in parts]),
        )
