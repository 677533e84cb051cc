"""Ctrl-C, SIGTERM and SIGHUP wait for the end of a step, so that what is kept is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def stop_between_steps(at_once: bool = True) -> Iterator[threading.Event]:
    """An event that is set by Ctrl-C, SIGTERM or SIGHUP; one that is ignored (nohup) stays so.

    at_once: whether a second signal stops at once. A launcher of several processes repeats the
    signal that they already had from the terminal, and ends them itself if they take too long.
    Outside the main thread signals cannot be caught, and nothing changes.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: held for number, held in before.items() if held != signal.SIG_IGN}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def note(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        if at_once:
            put_back()

    for number in before:
        signal.signal(number, note)
    try:
        yield asked
    finally:
        put_back()
