"""Runs jobs: claims one, starts its process, tells how far it is, keeps what comes out."""

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
from ecgsynth.service.models.store import NotYetError, Shelf
from ecgsynth.service.settings import KEY, PREFIX, Settings

log = logging.getLogger("ecgsynth.serve")

PAUSE_S = 1.0
"""Between looks at the queue and at a running job's progress."""

SWEEP_S = 600.0
"""Between the removals of old jobs."""

MOST_LINE = 1 << 20
"""Bytes of a line that the process tells."""


class Runner:
    """The part of a worker that runs jobs, one after another."""

    def __init__(self, store: Store, settings: Settings, shelf: Shelf) -> None:
        self.store = store
        self.settings = settings
        self.shelf = shelf
        self.owner = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self.wake = asyncio.Event()
        self._swept = 0.0

    async def run(self) -> None:
        """For ever; when cancelled, the job in hand goes back to the queue."""
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
                job = None  # what was wrong still is: it is tried again after a pause
            except Exception:  # whatever it is, the jobs behind this one are run
                log.exception("a job met what was not foreseen")
                job = None  # its lease runs out, and its starts are counted
            if job is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.wake.wait(), PAUSE_S)

    async def _give_back(self, job: Job) -> None:
        try:
            await asyncio.to_thread(self.store.release, job.id, self.owner)
        except SQLAlchemyError as problem:  # then its lease runs out
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
            except EcgsynthError as problem:  # a model that was there when it was asked for
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
            told = _Told()
            follow = asyncio.create_task(told.follow(process))
            try:
                mine = await self._watch(job, told, follow)
            finally:
                follow.cancel()
            if mine:
                await asyncio.to_thread(self._keep, job, told, folder)
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
        """Put what was uploaded into the folder; returns where the models lie that it names."""
        paths = {
            name: str(self.shelf.find(id).path) for name, id in job.asked.get("models", {}).items()
        }
        with open(folder / job.asked["name"], "wb") as file:
            for piece in self.store.file(job.id, "upload"):
                file.write(piece)
        return paths

    async def _watch(self, job: Job, told: _Told, follow: asyncio.Task[None]) -> bool:
        """Until the process ends; False where the job was cancelled or is another worker's."""
        begun = time.monotonic()
        # Well within the lease: one that runs out between two looks gives the job away.
        pause = min(PAUSE_S, self.settings.lease_seconds / 4)
        while not (await asyncio.wait({follow}, timeout=pause))[0]:
            if time.monotonic() - begun > self.settings.job_seconds:
                told.end = {
                    "error": f"it took longer than {self.settings.job_seconds:g} s; send a "
                    "smaller set or ask for less."
                }
                return True
            mine = await asyncio.to_thread(
                self.store.renew, job.id, self.owner, self.settings.lease_seconds, told.share,
                told.doing,
            )  # fmt: skip
            if not mine:
                log.info("job cancelled", extra={"job": job.id})
                return False
        return True

    def _keep(self, job: Job, told: _Told, folder: Path) -> None:
        if told.end.get("done"):
            result = json.loads((folder / told.end["result"]).read_text(encoding="utf-8"))
            files = {name: _pieces(folder / file) for name, file in told.end["files"].items()}
            try:
                self.store.finish(job.id, self.owner, result, files)
            except TooLargeError as large:
                self.store.fail(job.id, self.owner, Problem(507, str(large)).document())
        else:
            fallback = "the work died of this file; send a smaller or another one."
            kind = MISSING if told.end.get("missing") else ""
            status = 507 if told.end.get("full") else 422
            problem = Problem(status, told.end.get("error", fallback), kind)
            self.store.fail(job.id, self.owner, problem.document())
        log.info("job ended", extra={"job": job.id, "told": told.end})


class _Told:
    """What the process said last."""

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
    """A new folder for a job; one that a killed machine left of it goes, with what was uploaded.

    Its name follows from the job's id, and does not tell it to those who can list the place.
    """
    prefix = f"ecgsynth-job-{hashlib.sha256(job.id.encode()).hexdigest()[:16]}-"
    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=prefix))


def _is_ours(name: str) -> bool:
    """Whether a variable is the service's own: the key, the passwords of databases and stores."""
    return name == KEY or name.startswith((PREFIX, "ECGSYNTH_TRACKING_", "MLFLOW_", "PG", "AWS_"))


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PART):
            yield piece
