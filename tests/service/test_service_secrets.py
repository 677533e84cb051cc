"""What is secret stays so: keys, passwords of addresses, and what was uploaded, on the disk too."""

from __future__ import annotations

import io
import json
import logging
import os
import sqlite3
import stat
import sys
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE_S
from serving import free_port, served, started

from ecgsynth.cli import main
from ecgsynth.errors import EcgsynthError
from ecgsynth.jobs.store import Store
from ecgsynth.service.api.problems import Problem, of_error
from ecgsynth.service.jobs import runner
from ecgsynth.service.middleware.logs import JsonFormatter
from ecgsynth.service.settings import KEY, Settings, read_key

posix = pytest.mark.skipif(os.name != "posix", reason="modes of files mean nothing here")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def database(path: Path) -> str:
    return f"sqlite:///{path}"


# The key.


@pytest.mark.parametrize("key", ["", " ", "\t", "  \n"])
def test_a_key_that_is_there_and_empty_opens_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, key: str
) -> None:
    monkeypatch.setenv(KEY, key)
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: pytest.fail("it was opened"))
    words = ["ecgsynth", "serve", "--jobs-db", database(tmp_path / "jobs.sqlite")]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        main.main()
    assert end.value.code == 2
    assert f"{KEY} is set but empty" in capsys.readouterr().err
    with pytest.raises(EcgsynthError, match="set but empty"):  # as a worker reads it
        read_key()


def test_a_key_that_is_not_there_asks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)
    assert read_key() == ""


def test_a_password_on_the_command_line_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ["--jobs-db", "postgresql+psycopg://ecg:hush@db/jobs"],
        ["jobs_db=postgresql+psycopg://ecg:hush@db/jobs"],
        ["--jobs-db", "postgresql+psycopg://ecg@db/jobs?password=hush"],
    ):
        monkeypatch.setattr(sys, "argv", ["ecgsynth", "serve", *words])
        with pytest.raises(SystemExit):
            main.main()
        said = capsys.readouterr().err
        assert "set ECGSYNTH_SERVE_JOBS_DB to" in said
        assert "hush" not in said


# Passwords of addresses.

ADDRESS = "postgresql+psycopg://ecg:hush-hush@db.example/jobs"


def test_no_log_line_holds_a_password() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonFormatter())
    log = logging.Logger("ecgsynth.serve")
    log.addHandler(handler)
    log.error("the database %s failed", ADDRESS)
    log.info("told", extra={"told": {"error": [f"no way to {ADDRESS}"]}, "path": Path("/a")})
    try:
        raise OSError(f"cannot reach {ADDRESS}")
    except OSError as problem:
        log.exception("failed", extra={"cause": problem})
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert "hush" not in out.getvalue()
    assert lines[0]["message"] == "the database postgresql+psycopg://ecg:***@db.example/jobs failed"
    assert lines[1]["path"] == "/a"
    assert "Traceback" in lines[2]["exception"]


def test_no_problem_holds_a_password() -> None:
    for problem in (Problem(422, ADDRESS), of_error(EcgsynthError(ADDRESS))):
        assert problem.document()["detail"] == ADDRESS.replace("hush-hush", "***")


@pytest.mark.parametrize(
    "address",
    [
        "http://reader:hush@127.0.0.1:{port}",
        "http://hush@127.0.0.1:{port}/mlflow",
        "postgresql://reader:hush@127.0.0.1:{port}/versions",
    ],
)
def test_a_store_of_versions_out_of_reach_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("ECGSYNTH_TRACKING_URI", address.format(port=free_port()))
    with served(Settings(jobs_db=database(tmp_path / "jobs.sqlite"), jobs=0)) as client:
        said = client.get("/v1/versions")
    assert said.json()["versions"] == []
    assert "***" in said.json()["reason"]
    assert "hush" not in said.text


@pytest.mark.parametrize(
    "address", [ADDRESS.replace("psycopg", "no"), "no://a:hush-hush@b", "hush"]
)
def test_a_jobs_database_that_cannot_be_used_is_told_without_its_password(address: str) -> None:
    with pytest.raises(EcgsynthError) as refused:
        Store(address)
    assert "hush-hush" not in str(refused.value)


def test_a_job_is_given_no_secret_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = (KEY, "ECGSYNTH_SERVE_JOBS_DB", "ECGSYNTH_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD",
               "PGPASSWORD", "AWS_SECRET_ACCESS_KEY")  # fmt: skip
    assert all(runner._is_ours(name) for name in secrets)
    assert not any(runner._is_ours(name) for name in ("PATH", "ECGSYNTH_DATA", "OMP_NUM_THREADS"))


# Files and folders.


@posix
def test_a_new_jobs_database_and_its_folder_are_its_users_own(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        keep = Store(database(tmp_path / "state" / "jobs.sqlite"))
        keep.add("evaluation", {}, {"upload": iter([b"of patients"])})
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700
    files = [*(tmp_path / "state").iterdir()]
    assert {file.name for file in files} == {"jobs.sqlite", "jobs.sqlite-wal", "jobs.sqlite-shm"}
    assert {mode(file) for file in files} == {0o600}


@posix
def test_one_that_others_could_read_is_mended(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    for name in ("jobs.sqlite", "jobs.sqlite-journal", "jobs.sqlite-shm", "jobs.sqlite-wal"):
        (folder / name).touch()
        (folder / name).chmod(0o664)
    folder.chmod(0o775)
    Store(database(folder / "jobs.sqlite")).engine.dispose()
    assert mode(folder) == 0o700
    assert {mode(file) for file in folder.iterdir()} == {0o600}


@posix
def test_a_folder_of_other_things_too_is_left_as_it_is_unless_others_write_to_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "thesis.tex").touch()
    tmp_path.chmod(0o755)
    Store(database(tmp_path / "jobs.sqlite")).engine.dispose()
    assert mode(tmp_path) == 0o755
    assert mode(tmp_path / "jobs.sqlite") == 0o600
    tmp_path.chmod(0o777)
    with pytest.raises(EcgsynthError, match="other users can write to"):
        Store(database(tmp_path / "jobs.sqlite"))
    tmp_path.chmod(0o1777)  # there nobody replaces what is another's
    Store(database(tmp_path / "jobs.sqlite")).engine.dispose()


@posix
def test_a_database_that_is_another_users_or_no_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EcgsynthError, match="is not a file"):
        Store(database(tmp_path / "pipe"))
    (tmp_path / "theirs").touch()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(EcgsynthError, match="belongs to another user"):
        Store(database(tmp_path / "theirs"))


@pytest.mark.parametrize(
    "address", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:a?uri=true"]
)
def test_jobs_that_would_end_with_the_server_are_refused(address: str) -> None:
    with pytest.raises(EcgsynthError, match="not a plain file"):
        Store(address)


def test_what_was_uploaded_is_overwritten_when_it_is_deleted(tmp_path: Path) -> None:
    keep = Store(database(tmp_path / "jobs.sqlite"))
    name = keep.add("evaluation", {}, {"upload": iter([b"of patients" * 1000])})
    keep.cancel(name)
    keep.engine.dispose()
    with sqlite3.connect(tmp_path / "jobs.sqlite") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    left = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"of patients" not in left


@posix
def open_to_others(path: Path) -> bool:
    """Whether others may open it; not if it is gone, as the file of an answer that was sent."""
    try:
        return bool(mode(path) & 0o077)
    except FileNotFoundError:
        return False


def test_all_that_a_server_puts_down_is_its_users_own(tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    port = free_port()
    before = os.umask(0)
    try:
        process = started(
            port, tmp_path / "log", "--jobs-db", database(tmp_path / "state" / "jobs.sqlite"),
            "--workers", "2", "jobs=0", TMPDIR=str(tmp_path / "temporary"),
        )  # fmt: skip
    finally:
        os.umask(before)
    try:
        body = {"model": "mitbih-beats", "count": 2000, "format": "csv"}
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/ecgs", json=body, timeout=PATIENCE_S)
        assert answer.status_code == 200
        (place,) = (tmp_path / "temporary").glob("ecgsynth-serve-*")
        assert mode(place) == 0o700
        made = [*place.rglob("*"), *(tmp_path / "state").rglob("*")]
        assert [path for path in made if open_to_others(path)] == []
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
