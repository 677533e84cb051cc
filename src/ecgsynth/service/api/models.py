"""`GET /v1/models` and `GET /v1/models/{id}/card`: the served models."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from ecgsynth.service.api.problems import Problem
from ecgsynth.service.models.description import Model
from ecgsynth.service.models.files import Served
from ecgsynth.service.models.store import ModelStore, NoSuchModelError

router = APIRouter(prefix="/v1", tags=["models"])


class Models(BaseModel):
    """left_out: files that cannot be used, or not yet -> reason."""

    models: list[Model]
    left_out: dict[str, str]


@router.get("/models", summary="The served models")
async def models(request: Request) -> Models:
    """Shipped models and those of the server's folder."""
    model_store: ModelStore = request.app.state.model_store
    found, left_out = await asyncio.to_thread(model_store.scan)
    return Models(models=[one.view for one in found.values()], left_out=left_out)


@router.get("/models/{id}/card", summary="The card of a model: training data and intended use")
async def card(request: Request, id: str) -> dict[str, Any]:
    """The card of a model, by its id or its name."""
    try:
        served: Served = await asyncio.to_thread(request.app.state.model_store.find, id)
    except NoSuchModelError as problem:
        raise Problem(404, str(problem)) from None
    return served.card
