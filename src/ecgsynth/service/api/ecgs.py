"""`POST /v1/ecgs`: labelled synthetic ECG, streamed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract
from ecgsynth.service.api import prometheus, responses
from ecgsynth.service.api.json_body import JsonRoute
from ecgsynth.service.api.problems import Problem
from ecgsynth.service.middleware.logs import collect_warnings
from ecgsynth.service.models.store import Loaded
from ecgsynth.signals.ecg import Ecg

router = APIRouter(prefix="/v1", tags=["ecgs"], route_class=JsonRoute)

STEP = 1024
"""Items per step of a large request."""

FEW = 16
"""Most items whose lines are written without a thread, which would take longer."""

TIMES = 2
"""Bytes on the disk per byte of signal: as text, or temporarily twice."""

UNSAID = re.compile(r"[^ -~]")
"""Characters that a header cannot contain."""

MOST_WARNING = 2000

LINES, ZIP = "application/x-ndjson", "application/zip"
"""Media types of responses that are no file of a format."""

SENT = [kind for kind in contract.every().values() if not contract.zipped(kind)]
"""Formats whose files are sent as they are."""

BINARY = {"schema": {"type": "string", "format": "binary"}}

Count = Annotated[int, Field(ge=0, strict=True)]


class Wanted(BaseModel):
    """The request. The same model id, seed and request always give the same ECG."""

    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        json_schema_extra={
            "examples": [
                {"model": "mitbih-beats", "label": "V", "count": 5, "seed": 7},
                {
                    "model": "mitbih-beats", "count": {"N": 90, "S": 10}, "seed": 1,
                    "context": {"rr_before_s": 0.5}, "format": "wfdb",
                },
            ]
        },
    )  # fmt: skip

    model: str = Field(description="id (exactly these weights) or name of a model")
    label: str | list[str] | None = Field(
        None, description="class, or several that alternate; default: all"
    )
    count: Count | dict[str, Count] = Field(1, description="how many, or how many of each class")
    seed: int = Field(0, ge=0, lt=2**63, strict=True, description="same seed, same ECG")
    context: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(
        default_factory=dict, description="contexts to hold fixed; the others are drawn"
    )
    people: Annotated[int, Field(ge=1, strict=True)] | None = Field(
        None, description="of so many synthetic people, named in `patient`; default: of nobody"
    )
    format: str = Field(
        responses.NDJSON,
        description="ndjson, or a format of GET /v1/formats, which marks those that come as a zip",
    )
    measure: bool = Field(
        False, strict=True, description="each line with its measured rate and intervals; ndjson"
    )

    @property
    def total(self) -> int:
        """Items in all."""
        return self.count if isinstance(self.count, int) else sum(self.count.values())


@router.post(
    "/ecgs", summary="Generate synthetic ECG", response_class=StreamingResponse,
    responses={
        200: {
            "description": "The ECG: a stream of lines, a file, or a zip.",
            "content": {
                LINES: {
                    "schema": {"type": "string"},
                    "example": '{"statement": "SYNTHETIC ECG ...", "seed": 7, "spec": {}}\n'
                    '{"item": 0, "label": "V", "context": {"rr_before_s": 0.5}, '
                    '"signal": {"MLII": [0.012, 0.015]}}\n{"items": 1}\n',
                },
                **{kind.media_type: BINARY for kind in SENT},
                ZIP: BINARY,
            },
        }
    },
)  # fmt: skip
async def ecgs(request: Request, wanted: Wanted) -> Response:
    """Generate signals in mV with labels and contexts. Every body is marked as synthetic and names
    its model; `X-Ecgsynth-Model` is the id that gives the same ECG with the same seed. Warnings,
    such as a context outside the training data, are in `X-Ecgsynth-Warning` and in the `warnings`
    of the first line."""
    state = request.app.state
    responses.checked_format(wanted.format)
    if wanted.measure and wanted.format != responses.NDJSON:
        raise EcgsynthError(
            f"'measure' adds to lines of JSON, and {wanted.format} has none; leave it out or ask "
            f"for format={responses.NDJSON}."
        )
    if wanted.total > state.settings.most_items:
        raise EcgsynthError(
            f"{wanted.total} items are more than the limit of a request "
            f"({state.settings.most_items}); request fewer at a time, with different seeds."
        )
    model = await state.model_store.load(wanted.model)
    size = _size(model, wanted.total, state.settings.most_signal_mib << 20)
    id = model.served.id
    with collect_warnings() as warnings:
        chunks = await _chunks(model, wanted)
    sent = prometheus.ITEMS.labels(id, wanted.format)
    headers = {
        "X-Ecgsynth-Model": id,
        "X-Ecgsynth-Sha256": model.served.sha256,
        "X-Ecgsynth-Seed": str(wanted.seed),
    }
    if warnings:
        headers["X-Ecgsynth-Warning"] = UNSAID.sub("?", " ".join(warnings))[:MOST_WARNING]
    about = {"model": id, "seed": wanted.seed, "warnings": warnings}
    few = wanted.total <= FEW and wanted.people is None  # made already, with other requests
    if wanted.format == responses.NDJSON and few and not wanted.measure:
        text = responses.ndjson_bytes(chunks, about)
        sent.inc(wanted.total)
        return Response(text, headers=headers, media_type=LINES)
    if wanted.format == responses.NDJSON:
        lines = responses.lines(chunks, about, sent.inc, state.computing, wanted.measure)
        return StreamingResponse(lines, headers=headers, media_type=LINES)
    held = state.room.hold(TIMES * size)
    try:
        path = await responses.written(
            chunks, id, wanted.format, request.is_disconnected, state.writing
        )
    except BaseException as problem:
        held.free()
        if isinstance(problem, responses.ClientGoneError):
            raise Problem(408, "the client disconnected before its file was written.") from None
        raise
    sent.inc(wanted.total)
    kind = contract.named(wanted.format)
    zipped = contract.zipped(kind)
    body = responses.zip_body(path) if zipped else responses.file_body(path)
    file = f"{id}-seed{wanted.seed}" + (f"-{wanted.format}.zip" if zipped else kind.endings[0])
    headers["Content-Disposition"] = f'attachment; filename="{file}"'
    media = ZIP if zipped else kind.media_type
    return responses.FileResponse(path, body, held, headers=headers, media_type=media)


def _size(model: Loaded, count: int, most: int) -> int:
    """Bytes of the requested signal.

    Raises
    ------
    EcgsynthError: more than `most`.
    """
    spec = model.served.view
    each = 4 * len(spec.leads) * spec.samples
    if count * each > most:
        raise EcgsynthError(
            f"{count} items of {len(spec.leads)} x {spec.samples} samples are "
            f"{count * each >> 20:,} MiB of signal, more than one request may ask for here "
            f"({most >> 20:,} MiB, {most // each} such items); ask for less at a time, with other "
            "seeds."
        )
    return count * each


async def _chunks(model: Loaded, wanted: Wanted) -> Iterator[Ecg]:
    """The items: few of them in a pass with other requests, many of them step by step."""
    asked: dict[str, Any] = wanted.model_dump(include={"count", "label", "seed", "context"})
    if wanted.people is not None:
        return model.synthesizer.stream(**asked, chunk=STEP, people=wanted.people)
    if wanted.total <= model.synthesizer.sampler.size:
        order = model.batcher.microbatch.order(**asked)
        return iter([await model.batcher.make(order)])
    return model.synthesizer.stream(**asked, chunk=STEP)
