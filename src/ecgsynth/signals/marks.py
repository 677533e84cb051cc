"""Annotations of a signal, all items' in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_instance, check_integer, check_text, quote
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.columns import equal_columns, name_array, number_array

SHOWN = 6
"""Most symbols that `repr` counts."""


def count_symbols(symbol: NDArray[np.str_]) -> str:
    """The most frequent symbols with their numbers, as in "N 2,239, V 41"."""
    names, sizes = np.unique(symbol, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    text = ", ".join(f"{names[k]} {sizes[k]:,}" for k in order[:SHOWN])
    more = f" and {len(order) - SHOWN} symbols more" if len(order) > SHOWN else ""
    return (text or "none") + more


@dataclass(frozen=True, eq=False, repr=False)
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
        for name, kind in (("item", np.int64), ("lead", np.int16), ("sample", np.int64)):
            column = number_array(getattr(self, name), f"'{name}' of the marks", kind)
            object.__setattr__(self, name, column)
        object.__setattr__(self, "symbol", name_array(self.symbol, "'symbol' of the marks"))
        shapes = {getattr(self, name).shape for name in ("item", "lead", "sample", "symbol")}
        if len(shapes) > 1 or self.item.ndim != 1:
            raise EcgsynthError("the columns of the marks are lists that differ in length.")

    def __len__(self) -> int:
        return len(self.item)

    def __repr__(self) -> str:
        return f"Marks({len(self):,}: {count_symbols(self.symbol)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Marks):
            return False
        return all(
            equal_columns(getattr(self, name), getattr(other, name))
            for name in ("item", "lead", "sample", "symbol")
        )

    __hash__ = None  # type: ignore[assignment]

    def of(self, item: int, symbol: str | None = None) -> NDArray[np.int64]:
        """Samples of an item's marks, all or those of one symbol."""
        rows = self.item == check_integer(item, "the number of an item")
        if symbol is not None:
            rows &= self.symbol == check_text(symbol, "the symbol")
        return self.sample[rows]

    def select(self, items: NDArray[np.int64]) -> Marks:
        """The marks of these items, renumbered in the order given."""
        items = number_array(items, "the numbers of items", np.int64).reshape(-1)
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
        """Marks of several sets, renumbered as if the sets stood one after another.

        lengths: items of each set.

        Raises
        ------
        EcgsynthError: there are no marks, or not one length for each.
        """
        if not isinstance(parts, Sequence) or not all(isinstance(part, cls) for part in parts):
            raise EcgsynthError(f"what is joined is a list of Marks; got {quote(parts)}.")
        sizes = number_array(lengths, "the lengths of the sets", np.int64).reshape(-1)
        if not parts or len(sizes) != len(parts):
            raise EcgsynthError(f"{len(parts)} sets of marks are given with {len(sizes)} lengths.")
        offset = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        return cls(
            np.concatenate([part.item + start for part, start in zip(parts, offset, strict=True)]),
            np.concatenate([part.lead for part in parts]),
            np.concatenate([part.sample for part in parts]),
            np.concatenate([part.symbol for part in parts]),
        )


def check_places(marks: Marks | None, count: int, leads: int) -> None:
    """Check that marks belong to items and leads that are there.

    Raises
    ------
    EcgsynthError: one does not.
    """
    if marks is None:
        return
    check_instance(marks, Marks, "marks are a Marks, as in Marks(item, lead, sample, symbol)")
    if len(marks) and not 0 <= marks.item.min() <= marks.item.max() < count:
        raise EcgsynthError("a mark belongs to an item that is not there.")
    if len(marks) and not -1 <= marks.lead.min() <= marks.lead.max() < leads:
        raise EcgsynthError("a mark belongs to a lead that is not there; -1 means all of them.")
