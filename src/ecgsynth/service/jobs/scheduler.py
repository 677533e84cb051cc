"""Scheduler of jobs: claims a job, starts its process, reports progress, stores the result."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from ecgsynth.errors import EcgsynthError
from ecgsynth.service.api.problems import MISSING, Problem
from ecgsynth.service.files.tempdirs import clear_stale
from ecgsynth.service.jobs.store import PART, Job, Store, TooLargeError
from ecgsynth.service.models.store import ModelStore, NotYetError
from ecgsynth.service.settings import KEY, PREFIX, Settings

log = logging.getLogger("ecgsynth.serve")

PAUSE_S = 1.0
"""Seconds between checks of the queue and of a running job's progress."""

SWEEP_S = 600.0
"""Seconds between removals of old jobs."""

MOST_LINE = 1 << 20
"""Most bytes of a line from the process."""


class Scheduler:
    """The part of a worker that runs jobs, one after another."""

    def __init__(self, store: Store, settings: Settings, model_store: ModelStore) -> None:
        self.store = store
        self.settings = settings
        self.model_store = model_store
        self.owner = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.wake = asyncio.Event()
        self._swept = 0.0

    async def run(self) -> None:
        """Run jobs until cancelled; then the current job goes back to the queue."""
        while True:
            self.wake.clear()
            job = None
            try:
                job = await asyncio.to_thread(
                    self.store.claim, self.owner, self.settings.jobs, self.settings.lease_seconds
                )
                if job is not None:
                    await self._one(job)
                await self._sweep()
            except SQLAlchemyError as problem:
                log.error("the jobs database failed: %s", getattr(problem, "orig", problem))
            except (OSError, NotYetError) as problem:
                log.error("a job could not be started: %s", problem)
                if job is not None:
                    await self._give_back(job)
                job = None  # the problem may persist: try again after a pause
            except Exception:  # run the other jobs after any error
                log.exception("unexpected error in a job")
                job = None  # its lease expires, and its starts are counted
            if job is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), PAUSE_S)

    async def _give_back(self, job: Job) -> None:
        try:
            await asyncio.to_thread(self.store.release, job.id, self.owner)
        except SQLAlchemyError as problem:  # then its lease expires
            log.error("the jobs database failed: %s", getattr(problem, "orig", problem))

    async def _sweep(self) -> None:
        if time.time() - self._swept > SWEEP_S:
            self._swept = time.time()
            keep_s = self.settings.keep_days * 86400
            await asyncio.to_thread(self.store.forget_before, time.time() - keep_s)
            await asyncio.to_thread(clear_stale)

    async def _one(self, job: Job) -> None:
        log.info("job started", extra={"job": job.id, "kind": job.kind, "start": job.starts})
        folder = _place(job)
        process = None
        try:
            try:
                paths = await asyncio.to_thread(self._fetch, job, folder)
            except NotYetError:
                raise
            except EcgsynthError as problem:  # a model was removed after the request
                await asyncio.to_thread(
                    self.store.fail, job.id, self.owner, Problem(422, str(problem)).document()
                )
                return
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ecgsynth.service.jobs.worker",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=MOST_LINE,
                env={name: value for name, value in os.environ.items() if not _is_ours(name)},
            )  # fmt: skip
            asked = {
                **job.asked, "job": job.id, "kind": job.kind, "folder": str(folder),
                "paths": paths, "memory_mib": self.settings.job_memory_mib,
                "nice": self.settings.job_nice,
                "most_items": self.settings.most_items,
                "most_unpacked": self.settings.most_unpacked_mib << 20,
                "most_signal": self.settings.most_signal_mib << 20,
            }  # fmt: skip
            assert process.stdin is not None
            process.stdin.write(json.dumps(asked).encode() + b"\n")
            progress = _Progress()
            follow = asyncio.create_task(progress.follow(process))
            try:
                mine = await self._watch(job, progress, follow)
            finally:
                follow.cancel()
            if mine:
                await asyncio.to_thread(self._keep, job, progress, folder)
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.to_thread(self.store.release, job.id, self.owner))
            log.info("job goes back to the queue", extra={"job": job.id})
            raise
        finally:
            if process is not None and process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
            shutil.rmtree(folder, ignore_errors=True)

    def _fetch(self, job: Job, folder: Path) -> dict[str, str]:
        """Write the upload to the folder; returns the paths of the named models."""
        paths = {
            name: str(self.model_store.find(id).path)
            for name, id in job.asked.get("models", {}).items()
        }
        with open(folder / job.asked["name"], "wb") as file:
            for piece in self.store.file(job.id, "upload"):
                file.write(piece)
        return paths

    async def _watch(self, job: Job, progress: _Progress, follow: asyncio.Task[None]) -> bool:
        """Wait until the process ends; False if the job was cancelled or taken by another
        worker."""
        begun = time.monotonic()
        # Renew well before the lease expires, or another worker takes the job.
        pause = min(PAUSE_S, self.settings.lease_seconds / 4)
        while not (await asyncio.wait({follow}, timeout=pause))[0]:
            if time.monotonic() - begun > self.settings.job_seconds:
                progress.end = {
                    "error": f"it took longer than {self.settings.job_seconds:g} s; send a smaller "
                    "set or request less."
                }
                return True
            mine = await asyncio.to_thread(
                self.store.renew, job.id, self.owner, self.settings.lease_seconds, progress.share,
                progress.doing,
            )  # fmt: skip
            if not mine:
                log.info("job cancelled", extra={"job": job.id})
                return False
        return True

    def _keep(self, job: Job, progress: _Progress, folder: Path) -> None:
        if progress.end.get("done"):
            result = json.loads((folder / progress.end["result"]).read_text(encoding="utf-8"))
            files = {name: _pieces(folder / file) for name, file in progress.end["files"].items()}
            try:
                self.store.finish(job.id, self.owner, result, files)
            except TooLargeError as large:
                self.store.fail(job.id, self.owner, Problem(507, str(large)).document())
        else:
            fallback = "the process of this job crashed; send a smaller or another file."
            kind = MISSING if progress.end.get("missing") else ""
            status = 507 if progress.end.get("full") else 422
            problem = Problem(status, progress.end.get("error", fallback), kind)
            self.store.fail(job.id, self.owner, problem.document())
        log.info("job ended", extra={"job": job.id, "progress": progress.end})


class _Progress:
    """The last messages of the process."""

    def __init__(self) -> None:
        self.share = 0.0
        self.doing = "starting"
        self.end: dict[str, Any] = {}

    async def follow(self, process: asyncio.subprocess.Process) -> None:
        """Read its lines until it ends."""
        assert process.stdout is not None
        async for line in process.stdout:
            said = json.loads(line)
            if "share" in said:
                self.share, self.doing = float(said["share"]), str(said["doing"])
            else:
                self.end = said
        await process.wait()


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
