"""The application: every resource, what stands before it, and what begins and ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from ecgsynth import __version__
from ecgsynth.app.service import ecgs, evaluations, health, jobs, metrics, models, problems
from ecgsynth.app.service.guard import Guard
from ecgsynth.app.service.runner import Runner
from ecgsynth.app.service.settings import KEY, Settings
from ecgsynth.app.service.shelf import Shelf
from ecgsynth.app.service.store import Store

STATIC = Path(__file__).parent / "static"
"""Pages and what they need; everything in it is served under /static."""

PAGE_POLICY = "default-src 'self'; frame-ancestors 'none'"
"""Nothing of a page may come from another host."""

ABOUT = """Labelled synthetic ECG in mV, and verdicts on synthetic sets of any origin.

**Not from a patient and not for diagnosis.** Errors are RFC 9457 problem documents whose `detail`
names the thing, the reason and the mend."""


def create_app(settings: Settings, key: str = "") -> FastAPI:
    """The service.

    Parameters
    ----------
    key: that callers must send; "" asks for none.

    Raises
    ------
    EcgsynthError: the jobs database cannot be used.
    """
    store = Store(settings.jobs_db)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threads = ThreadPoolExecutor(min(settings.requests + 8, 64), "ecgsynth")
        asyncio.get_running_loop().set_default_executor(threads)
        app.state.runner = Runner(store, settings)
        work = [app.state.shelf.warm(), *(app.state.runner.run() for _ in range(settings.jobs))]
        running = [asyncio.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            app.state.shelf.close()
            for pool in (app.state.computing, app.state.writing):
                pool.shutdown(wait=False, cancel_futures=True)
            store.engine.dispose()

    app = FastAPI(
        title="ecgsynth",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # its pages load from another host; /docs is our own
        redoc_url=None,
        responses={"default": {"model": problems.ProblemDocument, "description": "A problem"}},
    )
    app.state.settings = settings
    app.state.store = store
    app.state.shelf = Shelf(settings.model_dir, settings.models_loaded, settings.batch_ms / 1000)
    app.state.computing = ThreadPoolExecutor(settings.streams, "ecgsynth-lines")
    app.state.writing = ThreadPoolExecutor(settings.streams, "ecgsynth-files")
    for resource in (health, models, ecgs, evaluations, jobs, metrics):
        app.include_router(resource.router)
    app.get("/docs", include_in_schema=False)(_docs)
    app.mount("/static", _Static(directory=STATIC), "static")
    problems.install(app)
    app.add_middleware(Guard, settings=settings, key=key)
    origins = [origin.strip() for origin in settings.origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Prefer", "X-Request-ID"],
            expose_headers=["X-Request-ID", "X-Ecgsynth-Model", "X-Ecgsynth-Sha256",
                            "X-Ecgsynth-Seed", "Location"],
        )  # fmt: skip
    app.openapi = _described(app, bool(key))  # type: ignore[method-assign]
    return app


def from_environment() -> FastAPI:
    """The service as `ecgsynth serve` told its workers to be, through the environment."""
    logging.captureWarnings(True)
    return create_app(Settings.read(), os.environ.get(KEY, ""))


async def _docs() -> Response:
    return FileResponse(STATIC / "docs.html", headers={"Content-Security-Policy": PAGE_POLICY})


class _Static(StaticFiles):
    """Files that say, as pages do, that nothing may come from another host."""

    def file_response(self, *given: Any, **named: Any) -> Response:
        response = super().file_response(*given, **named)
        response.headers["Content-Security-Policy"] = PAGE_POLICY
        return response


def _described(app: FastAPI, keyed: bool) -> Callable[[], dict[str, Any]]:
    """OpenAPI as FastAPI makes it, but with our problems in place of its own validation error."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is not None:
            return app.openapi_schema
        schema = made()
        parts = schema["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            parts.pop(unused, None)
        problem = {"$ref": "#/components/schemas/ProblemDocument"}
        for operations in schema["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"]["content"] = {
                    "application/problem+json": {"schema": problem}
                }
        if keyed:
            scheme = {"type": "http", "scheme": "bearer"}
            schema["components"]["securitySchemes"] = {"key": scheme}
            schema["security"] = [{"key": []}]
        return schema

    return openapi
