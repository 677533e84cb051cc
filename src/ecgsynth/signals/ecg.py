"""An ECG (`Ecg`): signals with their labels, context, people and annotations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.arguments import (
    check_flag,
    check_instance,
    check_mapping,
    check_names,
    check_positive,
    quote,
)
from ecgsynth.errors import EcgsynthError, NotThereError
from ecgsynth.signals.columns import (
    check_labels,
    check_times,
    column_or_empty,
    equal_columns,
    name_array,
    number_array,
)
from ecgsynth.signals.marks import Marks, check_places
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import SyntheticMask, check_mask

if TYPE_CHECKING:
    from mne import EpochsArray
    from pandas import DataFrame

SYNTHETIC = "synthetic:"
"""The prefix of `Ecg.source` by which a synthetic signal is known everywhere."""

SHOWN = 8
"""Most classes that `repr` counts."""

COLUMNS: dict[str, type[np.generic]] = {
    "patient": np.str_, "record": np.str_, "valid": np.int32, "onset_s": np.float64,
    "start": np.str_,
}  # fmt: skip
"""Columns of an `Ecg` with one entry an item, each of which may be None."""


@dataclass(frozen=True, eq=False)
class Ecg:
    """A set of ECG items of one `Spec`: beats, strips or records.

    Attributes
    ----------
    signal: [item, lead, sample], float32, in `spec.unit`.
    spec: what the axes mean.
    label: [item, class], float32; rows of a single-label set hold one 1.
    context: [item, len(spec.context)], float32; NaN where unknown.
    patient: [item], the unit of every split: a person, not a record; None where unknown.
    record: [item], name of the recording; None where unknown.
    valid: [item], int32, samples before padding; None where nothing is padded.
    onset_s: [item], where the item begins in its recording, s; None where unknown.
    start: [item], when its recording began, as in "2026-01-31T08:15:00" (ISO 8601), "" where it is
        unknown; None where all are.
    marks: annotations; None where there are none.
    synthetic_mask: [item, lead, sample], of partly real items: where a model made the sample; None
        where all of it is what the source states.
    source: where it came from, "mitbih:train" or "synthetic:<card id>".

    Raises
    ------
    EcgsynthError: shapes do not agree with each other or with the spec, or a column holds what it
        cannot, such as a label that is neither 0 nor 1.
    """

    signal: NDArray[np.float32]
    spec: Spec
    label: NDArray[np.float32] | None = None
    context: NDArray[np.float32] | None = None
    patient: NDArray[np.str_] | None = None
    record: NDArray[np.str_] | None = None
    valid: NDArray[np.int32] | None = None
    onset_s: NDArray[np.float64] | None = None
    start: NDArray[np.str_] | None = None
    marks: Marks | None = None
    synthetic_mask: SyntheticMask | None = None
    source: str = "unknown"
    card: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        spec = check_instance(
            self.spec, Spec, "spec is a Spec, as in Spec(leads=['II'], fs=360, ...)"
        )
        put = partial(object.__setattr__, self)
        signal = number_array(self.signal, "the signal")
        expected = (len(spec.leads), spec.samples)
        if signal.ndim != 3 or signal.shape[1:] != expected:
            raise EcgsynthError(
                f"the signal has shape {signal.shape}, but its spec has "
                f"[item, {expected[0]} leads, {expected[1]} samples]."
            )
        count = len(signal)
        put("signal", signal)
        put("label", column_or_empty(self.label, "label", (count, len(spec.classes)), 0.0))
        put("context", column_or_empty(self.context, "context", (count, len(spec.context)), np.nan))
        assert self.label is not None
        check_labels(self.label, spec.classes, spec.multilabel)
        for name, kind in COLUMNS.items():
            column = getattr(self, name)
            if column is None:
                continue
            column = (
                name_array(column, name) if kind is np.str_ else number_array(column, name, kind)
            )
            if column.shape != (count,):
                size = f"{len(column)} entries" if column.ndim == 1 else f"shape {column.shape}"
                raise EcgsynthError(f"'{name}' has {size} for {count} items of signal.")
            put(name, column)
        if self.start is not None:
            check_times(self.start)
        if (
            self.valid is not None
            and count
            and not 0 <= self.valid.min() <= self.valid.max() <= spec.samples
        ):
            raise EcgsynthError(
                f"'valid' holds {self.valid.min()} to {self.valid.max()} samples; an item has 0 to "
                f"{spec.samples}."
            )
        if self.synthetic_mask is not None:
            put("synthetic_mask", check_mask(self.synthetic_mask, signal.shape))
        check_places(self.marks, count, len(spec.leads))
        if not isinstance(self.source, str):
            raise EcgsynthError(f"the source is a text; got {quote(self.source)}.")
        if self.card is not None:
            check_mapping(self.card, "the card", "card={'id': 'a1b2'}")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        """`np.asarray(ecg)` is its signal [item, lead, sample]."""
        signal = np.asarray(self.signal, dtype)
        return signal.copy() if copy else signal

    def __eq__(self, other: object) -> bool:
        """Whether every column is the same; that of the card does not count."""
        if not isinstance(other, Ecg):
            return False
        return (self.spec, self.source, self.marks) == (other.spec, other.source, other.marks) and (
            all(
                equal_columns(getattr(self, n), getattr(other, n))
                for n in ("signal", "label", "context", "synthetic_mask", *COLUMNS)
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return len(self.signal)

    def __repr__(self) -> str:
        sizes = self.counts()
        counts = ", ".join(f"{name} {sizes[name]:,}" for name in [*sizes][:SHOWN])
        if len(sizes) > SHOWN:
            counts += f" and {len(sizes) - SHOWN} classes more"
        return (
            f"Ecg({self.source}: {len(self):,} items, {'/'.join(self.spec.leads)}, "
            f"{self.spec.samples} samples at {self.spec.fs:g} Hz, {self.spec.unit}"
            f"{'; ' + counts if counts else ''})"
        )

    def _repr_png_(self) -> bytes | None:
        """A sheet of ECG paper, which a notebook shows."""
        from ecgsynth.signals.paper.sheets import sheets_of

        if not len(self):
            return None
        return sheets_of(self, None, " ".join(self.source.split()))[0].png()

    def to_dataframe(self, signal: bool = True) -> DataFrame:
        """A row per item: label, what is known of it, contexts, and `LEAD_0`, `LEAD_1` ...

        signal: with the samples; False leaves them out.
        """
        from ecgsynth.signals import conversion

        return conversion.to_dataframe(self, check_flag(signal, "signal"))

    def to_mne(self) -> EpochsArray:
        """Epochs of MNE-Python, in V: an event per item by its class, time 0 at R where it is
        known, and the columns of `to_dataframe(signal=False)` as metadata.

        Raises
        ------
        EcgsynthError: MNE-Python is not installed, the set is empty, or it is not in mV.
        """
        from ecgsynth.signals import conversion

        return conversion.to_epochs(self)

    def __getitem__(self, index: Any) -> Ecg:
        """A selection of items by slice, index array or boolean mask; always an `Ecg`."""
        try:
            rows = np.atleast_1d(np.arange(len(self))[index])
        except Exception:  # NumPy has many for what is no index
            rows = np.zeros((0, 0))
        if rows.ndim != 1:  # also of True, which is no number of an item
            raise NotThereError(
                f"no items {quote(index)}: the set holds {len(self):,}, numbered from 0, which are "
                "chosen by number, slice, a list of numbers, or a mask of all."
            )
        columns: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("signal", "label", "context", "synthetic_mask", *COLUMNS)
        }
        marks = None if self.marks is None else self.marks.select(rows)
        return replace(self, **columns, marks=marks)

    @property
    def synthetic(self) -> bool:
        """Whether a generator or simulator made it."""
        return self.source.startswith(SYNTHETIC)

    @property
    def labels_id(self) -> NDArray[np.int64]:
        """Class number of each item (the first 1 of its row); -1 without classes or label."""
        if not self.spec.classes:
            return np.full(len(self), -1)
        assert self.label is not None
        return np.where(self.label.any(1), self.label.argmax(1), -1)

    @property
    def labels_str(self) -> NDArray[np.str_]:
        """Class name of each item; "" where it has none; several joined with "|"."""
        assert self.label is not None
        if self.spec.multilabel:
            names = np.array(self.spec.classes)
            return np.array(["|".join(names[row > 0]) for row in self.label], np.str_)
        return np.array([*self.spec.classes, ""], np.str_)[self.labels_id]

    def of_class(self, name: str) -> Ecg:
        """The items that carry a class."""
        assert self.label is not None
        return self[self.label[:, self.spec.class_index(name)] > 0]

    def counts(self) -> dict[str, int]:
        """Items per class."""
        assert self.label is not None
        return {
            name: int(total)
            for name, total in zip(self.spec.classes, (self.label > 0).sum(0), strict=True)
        }

    def people_per_class(self) -> dict[str, dict[str, float]]:
        """Per class: items, patients, and the share of the patient who gave most of them."""
        rows: dict[str, dict[str, float]] = {}
        for name in self.spec.classes:
            part = self.of_class(name)
            rows[name] = {"items": len(part)}
            if part.patient is not None and len(part):
                sizes = np.unique(part.patient, return_counts=True)[1]
                rows[name] |= {
                    "patients": len(sizes),
                    "largest_share": round(float(sizes.max() / len(part)), 3),
                }
        return rows

    def with_classes(self, classes: Sequence[str]) -> Ecg:
        """The items that carry one of these classes, with the label columns in this order.

        Raises
        ------
        EcgsynthError: a class is not in the vocabulary, named twice, or none is named.
        """
        classes = check_names(classes, "classes")
        if classes == self.spec.classes:
            return self
        assert self.label is not None
        label = self.label[:, [self.spec.class_index(name) for name in classes]]
        spec = replace(self.spec, classes=classes)
        kept = np.flatnonzero(label.any(1))
        bare = replace(self, spec=replace(self.spec, classes=()), label=None)[kept]
        return replace(bare, spec=spec, label=label[kept])

    def quantised(self, step_mv: float = 0.005) -> Ecg:
        """Rounded to the step of an analogue-digital converter (5 uV in MIT-BIH).

        Real and synthetic signals are compared on the same grid, so that no classifier can separate
        them by the converter alone. Sets that are not in mV are returned unchanged.
        """
        if self.spec.unit != "mV":
            return self
        step_mv = check_positive(step_mv, "the step, in mV,")
        return replace(self, signal=np.round(self.signal / step_mv).astype(np.float32) * step_mv)


def one_hot(labels_id: ArrayLike, classes: int) -> NDArray[np.float32]:
    """[item] class numbers to [item, class] rows; -1, an item without a class, gives zeros.

    Raises
    ------
    EcgsynthError: a number that is no class.
    """
    labels_id = number_array(labels_id, "labels_id", np.int64)
    if labels_id.ndim != 1:
        raise EcgsynthError(f"labels_id has shape {labels_id.shape}; give one number an item.")
    odd = labels_id[(labels_id < -1) | (labels_id >= classes)]
    if len(odd):
        raise EcgsynthError(
            f"labels_id holds {odd[0]}, and there are {classes} classes, numbered from 0; -1 is an "
            "item without one."
        )
    rows = np.zeros((len(labels_id), classes), np.float32)
    known = np.flatnonzero(labels_id >= 0)
    rows[known, labels_id[known]] = 1
    return rows
