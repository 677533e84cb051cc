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
from serving import free_port, got

from ecgsynth.app.service import store
from ecgsynth.app.service.store import Store


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
        subprocess.run(command, check=True, capture_output=True, cwd="/", timeout=120)

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


def test_a_job_and_its_files_come_back_as_they_went_in(keep: Store) -> None:
    name = keep.add("evaluation", {"seed": 3}, {"upload": iter([b"ab\0", b"cd"])})
    job = got(keep, name)
    assert (job.state, job.asked, job.starts) == ("queued", {"seed": 3}, 0)
    assert [*keep.file(name, "upload")] == [b"ab\0", b"cd"]
    assert [*keep.file(name, "other")] == []


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
    keep: Store,
) -> None:
    name = keep.add("evaluation", {}, {"upload": iter([b"x"])})
    assert keep.claim("dead", slots=1, lease_s=0.05)
    assert keep.claim("other", slots=1, lease_s=60) is None  # it may live
    time.sleep(0.1)
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


def test_a_job_that_kills_its_workers_is_given_up(keep: Store) -> None:
    name = keep.add("evaluation", {}, {})
    for number in range(store.MOST_STARTS):
        assert keep.claim(f"w{number}", slots=1, lease_s=0.01)
        time.sleep(0.02)
    assert keep.claim("last", slots=1, lease_s=60) is None
    job = got(keep, name)
    assert job.state == "failed"
    assert "died 3 times" in str(job.problem)
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
