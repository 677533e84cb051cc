"""Places for requests: how many are answered at once, in all and of one client."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope

from ecgsynth.service.api.problems import Problem

SLOWEST = 1024.0
"""Bytes/s; a client that is slower for as long as it may stall is taken to stall."""


class Slots:
    """Places of one kind.

    Parameters
    ----------
    most: places in all. share: of them that one client may take.
    what: is asked for, as in "too many requests at once".
    """

    def __init__(self, most: int, share: float, what: str) -> None:
        self.most = most
        self.each = max(1, int(most * share))
        self.what = what
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def held(self, client: str) -> Iterator[None]:
        """A place for a client.

        Raises
        ------
        Problem: all are taken, or the client has its share of them.
        """
        if self._taken.total() >= self.most:
            raise Problem(503, f"too many {self.what} at once; ask again in a moment.",
                          headers={"Retry-After": "1"})  # fmt: skip
        if self._taken[client] >= self.each:
            raise Problem(
                429, f"this client has {self._taken[client]} {self.what} open, its share of all; "
                "wait until one of them is answered.", headers={"Retry-After": "1"},
            )  # fmt: skip
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


class Pace:
    """Patience with one client, which is spent while it is waited for and grows with what comes.

    Parameters
    ----------
    stall_s: longest wait in which nothing moves.
    """

    def __init__(self, stall_s: float) -> None:
        self.stall_s = self.left_s = stall_s
        self._begun = 0.0

    def begin(self) -> float:
        """Seconds that the next wait may take."""
        self._begun = time.monotonic()
        return self.left_s

    def end(self, moved: int) -> None:
        """The wait is over; moved: bytes that came or went."""
        waited = time.monotonic() - self._begun
        self.left_s = min(self.stall_s, self.left_s - waited + moved / SLOWEST)


def client_of(scope: Scope) -> str:
    """Who asks: an address, of IPv6 the network (/64), which one person has whole."""
    host = str((scope.get("client") or ("",))[0])
    try:
        address = ip_address(host)
    except ValueError:  # a socket of this machine, or what a proxy said
        return host[:64]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return host
