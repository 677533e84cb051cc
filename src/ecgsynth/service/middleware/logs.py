"""Logs as one JSON object a line, each with the id of the request that it belongs to."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from ecgsynth.errors import mask_passwords

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the request that is being answered; "" outside of any."""

_USUAL = {*vars(logging.makeLogRecord({})), "message", "color_message", "taskName"}


_warnings: ContextVar[list[str] | None] = ContextVar("warnings", default=None)

MOST_WARNINGS = 50
"""That a client is told of one request."""


class _Hearing(logging.Handler):
    """Keeps what the library warns of for whoever asked for the work."""

    def emit(self, record: logging.LogRecord) -> None:
        heard = _warnings.get()
        ours = record.name == "ecgsynth" or record.name.startswith("ecgsynth.")
        if heard is not None and ours and record.name != "ecgsynth.serve":
            said = mask_passwords(record.getMessage())
            if said not in heard and len(heard) < MOST_WARNINGS:
                heard.append(said)


_HEARING = _Hearing(logging.WARNING)


@contextlib.contextmanager
def heard() -> Iterator[list[str]]:
    """What the library warns of meanwhile, a sentence each, as the command prints it."""
    logging.getLogger("ecgsynth").addHandler(_HEARING)  # one that is there is not added again
    said: list[str] = []
    token = _warnings.set(said)
    try:
        yield said
    finally:
        _warnings.reset(token)


class JsonFormatter(logging.Formatter):
    """time, level, logger, message, request and whatever was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            said["request"] = request_id.get()
        said |= {name: value for name, value in vars(record).items() if name not in _USUAL}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return json.dumps(_hidden(said), default=lambda value: mask_passwords(str(value)))


def _hidden(value: Any) -> Any:
    """The same without passwords; libraries too log addresses that hold one."""
    if isinstance(value, str):
        return mask_passwords(value)
    if isinstance(value, dict):
        return {str(name): _hidden(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(one) for one in value]
    return value


CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": f"{__name__}.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "ecgsynth.serve": {"level": "INFO"},
        "uvicorn": {"level": "INFO"},
        "uvicorn.access": {"level": "WARNING"},
    },
}
"""For `logging.config.dictConfig`; requests are logged by the service itself, once each."""
