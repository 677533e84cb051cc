"""Slots: limits on concurrent requests, in total and per client."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from starlette.types import Scope

from ecgsynth.service.api.problems import Problem

SLOWEST = 1024.0
"""Bytes/s; a client that is slower counts as stalled."""


class Slots:
    """Slots of one kind.

    Parameters
    ----------
    most: number of slots. share: of them for one client.
    what: their name in messages, as in "too many requests at once".
    """

    def __init__(self, most: int, share: float, what: str) -> None:
        self.most = most
        self.each = max(1, int(most * share))
        self.what = what
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def held(self, client: str) -> Iterator[None]:
        """A slot for a client.

        Raises
        ------
        Problem: all are taken, or the client has its share of them.
        """
        if self._taken.total() >= self.most:
            raise Problem(503, f"too many {self.what} at once; try again in a moment.",
                          headers={"Retry-After": "1"})  # fmt: skip
        if self._taken[client] >= self.each:
            raise Problem(
                429,
                f"this client has {self._taken[client]} {self.what} open, the limit per client; "
                "wait until one of them is answered.",
                headers={"Retry-After": "1"},
            )
        self._taken[client] += 1
        try:
            yield
        finally:
            self._taken[client] -= 1
            if not self._taken[client]:
                del self._taken[client]


class Pace:
    """Time budget of one client: waiting uses it, and received or sent bytes restore it.

    Parameters
    ----------
    stall_s: longest wait without data.
    """

    def __init__(self, stall_s: float) -> None:
        self.stall_s = self.left_s = stall_s
        self._begun = 0.0

    def begin(self) -> float:
        """Longest time of the next wait, s."""
        self._begun = time.monotonic()
        return self.left_s

    def end(self, moved: int) -> None:
        """End a wait; moved: bytes received or sent."""
        waited = time.monotonic() - self._begun
        self.left_s = min(self.stall_s, self.left_s - waited + moved / SLOWEST)


def client_of(scope: Scope) -> str:
    """The client: its address, or for IPv6 its network (/64), which belongs to one client."""
    host = str((scope.get("client") or ("",))[0])
    try:
        address = ip_address(host)
    except ValueError:  # a local socket, or an address from a proxy
        return host[:64]
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return host
