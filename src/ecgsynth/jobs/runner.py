"""The runner: claims jobs of a store, runs each in a process, follows it and keeps its lease."""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from subprocess import PIPE, Popen
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ecgsynth.jobs.store import Store
from ecgsynth.jobs.tables import Job

log = logging.getLogger("ecgsynth.jobs")

PAUSE_S = 1.0
"""Seconds between checks of the queue and of a running job."""


MOST_LINE = 1 << 20
"""Most bytes of a message."""

Hear = Callable[[dict[str, Any]], dict[str, Any] | None]


class Runner:
    """Runs jobs in threads, one job a thread; a subclass states what a job is.

    Parameters
    ----------
    slots: jobs that run at once, over all runners of the store.
    lease_s: after so many seconds without a sign of this runner others take its jobs.
    limit_s: longest job.
    """

    module = ""
    """What the process of a job runs, as in `python -m MODULE`."""

    environment: Mapping[str, str] | None = None
    """Of the processes; None: that of this one."""

    def __init__(
        self, store: Store, slots: int, lease_s: float = 15.0, limit_s: float = math.inf
    ) -> None:
        self.store, self.slots, self.lease_s, self.limit_s = store, slots, lease_s, limit_s
        self.stopping = threading.Event()
        self._wake = threading.Semaphore(0)
        self._threads: list[threading.Thread] = []

    def run_job(self, job: Job) -> None:
        """Run a claimed job with `follow`, and store what came of it."""
        raise NotImplementedError

    def failed(self, job: Job | None, problem: Exception) -> None:
        """Handle an error of claiming a job (None) or of running it."""
        raise NotImplementedError

    def finished(self) -> bool:
        """Whether no job will come any more."""
        return False

    def claim(self) -> Job | None:
        """The next job for this runner; None if there is none now."""
        owner = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"  # each claim has its own
        return self.store.claim(owner, self.slots, self.lease_s)

    def start(self, threads: int) -> None:
        """Begin to run jobs in so many threads."""
        self._threads = [threading.Thread(target=self._loop, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def is_running(self) -> bool:
        """Whether a thread of it has not ended."""
        return any(thread.is_alive() for thread in self._threads)

    def notify(self) -> None:
        """Look for a job now: one was added."""
        self._wake.release()

    def stop(self) -> None:
        """End all processes and threads; jobs that ran go back to the queue."""
        self.stopping.set()
        self._wake.release(len(self._threads) or 1)
        for thread in self._threads:
            thread.join()

    def follow(
        self,
        job: Job,
        order: Mapping[str, Any],
        hear: Hear = lambda _message: None,
    ) -> dict[str, Any] | None:
        """Run a job in its process; its result, which is {} if the process died.

        None: the job is no longer this runner's, as it was cancelled, or goes back to the queue.

        Parameters
        ----------
        hear: called with every other message; a result that it returns ends the job.
        """
        now: dict[str, Any] = {"doing": "starting", "share": 0.0, "end": {}}
        begun = time.monotonic()
        # -P: a file of the folder that one is in takes the place of no module.
        process = Popen(
            [sys.executable, "-P", "-m", self.module], env=self.environment, stdin=PIPE, stdout=PIPE
        )
        with process, ThreadPoolExecutor(1) as pool:
            reading = pool.submit(_read, process, order, hear, now)
            try:
                # Renew well before the lease expires.
                while not wait([reading], min(PAUSE_S, self.lease_s / 4)).done:
                    if self.stopping.is_set():
                        break
                    if time.monotonic() - begun > self.limit_s:
                        return {"error": f"it took longer than {self.limit_s:g} s; send a smaller "
                                         "set or request less."}  # fmt: skip
                    if not self.store.renew(
                        job.id, job.owner, self.lease_s, now["share"], now["doing"]
                    ):
                        log.info("job cancelled", extra={"job": job.id})
                        return None
            finally:
                process.kill()
        if self.stopping.is_set() and not now["end"]:
            self.store.release(job.id, job.owner)
            log.info("job goes back to the queue", extra={"job": job.id})
            return None
        reading.result()  # raises what `hear` raised
        end: dict[str, Any] = now["end"]
        return end

    def _loop(self) -> None:
        while not self.stopping.is_set():
            job = None
            try:
                if self.finished():
                    return
                job = self.claim()
                if job is not None:
                    self.run_job(job)
            except Exception as problem:  # run the other jobs after any error
                with suppress(SQLAlchemyError):  # then the lease expires
                    self.failed(job, problem)
                job = None  # the problem may persist: try again after a pause
            if job is None:
                self._wake.acquire(timeout=PAUSE_S)


def _read(process: Popen[bytes], order: Mapping[str, Any], hear: Hear, now: dict[str, Any]) -> None:
    """Give the process its order; take its messages until it ends."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:  # it died at once
        with suppress(BrokenPipeError):
            process.stdin.close()
    while line := process.stdout.readline(MOST_LINE):
        try:
            message = dict(json.loads(line))
        except (ValueError, TypeError, RecursionError):  # a file has taken over the process
            break
        heard = None if {"end", "share"} & {*message} else hear(message)
        now.update({"end": heard} if heard else message)
        if heard:
            break
    process.kill()
