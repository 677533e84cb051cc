"""`GET /v1/models` and `GET /v1/models/{id}/card`: what can be asked for."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from ecgsynth.app.service.measuring import unmeasured
from ecgsynth.app.service.problems import Problem
from ecgsynth.app.service.shelf import NoSuchModelError, Served
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.prior import LEVELS, ContextPrior
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_NAMES

router = APIRouter(prefix="/v1", tags=["models"])

UNITS = {"heart_rate": "1/min", "age": "years"}
"""Of contexts; those that end in _s are seconds, others have no unit."""


class ModelClass(BaseModel):
    """A class that the model makes; title: as people say it."""

    name: str
    title: str


class Context(BaseModel):
    """What may be held fixed; low, median, high: of what the model draws by itself."""

    name: str
    unit: str
    low: float
    median: float
    high: float


class Model(BaseModel):
    """A model: `id` names these very weights, `name` whatever has that name now.

    kind: of an item, which has so many samples at fs Hz. sha256: of its file. unmeasured: what
    `measure` of `POST /v1/ecgs` cannot give for any item -> why.
    """

    model_config = ConfigDict(protected_namespaces=())

    id: str
    name: str
    description: str
    shipped: bool
    sha256: str
    kind: Literal["beat", "record"]
    classes: list[ModelClass]
    multilabel: bool
    leads: list[str]
    samples: int
    fs: float
    seconds: float
    unit: str
    contexts: list[Context]
    unmeasured: dict[str, str]
    examples_seen: int
    source: str
    real: Literal[False] = False
    warning: str

    @classmethod
    def of(cls, served: Served) -> Model:
        """What a card says of its model.

        Raises
        ------
        EcgsynthError: it is damaged.
        """
        card, spec = served.card, Spec.from_json(served.card["spec"])
        made = [name for name in spec.classes if name not in card.get("left_out", {})]
        titles = _titles()
        return cls(
            id=served.id, name=served.name, shipped=served.shipped, sha256=served.sha256,
            description=str(card.get("run", {}).get("description", "")),
            kind="record" if spec.r_sample is None else "beat",
            classes=[ModelClass(name=name, title=titles.get(name, name)) for name in made],
            multilabel=spec.multilabel, leads=[*spec.leads], samples=spec.samples, fs=spec.fs,
            seconds=spec.seconds, unit=spec.unit, contexts=_contexts(card, spec),
            unmeasured=unmeasured(spec),
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

    def found() -> Models:
        models, left_out = [], {}
        for one in shelf.models().values():
            try:
                models.append(Model.of(one))
            except (EcgsynthError, KeyError, TypeError, ValueError, AttributeError):
                left_out[one.name] = "its card is damaged; copy or train it again."
        return Models(models=models, left_out={**shelf.left_out, **left_out})

    return await asyncio.to_thread(found)


@router.get("/models/{id}/card", summary="What a model is, learned from and is for")
async def card(request: Request, id: str) -> dict[str, Any]:
    """The card of a model, by its id or its name."""
    try:
        served: Served = await asyncio.to_thread(request.app.state.shelf.find, id)
    except NoSuchModelError as problem:
        raise Problem(404, str(problem)) from None
    return served.card


@lru_cache(maxsize=1)
def _titles() -> dict[str, str]:
    """Readable names of classes; of PTB-XL's statements where its table is on this machine."""
    from ecgsynth.datasets.statements import SUPERCLASSES, Vocabulary
    from ecgsynth.datasets.store import find_folder

    try:
        folder = find_folder("ptbxl", "scp_statements.csv")
        statements = dict(Vocabulary.read(folder / "scp_statements.csv").description)
    except EcgsynthError:
        statements = {}
    return {**statements, **SUPERCLASSES, **AAMI_NAMES}


def _contexts(card: dict[str, Any], spec: Spec) -> list[Context]:
    """Range and median of every context, over all classes and styles."""
    cards = [*card.get("members", {}).values()] or [card]
    priors = [ContextPrior.from_json(Spec.from_json(one["spec"]), one["prior"]) for one in cards]
    groups = [group for prior in priors for of_class in prior.groups.values() for group in of_class]
    found = []
    for column, name in enumerate(spec.context):
        values = np.array([group.quantiles[column] for group in groups])
        weight = np.repeat([group.share for group in groups], len(LEVELS))
        order = values.ravel().argsort()
        half = np.searchsorted(weight[order].cumsum(), weight.sum() / 2)
        found.append(Context(
            name=name, unit="s" if name.endswith("_s") else UNITS.get(name, ""),
            low=round(float(values.min()), 4), median=round(float(values.ravel()[order][half]), 4),
            high=round(float(values.max()), 4),
        ))  # fmt: skip
    return found
