"""The one exception that a user is meant to read."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EcgsynthError(Exception):
    """A problem that the caller can mend: one sentence with the thing, the reason and the mend.

    The command line prints it without a traceback and exits with code 2.
    """


class MissingRecordingsError(EcgsynthError):
    """The recordings of a registered data set are not on this machine."""


INWARD = (AttributeError, IndexError, RecursionError, TypeError)
"""What Python says in these speaks to those who wrote the program, not to those who use it."""


def reason_of(problem: object) -> str:
    """Why a library could not read a file, in words for whoever sent it."""
    text = str(problem).split("\n")[0].rstrip(". ")
    if isinstance(problem, INWARD) or text.startswith("cannot reshape"):
        return "its parts do not fit together"
    if isinstance(problem, UnicodeError):
        return "it holds bytes that are no text"
    if isinstance(problem, KeyError) and " " not in text:
        return f"{text} is missing or unknown"
    if "allow_pickle" in text:
        return "it holds Python objects, which are never opened"
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'vanilla'?"` where a known name is close to `word`, else the known names."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}." if known else ""
