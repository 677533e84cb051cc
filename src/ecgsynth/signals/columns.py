"""Arrays from callers: real numbers, whole numbers, names; no value is converted silently."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.arguments import as_list, as_real_number, quote
from ecgsynth.errors import EcgsynthError

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg


def number_array(value: Any, name: str, kind: type[np.generic] = np.float32) -> NDArray[Any]:
    """An array of real numbers, or of whole ones where `kind` is an integer.

    Raises
    ------
    EcgsynthError: it is no array of such numbers, as texts and complex ones are.
    """
    whole_ones = np.issubdtype(kind, np.integer)
    what = f"{name} is an array of {'whole' if whole_ones else 'real'} numbers"
    try:
        found = np.asarray(value)
    except EcgsynthError:
        raise
    except Exception:  # ragged, or an object of another library that is no array
        raise EcgsynthError(f"{what}; got {quote(value)}.") from None
    if found.dtype == object and found.ndim:
        for one in found.ravel():
            if one is not None and as_real_number(one) is None:
                raise EcgsynthError(f"{what}; {quote(one)} is none.")
        found = found.astype(np.float64)
    if found.dtype.kind not in "iuf":
        if found.size:
            raise EcgsynthError(f"{what}; got {quote(value if found.ndim == 0 else found)}.")
        found = found.astype(kind)
    if whole_ones and found.dtype.kind == "f":
        odd = ~(found == np.floor(found)) | (np.abs(found) > 2.0**53)
        if odd.any():
            raise EcgsynthError(f"{what}; {quote(found[odd][0])} is none.")
    with np.errstate(over="ignore"):
        same = found.astype(kind, copy=False)
    if same is found:
        return same
    too_large = same != found if whole_ones else np.isinf(same) & ~np.isinf(found)
    if too_large.any():
        raise EcgsynthError(f"{what}; {quote(found[too_large][0])} is too large.")
    return same


def name_array(value: Any, name: str) -> NDArray[np.str_]:
    """An array of names; whole numbers are read as such, since people are often numbered.

    Raises
    ------
    EcgsynthError: it holds what is neither, as None for a person who is not known.
    """
    try:
        found = np.asarray(value)
    except EcgsynthError:
        raise
    except Exception:
        raise EcgsynthError(f"{name} is a list of names; got {quote(value)}.") from None
    if found.dtype.kind in "UTiu" or not found.size:
        return found.astype(np.str_)
    if found.dtype.kind != "O":
        raise EcgsynthError(f"{name} is a list of names; got {quote(found)}.")
    for one in found.ravel():
        if not isinstance(one, str) and not isinstance(as_real_number(one), int):
            raise EcgsynthError(
                f"{name} holds {quote(one)}, which is no name; write 'unknown' for one."
            )
    return found.astype(np.str_)


def column_or_empty(
    value: ArrayLike | None, name: str, shape: tuple[int, int], empty: float
) -> NDArray[np.float32]:
    """[item, column] as it was given; full of `empty` where it was not.

    Raises
    ------
    EcgsynthError: it has another shape, or holds what is no number.
    """
    if value is None:
        return np.full(shape, empty, np.float32)
    found = number_array(value, f"'{name}'")
    if found.shape != shape:
        raise EcgsynthError(f"'{name}' has shape {found.shape}; expected {shape}.")
    return found


def check_labels(label: NDArray[np.float32], classes: Sequence[str], multilabel: bool) -> None:
    """Check that labels are 0 or 1, and one an item where it may have only one.

    label: [item, class]. multilabel: whether an item may carry several classes.

    Raises
    ------
    EcgsynthError: an entry is neither 0 nor 1, or an item carries more classes than it may.
    """
    odd = ~((label == 0) | (label == 1))
    if odd.any():
        item, k = np.argwhere(odd)[0]
        raise EcgsynthError(
            f"'label' holds {label[item, k]:g} for item {item} and class {classes[k]}; a label is "
            "1 where the item carries the class, and else 0."
        )
    if not multilabel and len(label) and (total := label.sum(1)).max() > 1:
        raise EcgsynthError(
            f"item {total.argmax()} carries {total.max():g} classes, which an item of this spec "
            "cannot; set multilabel=True."
        )


def text_tuple(value: Any, name: str) -> tuple[str, ...]:
    """Some texts as files have them, which may be empty, hold tabs and come twice."""
    given = as_list(value)
    if given is None or not all(isinstance(one, str) for one in given):
        raise EcgsynthError(f"{name} are a list of texts; got {quote(value)}.")
    return tuple(map(str, given))


def check_times(times: NDArray[np.str_]) -> None:
    """Check that texts are times of ISO 8601, or empty.

    Raises
    ------
    EcgsynthError: one is neither.
    """
    for text in np.unique(times).tolist():
        try:
            _ = text and datetime.fromisoformat(text)
        except ValueError:
            raise EcgsynthError(
                f"'start' holds {quote(text)}, which is no time; write it as in "
                "2026-01-31T08:15:00, and an unknown one as ''."
            ) from None


def equal_columns(one: NDArray | None, other: NDArray | None) -> bool:
    """Whether two columns are equal, NaN where the other has NaN; None equals None alone."""
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def start_of(ecg: Ecg) -> datetime | None:
    """When the first item of a set began; None where it is unknown."""
    if ecg.start is None or not len(ecg) or not ecg.start[0]:
        return None
    onset_s = 0.0 if ecg.onset_s is None else float(np.nan_to_num(ecg.onset_s[0]))
    return datetime.fromisoformat(str(ecg.start[0])) + timedelta(seconds=onset_s)
