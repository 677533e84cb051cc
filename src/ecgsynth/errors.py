"""The one exception that a user is meant to read."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable
from difflib import get_close_matches
from urllib.parse import unquote

_OF_WEB = re.compile(r"(https?:/{1,2})[^\s/?#]*@", re.IGNORECASE)
"""Who asks a web server; a name alone is often a token. A path has one slash of the two."""
_OF_STORE = re.compile(
    r"(?<![a-z\d+.-])((?!https?:)[a-z][a-z\d+.-]*:/{1,2}[^\s:/@]*:)\S*@", re.IGNORECASE
)
"""Who opens a database; a password that holds / or @ as they are ends at the last @."""
_OF_QUERY = re.compile(
    r"((?:password|passwd|passphrase|pwd|token|secret|api_?key|signature)(?:=|%3D))"
    r"(?:(?!%3B)[^&;\s'\"#])+",
    re.IGNORECASE,
)
HIDDEN = "***"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of characters."""


def mask_passwords(text: str, uri: str = "") -> str:
    """The text with `***` in place of the passwords of all URIs in it.

    uri: one that is in use; its password is hidden wherever it stands, as a library may write a
    part of it, or write it otherwise.
    """
    secret = _password_of(uri)
    for piece in (secret, unquote(secret)):
        if len(piece) > 3:
            text = text.replace(piece, HIDDEN)
    for piece in filter(None, secret.split("@")):
        text = text.replace(f"{piece}@", f"{HIDDEN}@")
    text = _OF_WEB.sub(rf"\g<1>{HIDDEN}@", text)
    text = _OF_STORE.sub(rf"\g<1>{HIDDEN}@", text)
    return _OF_QUERY.sub(rf"\g<1>{HIDDEN}", text)


def _password_of(uri: str) -> str:
    """What stands between user and host, as it is written."""
    match = re.match(r"[a-z][a-z\d+.-]*:/{1,2}[^:/@]*:(.*)@", uri, re.IGNORECASE | re.DOTALL)
    return match[1] if match else ""


class EcgsynthError(Exception):
    """A problem that the caller can mend: one sentence with the thing, the reason and the mend.

    The command line prints it without a traceback and exits with code 2. Passwords of URIs are
    hidden (`mask_passwords`). Control characters are replaced by their codes, so that it is one
    line that any terminal can show.
    """

    def __init__(self, *sentences: object) -> None:
        super().__init__(
            *(
                printable_line(mask_passwords(one)) if isinstance(one, str) else one
                for one in sentences
            )
        )


def printable_line(text: str) -> str:
    """A text with its control characters, line breaks too, written out."""
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


class NotThereError(EcgsynthError, IndexError):
    """An item that is not there; as an `IndexError` it also ends a loop over the items."""


class MissingRecordingsError(EcgsynthError):
    """The recordings of a registered data set are not on this machine."""


class DamagedFileError(EcgsynthError):
    """A file is missing, cut short or corrupt, and no setting would mend it."""


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an error means that there was too little memory; PyTorch and oneDNN have no
    type for it."""
    words = ("allocate memory", "out of memory", "could not create a primitive")
    return isinstance(problem, MemoryError) or any(word in str(problem) for word in words)


def is_disk_full(problem: BaseException | None) -> bool:
    """Whether an error, or one of its causes, is a full disk."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        problem = problem.__cause__
    return False


INWARD = (AttributeError, IndexError, RecursionError, TypeError)
"""Messages of these are meant for programmers, not for users."""


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


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """`" Did you mean 'vanilla'?"` where a known name is close to `word`, else the known names."""
    known = sorted(map(str, known))
    try:
        close = get_close_matches(str(word)[:100], known, n=1, cutoff=0.6)
    except Exception:  # of an object that cannot be shown
        close = []
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" Known: {', '.join(known)}." if known else ""
