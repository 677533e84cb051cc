"""Labels in foreign files: names, numbers with or without names, or a column a class."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.foreign.text import as_words, natural_key
from ecgsynth.signals.ecg import one_hot

KEYS = ("labels_str", "label", "labels", "class", "y", "labels_id")
"""Names under which labels are looked for, in this order."""

NUMBERED = "labels_id"
"""Where numbers count the classes from 0, and -1 is none."""


@dataclass(frozen=True)
class Labels:
    """classes: names. row: [item, class], 1 where an item has the class."""

    classes: tuple[str, ...]
    row: NDArray[np.float32]

    @property
    def multilabel(self) -> bool:
        return bool((self.row.sum(1) > 1).any())

    @property
    def names(self) -> list[str]:
        """What an item is called, by which two columns of labels can be compared."""
        return ["|".join(self.classes[k] for k in np.flatnonzero(row)) for row in self.row]


def labels_of(
    key: str, values: NDArray, classes: tuple[str, ...], count: int, path: Path
) -> Labels:
    """Labels from an array of them.

    values: [item] names or numbers, or [item, class] of 0 and 1. classes: their names, or () where
        the file does not name them. Numbers then are names; else they are those of `classes` where
        all are among them, and otherwise count them from 0.

    Raises
    ------
    EcgsynthError: shapes do not fit, a number counts no class, a name is not among the classes.
    """
    if values.size == count and values.ndim > 1:
        values = values.reshape(count)
    if values.ndim == 2 and len(values) == count and values.dtype.kind in "biuf":
        return _labels_of_columns(key, values, classes, path)
    if values.shape != (count,):
        raise EcgsynthError(
            f"'{key}' in {path.name} has shape {list(values.shape)}; it must hold one label for "
            f"each of the {count} items, or a column of 0 and 1 for each class."
        )
    names = as_words(values)
    if not classes:
        if key == NUMBERED:
            names[names == "-1"] = ""
        classes = tuple(sorted(set(names.tolist()) - {""}, key=natural_key))
    elif values.dtype.kind in "biuf" and (key == NUMBERED or not set(names) <= {"", *classes}):
        return Labels(classes, one_hot(_class_numbers(key, values, classes, path), len(classes)))
    unknown = sorted(set(names.tolist()) - {"", *classes})
    if unknown:
        raise EcgsynthError(f"{path.name}: the label '{unknown[0]}' is not in 'classes'.")
    number = {name: k for k, name in enumerate(classes)} | {"": -1}
    return Labels(classes, one_hot([number[name] for name in names.tolist()], len(classes)))


def _class_numbers(
    key: str, values: NDArray, classes: tuple[str, ...], path: Path
) -> NDArray[np.int64]:
    numbers = np.where(np.isnan(values), -1, values) if values.dtype.kind == "f" else values
    numbers = numbers.astype(np.float64)
    wrong = numbers[(numbers != np.round(numbers)) | (numbers < -1) | (numbers >= len(classes))]
    if len(wrong):
        raise EcgsynthError(
            f"'{key}' in {path.name} holds the number {wrong[0]:g}, but 'classes' has "
            f"{len(classes)} names, which are counted from 0 to {len(classes) - 1} (-1 for none)."
        )
    return numbers.astype(np.int64)


def _labels_of_columns(key: str, values: NDArray, classes: tuple[str, ...], path: Path) -> Labels:
    if not np.isin(values, (0, 1)).all():
        raise EcgsynthError(
            f"'{key}' in {path.name} is {list(values.shape)} and holds more than 0 and 1, so it "
            "is no label; save one label an item, as label.argmax(1) does."
        )
    if classes and len(classes) != values.shape[1]:
        raise EcgsynthError(
            f"'{key}' in {path.name} has {values.shape[1]} columns, but 'classes' has "
            f"{len(classes)} names."
        )
    named = classes or tuple(str(k) for k in range(values.shape[1]))
    return Labels(named, values.astype(np.float32))


def check_agreement(one: tuple[str, Labels], two: tuple[str, Labels], path: Path) -> None:
    """Check that two columns hold the same labels, also where their names differ.

    Raises
    ------
    EcgsynthError: they do not.
    """
    (key, first_labels), (other, other_labels) = one, two
    pairs = set(zip(first_labels.names, other_labels.names, strict=True))
    one_to_one = len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
    if one_to_one and (
        first_labels.classes != other_labels.classes or all(a == b for a, b in pairs)
    ):
        return
    differ = sum(a != b for a, b in zip(first_labels.names, other_labels.names, strict=True))
    raise EcgsynthError(
        f"'{key}' and '{other}' in {path.name} contradict each other in {differ} of "
        f"{len(first_labels.row)} items; leave one of them out, or name the right one, as in "
        f"data.label={key}."
    )
