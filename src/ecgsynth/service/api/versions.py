"""`GET /v1/versions`: registered models and their aliases."""

from __future__ import annotations

import asyncio
import math
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from ecgsynth.errors import EcgsynthError
from ecgsynth.service.runs.reader import moment
from ecgsynth.synthesizer.mlflow_models import local_file, tracking_uri

router = APIRouter(prefix="/v1", tags=["versions"])


class VersionView(BaseModel):
    """A version: score is its coverage, the mean over classes, if evaluated; run is the card of its
    training."""

    model: str
    version: int
    aliases: list[str]
    created: datetime | None
    score: float | None
    run: str


class Versions(BaseModel):
    """reason: why there are no versions."""

    versions: list[VersionView]
    reason: str | None = None


@router.get("/versions", summary="Registered versions of models")
async def versions() -> Versions:
    """Versions as in `ecgsynth versions list`."""
    try:
        return await asyncio.to_thread(_list_versions)
    except EcgsynthError as problem:
        file = local_file(tracking_uri())
        sentence = str(problem).replace(f"{file.parent}/" if file else "", "")
        return Versions(versions=[], reason=sentence)


def _list_versions() -> Versions:
    from ecgsynth.model_registry import versions as registered

    file = local_file(tracking_uri())
    found = [] if file is not None and not file.is_file() else registered()
    if not found:
        return Versions(
            versions=[],
            reason="no model is registered yet; `ecgsynth versions add RUN` registers the first.",
        )
    return Versions(versions=[
        VersionView(
            model=one.name, version=one.number, aliases=[*one.aliases],
            created=moment(one.created), score=_score(one.facts),
            run=one.facts.get("card", ""),
        )
        for one in reversed(found)
    ])  # fmt: skip


def _score(facts: dict[str, str]) -> float | None:
    """Mean coverage over the classes."""
    figures = [_number(text) for name, text in facts.items() if name.startswith("judge/coverage/")]
    finite = [value for value in figures if math.isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def _number(text: str) -> float:
    """The number in a text; NaN if it is none, since other tools may write other texts."""
    try:
        return float(text)
    except ValueError:
        return math.nan
