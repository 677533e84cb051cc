"""`GET` and `DELETE /v1/jobs/{id}`, `GET /v1/jobs/{id}/report`: long work and what came of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from ecgsynth.app.service import store
from ecgsynth.app.service.problems import Problem, ProblemDocument

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

REPORT = "report.html"

REPORT_POLICY = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; " \
                "script-src 'unsafe-inline'; img-src data:; font-src data:"  # fmt: skip
"""A report speaks of what somebody uploaded: it may load nothing and reach nothing."""


class JobView(BaseModel):
    """A job: share is from 0 to 1, doing says what is done now, starts how often it was begun.

    result: the verdict, where it is done. problem: why it failed. report: address of the page.
    """

    id: str
    kind: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    share: float
    doing: str
    created: datetime
    started: datetime | None
    ended: datetime | None
    starts: int
    asked: dict[str, Any]
    result: dict[str, Any] | None
    problem: ProblemDocument | None
    report: str | None

    @classmethod
    def of(cls, job: store.Job) -> JobView:
        def moment(seconds: float | None) -> datetime | None:
            return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

        created = moment(job.created)
        assert created is not None
        return cls(
            id=job.id, kind=job.kind, state=job.state, share=job.share, doing=job.doing,
            created=created, started=moment(job.started), ended=moment(job.ended),
            starts=job.starts, asked=job.asked, result=job.result,
            problem=ProblemDocument(**job.problem) if job.problem else None,
            report=f"/v1/jobs/{job.id}/report" if job.state == store.DONE else None,
        )  # fmt: skip


async def found(request: Request, id: str) -> store.Job:
    """The job of an id.

    Raises
    ------
    Problem: there is none.
    """
    job: store.Job | None = await asyncio.to_thread(request.app.state.store.get, id)
    if job is None:
        raise Problem(404, f"there is no job '{id[:64]}'; old ones are forgotten.")
    return job


@router.get("/{id}", summary="How far a job is, and what came of it")
async def job(request: Request, id: str) -> JobView:
    """Ask again after a second or two while its state is queued or running."""
    return JobView.of(await found(request, id))


@router.delete(
    "/{id}", summary="Cancel a job, or forget an ended one", response_model=JobView,
    responses={204: {"description": "The job had ended; it and its report are forgotten."}},
)  # fmt: skip
async def cancel(request: Request, id: str) -> Any:
    """A queued or running job is cancelled and answered as such; what was uploaded is deleted.
    One that has ended is deleted with its report."""
    keep = request.app.state.store
    await found(request, id)
    if not await asyncio.to_thread(keep.cancel, id):
        await asyncio.to_thread(keep.forget, id)
        return Response(status_code=204)
    return JobView.of(await found(request, id))


@router.get(
    "/{id}/report", summary="The verdict as a page", response_class=StreamingResponse,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def report(request: Request, id: str) -> StreamingResponse:
    """One self-contained page, as `ecgsynth evaluate --to report.html` writes it."""
    if (await found(request, id)).state != store.DONE:
        raise Problem(409, "this job has no report (yet); see its state.")
    pieces = request.app.state.store.file(id, REPORT)
    headers = {"Content-Security-Policy": REPORT_POLICY}
    return StreamingResponse(pieces, headers=headers, media_type="text/html")
