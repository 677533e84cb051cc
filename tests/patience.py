"""How long a test waits: for what has to come about, and never for a time by itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

PATIENCE_S = 900.0
"""So long only a fault takes, however busy the machine is; below the limit of a whole test."""


def wait_for(ready: Callable[[], Any], seconds: float = PATIENCE_S, every: float = 0.02) -> None:
    """Until `ready` gives something true.

    every: s; jobs run behind all else (nice), so that who asks for them without a pause keeps
    them from the processor.
    """
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "this did not come about in time"
        time.sleep(every)
