"""Annotations of a recording: beats, rhythms, fiducials and notes at their samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import MOST, check_integer, quote
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.columns import equal_columns, name_array, number_array, text_tuple
from ecgsynth.signals.marks import count_symbols


def _empty() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False, repr=False)
class Annotations:
    """Annotations of a recording: one row per annotation, in order of time.

    Attributes
    ----------
    sample: [annotation], position in the recording. symbol: [annotation], a code of WFDB ("N",
        "V", "+", ...) or a fiducial of `ecgsynth.signals.vocabulary.FIDUCIALS`.
    channel, subtype, number: [annotation], index of the lead in the file, and WFDB's free numbers;
        empty where there are none. note: [annotation], free text; empty where there is none.

    Raises
    ------
    EcgsynthError: the columns differ in length.
    """

    sample: NDArray[np.int64] = field(default_factory=_empty)
    symbol: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, "<U1"))
    channel: NDArray[np.int64] = field(default_factory=_empty)
    subtype: NDArray[np.int64] = field(default_factory=_empty)
    number: NDArray[np.int64] = field(default_factory=_empty)
    note: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("sample", "channel", "subtype", "number"):
            column = number_array(getattr(self, name), f"'{name}' of the annotations", np.int64)
            object.__setattr__(self, name, column)
        object.__setattr__(self, "symbol", name_array(self.symbol, "'symbol' of the annotations"))
        object.__setattr__(self, "note", text_tuple(self.note, "the notes of annotations"))
        for name in ("sample", "symbol", "channel", "subtype", "number"):
            shape = getattr(self, name).shape
            if len(shape) != 1:
                raise EcgsynthError(
                    f"'{name}' of the annotations has one entry for each; got shape {shape}."
                )
        sizes = {len(self.sample), len(self.symbol)}
        sizes |= {len(self.channel), len(self.subtype), len(self.number), len(self.note)} - {0}
        if len(sizes) > 1:
            raise EcgsynthError("the columns of the annotations are lists that differ in length.")

    def __len__(self) -> int:
        return len(self.sample)

    def __repr__(self) -> str:
        return f"Annotations({len(self):,}: {count_symbols(self.symbol)})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Annotations):
            return False
        columns = ("sample", "symbol", "channel", "subtype", "number")
        alike = all(equal_columns(getattr(self, name), getattr(other, name)) for name in columns)
        return alike and self.note == other.note

    __hash__ = None  # type: ignore[assignment]

    def select(self, rows: NDArray[Any]) -> Annotations:
        """These annotations alone; rows: numbers or a mask.

        Raises
        ------
        EcgsynthError: rows are neither, or one is not there.
        """
        try:
            rows = np.atleast_1d(np.arange(len(self))[rows])
        except (IndexError, TypeError, ValueError):
            raise EcgsynthError(
                f"there are {len(self):,} annotations, numbered from 0; choose some by numbers or "
                f"a mask of all, not by {quote(rows)}."
            ) from None
        columns: dict[str, Any] = {
            name: getattr(self, name)[rows] if len(getattr(self, name)) else _empty()
            for name in ("sample", "symbol", "channel", "subtype", "number")
        }
        note = tuple(self.note[k] for k in rows) if self.note else ()
        return Annotations(**columns, note=note)

    def between(self, start: int, stop: int) -> Annotations:
        """Those from one sample up to another, whole numbers, counted from `start`."""
        start = check_integer(start, "the first sample", -MOST)
        stop = check_integer(stop, "the last sample", -MOST)
        part = self.select((self.sample >= start) & (self.sample < stop))
        return replace(part, sample=part.sample - start)
