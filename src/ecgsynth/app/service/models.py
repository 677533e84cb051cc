"""`GET /v1/models` and `GET /v1/models/{id}/card`: what can be asked for."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from ecgsynth.app.service.problems import Problem
from ecgsynth.app.service.shelf import NoSuchModelError, Served

router = APIRouter(prefix="/v1", tags=["models"])


class Model(BaseModel):
    """A model: `id` names these very weights, `name` whatever has that name now.

    samples: of an item, at fs Hz. context: what may be held fixed. sha256: of its file.
    """

    model_config = ConfigDict(protected_namespaces=())

    id: str
    name: str
    shipped: bool
    sha256: str
    classes: list[str]
    leads: list[str]
    samples: int
    fs: float
    unit: str
    context: list[str]
    examples_seen: int
    source: str
    warning: str

    @classmethod
    def of(cls, served: Served) -> Model:
        card, spec = served.card, served.card["spec"]
        made = [n for n in spec.get("classes", []) if n not in card.get("left_out", {})]
        return cls(
            id=served.id, name=served.name, shipped=served.shipped, sha256=served.sha256,
            classes=made, leads=spec["leads"], samples=spec["samples"], fs=spec["fs"],
            unit=spec.get("unit", "mV"), context=spec.get("context", []),
            examples_seen=card.get("examples_seen", 0),
            source=str(card.get("data", {}).get("source", "unknown")),
            warning=card.get("warning", ""),
        )  # fmt: skip


class Models(BaseModel):
    """left_out: files that cannot be used -> why."""

    models: list[Model]
    left_out: dict[str, str]


@router.get("/models", summary="The models that are served")
async def models(request: Request) -> Models:
    """Shipped models and those of the server's folder."""
    shelf = request.app.state.shelf
    found = await asyncio.to_thread(shelf.models)
    return Models(models=[Model.of(one) for one in found.values()], left_out=shelf.left_out)


@router.get("/models/{id}/card", summary="What a model is, learned from and is for")
async def card(request: Request, id: str) -> dict[str, Any]:
    """The card of a model, by its id or its name."""
    try:
        served: Served = await asyncio.to_thread(request.app.state.shelf.find, id)
    except NoSuchModelError as problem:
        raise Problem(404, str(problem)) from None
    return served.card
