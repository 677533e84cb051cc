"""Errors as RFC 9457 problem documents: type, status, and one sentence with the remedy."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ecgsynth.errors import (
    EcgsynthError,
    MissingRecordingsError,
    did_you_mean,
    is_disk_full,
    mask_passwords,
)
from ecgsynth.service.api.json_text import json_safe
from ecgsynth.service.files.disk import DISK, NoRoomError
from ecgsynth.service.files.uploads import FORMS
from ecgsynth.service.models.store import NotYetError

log = logging.getLogger("ecgsynth.serve")

TITLES = {
    400: "The request cannot be read",
    401: "A key is needed",
    403: "Not from there",
    404: "Not found",
    405: "Not this method",
    408: "The client was too slow",
    409: "Not yet",
    411: "Of what length?",
    413: "Too large",
    415: "Not this kind of content",
    421: "Not this host",
    422: "The request cannot be met",
    429: "Too many at once",
    431: "Too large",
    500: "A fault of the service",
    503: "Not now",
    507: "No room on the server",
}

MISSING = "missing-recordings"
"""Problem type for real recordings that are not on the server."""


UNREAD = "There was an error parsing the body"
"""FastAPI's message if reading the body failed."""


class Problem(HTTPException):
    """An error answer; `kind` is the last part of its `type`."""

    def __init__(
        self, status: int, detail: str, kind: str = "", headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        super().__init__(status, mask_passwords(detail), dict(headers or {}))
        self.kind = kind
        self.more = more

    def document(self) -> dict[str, Any]:
        """The problem as JSON."""
        title = TITLES.get(self.status_code, "Problem")
        kind = self.kind or title.lower().rstrip("?").replace(" ", "-")
        return {
            "type": f"urn:ecgsynth:problem:{kind}",
            "title": title,
            "status": self.status_code,
            "detail": json_safe(str(self.detail)),
            **self.more,
        }

    def response(self) -> JSONResponse:
        """The problem as JSON (RFC 9457)."""
        return JSONResponse(
            self.document(), self.status_code, self.headers, "application/problem+json"
        )


class ProblemDocument(BaseModel):
    """The schema of RFC 9457 for OpenAPI."""

    model_config = ConfigDict(
        title="Problem",
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:ecgsynth:problem:the-request-cannot-be-met",
                    "title": "The request cannot be met",
                    "status": 422,
                    "detail": "no model named 'mitbih-beat'. Did you mean 'mitbih-beats'?",
                }
            ]
        },
    )

    type: str
    title: str
    status: int
    detail: str


def of_error(problem: BaseException) -> Problem:
    """The problem of an exception."""
    cause: BaseException | None = problem
    while cause is not None:
        words = str(cause).lower() if isinstance(cause, DBAPIError) else ""
        if is_disk_full(cause) or "disk is full" in words or "no space left" in words:
            return Problem(507, DISK)
        cause = cause.__cause__
    if isinstance(problem, Problem):
        return problem
    if isinstance(problem, MissingRecordingsError):
        return Problem(422, str(problem), MISSING)
    if isinstance(problem, NotYetError | NoRoomError):
        return Problem(503, str(problem), headers={"Retry-After": "60"})
    if isinstance(problem, EcgsynthError):
        return Problem(422, str(problem))
    if isinstance(problem, HTTPException):
        detail = {
            404: "there is nothing at this address; see /docs.",
            405: "this address does not accept this method; see /docs.",
        }
        message = detail.get(problem.status_code, str(problem.detail))
        if message == UNREAD:
            message = "the body cannot be read; JSON must be UTF-8, some levels deep at most and " \
                   "without endless numbers, a form must be whole."  # fmt: skip
        return Problem(problem.status_code, message, headers=problem.headers)
    if isinstance(problem, SQLAlchemyError):  # also one whose connections are all in use
        log.error("the jobs database failed: %s", getattr(problem, "orig", problem))
        return Problem(503, "the jobs database does not answer; try again in a minute.",
                       headers={"Retry-After": "60"})  # fmt: skip
    if isinstance(problem, MemoryError):
        return Problem(503, "not enough memory for this now; request fewer items at a time.",
                       headers={"Retry-After": "60"})  # fmt: skip
    log.error("unforeseen", exc_info=problem)
    return Problem(
        500,
        "an unexpected error occurred; find it in the log by this answer's X-Request-ID.",
    )


def of_validation(request: Request, problem: RequestValidationError) -> Problem:
    """One sentence for pydantic's errors in a body or a parameter."""
    errors = problem.errors()
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = request.url.path in FORMS
    wanted = "multipart/form-data" if form else "application/json"
    if request.method == "POST" and media != wanted:
        message = f"the body is '{media}'" if media else "the body has no Content-Type"
        return Problem(415, f"{message}; send {wanted}.")
    # Of a misspelt field and the missing one report the misspelt; of union branches the deepest.
    unknown = [e for e in errors if e["type"] == "extra_forbidden"]
    error = (unknown or sorted(errors, key=lambda e: -len(e["loc"])))[0]
    where = ".".join(str(part) for part in error["loc"][1:] if not _is_branch(part))
    if error["type"] == "json_invalid":
        return Problem(400, f"the body is not JSON ({error['ctx']['error']}).")
    if error["type"] == "extra_forbidden":
        return Problem(422, f"there is no field '{where}'.{did_you_mean(where, _fields(request))}")
    if error["type"] == "missing":
        return Problem(422, f"the field '{where}' is missing." if where else "the body is missing.")
    if not where:
        return Problem(422, 'the body must be a JSON object, as in {"model": "mitbih-beats"}.')
    message = error["msg"].removeprefix("Value error, ")
    if message.startswith("Expected UploadFile"):
        message = "it must come as a file with a name, as `-F file=@beats.npz` sends it"
    return Problem(422, f"'{where}': {message[:1].lower()}{message[1:]}.")


def _fields(request: Request) -> list[str]:
    """Names of the fields of the address."""
    body = getattr(request.scope.get("route"), "body_field", None)
    kind = getattr(getattr(body, "field_info", None), "annotation", None)
    return [*getattr(kind, "model_fields", {})]


def _is_branch(part: object) -> bool:
    """Whether pydantic names a branch of a union, such as `dict[str,int]`, and no field."""
    return isinstance(part, str) and (
        part in ("int", "str", "float") or "[" in part or "constrained" in part
    )


def install(app: FastAPI) -> None:
    """Answer every exception of the application with its problem document."""

    async def answer(_request: Request, problem: Exception) -> JSONResponse:
        return of_error(problem).response()

    async def validation(request: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, RequestValidationError)
        return of_validation(request, problem).response()

    app.add_exception_handler(RequestValidationError, validation)
    for kind in (HTTPException, EcgsynthError, SQLAlchemyError, OSError, MemoryError):
        app.add_exception_handler(kind, answer)
