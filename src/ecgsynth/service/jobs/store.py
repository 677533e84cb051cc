"""Jobs and their files in a database: they survive restarts, and only one worker runs each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from ecgsynth.errors import EcgsynthError
from ecgsynth.service.jobs.tables import jobs as _jobs
from ecgsynth.service.jobs.tables import open_database
from ecgsynth.service.jobs.tables import parts as _parts

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
STATES = (QUEUED, RUNNING, DONE, FAILED, CANCELLED)
OPEN = (QUEUED, RUNNING)

MOST_STARTS = 3
"""Most starts of a job: after this many crashes the job is the cause."""

PART = 1 << 20
"""Bytes of a file in one row, so that no file is in memory as a whole."""

MOST_NAMES = 500
"""Most jobs in one statement; databases have a limit."""

_BYTES = func.sum(func.length(_parts.c.content))
"""Columns without the content of files."""

_ADDING = 0x65636773
"""The advisory lock of PostgreSQL for adding a job."""


class QueueFullError(EcgsynthError):
    """The queue of jobs is full."""


class TooLargeError(EcgsynthError):
    """The result of a job is larger than the quota."""


class LostError(EcgsynthError):
    """A file was deleted while it was read."""


@dataclass(frozen=True)
class Quota:
    """Limits of ended jobs: total bytes of their files, and number of jobs."""

    bytes: int = 4 << 30
    jobs: int = 1000


@dataclass(frozen=True)
class Job:
    """A row of the table."""

    id: str
    kind: str
    state: str
    asked: dict[str, Any]
    created: float
    started: float | None
    ended: float | None
    share: float
    doing: str
    starts: int
    owner: str | None
    lease: float | None
    slot: int | None
    result: dict[str, Any] | None
    problem: dict[str, Any] | None


class Store:
    """The jobs of all workers.

    Parameters
    ----------
    url: of SQLAlchemy; `sqlite:///FILE` or `postgresql+psycopg://...`.
    quota: of ended jobs; if exceeded, the jobs that ended first are deleted.

    Raises
    ------
    EcgsynthError: see `ecgsynth.service.jobs.tables.open_database`.
    """

    def __init__(self, url: str, quota: Quota | None = None) -> None:
        self.engine = open_database(url)
        self.quota = quota or Quota()

    def add(
        self,
        kind: str,
        asked: dict[str, Any],
        files: dict[str, Iterator[bytes]],
        most: int | None = None,
    ) -> str:
        """Add a job with its files to the end of the queue, in one transaction.

        most: jobs that may wait, this one included.

        Raises
        ------
        QueueFullError: as many jobs wait already.
        """
        name = uuid.uuid4().hex
        with self.engine.begin() as db:
            # Add jobs one at a time, so that two do not take the last place; SQLite has one writer.
            if db.dialect.name == "postgresql":
                db.execute(select(func.pg_advisory_xact_lock(_ADDING)))
            db.execute(insert(_jobs).values(
                id=name, kind=kind, state=QUEUED, asked=asked, created=time.time()
            ))  # fmt: skip
            waiting = select(func.count()).where(_jobs.c.state == QUEUED)
            if most is not None and (there := db.execute(waiting).scalar_one()) > most:
                raise QueueFullError(f"{there - 1} jobs are waiting already; try again later.")
            for file, pieces in files.items():
                _put(db, name, file, pieces)
            self._make_room(db)
        return name

    def get(self, name: str) -> Job | None:
        with self.engine.connect() as db:
            row = db.execute(select(_jobs).where(_jobs.c.id == name)).first()
        return Job(*row) if row else None

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        query = select(_jobs.c.state, func.count()).group_by(_jobs.c.state)
        with self.engine.connect() as db:
            found = {str(state): int(count) for state, count in db.execute(query)}
        return {state: found.get(state, 0) for state in STATES}

    def file(self, job: str, name: str) -> Iterator[bytes]:
        """A file of a job, in parts; nothing if it has none of that name.

        Raises
        ------
        LostError: it is deleted while it is read.
        """
        of_file = (_parts.c.job == job, _parts.c.name == name)
        with self.engine.connect() as db:
            count = db.execute(select(func.count()).where(*of_file)).scalar_one()
        for number in range(count):
            with self.engine.connect() as db:
                part = select(_parts.c.content).where(*of_file, _parts.c.part == number)
                content = db.execute(part).scalar()
            if content is None:
                raise LostError(f"the job {job} was deleted while its {name} was read.")
            yield bytes(content)

    def claim(self, owner: str, slots: int, lease_s: float) -> Job | None:
        """Claim the next job: one whose owner is dead, else the oldest of the queue.

        If two workers choose the same job, only the first update of its row succeeds.
        """
        now = time.time()
        with self.engine.connect() as db:
            dead = db.execute(
                select(_jobs)
                .where(_jobs.c.state == RUNNING, _jobs.c.lease < now)
                .order_by(_jobs.c.created)
            ).first()
            oldest = db.execute(
                select(_jobs).where(_jobs.c.state == QUEUED).order_by(_jobs.c.created)
            ).first()
            taken = set(db.execute(select(_jobs.c.slot).where(_jobs.c.slot.is_not(None))).scalars())
        if dead is not None:
            job = Job(*dead)
            slot = job.slot
            if job.starts >= MOST_STARTS:
                self._given_up(job)
                return None
        elif oldest is not None:
            job = Job(*oldest)
            slot = next((n for n in range(slots) if n not in taken), None)
            if slot is None:
                return None
        else:
            return None
        change = (
            update(_jobs)
            .where(_jobs.c.id == job.id, _jobs.c.state == job.state, _jobs.c.starts == job.starts)
            .where(_jobs.c.lease == job.lease if job.lease else _jobs.c.lease.is_(None))
            .values(
                state=RUNNING, owner=owner, slot=slot, starts=job.starts + 1, started=now,
                lease=now + lease_s, share=0.0, doing="starting",
            )
        )  # fmt: skip
        try:
            with self.engine.begin() as db:
                won = db.execute(change).rowcount == 1
        except IntegrityError:  # another worker has just taken that slot
            return None
        return self.get(job.id) if won else None

    def renew(self, name: str, owner: str, lease_s: float, share: float, doing: str) -> bool:
        """Renew the lease and store the progress; False if the owner has lost the job."""
        return self._change(
            name, owner, lease=time.time() + lease_s, share=share, doing=doing[:200]
        )

    def finish(
        self, name: str, owner: str, result: dict[str, Any], files: dict[str, Iterator[bytes]]
    ) -> bool:
        """Store the result and delete the upload; False if the owner has lost the job.

        Raises
        ------
        TooLargeError: the result alone exceeds the quota; the job stays running.
        """
        with self.engine.begin() as db:
            change = _owned_by(name, owner).values(
                state=DONE, ended=time.time(), share=1.0, doing="done", result=result, owner=None,
                lease=None, slot=None,
            )  # fmt: skip
            if db.execute(change).rowcount != 1:
                return False
            db.execute(delete(_parts).where(_parts.c.job == name))
            for file, pieces in files.items():
                _put(db, name, file, pieces)
            size = db.execute(select(_BYTES).where(_parts.c.job == name)).scalar() or 0
            if size > self.quota.bytes:
                raise TooLargeError(
                    f"the result is larger than the storage for results ({self.quota.bytes >> 20} "
                    "MiB); send a smaller set or request less."
                )
            self._make_room(db)
        return True

    def fail(self, name: str, owner: str, problem: dict[str, Any]) -> bool:
        return self._end(_owned_by(name, owner), name, FAILED, problem)

    def release(self, name: str, owner: str) -> bool:
        """Return the job to the queue because the worker stops."""
        return self._change(
            name, owner, state=QUEUED, owner=None, lease=None, slot=None, share=0.0, doing="",
            starts=_jobs.c.starts - 1,
        )  # fmt: skip

    def cancel(self, name: str) -> bool:
        """Cancel a job; whether it was active. The worker notices at its next renewal."""
        open_one = update(_jobs).where(_jobs.c.id == name, _jobs.c.state.in_(OPEN))
        return self._end(open_one, name, CANCELLED, None)

    def forget(self, name: str) -> None:
        """Delete an ended job with its files."""
        self._delete(_jobs.c.id == name)

    def forget_before(self, moment: float) -> None:
        """Delete the jobs that ended before a time."""
        self._delete(_jobs.c.ended < moment)

    def _delete(self, which: Any) -> None:
        ended = select(_jobs.c.id).where(which, _jobs.c.state.not_in(OPEN))
        with self.engine.begin() as db:
            _drop(db, [*db.execute(ended).scalars()])

    def _make_room(self, db: Connection) -> None:
        """Delete the jobs that ended first until the quota is met."""
        ended = select(_jobs.c.id).where(_jobs.c.state.not_in(OPEN)).order_by(_jobs.c.ended)
        names = [*db.execute(ended).scalars()]
        sizes = {
            str(name): int(size)
            for name, size in db.execute(select(_parts.c.job, _BYTES).group_by(_parts.c.job))
        }
        gone = max(0, len(names) - self.quota.jobs)
        while sum(sizes.get(name, 0) for name in names[gone:]) > self.quota.bytes:
            gone += 1
        _drop(db, names[:gone])

    def _given_up(self, job: Job) -> None:
        """Fail a job whose worker died too often."""
        gone = update(_jobs).where(
            _jobs.c.id == job.id, _jobs.c.state == RUNNING, _jobs.c.lease == job.lease
        )
        detail = f"the server crashed {job.starts} times while running it; send a smaller set."
        self._end(gone, job.id, FAILED, {"status": 500, "detail": detail})

    def _end(self, which: Any, name: str, state: str, problem: dict[str, Any] | None) -> bool:
        change = which.values(
            state=state, ended=time.time(), doing=state, problem=problem, owner=None, lease=None,
            slot=None,
        )  # fmt: skip
        with self.engine.begin() as db:
            if db.execute(change).rowcount != 1:
                return False
            db.execute(delete(_parts).where(_parts.c.job == name))
        return True

    def _change(self, name: str, owner: str, /, **values: Any) -> bool:
        with self.engine.begin() as db:
            return bool(db.execute(_owned_by(name, owner).values(**values)).rowcount == 1)


def _owned_by(name: str, owner: str) -> Any:
    return update(_jobs).where(_jobs.c.id == name, _jobs.c.owner == owner, _jobs.c.state == RUNNING)


def _drop(db: Connection, names: list[str]) -> None:
    """Delete jobs with their files."""
    for first in range(0, len(names), MOST_NAMES):
        some = names[first : first + MOST_NAMES]
        db.execute(delete(_parts).where(_parts.c.job.in_(some)))
        db.execute(delete(_jobs).where(_jobs.c.id.in_(some)))


def _put(db: Connection, job: str, name: str, pieces: Iterator[bytes]) -> None:
    for number, piece in enumerate(pieces):
        db.execute(insert(_parts).values(job=job, name=name, part=number, content=piece))
