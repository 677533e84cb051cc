"""Pages: the web page at `/`, the API description at `/docs`, and their files; without a key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

from ecgsynth.service.api.problems import Problem

STATIC = Path(__file__).parents[1] / "web"
"""Folder of the pages and their files, which is served under /static."""

POLICY = "default-src 'self'; frame-ancestors 'none'"
"""Pages may load files only from this host, and have no inline scripts or styles."""


def install(app: FastAPI) -> None:
    """Serve the pages."""
    for path, page in (("/", _index), ("/docs", _docs)):
        app.api_route(path, methods=["GET", "HEAD"], include_in_schema=False)(page)
    app.mount("/static", _Static(directory=STATIC, check_dir=False), "static")


async def _index() -> Response:
    return _page("index.html")


async def _docs() -> Response:
    return _page("docs.html")


def _page(name: str) -> Response:
    path = STATIC / name
    if not path.is_file():
        raise Problem(
            404, f"this installation has no {name}; install ecgsynth again, its API works without."
        )
    return FileResponse(path, headers={"Content-Security-Policy": POLICY})


class _Static(StaticFiles):
    """Static files with the same policy header as pages."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Content-Security-Policy"] = POLICY
        return response
