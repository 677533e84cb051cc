"""`POST /v1/evaluations`: evaluate an uploaded synthetic set against real recordings."""

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
        "",
        description="training set of the generator, or none; default: the one in the file's card",
    )
    metrics: str = Field(
        "", description="names, separated by commas; default: all that are possible"
    )
    quick: bool = Field(True, description="train no networks: about 20 s")
    seed: int = Field(0, ge=0, lt=2**31, description="seed of the evaluation")


@router.post(
    "/evaluations", status_code=202, response_model=JobView, summary="Evaluate a synthetic set",
    responses={
        200: {"model": JobView, "description": "The job has ended within the wait."},
        202: {"description": "The job; its address is in `Location`."},
    },
)  # fmt: skip
async def evaluations(
    request: Request,
    response: Response,
    form: Annotated[Evaluation, Form(media_type="multipart/form-data")],
    prefer: Prefer = "",
) -> JobView:
    """Evaluate a synthetic set: figures with floors, ceiling and interval.

    The upload is never unpickled or run. It is deleted when the job has ended.
    """
    asked = _checked(form)
    return await submitted(request, response, KIND, asked, form.file, prefer)


def _checked(form: Evaluation) -> dict[str, Any]:
    """The request of a job, after checking its names and that the recordings are here.

    Only registered data sets can be named: a path would be on the server.
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
