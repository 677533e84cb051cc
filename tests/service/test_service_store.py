"""The list of jobs in a database: many workers share it and no job is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from patience import PATIENCE_S
from serving import free_port, got

from ecgsynth.jobs import store
from ecgsynth.jobs.store import LostError, QueueFullError, Quota, Store, TooLargeError


def postgres_tool(name: str) -> Path | None:
    found = shutil.which(name)
    folders = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return Path(found) if found else (folders[-1] if folders else None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server that the tests start for themselves."""
    initdb, pg_ctl = postgres_tool("initdb"), postgres_tool("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL is not installed on this machine (apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="psycopg is not installed (pip install psycopg[binary])")
    folder = Path(tempfile.mkdtemp(prefix="ecgsynth-pg-"))
    root = os.geteuid() == 0
    if root:  # the server refuses to run as root
        if shutil.which("runuser") is None:
            pytest.skip("PostgreSQL does not run as root, and there is no runuser")
        shutil.chown(folder, "postgres")

    def run(*words: object) -> None:
        whose = ["runuser", "-u", "postgres", "--"] if root else []
        command = [*whose, *(str(word) for word in words)]
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=PATIENCE_S)

    port = free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
    try:
        run(initdb, "-D", folder / "data", "-A", "trust", "-U", "ecg", "--no-sync")
        run(pg_ctl, "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start")
        yield f"postgresql+psycopg://ecg@127.0.0.1:{port}/postgres"
        run(pg_ctl, "-D", folder / "data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres"))
    return f"sqlite:///{tmp_path / 'jobs.sqlite'}"


@pytest.fixture
def keep(url: str) -> Iterator[Store]:
    """An empty store."""
    from sqlalchemy import text

    kept = Store(url)
    with kept.engine.begin() as db:
        for table in ("ecgsynth_job_files", "ecgsynth_jobs"):
            db.execute(text(f"DELETE FROM {table}"))
    yield kept
    kept.engine.dispose()


class Clock:
    """The time of the store, which goes on when a test says so."""

    now = 1e9

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(store, "time", made)
    return made


def test_a_job_and_its_files_come_back_as_they_went_in(keep: Store) -> None:
    name = keep.add("evaluation", {"seed": 3}, {"upload": iter([b"ab\0", b"cd"])})
    job = got(keep, name)
    assert (job.state, job.asked, job.starts) == ("queued", {"seed": 3}, 0)
    assert [*keep.file(name, "upload")] == [b"ab\0", b"cd"]
    assert [*keep.file(name, "other")] == []


def test_no_more_jobs_wait_than_may_however_many_come_at_once(keep: Store) -> None:
    def add(_: int) -> bool:
        try:
            keep.add("evaluation", {}, {"upload": iter([b"x"])}, most=3)
        except QueueFullError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        taken = [*pool.map(add, range(16))]
    assert sum(taken) == keep.counts()["queued"] == 3
    assert keep.claim("w", slots=1, lease_s=60)
    assert add(0)
    assert not add(0)
    with pytest.raises(QueueFullError, match="3 jobs are waiting already"):
        keep.add("evaluation", {}, {}, most=3)


def ended(keep: Store, size: int, name: str = "result") -> str:
    """A job that left so many bytes."""
    job = keep.add("augmentation", {}, {"upload": iter([b"x"])})
    assert keep.claim("w", slots=1, lease_s=60)
    pieces = [b"a" * min(400, size - start) for start in range(0, size, 400)]
    assert keep.finish(job, "w", {}, {name: iter(pieces)})
    return job


def test_where_more_is_kept_than_may_be_what_ended_first_goes(keep: Store) -> None:
    keep.quota = Quota(bytes=1000, jobs=100)
    jobs = [ended(keep, 400) for _ in range(5)]
    assert [keep.get(job) is not None for job in jobs] == [False] * 3 + [True] * 2
    assert b"".join(keep.file(jobs[-1], "result")) == b"a" * 400
    waiting = keep.add("evaluation", {}, {"upload": iter([b"u" * 5000])})  # is none that ended
    large = ended_after(keep, waiting, 1000)
    assert [keep.get(job) is not None for job in (*jobs, waiting, large)] == [False] * 5 + [
        True
    ] * 2


def ended_after(keep: Store, waiting: str, size: int) -> str:
    """A job that left so many bytes, though an older one waits."""
    job = keep.add("augmentation", {}, {})
    assert keep.claim("other", slots=2, lease_s=60)
    assert keep.claim("w", slots=2, lease_s=60)
    assert keep.finish(job, "w", {}, {"result": iter([b"a" * size])})
    assert got(keep, waiting).state == "running"
    return job


def test_no_more_ended_jobs_are_kept_than_may_be_whatever_they_left(keep: Store) -> None:
    keep.quota = Quota(bytes=1000, jobs=2)
    cancelled = [keep.add("evaluation", {}, {}) for _ in range(4)]
    for job in cancelled:
        keep.cancel(job)
    assert sum(keep.counts().values()) == 4
    last = ended(keep, 10)
    assert [keep.get(job) is not None for job in (*cancelled, last)] == [False] * 3 + [True] * 2


def test_what_is_larger_than_all_that_is_kept_is_not_kept(keep: Store) -> None:
    keep.quota = Quota(bytes=1000, jobs=100)
    before = ended(keep, 900)
    job = keep.add("augmentation", {}, {})
    assert keep.claim("w", slots=1, lease_s=60)
    with pytest.raises(TooLargeError, match="larger than the storage for results"):
        keep.finish(job, "w", {}, {"result": iter([b"a" * 1001])})
    assert got(keep, job).state == "running"
    assert [*keep.file(job, "result")] == []
    assert keep.fail(job, "w", {})
    assert keep.get(before) is not None


def test_a_file_that_is_deleted_while_it_is_read_does_not_end_as_if_it_were_whole(
    keep: Store,
) -> None:
    job = ended(keep, 1200)
    pieces = keep.file(job, "result")
    assert next(pieces) == b"a" * 400
    keep.forget(job)
    with pytest.raises(LostError, match="was deleted while"):
        next(pieces)


def test_a_job_whose_file_breaks_off_is_not_there(keep: Store) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the client left")

    with pytest.raises(OSError, match="left"):
        keep.add("evaluation", {}, {"upload": broken()})
    assert sum(keep.counts().values()) == 0


def test_many_workers_claim_every_job_once(keep: Store) -> None:
    names = {keep.add("evaluation", {}, {}) for _ in range(12)}

    def worker(number: int) -> list[str]:
        mine = []
        for _ in range(200):
            job = keep.claim(f"w{number}", slots=3, lease_s=60)
            if job is not None:
                mine.append(job.id)
                assert keep.finish(job.id, f"w{number}", {}, {})
            elif not keep.counts()["queued"]:
                break
        return mine

    with ThreadPoolExecutor(6) as pool:
        claimed = [name for mine in pool.map(worker, range(6)) for name in mine]
    assert sorted(claimed) == sorted(names)
    assert keep.counts()["done"] == 12


def test_no_more_jobs_run_at_once_than_there_are_slots(keep: Store) -> None:
    for _ in range(5):
        keep.add("evaluation", {}, {})
    with ThreadPoolExecutor(5) as pool:
        for _ in range(4):
            [*pool.map(lambda k: keep.claim(f"w{k}", slots=2, lease_s=60), range(5))]
    assert keep.counts()["running"] == 2


def test_the_oldest_job_goes_first(keep: Store) -> None:
    names = [keep.add("evaluation", {"n": n}, {}) for n in range(3)]
    claimed = [keep.claim("w", slots=9, lease_s=60) for _ in names]
    assert [job.id for job in claimed if job] == names


def test_the_job_of_a_dead_worker_is_taken_over_and_the_dead_one_changes_nothing(
    keep: Store, clock: Clock
) -> None:
    name = keep.add("evaluation", {}, {"upload": iter([b"x"])})
    assert keep.claim("dead", slots=1, lease_s=5)
    clock.now += 4
    assert keep.claim("other", slots=1, lease_s=60) is None  # it may live
    clock.now += 2
    taken = keep.claim("other", slots=1, lease_s=60)
    assert taken is not None
    assert (taken.id, taken.owner, taken.starts) == (name, "other", 2)
    assert not keep.renew(name, "dead", 60, 0.5, "")
    assert not keep.finish(name, "dead", {"wrong": 1}, {})
    assert not keep.fail(name, "dead", {})
    assert keep.finish(name, "other", {"right": 1}, {"report.html": iter([b"page"])})
    assert got(keep, name).result == {"right": 1}
    assert [*keep.file(name, "upload")] == []  # what was uploaded is not kept
    assert [*keep.file(name, "report.html")] == [b"page"]


def test_a_job_that_kills_its_workers_is_given_up(keep: Store, clock: Clock) -> None:
    name = keep.add("evaluation", {}, {})
    for number in range(store.MOST_STARTS):
        assert keep.claim(f"w{number}", slots=1, lease_s=5)
        clock.now += 6
    assert keep.claim("last", slots=1, lease_s=60) is None
    job = got(keep, name)
    assert job.state == "failed"
    assert "crashed 3 times" in str(job.problem)
    assert job.slot is None


def test_a_released_job_waits_again_and_no_start_is_counted(keep: Store) -> None:
    name = keep.add("evaluation", {}, {})
    for _ in range(5):
        assert keep.claim("w", slots=1, lease_s=60)
        assert keep.release(name, "w")
    assert (got(keep, name).state, got(keep, name).starts) == ("queued", 0)


def test_a_cancelled_job_is_nobodys(keep: Store) -> None:
    waiting, running = keep.add("evaluation", {}, {}), keep.add("evaluation", {}, {})
    assert keep.cancel(waiting)
    assert keep.claim("w", slots=1, lease_s=60)
    assert keep.cancel(running)
    assert not keep.cancel(running)
    assert not keep.renew(running, "w", 60, 0.5, "")
    assert keep.claim("w", slots=1, lease_s=60) is None
    assert keep.counts()["cancelled"] == 2


def test_old_jobs_are_forgotten_and_open_ones_are_not(keep: Store) -> None:
    ended, waiting = keep.add("evaluation", {}, {}), keep.add("evaluation", {}, {})
    keep.cancel(ended)
    keep.forget(waiting)
    keep.forget_before(time.time() + 1)
    assert keep.get(ended) is None
    assert got(keep, waiting).state == "queued"
