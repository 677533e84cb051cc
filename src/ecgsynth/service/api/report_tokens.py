"""Tickets: what opens the report of one job, and nothing else, where no key can be sent."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import parse_qs

REPORT = re.compile(r"/v1/jobs/([0-9a-f]{32})/report")


class ReportTokens:
    """Tickets of a service: a browser sends no key with a frame, so its address holds one.

    A ticket follows from the key and the job's id, so that every worker knows it and none is
    stored: another key makes all of them void, and a job that is forgotten leaves nothing to open.

    Parameters
    ----------
    key: of the service; with "" there are no tickets, and none is needed.
    """

    def __init__(self, key: str) -> None:
        # Slow on purpose: who sees a ticket must not find a short key by trying many.
        salt, cost = b"ecgsynth report", {"n": 1 << 14, "r": 8, "p": 1}
        self._secret = hashlib.scrypt(key.encode(), salt=salt, dklen=32, **cost) if key else b""

    def of(self, job: str) -> str:
        """The ticket of a job; "" where none is needed."""
        if not self._secret:
            return ""
        return hmac.new(self._secret, job.encode(), hashlib.sha256).hexdigest()

    def opens(self, method: str, path: str, query: bytes) -> bool:
        """Whether the request asks for a report and has the ticket of its job."""
        asked = REPORT.fullmatch(path)
        if method != "GET" or not asked or not self._secret:
            return False
        given = parse_qs(query.decode("latin-1")).get("ticket", [""])[0]
        return hmac.compare_digest(given.encode(), self.of(asked[1]).encode())
