"""`POST /v1/evaluations`: an uploaded synthetic set judged against real recordings."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.registry import METRICS
from ecgsynth.service import real_sets
from ecgsynth.service.api.jobs import JobView
from ecgsynth.service.api.submit import FormRoute, Prefer, submitted
from ecgsynth.service.files import uploads

router = APIRouter(prefix="/v1", tags=["evaluations"], route_class=FormRoute)

KIND = "evaluation"


class Evaluation(BaseModel):
    """The form."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = File(description=uploads.sentence())
    against: str = Field("mitbih:heldout", description="real items of the same people")
    train: str = Field(
        "", description="what the generator learned from, or none; what the file's own card names"
    )
    metrics: str = Field("", description="names, comma between; all that can be when left out")
    quick: bool = Field(True, description="no trainings of networks: some 20 s")
    seed: int = Field(0, ge=0, lt=2**31, description="of everything random in the judging")


@router.post(
    "/evaluations", status_code=202, response_model=JobView, summary="Judge a synthetic set",
    responses={
        200: {"model": JobView, "description": "The verdict, where it came within the wait."},
        202: {"description": "The job that judges it; its address is in `Location`."},
    },
)  # fmt: skip
async def evaluations(
    request: Request,
    response: Response,
    form: Annotated[Evaluation, Form(media_type="multipart/form-data")],
    prefer: Prefer = "",
) -> JobView:
    """Every figure with its floors, its ceiling and its interval.

    Nothing that was uploaded is unpickled or run. It is deleted when the job has ended.
    """
    asked = _checked(form)
    return await submitted(request, response, KIND, asked, form.file, prefer)


def _checked(form: Evaluation) -> dict[str, Any]:
    """What is asked, where all of it is known and its recordings are here.

    Only registered data sets can be named: a path would be one of the server.
    """
    for source in (form.against, form.train):
        if source not in ("", "none"):
            real_sets.check(source)
    if form.against in ("", "none"):
        raise EcgsynthError("'against' names the real items, such as mitbih:heldout.")
    names = [name.strip() for name in form.metrics.split(",") if name.strip()]
    for name in names:
        if name not in METRICS.names():
            raise EcgsynthError(f"no metric named '{name}'.{did_you_mean(name, METRICS.names())}")
    return {
        "against": form.against, "train": form.train, "metrics": names, "quick": form.quick,
        "seed": form.seed,
    }  # fmt: skip
