"""Report tokens: open the report of one job where no key can be sent."""

from __future__ import annotations

import hashlib
import hmac
import re
from urllib.parse import parse_qs

REPORT = re.compile(r"/v1/jobs/([0-9a-f]{32})/report")


class ReportTokens:
    """Report tokens: a browser sends no key with a frame, so its address contains a token.

    A token is derived from the key and the job's id, so that every worker can compute it and none
    is stored. Another key makes all of them invalid.

    Parameters
    ----------
    key: of the service; with "" there are no tokens, and none is needed.
    """

    def __init__(self, key: str) -> None:
        # Slow on purpose: a token must not reveal a short key by trying many keys.
        salt, cost = b"ecgsynth report", {"n": 1 << 14, "r": 8, "p": 1}
        self._secret = hashlib.scrypt(key.encode(), salt=salt, dklen=32, **cost) if key else b""

    def of(self, job: str) -> str:
        """The token of a job; "" if none is needed."""
        if not self._secret:
            return ""
        return hmac.new(self._secret, job.encode(), hashlib.sha256).hexdigest()

    def opens(self, method: str, path: str, query: bytes) -> bool:
        """Whether the request is for a report and has the token of its job."""
        asked = REPORT.fullmatch(path)
        if method != "GET" or not asked or not self._secret:
            return False
        given = parse_qs(query.decode("latin-1")).get("ticket", [""])[0]
        return hmac.compare_digest(given.encode(), self.of(asked[1]).encode())
