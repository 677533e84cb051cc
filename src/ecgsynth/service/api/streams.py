"""`GET /v1/stream`: an annotated recording in real time, for a monitor."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from ecgsynth.completion import stream as streams
from ecgsynth.completion.drafts import SIMULATOR, add_faults, draft_by
from ecgsynth.errors import EcgsynthError
from ecgsynth.noise.sources import KINDS
from ecgsynth.signals.draft import Draft

router = APIRouter(prefix="/v1", tags=["stream"])

FASTEST = 10.0
"""Times real time."""

MOST_RATE = 500_000.0
"""Samples of all leads together, a second, that one client gets."""

AHEAD_S = 2.0
"""Lines of so many seconds are encoded at once."""

Seconds = Annotated[float | None, Query(gt=0, le=86400, description="length; default: no end")]


@router.get(
    "/stream", summary="A recording in real time", response_class=StreamingResponse,
    responses={200: {
        "description": "`header`, then a `piece` for every fifth of a second, and `end`.",
        "content": {"text/event-stream": {
            "schema": {"type": "string"},
            "example": 'event: piece\ndata: {"time_s": 0.2, "signal": {"MLII": [0.012, 0.015]}, '
            '"beats": [{"time_s": 0.31, "kind": "N"}]}\n\n',
        }},
    }},
)  # fmt: skip
async def stream(
    request: Request,
    rhythm: Annotated[str, Query(max_length=2000, description="as of `ecgsynth rhythm`")] = "sinus",
    model: Annotated[str, Query(description="simulator, or a model of recordings")] = SIMULATOR,
    seconds: Seconds = None,
    leads: Annotated[str, Query(description="1, 2 or 12, or names with commas between")] = "2",
    fs: Annotated[float, Query(gt=0, allow_inf_nan=False, description="samples a second")] = 250.0,
    noise: Annotated[str, Query(description=f"{', '.join(KINDS)}, with commas between")] = "",
    snr: Annotated[str, Query(max_length=200, description="dB, as in 12 or 'stress 12'")] = "",
    speed: Annotated[float, Query(gt=0, le=FASTEST, description="times real time")] = 1.0,
    seed: Annotated[int, Query(ge=0, lt=2**63, description="same seed, same recording")] = 0,
) -> StreamingResponse:
    """Server-sent events with the lines of `ecgsynth stream`: `header` has rate, leads and unit,
    `piece` samples in mV and the beats that fall in it, `end` the number of samples. The stream
    ends a little before the service's longest request. Nothing is made ahead of a slow client."""
    state = request.app.state
    named = [name.strip() for name in leads.split(",") if name.strip()]
    wanted: Any = int(named[0]) if len(named) == 1 and named[0].isdecimal() else named
    loaded = model if model == SIMULATOR else (await state.model_store.load(model)).synthesizer
    kinds = [name.strip() for name in noise.split(",") if name.strip()]
    if strange := {*kinds} - {*KINDS}:
        raise EcgsynthError(f"no noise is named '{min(strange)}'; there is {', '.join(KINDS)}.")

    def plan() -> Draft:
        track = streams.track_of(rhythm, seconds, seed)
        draft = draft_by(loaded, track, leads=wanted, fs=fs, seed=seed)
        if len(draft.head.spec.leads) * fs * speed > MOST_RATE:
            raise EcgsynthError(
                f"{len(draft.head.spec.leads)} leads at {fs:g} Hz and {speed:g} times real time "
                f"are more than {MOST_RATE:,.0f} samples a second; ask for less."
            )
        return add_faults(draft, noise=kinds, snr=snr, seed=seed)

    draft = await asyncio.get_running_loop().run_in_executor(state.computing, plan)
    size = streams.piece_samples(streams.PIECE_S, draft.head.spec.fs)
    pieces = streams.made_ahead(draft.pieces(), state.computing.submit)
    lines = streams.lines_of(pieces, draft, size)
    each_s = size / draft.head.spec.fs
    batches = _batches(lines, max(1, round(AHEAD_S * speed / each_s)))
    # What is wrong with the first lines is known before any is sent.
    first: list[bytes] = await asyncio.to_thread(next, batches, [])
    header = _event("header", streams.header_of(draft, rhythm, model, seed))
    body = _events(request, header, first, batches, each_s / speed)
    return StreamingResponse(body, media_type="text/event-stream")


def _batches(lines: Iterator[dict[str, Any]], count: int) -> Iterator[list[bytes]]:
    """The events of so many lines at a time."""
    while batch := [_event("piece" if "signal" in one else "end", one)
                    for one in islice(lines, count)]:  # fmt: skip
        yield batch


async def _events(
    request: Request, header: bytes, batch: list[bytes], batches: Iterator[list[bytes]],
    each_s: float,
) -> AsyncIterator[bytes]:  # fmt: skip
    """The events, each when its seconds are over; the next ones are made meanwhile."""
    state, loop = request.app.state, asyncio.get_running_loop()
    ends = loop.time() + 0.9 * state.settings.seconds
    due = loop.time()
    yield header
    while batch:
        following = asyncio.create_task(asyncio.to_thread(next, batches, []))
        for event in batch:
            due += each_s
            left = due - loop.time()
            if left < -streams.LATE_S:
                due = loop.time()
            try:
                await asyncio.wait_for(state.stopping.wait(), max(0.0, left))
                return
            except TimeoutError:
                pass
            if loop.time() > ends or await request.is_disconnected():
                return
            yield event
        batch = await following


def _event(kind: str, line: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {streams.encode(line)}\n\n".encode()
