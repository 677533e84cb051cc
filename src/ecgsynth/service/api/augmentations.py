"""`POST /v1/augmentations`: add synthetic items to an uploaded real set."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.formats import contract
from ecgsynth.registry import FORMATS
from ecgsynth.service.api.jobs import JobView
from ecgsynth.service.api.submit import FormRoute, Prefer, submitted
from ecgsynth.service.files import uploads
from ecgsynth.service.jobs import plans

router = APIRouter(prefix="/v1", tags=["augmentations"], route_class=FormRoute)

KIND = "augmentation"


class Augmentation(BaseModel):
    """The form."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = File(description=f"the real set: {uploads.sentence()}")
    plan: str = Field(
        "augment-svf", description="name of a shipped plan, or a plan as YAML or JSON without data"
    )
    format: str = Field(
        contract.USUAL, description="format of the result; a folder is sent as a zip"
    )


@router.post(
    "/augmentations", status_code=202, response_model=JobView, summary="Fill up rare classes",
    responses={
        200: {"model": JobView, "description": "The job has ended within the wait."},
        202: {"description": "The job; its address is in `Location`."},
    },
)  # fmt: skip
async def augmentations(
    request: Request,
    response: Response,
    form: Annotated[Augmentation, Form(media_type="multipart/form-data")],
    prefer: Prefer = "",
) -> JobView:
    """Add synthetic items that pass a quality gate to the real ones, according to a plan.

    The job's `result` has counts, acceptance and manifest; the set is at `/v1/jobs/{id}/result`.
    The upload is deleted when the job has ended, the result a week later.
    """
    if form.format not in FORMATS.names():
        raise EcgsynthError(
            f"no format named '{form.format[:80]}'.{did_you_mean(form.format, FORMATS.names())}"
        )
    settings = request.app.state.settings
    plan, models = await asyncio.to_thread(
        plans.read, form.plan, request.app.state.model_store, settings.most_json_kib << 10
    )
    asked = {"plan": plan.to_dict(), "models": models, "format": form.format}
    return await submitted(request, response, KIND, asked, form.file, prefer)
