"""The central types: an ECG (`Ecg`), what it is made of (`Spec`) and its annotations (`Marks`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.errors import EcgsynthError, did_you_mean

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SYNTHETIC = "synthetic:"
"""The prefix of `Ecg.source` by which a synthetic signal is known everywhere."""


@dataclass(frozen=True)
class Spec:
    """All that a model needs to know about signals.

    Attributes
    ----------
    leads: names in order, such as ("MLII",) or ("I", "II", ..., "V6").
    fs: sampling rate, Hz.
    samples: length of an item, samples.
    classes: the vocabulary of the labels, ("N", "S", "V", "F") or PTB-XL statements, or ().
    multilabel: whether an item may carry several classes at once.
    unit: "mV", or "normalised" where the source never had a calibration.
    context: names of the numbers that come with an item, such as ("rr_before_s", "rr_after_s").
    band: low and high edge of the band that the signals keep, Hz; None where not limited.
    r_sample: sample of the R peak in every item; None where items are not aligned.
    """

    leads: tuple[str, ...]
    fs: float
    samples: int
    classes: tuple[str, ...] = ()
    multilabel: bool = False
    unit: Literal["mV", "normalised"] = "mV"
    context: tuple[str, ...] = ()
    band: tuple[float | None, float | None] = (None, None)
    r_sample: int | None = None

    def __post_init__(self) -> None:
        for name in ("leads", "classes", "context", "band"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "fs", float(self.fs))
        if not self.leads or len(set(self.leads)) != len(self.leads):
            raise EcgsynthError(f"leads must be distinct names and at least one; got {self.leads}.")
        if not (self.fs > 0 and np.isfinite(self.fs)):
            raise EcgsynthError(
                f"the sampling rate must be a positive number of Hz; got {self.fs}."
            )
        if self.samples < 1:
            raise EcgsynthError(f"an item must hold at least one sample; got {self.samples}.")
        if len(set(self.classes)) != len(self.classes):
            raise EcgsynthError(f"classes must be distinct; got {self.classes}.")
        if self.unit not in ("mV", "normalised"):
            raise EcgsynthError(f"the unit must be 'mV' or 'normalised'; got '{self.unit}'.")

    @property
    def seconds(self) -> float:
        """Duration of an item, s."""
        return self.samples / self.fs

    def class_index(self, name: str) -> int:
        """Column of a class.

        Raises
        ------
        EcgsynthError: the class is unknown.
        """
        if name not in self.classes:
            raise EcgsynthError(f"no class named '{name}'.{did_you_mean(name, self.classes)}")
        return self.classes.index(name)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in self.__dict__.items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Spec:
        """What `to_json` gave, and others may have changed.

        Raises
        ------
        EcgsynthError: a value is missing, unknown or of another kind.
        """
        from pydantic import ValidationError

        try:
            return _checker().validate_python(data)
        except ValidationError as problem:
            error = problem.errors()[0]
            where = ".".join(str(part) for part in error["loc"])
            why = error["msg"][:1].lower() + error["msg"][1:]
            if error["type"] == "unexpected_keyword_argument":
                why = "no spec has it"
            if not where:
                where, why = "content", "it is no JSON object"
            raise EcgsynthError(
                f"the spec's {where} cannot be understood ({why}); make the file again."
            ) from None


@cache
def _checker() -> TypeAdapter[Spec]:
    """Makes a `Spec` of what may be anything."""
    from pydantic import TypeAdapter, with_config

    return TypeAdapter(with_config({"extra": "forbid"})(Spec))


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


@dataclass(frozen=True)
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
    marks: annotations; None where there are none.
    source: where it came from, "mitbih:train" or "synthetic:<card id>".

    Raises
    ------
    EcgsynthError: shapes do not agree with each other or with the spec.
    """

    signal: NDArray[np.float32]
    spec: Spec
    label: NDArray[np.float32] | None = None
    context: NDArray[np.float32] | None = None
    patient: NDArray[np.str_] | None = None
    record: NDArray[np.str_] | None = None
    valid: NDArray[np.int32] | None = None
    onset_s: NDArray[np.float64] | None = None
    marks: Marks | None = None
    source: str = "unknown"
    card: dict[str, Any] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        signal = np.asarray(self.signal, np.float32)
        expected = (len(self.spec.leads), self.spec.samples)
        if signal.ndim != 3 or signal.shape[1:] != expected:
            raise EcgsynthError(
                f"the signal has shape {signal.shape}, but its spec says "
                f"[item, {expected[0]} leads, {expected[1]} samples]."
            )
        count = len(signal)
        object.__setattr__(self, "signal", signal)
        self._fit("label", (count, len(self.spec.classes)), 0.0)
        self._fit("context", (count, len(self.spec.context)), np.nan)
        for name in ("patient", "record", "valid", "onset_s"):
            column = getattr(self, name)
            if column is not None:
                if len(column) != count:
                    raise EcgsynthError(
                        f"'{name}' has {len(column)} entries for {count} items of signal."
                    )
                kind = {"valid": np.int32, "onset_s": np.float64}.get(name, np.str_)
                object.__setattr__(self, name, np.asarray(column, kind))
        if self.marks is not None and len(self.marks) and int(self.marks.item.max()) >= count:
            raise EcgsynthError("a mark belongs to an item that is not there.")

    def _fit(self, name: str, shape: tuple[int, int], empty: float) -> None:
        value = getattr(self, name)
        value = (
            np.full(shape, empty, np.float32) if value is None else np.asarray(value, np.float32)
        )
        if value.shape != shape:
            raise EcgsynthError(f"'{name}' has shape {value.shape}; expected {shape}.")
        object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.signal)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {count:,}" for name, count in self.counts().items())
        return (
            f"Ecg({self.source}: {len(self):,} items, {'/'.join(self.spec.leads)}, "
            f"{self.spec.samples} samples at {self.spec.fs:g} Hz, {self.spec.unit}"
            f"{'; ' + counts if counts else ''})"
        )

    def __getitem__(self, index: Any) -> Ecg:
        """A selection of items by slice, index array or boolean mask; always an `Ecg`."""
        if isinstance(index, int | np.integer):
            index = [int(index)]
        rows = np.arange(len(self))[index]
        columns: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows]
            for name in ("signal", "label", "context", "patient", "record", "valid", "onset_s")
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
        EcgsynthError: a class is not in the vocabulary.
        """
        if tuple(classes) == self.spec.classes:
            return self
        assert self.label is not None
        label = self.label[:, [self.spec.class_index(name) for name in classes]]
        spec = replace(self.spec, classes=tuple(classes))
        kept = np.flatnonzero(label.any(1))
        bare = replace(self, spec=replace(self.spec, classes=()), label=None)[kept]
        return replace(bare, spec=spec, label=label[kept])

    def quantised(self, step_mv: float = 0.005) -> Ecg:
        """Rounded to the step of an analogue-digital converter (5 uV in MIT-BIH).

        Real and synthetic signals are compared on the same grid, so that no classifier can tell
        them apart by the converter alone. Sets that never had mV are given back as they are.
        """
        if self.spec.unit != "mV":
            return self
        return replace(self, signal=np.round(self.signal / step_mv).astype(np.float32) * step_mv)


def one_hot(labels_id: ArrayLike, classes: int) -> NDArray[np.float32]:
    """[item] class numbers to [item, class] rows; a negative number gives a row of zeros."""
    labels_id = np.asarray(labels_id, np.int64)
    rows = np.zeros((len(labels_id), classes), np.float32)
    known = np.flatnonzero(labels_id >= 0)
    rows[known, labels_id[known]] = 1
    return rows


def concatenate(parts: Sequence[Ecg]) -> Ecg:
    """Several sets of one spec as one; a column that a part lacks is dropped.

    Raises
    ------
    EcgsynthError: no parts, or their specs differ.
    """
    if not parts:
        raise EcgsynthError("nothing to concatenate: the list of ECGs is empty.")
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        if part.spec != first.spec:
            raise EcgsynthError(
                f"cannot join ECGs of different specs: {first.spec} and {part.spec}."
            )
    columns: dict[str, Any] = {}
    for name in ("signal", "label", "context", "patient", "record", "valid", "onset_s"):
        values = [getattr(part, name) for part in parts]
        columns[name] = None if any(v is None for v in values) else np.concatenate(values)
    marks = [part.marks for part in parts]
    known = [mark for mark in marks if mark is not None]
    columns["marks"] = (
        Marks.join(known, [len(p) for p in parts]) if len(known) == len(parts) else None
    )
    source = first.source if len({p.source for p in parts}) == 1 else "several"
    if any(part.synthetic for part in parts) and not source.startswith(SYNTHETIC):
        source = SYNTHETIC + "mixed"  # one synthetic item marks the whole set
    return replace(first, **columns, source=source)
