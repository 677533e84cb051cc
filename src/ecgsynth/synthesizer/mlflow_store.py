"""Create and validate the local MLflow database; translate its errors."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from ecgsynth.errors import EcgsynthError, mask_passwords
from ecgsynth.files import atomic_write, make_folder

WAIT_S = 10
"""For a server, and for whoever writes to a local database."""
MAKING_S = 300
"""Most seconds to wait for another process that makes the database; that takes some."""


def prepare_store(file: Path) -> None:
    """See to it that MLflow, which tries again and again for minutes, will find its tables.

    A new store is made under a temporary name and renamed: MLflow takes seconds for it, and an
    interrupted process would leave half of the tables, from which nothing can continue.

    Raises
    ------
    EcgsynthError: the folder cannot be written; the file is locked, damaged, of another schema or
        of another program.
    """
    if _exists(file):
        _check_store(file)
        return
    from filelock import FileLock, Timeout
    from mlflow import MlflowClient

    lock = FileLock(file.with_name(f".{file.name}.lock"))
    try:
        make_folder(file.parent)
        with lock.acquire(timeout=MAKING_S):
            if not _exists(file):
                with atomic_write(file) as temporary:
                    temporary.touch()  # fails at once where nothing can be written
                    MlflowClient(f"sqlite:///{temporary}", f"sqlite:///{temporary}")
    except Timeout:
        raise EcgsynthError(
            f"another process is making the store of versions {file}; wait for it and try again."
        ) from None
    except OSError as problem:
        raise EcgsynthError(
            f"the store of versions {file} cannot be made ({problem.strerror or problem}); name "
            "another place in ECGSYNTH_TRACKING_URI."
        ) from None


def _exists(file: Path) -> bool:
    """Whether there is anything; sqlite takes an empty file for none."""
    return os.path.exists(file) and (not file.is_file() or file.stat().st_size > 0)


def _check_store(file: Path) -> None:
    """Refuse what MLflow would stumble over, or fill with its tables though it is not its own."""
    import sqlite3

    try:
        with closing(sqlite3.connect(file, timeout=WAIT_S)) as base:
            tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
            found = None
            if "alembic_version" in tables:
                found = base.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as problem:
        raise EcgsynthError(describe_error(f"sqlite:///{file}", file, str(problem))) from None
    if found is None or "registered_models" not in tables:
        raise EcgsynthError(
            f"{file} is no whole store of versions, but a database of another program or what a "
            "stopped one left; move it away, or name another file in ECGSYNTH_TRACKING_URI."
        )
    (schema,) = found
    from alembic.script import ScriptDirectory
    from mlflow.store import db_migrations

    script = ScriptDirectory(str(Path(str(db_migrations.__file__)).parent))
    if schema not in {one.revision for one in script.walk_revisions()}:
        raise EcgsynthError(
            f"the versions in {file} were written by a newer MLflow (schema {schema}); run "
            "`pip install -U 'ecgsynth[track]'`."
        )
    if schema != script.get_current_head():
        raise EcgsynthError(
            f"the versions in {file} were written by an older MLflow (schema {schema}); keep a "
            f"copy and run `mlflow db upgrade sqlite:///{file}`."
        )


def describe_error(uri: str, file: Path | None, problem: str) -> str:
    """An error of MLflow or sqlite as one sentence; file: the store's database, if local."""
    reason = " ".join(mask_passwords(problem, uri).split())
    if file is not None:
        if "database is locked" in reason:
            return f"another program holds {file} (database is locked); wait for it and try again."
        if "disk is full" in reason:
            return f"{file} could not be written (the disk is full); free some space and try again."
        if "readonly database" in reason:
            return (
                f"{file} may only be read (attempt to write a readonly database); mend its "
                "permissions, or name another file in ECGSYNTH_TRACKING_URI."
            )
        if "unable to open" in reason:
            return (
                f"{file} cannot be opened (it is no file, or its folder cannot be written); name "
                "another file in ECGSYNTH_TRACKING_URI."
            )
        if any(word in reason for word in ("not a database", "malformed", "unexpected state")):
            return f"{file} is damaged ({reason[:80]}); put a copy back, or move it away."
    elif "Max retries" in reason or "failed with exception" in reason:
        return (
            f"the tracking server {uri} cannot be reached; start it, or mend ECGSYNTH_TRACKING_URI."
        )
    return (
        f"MLflow refused ({reason[:200].rstrip('.')}); the store is {uri}: see to it, or name "
        "another in ECGSYNTH_TRACKING_URI."
    )
