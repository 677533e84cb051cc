"""`POST /v1/evaluations`: an uploaded synthetic set judged against real recordings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, File, Form, Header, Request, Response, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from ecgsynth.app.service import store, uploads
from ecgsynth.app.service.jobs import JobView
from ecgsynth.app.service.problems import Problem
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.registry import DATASETS, METRICS

router = APIRouter(prefix="/v1", tags=["evaluations"])

KIND = "evaluation"

LOOK_S = 0.3
"""Between looks at a job that a client waits for."""

MOST_WAIT_S = 60.0


class Evaluation(BaseModel):
    """The form."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = File(description=".npz, .csv, or a .zip of WFDB records")
    against: str = Field("mitbih:heldout", description="real items of the same people")
    train: str = Field("mitbih:train", description="what the generator learned from; may be empty")
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
    prefer: Annotated[
        str, Header(description="`wait=20`: answer with the verdict if it comes within 20 s.")
    ] = "",
) -> JobView:
    """Every figure with its floors, its ceiling and its interval.

    Nothing that was uploaded is unpickled or run. It is deleted when the job has ended.
    """
    state = request.app.state
    settings = state.settings
    asked = _checked(form)
    kind = uploads.kind_of(form.file.filename or "")
    file: BinaryIO = form.file.file
    await asyncio.to_thread(
        uploads.check, file, kind, settings.most_unpacked_mib << 20, settings.most_files
    )
    counts = await asyncio.to_thread(state.store.counts)
    if counts[store.QUEUED] >= settings.jobs_waiting:
        raise Problem(429, f"{counts[store.QUEUED]} evaluations are waiting already; come back.",
                      headers={"Retry-After": "60"})  # fmt: skip
    ending = {"npz": ".npz", "csv": ".csv", "wfdb": ".zip"}[kind]
    asked |= {"upload_kind": kind, "name": f"upload{ending}"}
    id = await asyncio.to_thread(state.store.add, KIND, asked, {"upload": _pieces(file)})
    state.runner.wake.set()
    job = await _awaited(request, id, _wait_s(prefer))
    response.headers["Location"] = f"/v1/jobs/{id}"
    if job.state == store.FAILED and job.problem is not None:
        said = job.problem
        raise Problem(said["status"], said["detail"], said["type"].rpartition(":")[2], job=id)
    if job.state == store.DONE:
        response.status_code = 200
    return JobView.of(job)


def _checked(form: Evaluation) -> dict[str, Any]:
    """What is asked, where all of it is known and its recordings are here.

    Only registered data sets can be named: a path would be one of the server.
    """
    for source in (form.against, form.train):
        if source:
            _check_source(source)
    if not form.against:
        raise EcgsynthError("'against' names the real items, such as mitbih:heldout.")
    names = [name.strip() for name in form.metrics.split(",") if name.strip()]
    for name in names:
        if name not in METRICS.names():
            raise EcgsynthError(f"no metric named '{name}'.{did_you_mean(name, METRICS.names())}")
    return {
        "against": form.against, "train": form.train, "metrics": names, "quick": form.quick,
        "seed": form.seed,
    }  # fmt: skip


def _check_source(source: str) -> None:
    from ecgsynth.datasets.fetching import SOURCES
    from ecgsynth.datasets.store import find_folder
    from ecgsynth.errors import MissingRecordingsError

    name, _, split = source.partition(":")
    known = [one for one in DATASETS.names() if one != "folder"]
    if name not in known:
        raise EcgsynthError(f"no data set named '{name}'.{did_you_mean(name, known)}")
    splits = DATASETS.get(name).splits
    if split not in splits:
        raise EcgsynthError(
            f"the data set '{name}' has no split '{split}'.{did_you_mean(split, splits)}"
        )
    if name not in SOURCES:
        return
    problems = []
    for marker in SOURCES[name].markers:
        try:
            find_folder(name, marker)
            return
        except MissingRecordingsError as problem:
            problems.append(problem)
    raise MissingRecordingsError(
        f"the server has no recordings of '{name}', and without real ones nothing can be judged; "
        f"its administrator gets them with `ecgsynth data fetch {name}` or sets ECGSYNTH_DATA."
    )


async def _awaited(request: Request, id: str, seconds: float) -> store.Job:
    """The job, when it has ended, the time is over or the client has left."""
    keep: store.Store = request.app.state.store
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        job = await asyncio.to_thread(keep.get, id)
        if job is None:
            raise Problem(404, "the job was deleted while it was waited for.")
        if job.state not in store.OPEN or loop.time() >= until or await request.is_disconnected():
            return job
        await asyncio.sleep(LOOK_S)


def _wait_s(prefer: str) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240)."""
    said = re.search(r"\bwait=(\d{1,9})\b", prefer)
    return min(float(said[1]), MOST_WAIT_S) if said else 0.0


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(store.PART):
        yield piece
