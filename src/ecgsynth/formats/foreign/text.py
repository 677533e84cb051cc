"""Labels and names of people in foreign files as text: equal values become equal texts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTED = re.compile(r"[+-]?\d+\.\d*([eE][+-]?\d+)?")
"""A number as programs write it that have read a column of whole ones as decimal ones."""

WHOLE = re.compile(r"[+-]?\d+")
NO_NUMBER = ("nan", "na", "none", "null")
"""What stands among numbers, in any case, for one that is missing; among words it is a word."""


def as_words(values: NDArray | Iterable[Any]) -> NDArray[np.str_]:
    """Numbers, bytes and texts as words without blanks around them; "" where there is nothing.

    1.0 and "1.000e+00" are the word "1". Leading zeros and numbers without a point stay as they
    are. Bytes are UTF-8.

    Raises
    ------
    UnicodeDecodeError: bytes that are not.
    """
    found = [_word(value) for value in values]
    known = [word for word in found if word and word.casefold() not in NO_NUMBER]
    numbers = bool(known) and all(POINTED.fullmatch(w) or WHOLE.fullmatch(w) for w in known)
    if numbers:
        found = [_number(word) for word in found]
    return np.array(found, np.str_)


def _word(value: Any) -> str:
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def _number(word: str) -> str:
    if word.casefold() in NO_NUMBER:
        return ""
    if POINTED.fullmatch(word) and math.isfinite(float(word)) and float(word).is_integer():
        return str(int(float(word)))
    return word


def natural_key(word: str) -> list[tuple[int, str]]:
    """A key that sorts "2" before "10"."""
    parts = re.split(r"(\d+)", word)
    return [(int(p), "") if k % 2 else (-1, p) for k, p in enumerate(parts)]
