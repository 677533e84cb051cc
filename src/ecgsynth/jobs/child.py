"""The side of a job's process: takes the order, limits itself, sends messages and the result.

When standard input ends, the parent is gone: the process leaves at once.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ecgsynth.errors import EcgsynthError, MissingRecordingsError, is_disk_full, is_out_of_memory

Send = Callable[..., None]
"""Sends a message, given as keywords that JSON can hold."""

Work = Callable[[dict[str, Any], Send], dict[str, Any]]
"""(order, send) -> the result."""

DISK = "the disk is full; free some space and try again."
TOO_LARGE = "not enough memory for this set; send fewer items."


def run(work: Work, leave: Callable[[dict[str, Any]], None] = lambda _order: None) -> None:
    """Do the work that the order on standard input asks for, and send its result as `end`.

    For a problem that the user can correct it is {"error": ...}, with `missing` where recordings
    are absent and `full` where the disk is. After any other fault there is none, and the process
    ends with code 1.

    Parameters
    ----------
    leave: called with the order when the parent is gone. The keys `memory_mib` and `nice` of the
        order limit the process.
    """
    line = sys.stdin.readline()
    if not line.endswith("\n"):  # the parent died before it sent the order
        return
    order = json.loads(line)
    out, sys.stdout = sys.stdout, sys.stderr  # output of libraries is no message

    def gone() -> None:
        sys.stdin.read()
        leave(order)
        os._exit(1)

    def send(**message: Any) -> None:
        with suppress(BrokenPipeError):  # then standard input has ended too
            out.write(json.dumps(message) + "\n")
            out.flush()

    threading.Thread(target=gone, daemon=True).start()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this
    _limit(order.get("memory_mib", 0), order.get("nice", 0))
    try:
        send(end=work(order, send))
    except Exception as problem:
        if is_disk_full(problem):
            send(end={"error": DISK, "full": True})
        elif is_out_of_memory(problem):
            send(end={"error": TOO_LARGE})
        elif isinstance(problem, EcgsynthError):
            missing = isinstance(problem, MissingRecordingsError)
            send(end={"error": str(problem), "missing": missing})
        else:
            logging.getLogger("ecgsynth.jobs").exception("a job failed")
            sys.exit(1)


def _limit(memory_mib: int, nice: int) -> None:
    """Limit the memory of this process and let others go first, if the system supports it."""
    if nice and hasattr(os, "nice"):
        os.nice(nice)
    try:
        import resource
    except ImportError:
        return
    if memory_mib:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_mib << 20, memory_mib << 20))
