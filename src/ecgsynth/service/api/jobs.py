"""`/v1/jobs/{id}`: state of a job, its report and its file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from ecgsynth.jobs import store
from ecgsynth.jobs.tables import Job
from ecgsynth.service.api.problems import Problem, ProblemDocument
from ecgsynth.service.api.report_tokens import ReportTokens

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

REPORT, FILE = "report.html", "result"
"""Files of a job, by name in the store."""

KEPT = {"evaluation": REPORT, "augmentation": FILE}
"""The file of each kind of job."""

REPORT_POLICY = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; " \
                "script-src 'unsafe-inline'; img-src data:; font-src data:"  # fmt: skip
"""A report shows uploaded content: it may load nothing and connect to nothing."""


Token = Annotated[
    str,
    Query(
        alias="ticket",
        description="part of the job's `report` address if a key is required; opens only that "
        "report",
    ),
]


class JobView(BaseModel):
    """A job: share is from 0 to 1, doing the current step, starts the number of starts. result: the
    report or the manifest, if done.
    problem: why it failed. report, file: addresses of the report as a page, and of the resulting
    set; if a key is required, the report's address has a token that
    opens it without the key.
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
    file: str | None

    @classmethod
    def of(cls, job: Job, report_tokens: ReportTokens) -> JobView:
        """A job as clients see it."""

        def moment(seconds: float | None) -> datetime | None:
            return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

        created = moment(job.created)
        assert created is not None
        return cls(
            id=job.id, kind=job.kind, state=job.state, share=job.share, doing=job.doing,
            created=created, started=moment(job.started), ended=moment(job.ended),
            starts=job.starts, asked=job.asked, result=job.result,
            problem=ProblemDocument(**job.problem) if job.problem else None,
            report=_address(job, REPORT, "report", report_tokens.of(job.id)),
            file=_address(job, FILE, "result"),
        )  # fmt: skip


def _address(job: Job, kept: str, word: str, token: str = "") -> str | None:
    there = job.state == store.DONE and KEPT.get(job.kind) == kept
    asked = f"?ticket={token}" if token else ""
    return f"/v1/jobs/{job.id}/{word}{asked}" if there else None


async def find_job(request: Request, id: str) -> Job:
    """The job of an id.

    Raises
    ------
    Problem: there is none.
    """
    job: Job | None = await asyncio.to_thread(request.app.state.store.get, id)
    if job is None:
        raise Problem(404, f"there is no job '{id[:64]}'; old jobs are deleted.")
    return job


@router.get("/{id}", summary="State and result of a job")
async def job(request: Request, id: str) -> JobView:
    """Repeat the request every second or two while the state is queued or running."""
    return JobView.of(await find_job(request, id), request.app.state.report_tokens)


@router.delete(
    "/{id}", summary="Cancel a job, or delete an ended one", response_model=JobView,
    responses={204: {"description": "The job had ended; it and its report are deleted."}},
)  # fmt: skip
async def cancel(request: Request, id: str) -> Any:
    """Cancel a queued or running job and delete its upload. An ended job is deleted with its
    report."""
    keep = request.app.state.store
    await find_job(request, id)
    if not await asyncio.to_thread(keep.cancel, id):
        await asyncio.to_thread(keep.forget, id)
        return Response(status_code=204)
    return JobView.of(await find_job(request, id), request.app.state.report_tokens)


@router.get(
    "/{id}/report", summary="The report as a page", response_class=StreamingResponse,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)  # fmt: skip
async def report(request: Request, id: str, _ticket: Token = "") -> StreamingResponse:
    """One self-contained page, as `ecgsynth evaluate --to report.html` writes it. The address in
    the job's `report` needs no key, since a browser does not send a key with a frame."""
    pieces = await _kept(request, id, REPORT, "report")
    # The address may contain a token, so do not send it to other sites.
    headers = {"Content-Security-Policy": REPORT_POLICY, "Referrer-Policy": "no-referrer"}
    return StreamingResponse(pieces, headers=headers, media_type="text/html")


@router.get(
    "/{id}/result", summary="The resulting set", response_class=StreamingResponse,
    responses={200: {"content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
    }}},
)  # fmt: skip
async def result(request: Request, id: str) -> StreamingResponse:
    """The file of an augmentation, in the requested format; a folder as a zip."""
    pieces = await _kept(request, id, FILE, "file")
    facts = (await find_job(request, id)).result or {}
    headers = {"Content-Disposition": f'attachment; filename="{facts.get("file", FILE)}"'}
    if isinstance(facts.get("bytes"), int):
        headers["Content-Length"] = str(facts["bytes"])
    return StreamingResponse(pieces, headers=headers, media_type="application/octet-stream")


async def _kept(request: Request, id: str, name: str, what: str) -> Iterator[bytes]:
    """A file of a job.

    Raises
    ------
    Problem: there is no such job, it is not done, or it has no such file.
    """
    job = await find_job(request, id)
    if KEPT.get(job.kind) != name:
        raise Problem(404, f"this job is an {job.kind}, which has no {what}; see its result.")
    if job.state != store.DONE:
        raise Problem(409, f"this job has no {what} (yet); see its state.")
    pieces: Iterator[bytes] = request.app.state.store.file(id, name)
    return pieces
