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
from ecgsynth.jobs.tables import Job, Part, open_database

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
STATES = (QUEUED, RUNNING, DONE, FAILED, CANCELLED)
OPEN = (QUEUED, RUNNING)

MOST_STARTS = 3
"""Most starts of a job: after this many crashes the job is the cause."""

PART = 1 << 20
"""Bytes of a file in one row, so that no file is in memory as a whole."""

MOST_NAMES = 500
"""Most jobs in one statement; databases have a limit."""

_BYTES = func.sum(func.length(Part.content))
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


class Store:
    """The jobs of all workers.

    Parameters
    ----------
    url: of SQLAlchemy; `sqlite:///FILE` or `postgresql+psycopg://...`.
    quota: of ended jobs; if exceeded, the jobs that ended first are deleted.
    private: whether only this user may read it (`open_database`).

    Raises
    ------
    EcgsynthError: see `ecgsynth.jobs.tables.open_database`.
    """

    def __init__(self, url: str, quota: Quota | None = None, private: bool = True) -> None:
        self.engine = open_database(url, private)
        self.quota = quota or Quota()

    def add(
        self,
        kind: str,
        asked: dict[str, Any],
        files: dict[str, Iterator[bytes]],
        most: int | None = None,
        name: str = "",
    ) -> str:
        """Add a job with its files to the end of the queue, in one transaction; returns its id.

        most: jobs that may wait, this one included. name: the id; otherwise a random one.

        Raises
        ------
        QueueFullError: as many jobs wait already.
        """
        name = name or uuid.uuid4().hex
        with self.engine.begin() as db:
            # Add jobs one at a time, so that two do not take the last place; SQLite has one writer.
            if db.dialect.name == "postgresql":
                db.execute(select(func.pg_advisory_xact_lock(_ADDING)))
            db.execute(insert(Job).values(
                id=name, kind=kind, state=QUEUED, asked=asked, created=time.time()
            ))  # fmt: skip
            waiting = select(func.count()).where(Job.state == QUEUED)
            if most is not None and (there := db.execute(waiting).scalar_one()) > most:
                raise QueueFullError(f"{there - 1} jobs are waiting already; try again later.")
            for file, pieces in files.items():
                _put(db, name, file, pieces)
            self._make_room(db)
        return name

    def get(self, name: str) -> Job | None:
        """A job by name; None where there is none."""
        with self.engine.connect() as db:
            row = db.execute(select(Job.__table__).where(Job.id == name)).first()
        return Job(*row) if row else None

    def counts(self) -> dict[str, int]:
        """Jobs by state."""
        query = select(Job.state, func.count()).group_by(Job.state)
        with self.engine.connect() as db:
            found = {str(state): int(count) for state, count in db.execute(query)}
        return {state: found.get(state, 0) for state in STATES}

    def file(self, job: str, name: str) -> Iterator[bytes]:
        """A file of a job, in parts; nothing if it has none of that name.

        Raises
        ------
        LostError: it is deleted while it is read.
        """
        of_file = (Part.job == job, Part.name == name)
        with self.engine.connect() as db:
            count = db.execute(select(func.count()).where(*of_file)).scalar_one()
        for number in range(count):
            with self.engine.connect() as db:
                part = select(Part.content).where(*of_file, Part.part == number)
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
                select(Job.__table__)
                .where(Job.state == RUNNING, Job.lease < now)
                .order_by(Job.created)
            ).first()
            oldest = db.execute(
                select(Job.__table__).where(Job.state == QUEUED).order_by(Job.created)
            ).first()
            taken = set(db.execute(select(Job.slot).where(Job.slot.is_not(None))).scalars())
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
            update(Job)
            .where(Job.id == job.id, Job.state == job.state, Job.starts == job.starts)
            .where(Job.lease.is_not_distinct_from(job.lease))
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

    def renew(self, name: str, owner: str | None, lease_s: float, share: float, doing: str) -> bool:
        """Renew the lease and store the progress; False if the owner has lost the job."""
        return self._change(
            name, owner, lease=time.time() + lease_s, share=share, doing=doing[:200]
        )

    def finish(
        self,
        name: str,
        owner: str | None,
        result: dict[str, Any],
        files: dict[str, Iterator[bytes]],
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
            db.execute(delete(Part).where(Part.job == name))
            for file, pieces in files.items():
                _put(db, name, file, pieces)
            size = db.execute(select(_BYTES).where(Part.job == name)).scalar() or 0
            if size > self.quota.bytes:
                raise TooLargeError(
                    f"the result is larger than the storage for results ({self.quota.bytes >> 20} "
                    "MiB); send a smaller set or request less."
                )
            self._make_room(db)
        return True

    def fail(self, name: str, owner: str | None, problem: dict[str, Any]) -> bool:
        """End a job with a problem; whether its owner still held it."""
        return self._end(_owned_by(name, owner), name, FAILED, problem)

    def release(self, name: str, owner: str | None, counted: bool = False) -> bool:
        """Return the job to the queue; its start counts only if the job itself ended it."""
        return self._change(
            name, owner, state=QUEUED, owner=None, lease=None, slot=None, share=0.0, doing="",
            starts=Job.starts - int(not counted),
        )  # fmt: skip

    def cancel(self, name: str) -> bool:
        """Cancel a job; whether it was active. The worker notices at its next renewal."""
        open_one = update(Job).where(Job.id == name, Job.state.in_(OPEN))
        return self._end(open_one, name, CANCELLED, None)

    def forget(self, name: str) -> None:
        """Delete an ended job with its files."""
        self._delete(Job.id == name)

    def forget_before(self, moment: float) -> None:
        """Delete the jobs that ended before a time."""
        self._delete(Job.ended < moment)

    def _delete(self, which: Any) -> None:
        with self.engine.begin() as db:
            db.execute(delete(Job).where(which, Job.state.not_in(OPEN)))

    def _make_room(self, db: Connection) -> None:
        """Delete the jobs that ended first until the quota is met."""
        ended = select(Job.id).where(Job.state.not_in(OPEN)).order_by(Job.ended)
        names = [*db.execute(ended).scalars()]
        sizes = {
            str(name): int(size)
            for name, size in db.execute(select(Part.job, _BYTES).group_by(Part.job))
        }
        gone = max(0, len(names) - self.quota.jobs)
        while sum(sizes.get(name, 0) for name in names[gone:]) > self.quota.bytes:
            gone += 1
        for first in range(0, gone, MOST_NAMES):
            some = names[first : min(first + MOST_NAMES, gone)]
            db.execute(delete(Job).where(Job.id.in_(some)))

    def _given_up(self, job: Job) -> None:
        """Fail a job whose worker died too often."""
        gone = update(Job).where(Job.id == job.id, Job.state == RUNNING, Job.lease == job.lease)
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
            db.execute(delete(Part).where(Part.job == name))
        return True

    def _change(self, name: str, owner: str | None, /, **values: Any) -> bool:
        with self.engine.begin() as db:
            return bool(db.execute(_owned_by(name, owner).values(**values)).rowcount == 1)


def _owned_by(name: str, owner: str | None) -> Any:
    return update(Job).where(Job.id == name, Job.owner == owner, Job.state == RUNNING)


def _put(db: Connection, job: str, name: str, pieces: Iterator[bytes]) -> None:
    for number, piece in enumerate(pieces):
        db.execute(insert(Part).values(job=job, name=name, part=number, content=piece))
