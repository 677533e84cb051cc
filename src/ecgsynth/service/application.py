"""The application: resources, middleware, and startup and shutdown."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from ecgsynth import __version__
from ecgsynth.jobs.store import Quota, Store
from ecgsynth.service.api import (
    augmentations,
    choices,
    ecgs,
    evaluations,
    health,
    jobs,
    models,
    pages,
    problems,
    prometheus,
    runs,
    streams,
    versions,
)
from ecgsynth.service.api.report_tokens import ReportTokens
from ecgsynth.service.files import tempdirs
from ecgsynth.service.files.disk import Room
from ecgsynth.service.jobs.runner import JobRunner
from ecgsynth.service.middleware import connections
from ecgsynth.service.middleware.guard import Guard
from ecgsynth.service.models.store import ModelStore
from ecgsynth.service.runs.reader import Runs
from ecgsynth.service.settings import Settings, read_key

RESOURCES = (
    health, models, choices, ecgs, evaluations, augmentations, jobs, runs, streams, versions,
    prometheus,
)  # fmt: skip

ABOUT = """Labelled synthetic ECG in mV, and evaluations of synthetic sets of any origin.

**Not from a patient and not for diagnosis.** Errors are RFC 9457 problem documents; `detail` gives
the cause and the remedy."""


def create_app(settings: Settings, key: str = "") -> FastAPI:
    """The service.

    Parameters
    ----------
    key: that clients must send; "" requires none.

    Raises
    ------
    EcgsynthError: the jobs database cannot be used.
    """
    store = Store(settings.jobs_db, Quota(settings.keep_mib << 20, settings.keep_jobs))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        threads = ThreadPoolExecutor(min(settings.requests + 8, 64), "ecgsynth")
        asyncio.get_running_loop().set_default_executor(threads)
        app.state.runner = JobRunner(store, settings, app.state.model_store)
        app.state.runner.start(settings.jobs)
        warming = asyncio.create_task(app.state.model_store.warm())
        _watch_for_stop(app.state.stopping)
        try:
            yield
        finally:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
            await asyncio.to_thread(app.state.runner.stop)
            app.state.model_store.close()
            app.state.pulse.close()
            for pool in (app.state.computing, app.state.writing):
                pool.shutdown(wait=False, cancel_futures=True)
            store.engine.dispose()

    app = FastAPI(
        title="ecgsynth",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's page loads from another host; /docs is our own
        redoc_url=None,
        responses={"default": {"model": problems.ProblemDocument, "description": "A problem"}},
    )
    app.state.settings = settings
    app.state.store = store
    app.state.report_tokens = ReportTokens(key)
    app.state.runs = Runs(settings.runs)
    app.state.stopping = asyncio.Event()
    app.state.model_store = ModelStore(
        settings.model_dir, settings.models_loaded, settings.batch_ms / 1000
    )
    app.state.pulse = health.HealthChecks(lambda: len(app.state.model_store.models()), store.counts)
    app.state.room = Room(settings.disk_mib << 20)
    app.state.computing = ThreadPoolExecutor(settings.streams, "ecgsynth-lines")
    app.state.writing = ThreadPoolExecutor(settings.streams, "ecgsynth-files")
    for resource in RESOURCES:
        app.include_router(resource.router)
    pages.install(app)
    problems.install(app)
    app.add_middleware(
        Guard,
        settings=settings,
        key=key,
        report_tokens=app.state.report_tokens,
        room=app.state.room,
    )
    origins = [origin.strip() for origin in settings.origins.split(",") if origin.strip()]
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Prefer", "X-Request-ID"],
            expose_headers=["X-Request-ID", "X-Ecgsynth-Model", "X-Ecgsynth-Sha256",
                            "X-Ecgsynth-Seed", "X-Ecgsynth-Warning", "Location"],
        )  # fmt: skip
    app.openapi = _openapi_of(app, bool(key))  # type: ignore[method-assign]
    return app


def from_environment() -> FastAPI:
    """The service with the settings that `ecgsynth serve` passes through the environment."""
    logging.captureWarnings(True)
    tempdirs.hold()
    settings = Settings.read()
    connections.Connection.bound(settings)
    return create_app(settings, read_key())


def _watch_for_stop(stopping: asyncio.Event) -> None:
    """Set the event at the signals that stop the server, before other handlers run.

    The server waits for open requests, and a stream of events would never end by itself.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        before = signal.getsignal(number)

        def on_signal(number: int, frame: Any, before: Any = before) -> None:
            loop.call_soon_threadsafe(stopping.set)
            if callable(before):
                before(number, frame)

        signal.signal(number, on_signal)


def _openapi_of(app: FastAPI, keyed: bool) -> Callable[[], dict[str, Any]]:
    """FastAPI's OpenAPI document, with problem documents instead of its validation errors."""
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
