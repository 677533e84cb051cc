"""X and y of every kind that scikit-learn takes: read as arrays, given back as what they were."""

# ruff: noqa: N803 (X and y are what scikit-learn calls them)
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.arguments import plain, shown
from ecgsynth.errors import EcgsynthError

Key = str | bool | int | float
"""A class as `y` has it: a name, True or False, or a whole number, which may be written as 1.0."""


@dataclass(frozen=True)
class Given:
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
    def of(cls, X: Any, y: Any) -> Given:
        """
        Raises
        ------
        EcgsynthError: no items, items that are no numbers, classes that do not fit them.
        """
        rows = _rows(X)
        answers = _array(y, "y") if y is not None else np.zeros(0, int)
        if answers.ndim == 2 and answers.shape[1] == 1 and _of_pandas(y):
            answers = answers[:, 0]
        if answers.shape != (len(rows),) or answers.dtype.kind not in "iufUOTb":
            raise EcgsynthError(
                f"y has shape {answers.shape} of {answers.dtype} for {len(rows)} items; give one "
                "name or whole number an item."
            )
        listed = [_key(one) for one in answers.tolist()]
        kinds = {str if isinstance(key, str) else isinstance(key, bool) for key in listed}
        if len(kinds) > 1:
            raise EcgsynthError("y mixes names and numbers; give one name or whole number an item.")
        keys = sorted(set(listed))
        place = {key: k for k, key in enumerate(keys)}
        return cls(rows, answers, keys, np.array([place[key] for key in listed]), X, y)

    def followed_by(self, X: NDArray, number: NDArray[np.int64]) -> tuple[Any, Any]:
        """What was given with these items behind it, in the kind that it had.

        X: [item, ...] as `self.X`. number: [item] which of the keys each of them is.
        """
        X = X.reshape(len(X), *self.X.shape[1:]).astype(self.X.dtype)
        said = [self.keys[k] for k in number]
        rows: Any = np.concatenate([self.X, X])
        if _of_pandas(self.X_was):
            import pandas as pd

            more = pd.DataFrame(X, columns=self.X_was.columns)
            floating = all(kind.kind == "f" for kind in self.X_was.dtypes)
            rows = pd.concat([self.X_was, more], ignore_index=True)
            rows = rows.astype(self.X_was.dtypes if floating else self.X.dtype)
        return rows, self._answers(said)

    def _answers(self, said: Sequence[Key]) -> Any:
        was = self.y_was
        if not _of_pandas(was):
            return np.concatenate([self.y, np.array(said, self.y.dtype)])
        import pandas as pd

        if isinstance(was, pd.DataFrame):
            more = pd.DataFrame({was.columns[0]: said}, dtype=was.dtypes.iloc[0])
            return pd.concat([was, more], ignore_index=True)
        series = was if isinstance(was, pd.Series) else pd.Series(was)
        more = pd.Series(said, dtype=series.dtype, name=series.name)
        whole = pd.concat([series, more], ignore_index=True)
        if isinstance(was, pd.Series):
            return whole
        return pd.Index(whole, name=was.name) if isinstance(was, pd.Index) else whole.array


def _rows(X: Any) -> NDArray:
    rows = _array(X, "X")
    if rows.ndim not in (2, 3) or not np.issubdtype(rows.dtype, np.floating):
        raise EcgsynthError(
            f"X has shape {rows.shape} of {rows.dtype}; give [item, sample] or [item, lead, "
            "sample] of floating-point mV."
        )
    if not rows.size:
        raise EcgsynthError(f"X has shape {rows.shape} and holds nothing; give items.")
    return rows


def _array(given: ArrayLike, name: str) -> NDArray:
    try:
        if _of_pandas(given) and name == "X":  # where a number is missing, NaN stands
            kind = None if all(k.kind in "fiu" for k in given.dtypes) else object  # type: ignore[union-attr]
            return given.to_numpy(kind, na_value=np.nan)  # type: ignore[union-attr]
        return np.asarray(given)
    except EcgsynthError:
        raise
    except Exception:  # ragged, or of another library and no array
        raise EcgsynthError(f"{name} is no array; got {shown(given)}.") from None


def _of_pandas(given: object) -> bool:
    """Whether it comes from pandas, which is not loaded for the question."""
    pd = sys.modules.get("pandas")
    kinds = () if pd is None else (pd.DataFrame, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)
    return isinstance(given, kinds)


def _key(one: Any) -> Key:
    """A class as a plain value.

    Raises
    ------
    EcgsynthError: it is no name and no whole number.
    """
    if isinstance(one, str) and one.strip():
        return str(one)
    if isinstance(one, bool | np.bool_):
        return bool(one)
    number = plain(one)
    if number is None or number != number or number % 1:
        raise EcgsynthError(f"y holds {shown(one)}; give one name or whole number an item.")
    return number
