"""Checks of every request: id, host, key, origin, size, time, and concurrency."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import time
import uuid
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecgsynth.service.api import prometheus
from ecgsynth.service.api.problems import Problem, of_error
from ecgsynth.service.api.report_tokens import ReportTokens
from ecgsynth.service.files.disk import Room
from ecgsynth.service.files.uploads import FORMS
from ecgsynth.service.middleware.connections import MOST_HEADERS
from ecgsynth.service.middleware.logs import request_id
from ecgsynth.service.middleware.slots import Pace, Slots, client_of
from ecgsynth.service.settings import Settings

log = logging.getLogger("ecgsynth.serve")

KEYED = ("/v1/", "/metrics")
"""Paths that need the key; pages and the description of the API do not."""

HEALTH = "/v1/health"
"""Needs no key and no slot, so that it answers even if all slots are taken."""

EVENTS = re.compile(r"/v1/runs/[^/]+/events|/v1/stream")
"""Streams that stay open for long, so they have slots of their own."""

LOCAL = {"localhost", "localhost.localdomain", "ip6-localhost", ""}
"""Names of this machine; "" is an HTTP/1.0 client, which is no browser."""

HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\s:@/\[\]]*))(?::\d*)?")

METHODS = {"GET", "HEAD", "POST", "DELETE", "OPTIONS"}
"""Methods that have their own counters; all others are counted together."""

MOST_PATH = 200
"""Most characters of an address in the log."""

LINGER_S, LINGER_BYTES = 2.0, 64 << 20
"""Most seconds and bytes of a rejected body that are still read."""


class Guard:
    """Middleware around the whole application.

    Parameters
    ----------
    key: clients must send it as `Authorization: Bearer KEY`; "" requires none.
    report_tokens: open a report without the key. room: disk space for uploads.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, key: str, report_tokens: ReportTokens, room: Room
    ) -> None:
        self.app = app
        self.settings = settings
        self.key = key.encode()
        self.report_tokens = report_tokens
        self.room = room
        self.origins = {o.strip() for o in settings.origins.split(",") if o.strip()}
        self.hosts = {h.strip().lower() for h in settings.hosts.split(",")} | LOCAL
        self.requests = Slots(settings.requests, settings.client_share, "requests")
        self.watchers = Slots(settings.watchers, settings.client_share, "streams of events")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        name = given if re.fullmatch(r"[\w.-]{1,64}", given, re.ASCII) else uuid.uuid4().hex
        token = request_id.set(name)
        answer = _Answer(send, name, self.settings.stall_seconds)
        begun = time.perf_counter()
        prometheus.IN_FLIGHT.inc()
        body = _Body(receive, self._most(scope["path"]), self.settings.stall_seconds)
        try:
            self._admit(scope, headers)
            async with asyncio.timeout(self.settings.seconds):
                with self._place(scope), self._disk(scope, headers):
                    await self.app(scope, body.receive, answer.send)
        except TimeoutError:
            await answer.problem(Problem(408, "the request took too long; request less at a time."))
        except ClientDisconnect:
            pass
        except Exception as problem:
            await body.discard()
            await answer.problem(of_error(problem))
        finally:
            prometheus.IN_FLIGHT.dec()
            self._note(scope, answer, time.perf_counter() - begun)
            request_id.reset(token)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        """Raise a problem if the request is not allowed."""
        if sum(len(name) + len(value) for name, value in headers.raw) > MOST_HEADERS:
            raise Problem(431, f"the headers are larger than {MOST_HEADERS >> 10} KiB; send less.")
        host = _name(headers.get("host", ""))
        # A foreign page can point its own name to this machine (DNS rebinding), but not a number.
        if not (host in self.hosts or "*" in self.hosts or _is_address(host)):
            raise Problem(
                421,
                f"this service does not have the host name '{host[:80]}'; its administrator can "
                "add it to `hosts`.",
            )
        origin = headers.get("origin", "")
        own = _origin(origin) == headers.get("host") or origin in self.origins
        if origin and not own:
            raise Problem(403, f"pages of {origin[:80]} may not call this service; see `origins`.")
        path = scope["path"]
        has_token = self.report_tokens.opens(scope["method"], path, scope["query_string"])
        if self.key and path.startswith(KEYED) and path != HEALTH and not has_token:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not secrets.compare_digest(given.encode(), self.key):
                why = "this key is wrong" if given else "a key is needed"
                raise Problem(401, f"{why}; send it as `Authorization: Bearer KEY`.",
                              headers={"WWW-Authenticate": "Bearer"})  # fmt: skip
        most = self._most(path)
        if _length(headers) > most:
            raise _too_large(most)

    def _place(self, scope: Scope) -> contextlib.AbstractContextManager[None]:
        """The slot of the request while it is answered."""
        path = scope["path"]
        if path == HEALTH:
            return contextlib.nullcontext()
        slots = self.watchers if EVENTS.fullmatch(path) else self.requests
        return slots.held(client_of(scope))

    def _disk(self, scope: Scope, headers: Headers) -> contextlib.AbstractContextManager[None]:
        """The disk space of a form while it is received."""
        if scope["method"] != "POST" or scope["path"] not in FORMS:
            return contextlib.nullcontext()
        return self.room.hold(_length(headers) or self._most(scope["path"]))

    def _most(self, path: str) -> int:
        """Most bytes of a body; a form has fields in addition to the file."""
        json = self.settings.most_json_kib << 10
        return (self.settings.most_upload_mib << 20) + json if path in FORMS else json

    def _note(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "none")
        status = answer.status if answer.whole else 499  # nginx's status for a client that left
        method = scope["method"] if scope["method"] in METHODS else "other"
        prometheus.REQUESTS.labels(method, route, status).inc()
        prometheus.SECONDS.labels(route).observe(seconds)
        log.info("request", extra={
            "method": method, "path": scope["path"][:MOST_PATH], "route": route, "status": status,
            "ms": round(1000 * seconds, 1), "bytes": answer.bytes,
        })  # fmt: skip


class _Body:
    """The body of a request, with limits on size and time."""

    def __init__(self, receive: Receive, most: int, stall_s: float) -> None:
        self._receive, self.left, self.most = receive, most, most
        self.pace = Pace(stall_s)
        self.whole = False

    async def receive(self) -> Message:
        if self.whole:  # now wait for the client to disconnect, as long as the answer takes
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self.pace.begin())
        except TimeoutError:
            raise Problem(
                408, f"too little data for {self.pace.stall_s:g} s; send the body without pauses.",
                headers={"Connection": "close"},
            ) from None  # fmt: skip
        came = len(message.get("body", b""))
        self.pace.end(came)
        self.left -= came
        if self.left < 0:
            raise _too_large(self.most)
        self.whole = not message.get("more_body", False)
        return message

    async def discard(self) -> None:
        """Read the rest of the body: closing a connection with unread bytes resets it, and the
        client would not see the answer."""
        left = LINGER_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self.whole and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self.whole = not message.get("more_body", False)


class _Answer:
    """The answer: its status, its length, and whether it was sent completely."""

    def __init__(self, send: Send, name: str, stall_s: float) -> None:
        self._send, self.name = send, name
        self.pace = Pace(stall_s)
        self.status = 0
        self.bytes = 0
        self.whole = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.name
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Cache-Control", "no-store")
        # If the client does not read, the server's buffer is full and this does not return.
        went = len(message.get("body", b""))
        async with asyncio.timeout(self.pace.begin()):
            await self._send(message)
        self.pace.end(went)
        self.bytes += went
        self.whole = message["type"] == "http.response.body" and not message.get("more_body")

    async def problem(self, problem: Problem) -> None:
        """Send the problem if no answer was started; else leave the answer incomplete."""
        if self.status:
            log.warning("an answer was cut short: %s", problem.detail)
            return
        await problem.response()({"type": "http"}, _nothing, self.send)


def _origin(origin: str) -> str:
    """Host and port of an origin; "" if it has none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _name(host: str) -> str:
    """The name or number of a Host header, without port; a malformed header is unchanged."""
    found = HOST.fullmatch(host)
    return (found[1] or found[2] if found else host).rstrip(".").lower()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _length(headers: Headers) -> int:
    """Bytes of a body by its Content-Length header, if valid."""
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _too_large(most: int) -> Problem:
    size = f"{most >> 20} MiB" if most >> 20 else f"{most >> 10} KiB"
    return Problem(413, f"the body is larger than {size}; send less.",
                   headers={"Connection": "close"})  # fmt: skip
