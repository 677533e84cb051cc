"""A line of text as tokens, each with its column, and errors that name a place in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from ecgsynth.errors import EcgsynthError

TOKEN = re.compile(
    r"\s*(?:(\d+(?:\.\d+)?|\.\d+)|([A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*)|(/min|.))"
)


class Token(NamedTuple):
    """A number, a word or a sign, and the column that it begins in, from 1."""

    text: str
    column: int
    number: float | None = None


@dataclass
class Place:
    """A text and how far it was read."""

    text: str
    tokens: list[Token]
    at: int = 0

    def next(self) -> Token | None:
        """The next token, which stays; None at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> Token | None:
        """The next token, which is then read."""
        token = self.next()
        self.at += token is not None
        return token

    def takes(self, *words: str) -> bool:
        """Whether the next token is one of these words, which is then read."""
        token = self.next()
        found = token is not None and token.text.lower() in words
        self.at += found
        return found

    def expected(
        self, what: str, token: Token | None = None, known: Iterable[str] = ()
    ) -> EcgsynthError:
        """The error of a token, by default the next one, where something else is expected."""
        token = token or self.next()
        if token is None:
            return fault(len(self.text.rstrip()) + 1, f"the text ends, and {what} is expected")
        close = get_close_matches(token.text.lower(), list(known), n=1, cutoff=0.6)
        hint = f"; did you mean '{close[0]}'?" if close and close[0] != token.text.lower() else ""
        return fault(token.column, f"'{token.text}' stands where {what} is expected{hint}")


def fault(column: int, reason: str) -> EcgsynthError:
    """The error of a place in the text."""
    end = "" if reason.endswith("?") else "."
    return EcgsynthError(f"the rhythm has a fault in column {column}: {reason}{end}")


def tokens_of(text: str) -> list[Token]:
    """Numbers, words and signs of a text."""
    found = []
    for match in TOKEN.finditer(text):
        number, word, sign = match.groups()
        if number or word or (sign and sign.strip()):
            column = match.start(match.lastindex or 0) + 1
            found.append(Token(number or word or sign, column, float(number) if number else None))
    return found
