"""Logs: one JSON object per line, with the id of its request."""

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
"""Id of the current request; "" outside of any."""

_USUAL = {*vars(logging.makeLogRecord({})), "message", "color_message", "taskName"}


_warnings: ContextVar[list[str] | None] = ContextVar("warnings", default=None)

MOST_WARNINGS = 50
"""Most warnings in the answer to one request."""


class _WarningCollector(logging.Handler):
    """Collects warnings of the library for the current request."""

    def emit(self, record: logging.LogRecord) -> None:
        warnings = _warnings.get()
        ours = record.name == "ecgsynth" or record.name.startswith("ecgsynth.")
        if warnings is not None and ours and record.name != "ecgsynth.serve":
            message = mask_passwords(record.getMessage())
            if message not in warnings and len(warnings) < MOST_WARNINGS:
                warnings.append(message)


_COLLECTOR = _WarningCollector(logging.WARNING)


@contextlib.contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Collect warnings of the library, one sentence each, as the command prints them."""
    logging.getLogger("ecgsynth").addHandler(_COLLECTOR)  # a second call does not add it again
    warnings: list[str] = []
    token = _warnings.set(warnings)
    try:
        yield warnings
    finally:
        _warnings.reset(token)


class JsonFormatter(logging.Formatter):
    """Formats time, level, logger, message, request and the `extra` fields."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id.get():
            fields["request"] = request_id.get()
        fields |= {name: value for name, value in vars(record).items() if name not in _USUAL}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(_hidden(fields), default=lambda value: mask_passwords(str(value)))


def _hidden(value: Any) -> Any:
    """The value with passwords masked, which libraries may log too."""
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
"""For `logging.config.dictConfig`; the service logs each request itself, once."""
