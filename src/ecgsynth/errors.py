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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`" Did you mean 'vanilla'?"` where a known name is close to `word`, else the known names."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}." if known else ""
