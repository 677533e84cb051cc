"""Ctrl-C and SIGTERM wait for the end of a step, so that what is kept is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stop_between_steps(at_once: bool = True) -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C or SIGTERM.

    at_once: whether a second signal stops at once; a launcher of several processes sends on the
    one that they had from the terminal already, and ends them itself where they take too long.
    Outside the main thread signals cannot be caught, and nothing changes.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def note(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        if at_once:
            put_back()

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        put_back()
