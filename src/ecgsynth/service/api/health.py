"""`GET /v1/health`: state of the service."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ecgsynth import __version__

log = logging.getLogger("ecgsynth.serve")

router = APIRouter(prefix="/v1", tags=["service"])

MOST_WAIT_S = 1.0
"""Longest wait for the disk and the database, s."""


class Health(BaseModel):
    """status: degraded if the folder of models or the jobs database does not answer. models: number
    of served models;
    jobs: number by state; null if unknown.
    """

    status: Literal["ok", "degraded"]
    version: str
    models: int | None
    jobs: dict[str, int] | None


class HealthChecks:
    """Checks of models and jobs, separate from all other work.

    One check runs at a time, in its own thread; other requests wait for it, at most `MOST_WAIT_S`.
    """

    def __init__(self, models: Callable[[], int], jobs: Callable[[], dict[str, int]]) -> None:
        self._looks = {"models": models, "jobs": jobs}
        self._threads = ThreadPoolExecutor(len(self._looks), "ecgsynth-health")
        self._going: dict[str, asyncio.Future[object]] = {}

    async def health(self) -> Health:
        """What works, measured at most once in a while."""
        names = [*self._looks]
        models, jobs = await asyncio.gather(*(self._look_up(name) for name in names))
        whole = models is not None and jobs is not None
        return Health(
            status="ok" if whole else "degraded", version=__version__, models=models, jobs=jobs
        )

    async def _look_up(self, name: str) -> object:
        going = self._going.get(name)
        if going is None or going.done():
            loop = asyncio.get_running_loop()
            going = self._going[name] = loop.run_in_executor(self._threads, self._looks[name])
            going.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.wait_for(asyncio.shield(going), MOST_WAIT_S)
        except TimeoutError:
            return None
        except Exception as problem:  # after any error, the service still answers
            log.error("the %s cannot be looked up: %s", name, getattr(problem, "orig", problem))
            return None

    def close(self) -> None:
        """Stop measuring."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Whether the service answers")
async def health(request: Request) -> Health:
    """Answers within two seconds under any load; needs no key."""
    pulse: HealthChecks = request.app.state.pulse
    return await pulse.health()
