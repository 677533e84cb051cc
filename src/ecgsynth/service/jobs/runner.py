"""The service's runner of jobs: gives a job its files and models, and stores its result."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ecgsynth.errors import EcgsynthError
from ecgsynth.jobs.runner import Runner
from ecgsynth.jobs.store import PART, Store, TooLargeError
from ecgsynth.jobs.tables import Job
from ecgsynth.service.api.problems import MISSING, Problem
from ecgsynth.service.files.disk import DISK
from ecgsynth.service.files.tempdirs import clear_stale
from ecgsynth.service.models.store import ModelStore, NotYetError
from ecgsynth.service.settings import KEY, PREFIX, Settings

log = logging.getLogger("ecgsynth.serve")

SWEEP_S = 600.0
"""Seconds between removals of old jobs."""


class JobRunner(Runner):
    """Runs the jobs of clients."""

    module = "ecgsynth.service.jobs.worker"

    def __init__(self, store: Store, settings: Settings, model_store: ModelStore) -> None:
        super().__init__(store, settings.jobs, settings.lease_seconds, settings.job_seconds)
        self.settings = settings
        self.model_store = model_store
        self.environment = {k: v for k, v in os.environ.items() if not _is_ours(k)}
        self._swept = 0.0

    def claim(self) -> Job | None:
        """The next job; every `SWEEP_S` old ones are deleted."""
        if time.time() - self._swept > SWEEP_S:
            self._swept = time.time()
            self.store.forget_before(self._swept - self.settings.keep_days * 86400)
            clear_stale()
        return super().claim()

    def run_job(self, job: Job) -> None:
        """Run a job in a folder of its own, which is deleted."""
        log.info("job started", extra={"job": job.id, "kind": job.kind, "start": job.starts})
        folder = _place(job)
        try:
            end = self.follow(job, self._order(job, folder))
            if end is not None:
                self._keep(job, end, folder)
                log.info("job ended", extra={"job": job.id, "progress": end})
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def failed(self, job: Job | None, problem: Exception) -> None:
        """Log the error, and return or fail the job; else its lease expires."""
        if isinstance(problem, SQLAlchemyError):
            log.error("the jobs database failed: %s", getattr(problem, "orig", problem))
        elif not isinstance(problem, OSError | EcgsynthError):
            log.error("unexpected error in a job", exc_info=problem)
        else:
            log.error("a job could not be started: %s", problem)
            if job is not None and isinstance(problem, OSError | NotYetError):
                self.store.release(job.id, job.owner)
            elif job is not None:  # a model was removed after the request
                self.store.fail(job.id, job.owner, Problem(422, str(problem)).document())

    def _order(self, job: Job, folder: Path) -> dict[str, Any]:
        """What the process is to do; the upload is written to its folder."""
        settings = self.settings
        named = job.asked.get("models", {}).items()
        paths = {name: str(self.model_store.find(id).path) for name, id in named}
        with open(folder / job.asked["name"], "wb") as file:
            for piece in self.store.file(job.id, "upload"):
                file.write(piece)
        return {
            **job.asked, "job": job.id, "kind": job.kind, "folder": str(folder), "paths": paths,
            "memory_mib": settings.job_memory_mib, "nice": settings.job_nice,
            "most_items": settings.most_items,
            "most_unpacked": settings.most_unpacked_mib << 20,
            "most_signal": settings.most_signal_mib << 20,
        }  # fmt: skip

    def _keep(self, job: Job, end: dict[str, Any], folder: Path) -> None:
        problem = None
        if end.get("done"):
            result = json.loads((folder / end["result"]).read_text(encoding="utf-8"))
            files = {name: _pieces(folder / file) for name, file in end["files"].items()}
            try:
                self.store.finish(job.id, job.owner, result, files)
            except TooLargeError as large:
                problem = Problem(507, str(large))
        else:
            fallback = "the process of this job crashed; send a smaller or another file."
            kind = MISSING if end.get("missing") else ""
            problem = Problem(422, end.get("error", fallback), kind)
            if end.get("full"):
                problem = Problem(507, DISK)
        if problem is not None:
            self.store.fail(job.id, job.owner, problem.document())


def _place(job: Job) -> Path:
    """A new folder for a job; one left after a crash is deleted, with its upload.

    Its name is derived from the job's id by a hash, so that a listing does not reveal the id.
    """
    prefix = f"ecgsynth-job-{hashlib.sha256(job.id.encode()).hexdigest()[:16]}-"
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=prefix))


def _is_ours(name: str) -> bool:
    """Whether a variable belongs to the service: the key, passwords of databases and stores."""
    return name == KEY or name.startswith((PREFIX, "ECGSYNTH_TRACKING_", "MLFLOW_", "PG", "AWS_"))


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PART):
            yield piece
