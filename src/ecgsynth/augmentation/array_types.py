"""X and y of every kind that scikit-learn takes: read as arrays, given back as what they were."""

# ruff: noqa: N803 (X and y are what scikit-learn calls them)
from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import as_real_number, quote
from ecgsynth.errors import EcgsynthError

Key = str | bool | int | float
"""A class as `y` has it: a name, True or False, or a whole number, which may be written as 1.0."""


@dataclass(frozen=True)
class LabelledArrays:
    """Items and their classes.

    X: [item, sample] or [item, lead, sample], floating point. y: [item], as an array. keys: the
    distinct classes, in rising order. number: [item] which of them. X_was, y_was: what was given.
    """

    X: NDArray
    y: NDArray
    keys: list[Any]
    number: NDArray[np.int64]
    X_was: Any
    y_was: Any

    @classmethod
    def of(cls, X: Any, y: Any, whole: bool = False) -> LabelledArrays:
        """Recognise the arrays that were given.

        whole: whether X may hold whole numbers too, which are then read as such mV.

        Raises
        ------
        EcgsynthError: no items, items that are no numbers, classes that do not fit them.
        """
        rows = _array(X, "X")
        if whole and rows.dtype.kind in "iu":
            rows = rows.astype(np.float64)
        if rows.ndim not in (2, 3) or rows.dtype.kind != "f":
            raise EcgsynthError(
                f"X has shape {rows.shape} of {rows.dtype}; give [item, sample] or [item, lead, "
                "sample] of floating-point mV."
            )
        if not rows.size:
            raise EcgsynthError(f"X has shape {rows.shape} and holds nothing; give items.")
        answers = _array(y, "y") if y is not None else np.zeros(0, int)
        if answers.ndim == 2 and answers.shape[1] == 1 and _is_pandas(y):
            answers = answers[:, 0]
        if answers.shape != (len(rows),) or answers.dtype.kind not in "iufUOTb":
            raise EcgsynthError(
                f"y has shape {answers.shape} of {answers.dtype} for {len(rows)} items; give one "
                "name or whole number an item."
            )
        listed = [_label_key(one) for one in answers.tolist()]
        if len({_label_type(key) for key in listed}) > 1:
            raise EcgsynthError("y mixes names and numbers; give one name or whole number an item.")
        keys = sorted(set(listed))
        place = {key: k for k, key in enumerate(keys)}
        return cls(rows, answers, keys, np.array([place[key] for key in listed]), X, y)

    def append(self, X: NDArray, number: NDArray[np.int64]) -> tuple[Any, Any]:
        """What was given with these items behind it, in the kind that it had.

        X: [item, ...] as `self.X`. number: [item] which of the keys each of them is.
        """
        X = X.reshape(len(X), *self.X.shape[1:]).astype(self.X.dtype)
        return self._rows_with(X), self._labels_with([self.keys[k] for k in number])

    def _rows_with(self, X: NDArray) -> Any:
        was = self.X_was
        if not _is_pandas(was):
            return np.concatenate([self.X, X])
        import pandas as pd

        floating = all(kind.kind == "f" for kind in was.dtypes)
        kinds = was.dtypes if floating else [self.X.dtype] * X.shape[1]
        columns = [pd.Series(column, dtype=kind) for column, kind in zip(X.T, kinds, strict=True)]
        more = pd.concat(columns, axis=1).set_axis(was.columns, axis=1)
        return pd.concat([was if floating else was.astype(self.X.dtype), more], ignore_index=True)

    def _labels_with(self, labels: Sequence[Key]) -> Any:
        was: Any = self.y_was
        if not _is_pandas(was):
            return np.concatenate([self.y, np.array(labels, self.y.dtype)])
        import pandas as pd

        series = was.iloc[:, 0] if isinstance(was, pd.DataFrame) else pd.Series(was)
        more: Any = pd.Series(labels, dtype=series.dtype, name=series.name)
        both = pd.concat([series, more], ignore_index=True)
        if isinstance(was, pd.DataFrame):
            return both.to_frame()
        if isinstance(was, pd.Index):
            return pd.Index(both, name=was.name)
        return both if isinstance(was, pd.Series) else both.array


def _array(value: Any, name: str) -> NDArray:
    try:
        if _is_pandas(value) and value.ndim == 2:
            kinds = [getattr(kind, "numpy_dtype", kind) for kind in value.dtypes]
            if all(kind.kind in "fiu" for kind in kinds):  # NaN where a number is missing
                return np.asarray(value.to_numpy(np.result_type(*kinds), na_value=np.nan))
        return np.asarray(value)
    except EcgsynthError:
        raise
    except Exception:  # ragged, or of another library and no array
        raise EcgsynthError(f"{name} is no array; got {quote(value)}.") from None


def _is_pandas(value: object) -> bool:
    """Whether it comes from pandas, which is not loaded for the question."""
    pd = sys.modules.get("pandas")
    if pd is None:
        return False
    kinds = (pd.DataFrame, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)
    return isinstance(value, kinds)


def _label_key(one: Any) -> Key:
    """A class as a plain value.

    Raises
    ------
    EcgsynthError: it is no name and no whole number.
    """
    if isinstance(one, str) and one.strip():
        return str(one)
    if isinstance(one, bool | np.bool_):
        return bool(one)
    number = as_real_number(one)
    if number is None or np.isnan(number) or number % 1:
        raise EcgsynthError(f"y holds {quote(one)}; give one name or whole number an item.")
    return number


def _label_type(key: Any) -> type | None:
    """What sort of class it is; None of what is none."""
    for kind in (str, bool, np.bool_):
        if isinstance(key, kind):
            return bool if kind is np.bool_ else kind
    return None if as_real_number(key) is None else float


def find_label(value: Any, keys: Iterable[Any]) -> Any:
    """The class that is meant; "2" is not 2, and True is not 1.

    Raises
    ------
    EcgsynthError: there are no items of it.
    """
    for key in keys:
        if _label_type(value) == _label_type(key) and value == key:
            return key
    raise EcgsynthError(
        f"no items of class {quote(value)} are given; there are {', '.join(map(repr, keys))}."
    )
