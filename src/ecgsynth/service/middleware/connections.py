"""Connections with limits on the time and the size of request headers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

from ecgsynth.service.middleware.slots import client_of
from ecgsynth.service.settings import Settings

MOST_FILES = 65_536

MOST_HEADERS = 32 << 10
"""Most bytes of a request before its body."""


class Connection(H11Protocol):
    """The HTTP/1.1 protocol of uvicorn with timeouts and a limit of connections per client.

    stall_s: longest time from the first byte, or from the start of the connection, to the end of a
    request's headers; also the longest time to read an answer after the connection was closed.
    each: most connections of one client, which may be a proxy.
    """

    stall_s: ClassVar[float] = 30.0
    each: ClassVar[int] = 1024
    _open: ClassVar[Counter[str]] = Counter()
    _waits: asyncio.TimerHandle | None = None
    _client = ""

    @classmethod
    def bound(cls, settings: Settings) -> None:
        """Set the limits from the settings of the service."""
        places = settings.requests + settings.watchers
        cls.stall_s = settings.stall_seconds
        cls.each = max(8, int(4 * places * settings.client_share))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._client = client_of({"client": self.client})
        self._open[self._client] += 1
        if self._open[self._client] > self.each:
            transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watch(ended=True)
        self._open[self._client] -= 1
        if not self._open[self._client]:
            del self._open[self._client]

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._end()

    def _watch(self, ended: bool = False) -> None:
        """Stop the timer of a request that has started; start one for the next request."""
        asked = self.cycle is not None and not self.cycle.response_complete
        if self._waits is not None and (asked or ended):
            self._waits.cancel()
            self._waits = None
        elif self._waits is None and not asked and not ended:
            self._waits = self.loop.call_later(self.stall_s, self._late)

    def _late(self) -> None:
        self._waits = None
        self.transport.close()
        self._end()

    def _end(self) -> None:
        """Abort the connection, since a normal close waits until the client has read everything."""
        self.loop.call_later(self.stall_s, self.transport.abort)


def allow_many() -> None:
    """Raise the limit of open files to the maximum of the system."""
    try:
        import resource
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def options() -> dict[str, Any]:
    """Options of uvicorn for connections."""
    return {"http": Connection, "ws": "none", "h11_max_incomplete_event_size": MOST_HEADERS}
