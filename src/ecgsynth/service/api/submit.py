"""Turn an uploaded form into a job: check it, queue it, and wait if the client prefers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Annotated, Any, BinaryIO

from fastapi import Header, Request, Response, UploadFile
from fastapi.routing import APIRoute

from ecgsynth.jobs import store
from ecgsynth.jobs.tables import Job
from ecgsynth.service.api.jobs import JobView
from ecgsynth.service.api.problems import Problem
from ecgsynth.service.files import uploads

LOOK_S = 0.3
"""Seconds between checks of a job that a client waits for."""

MOST_WAIT_S = 60.0

MOST_FIELDS, MOST_FIELD = 16, 1 << 20
"""Most fields of a form besides its file, and bytes of each."""

Prefer = Annotated[
    str, Header(description="`wait=20`: answer with the result if the job ends within 20 s.")
]


class _FormRequest(Request):
    """A request whose form is read in limited memory: only its file goes to the disk."""

    def form(self, **_: Any) -> Any:
        return super().form(max_files=1, max_fields=MOST_FIELDS, max_part_size=MOST_FIELD)


class FormRoute(APIRoute):
    """An address that takes a form with one file."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        usual = super().get_route_handler()

        async def handler(request: Request) -> Response:
            return await usual(_FormRequest(request.scope, request.receive))

        return handler


async def submitted(
    request: Request,
    response: Response,
    kind: str,
    asked: dict[str, Any],
    upload: UploadFile,
    prefer: str,
) -> JobView:
    """Queue the job of a form, with its address in `Location`.

    Raises
    ------
    EcgsynthError: the file is none that is read here. Problem: the queue is full; or the job
        failed while it was waited for.
    """
    state = request.app.state
    settings = state.settings
    file: BinaryIO = upload.file
    name = upload.filename or ""
    format = await asyncio.to_thread(
        uploads.check, file, name, settings.most_unpacked_mib << 20, settings.most_files
    )
    asked = asked | {"upload_kind": format, "name": uploads.stored_name(name)}
    try:
        id = await asyncio.to_thread(
            state.store.add, kind, asked, {"upload": _pieces(file)}, settings.jobs_waiting
        )
    except store.QueueFullError as problem:
        raise Problem(429, str(problem), headers={"Retry-After": "60"}) from None
    state.runner.notify()
    job = await _awaited(request, id, _wait_s(prefer))
    response.headers["Location"] = f"/v1/jobs/{id}"
    if job.state == store.FAILED and job.problem is not None:
        document = job.problem
        raise Problem(
            document["status"], document["detail"], document["type"].rpartition(":")[2], job=id
        )
    if job.state == store.DONE:
        response.status_code = 200
    return JobView.of(job, state.report_tokens)


async def _awaited(request: Request, id: str, seconds: float) -> Job:
    """The job, when it has ended, the time is over or the client has disconnected."""
    keep: store.Store = request.app.state.store
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        job = await asyncio.to_thread(keep.get, id)
        if job is None:
            raise Problem(404, "the job was deleted while the request waited for it.")
        if job.state not in store.OPEN or loop.time() >= until or await request.is_disconnected():
            return job
        await asyncio.sleep(LOOK_S)


def _wait_s(prefer: str) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240)."""
    match = re.search(r"\bwait=(\d{1,9})\b", prefer)
    return min(float(match[1]), MOST_WAIT_S) if match else 0.0


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(store.PART):
        yield piece
