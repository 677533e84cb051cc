"""`GET /v1/health`: whether the service answers, and what it is."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ecgsynth import __version__

router = APIRouter(prefix="/v1", tags=["service"])


class Health(BaseModel):
    """jobs: by state."""

    status: str
    version: str
    models: int
    jobs: dict[str, int]


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Whether the service answers")
async def health(request: Request) -> Health:
    """Asks the jobs database too; needs no key."""
    state = request.app.state
    models = await asyncio.to_thread(state.shelf.models)
    jobs = await asyncio.to_thread(state.store.counts)
    return Health(status="ok", version=__version__, models=len(models), jobs=jobs)
