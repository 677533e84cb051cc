"""Checks of the arguments of public calls: a wrong one is refused in one sentence.

Nothing is changed silently: True is no number, 2.7 is no count, and "2" is not 2.
"""

from __future__ import annotations

import errno
import os
import reprlib
import unicodedata
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ecgsynth.errors import EcgsynthError, did_you_mean

MOST = 2**63 - 1
"""The largest whole number that is taken."""

LARGEST = float(np.finfo(np.float64).max)

SLOWEST, FASTEST = 1.0, 1e5
"""Sampling rates, Hz, beyond which no ECG is recorded."""

NOT_THERE = (errno.ENOENT, errno.ENOTDIR)

T = TypeVar("T")

BREAKING = ("Cc", "Cs")
"""Unicode categories that are no part of a name: control characters, and halves of characters."""


def quote(value: object) -> str:
    """A value as it stands in a sentence: short, in one line, whatever it is."""
    try:
        if isinstance(value, np.ndarray):
            return f"an array of shape {value.shape} of {value.dtype}"
        if isinstance(value, np.generic):
            value = value.item()
        words = reprlib.repr(value)
    except Exception:  # its own repr fails
        words = f"a {type(value).__name__}"
    return " ".join(words.split())


def check_integer(value: Any, name: str, least: int = 0, most: int = MOST) -> int:
    """A whole number, as an int.

    Raises
    ------
    EcgsynthError: it is of another kind, or beyond the limits.
    """
    real = as_real_number(value)
    if isinstance(real, int) and least <= real <= most:
        return real
    to = "2^63 - 1" if most == MOST else f"{most:,}"
    raise EcgsynthError(
        f"{name} must be a whole number between {least:,} and {to}; got {quote(value)}."
    )


def check_number(value: Any, name: str, low: float = -np.inf, high: float = np.inf) -> float:
    """A finite number within these limits, as a float.

    Raises
    ------
    EcgsynthError: it is of another kind, not finite, or beyond the limits.
    """
    real = as_real_number(value)
    if real is not None and low <= real <= high and abs(real) <= LARGEST:
        return float(real)
    ends = f"{f' from {low:g}' if low > -np.inf else ''}{f' to {high:g}' if high < np.inf else ''}"
    raise EcgsynthError(f"{name} must be a finite number{ends}; got {quote(value)}.")


def check_positive(value: Any, name: str) -> float:
    """A finite number above 0, as a float.

    Raises
    ------
    EcgsynthError: it is of another kind, not finite, or not above 0.
    """
    real = as_real_number(value)
    if real is None or not 0 < real <= LARGEST:
        raise EcgsynthError(f"{name} must be a number above 0; got {quote(value)}.")
    return float(real)


def check_rate(value: Any, name: str = "the sampling rate") -> float:
    """A sampling rate, Hz.

    Raises
    ------
    EcgsynthError: it is no positive number, or a rate at which no ECG is recorded.
    """
    real = as_real_number(value)
    if real is None or not 0 < real <= LARGEST:
        raise EcgsynthError(
            f"{name} must be a positive number of Hz, as in fs=360; got {quote(value)}."
        )
    if not SLOWEST <= real <= FASTEST:
        raise EcgsynthError(
            f"{name} is given in Hz, samples per second, from {SLOWEST:g} to {FASTEST:,.0f}; got "
            f"{real:.4g}.{_rate_hint(real)}"
        )
    return float(real)


def _rate_hint(slow: float) -> str:
    """The rate for which another number may stand: that of seconds a sample, or of kHz."""
    if slow >= SLOWEST or 1 / slow > FASTEST:
        return ""
    if slow < 0.05:
        return f" Are these the seconds between two samples? Then give {1 / slow:.4g}."
    return f" Are these kHz? Then give {1000 * slow:.4g}."


def as_real_number(value: Any) -> int | float | None:
    """A real number of Python's own kind; None of what is none, True and "2" among them."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, np.floating):
        return float(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_count(number: object) -> bool:
    """Whether this is a whole number, 0 or more."""
    real = as_real_number(number)
    return isinstance(real, int) and real >= 0


def check_flag(value: Any, name: str) -> bool:
    """True or False.

    Raises
    ------
    EcgsynthError: it is neither.
    """
    if not isinstance(value, bool | np.bool_):
        raise EcgsynthError(f"{name} is True or False; got {quote(value)}.")
    return bool(value)


def check_once(names: Iterable[str], what: str) -> None:
    """Refuse a name that is set twice, as nobody knows which of its values was meant.

    Raises
    ------
    EcgsynthError: there is one.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise EcgsynthError(f"{what} {quote(name)} is set twice; leave one of them out.")
        seen.add(name)


def has_unprintable(word: str) -> bool:
    """Whether a word holds what no name holds: control characters, halves of characters."""
    return not word.isprintable() and any(unicodedata.category(c) in BREAKING for c in word)


def check_text(value: Any, name: str) -> str:
    """A line of text.

    Raises
    ------
    EcgsynthError: it is no string, or holds control characters or halves of characters.
    """
    if not isinstance(value, str):
        raise EcgsynthError(f"{name} is a text; got {quote(value)}.")
    if has_unprintable(value):
        raise EcgsynthError(
            f"{name} holds a control character, a line break or half a character: {quote(value)}; "
            "take it out."
        )
    return str(value)


def as_list(value: Any) -> list[Any] | None:
    """The parts of a list, an array or a stream; None of what is none or has no order."""
    try:
        return None if isinstance(value, str | bytes | Mapping | Set) else list(value)
    except Exception:  # of whatever kind, where its iterator fails
        return None


def check_names(value: Any, name: str, *, empty: bool = False) -> tuple[str, ...]:
    """A list of distinct names, each of which can stand in a line of a file.

    empty: whether the list may hold none.

    Raises
    ------
    EcgsynthError: it is no list, empty, or holds what is no name, or one name twice.
    """
    found = as_list(value)
    if found is None:
        raise EcgsynthError(f"{name} is a list of names, as in ['N', 'V']; got {quote(value)}.")
    for one in found:
        if not isinstance(one, str) or not one.strip() or has_unprintable(one):
            raise EcgsynthError(
                f"{name} holds names of visible characters, and {quote(one)} is none; rename it."
            )
    if len(set(found)) != len(found):
        twice = next(one for one in found if found.count(one) > 1)
        raise EcgsynthError(f"{name} must be distinct; {quote(twice)} is there twice.")
    if not found and not empty:
        raise EcgsynthError(f"{name} is empty; name at least one, or leave it out.")
    return tuple(str(one) for one in found)


def check_choice(value: Any, name: str, known: Iterable[str]) -> str:
    """One of the words that are known.

    Raises
    ------
    EcgsynthError: it is none of them.
    """
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise EcgsynthError(f"{name} is no {quote(value)}.{did_you_mean(str(value), known)}")
    return str(value)


def check_mapping(value: Any, name: str, example: str) -> dict[Any, Any]:
    """A mapping, as a dictionary.

    Raises
    ------
    EcgsynthError: it is none.
    """
    if not isinstance(value, Mapping):
        raise EcgsynthError(f"{name} is a mapping, as in {example}; got {quote(value)}.")
    return dict(value)


def check_instance(value: Any, kind: type[T], what: str) -> T:
    """An object of this kind; what: the first half of the message, how to get such an object.

    Raises
    ------
    EcgsynthError: it is of another kind.
    """
    if not isinstance(value, kind):
        raise EcgsynthError(f"{what}; got {quote(value)}.")
    return value


def check_callback(value: Any, name: str) -> None:
    """Check that the value is a function, or None.

    Raises
    ------
    EcgsynthError: it is neither a function nor None.
    """
    if value is not None and not callable(value):
        raise EcgsynthError(f"{name} is a function that is called meanwhile; got {quote(value)}.")


def check_path(value: Any, name: str = "the path") -> Path:
    """A path that a file system can be asked for.

    Raises
    ------
    EcgsynthError: it is no path, holds a NUL, is too long, or may not be looked at.
    """
    try:
        path = None if isinstance(value, bytes) else os.fspath(value)
    except TypeError:
        path = None
    if not isinstance(path, str) or not path:
        raise EcgsynthError(f"{name} is the name of a file or folder; got {quote(value)}.")
    try:
        os.stat(path)
    except ValueError:  # a NUL, or half a character
        raise EcgsynthError(
            f"{name} {quote(path)} holds a character that no file name can hold; take it out."
        ) from None
    except OSError as problem:
        if problem.errno not in NOT_THERE:
            raise EcgsynthError(
                f"{name} {quote(path)} cannot be looked at ({problem.strerror}); name another."
            ) from None
    return Path(path)
