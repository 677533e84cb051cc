"""`GET /v1/models`, and of one model its card and what it is asked for in words."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from ecgsynth.service.api.problems import Problem
from ecgsynth.service.models.description import Model
from ecgsynth.service.models.files import Served
from ecgsynth.service.models.store import ModelStore, NoSuchModelError
from ecgsynth.synthesizer.wording import read_wording

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


class Wording(BaseModel):
    """What words ask for, as `POST /v1/ecgs` takes it; label: null where they name none."""

    label: str | None
    context: dict[str, float]


@router.get("/models/{id}/card", summary="The card of a model: training data and intended use")
async def card(request: Request, id: str) -> dict[str, Any]:
    """The card of a model, by its id or its name."""
    return (await _served(request, id)).card


@router.get("/models/{id}/wording", summary="Label and contexts that words ask for")
async def wording(
    request: Request,
    id: str,
    text: Annotated[str, Query(max_length=500, examples=["woman of 70, AFIB with CRBBB, 90 bpm"])],
) -> Wording:
    """The label and the contexts in a text; a sentence names every word that is unknown."""
    view = (await _served(request, id)).view
    names = [one.name for one in view.classes]
    label, context = read_wording(text, names, [one.name for one in view.contexts])
    return Wording(label=label, context=context)


async def _served(request: Request, id: str) -> Served:
    """The model of an id or a name.

    Raises
    ------
    Problem: it is not served.
    """
    try:
        served: Served = await asyncio.to_thread(request.app.state.model_store.find, id)
    except NoSuchModelError as problem:
        raise Problem(404, str(problem)) from None
    return served
