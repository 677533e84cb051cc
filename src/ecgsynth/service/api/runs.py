"""`GET /v1/runs...`: trainings while they run, from their run folders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from ecgsynth.service.api.problems import Problem
from ecgsynth.service.runs import reader
from ecgsynth.service.runs import samples as runsamples
from ecgsynth.service.runs.reader import Log, NoSuchRunError, RunView

router = APIRouter(prefix="/v1/runs", tags=["runs"])

LOOK_S = 1.0
"""Seconds between checks of a watched run."""

HEARTBEAT_S = 10.0
"""Seconds without events after which a comment is sent, so that proxies keep the connection."""


class RunList(BaseModel):
    """Runs of the folder, newest first."""

    runs: list[RunView]


class RunDetail(RunView):
    """last: the newest value of every figure by its name, such as `health/accuracy`."""

    last: dict[str, float]


@router.get("", summary="The runs of the server's folder")
async def runs(request: Request) -> RunList:
    """The last written run is first."""
    shown: reader.Runs = request.app.state.runs

    def list_runs() -> list[RunView]:
        views = []
        for name in shown.names():
            try:
                views.append(shown.log(name).view)
            except NoSuchRunError:  # deleted since the folder was listed
                continue
        return views

    return RunList(runs=await asyncio.to_thread(list_runs))


@router.get("/{id}", summary="A run and its newest figures")
async def run(request: Request, id: str) -> RunDetail:
    """The documentation of training explains the figures."""
    log = await _log(request, id)
    return RunDetail(**log.view.model_dump(), last=log.last())


@router.get("/{id}/samples", summary="The newest samples of a run")
async def samples(request: Request, id: str) -> runsamples.Samples:
    """At most 12 items; `unit` and `fs` are null if the run has not written them yet."""
    log = await _log(request, id)
    folder = request.app.state.runs.folder / id
    return await asyncio.to_thread(runsamples.newest, folder, log)


@router.get(
    "/{id}/events", summary="Events of a run", response_class=StreamingResponse,
    responses={200: {
        "description": "`history` with all curves so far, `metrics` for every new line, `state` "
        "when it changes.",
        "content": {"text/event-stream": {
            "schema": {"type": "string"},
            "example": 'event: metrics\nid: 12.89ab01cd\ndata: {"examples": 6400, "values": '
            '{"critic/adversarial": 0.61}, "alarm": null}\n\n',
        }},
    }},
)  # fmt: skip
async def events(
    request: Request,
    id: str,
    last_event_id: Annotated[str, Header(description="continue after this event")] = "",
) -> StreamingResponse:
    """Server-sent events. `history` is `{"run", "curves": {name: [[examples, value], ...]}}`,
    `metrics` is `{"examples", "values": {name: value}, "alarm"}`, `state` is a run. The stream
    ends a little before the service's longest request; reconnect with the last id."""
    log = await _log(request, id)
    body = _events(request, id, log, last_event_id)
    return StreamingResponse(body, media_type="text/event-stream")


async def _log(request: Request, id: str) -> Log:
    try:
        log: Log = await asyncio.to_thread(request.app.state.runs.log, id)
    except NoSuchRunError as problem:
        raise Problem(404, str(problem)) from None
    return log


async def _events(request: Request, id: str, log: Log, mark: str) -> AsyncIterator[bytes]:
    state = request.app.state
    loop = asyncio.get_running_loop()
    ends = loop.time() + 0.9 * state.settings.seconds
    seen = log.after(mark)
    last_state = None
    data: dict[str, Any]
    heard = loop.time()
    while True:
        pieces = []
        if seen is None:  # the first check, or the training went back and wrote other lines
            data = {"run": log.view.model_dump(mode="json"), "curves": log.curves()}
            pieces.append(_event("history", data, log.mark(len(log.lines))))
        else:
            for number in range(seen, len(log.lines)):
                line = log.lines[number]
                data = {
                    "examples": line["examples"], "values": reader.figures(line),
                    "alarm": reader.alarm(line),
                }  # fmt: skip
                pieces.append(_event("metrics", data, log.mark(number + 1)))
            if log.view.state != last_state:
                pieces.append(_event("state", log.view.model_dump(mode="json")))
        last_state, mark = log.view.state, log.mark(len(log.lines))
        if not pieces and loop.time() - heard >= HEARTBEAT_S:
            pieces.append(b": still here\n\n")
        if pieces:
            heard = loop.time()
            yield b"".join(pieces)
        if loop.time() > ends or await request.is_disconnected():
            return
        try:
            await asyncio.wait_for(state.stopping.wait(), LOOK_S)
            return
        except TimeoutError:
            pass
        try:
            log = await asyncio.to_thread(state.runs.log, id)
        except NoSuchRunError:
            return
        seen = log.after(mark)


def _event(kind: str, data: dict[str, Any], mark: str = "") -> bytes:
    named = f"id: {mark}\n" if mark else ""
    return f"event: {kind}\n{named}data: {json.dumps(data, allow_nan=False)}\n\n".encode()
