"""The tables of the jobs database, and opening it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Engine,
    Float,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    inspect,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from ecgsynth.errors import EcgsynthError, mask_passwords
from ecgsynth.service.files.permissions import private_database

metadata = MetaData()

jobs = Table(
    "ecgsynth_jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("asked", JSON, nullable=False),  # the request of the client
    Column("created", Float, nullable=False),  # times are seconds since 1970
    Column("started", Float),
    Column("ended", Float),
    Column("share", Float, nullable=False, default=0.0),
    Column("doing", String(200), nullable=False, default=""),
    Column("starts", Integer, nullable=False, default=0),
    Column("owner", String(64)),
    Column("lease", Float),  # the owner counts as alive until then
    Column("slot", Integer, unique=True),  # limits the jobs that run at once
    Column("result", JSON),
    Column("problem", JSON),
)

parts = Table(
    "ecgsynth_job_files",
    metadata,
    Column("job", String(32), ForeignKey("ecgsynth_jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)


def open_database(url: str) -> Engine:
    """Open the database of a URL; create its tables if it is new.

    Raises
    ------
    EcgsynthError: not a URL, its driver is not installed, the database cannot be used, other users
    can read it, or its tables are of another version.
    """
    try:
        address = make_url(url)
        sqlite = address.get_backend_name() == "sqlite"
        if sqlite:
            private_database(_file_of(address))
        engine = create_engine(address, pool_pre_ping=True)
        if sqlite:
            event.listen(engine, "connect", _tune_sqlite)
        metadata.create_all(engine)
        _check_layout(engine, address.render_as_string(hide_password=True))
    except ArgumentError:
        raise EcgsynthError(
            f"'{mask_passwords(url)}' is not the URL of a database; write sqlite:///jobs.sqlite or "
            "postgresql+psycopg://user@host/name."
        ) from None
    except ModuleNotFoundError as problem:
        raise EcgsynthError(
            f"the database needs the package '{problem.name}'; for PostgreSQL "
            "`pip install psycopg[binary]` and a URL that begins with postgresql+psycopg://."
        ) from None
    except (DBAPIError, OSError) as problem:
        reason = mask_passwords(" ".join(str(getattr(problem, "orig", problem)).split()), url)
        masked_url = address.render_as_string(hide_password=True)
        raise EcgsynthError(
            f"the jobs database {masked_url} cannot be used ({reason}); correct --jobs-db."
        ) from None
    return engine


def _file_of(address: URL) -> Path:
    """The file of a SQLite database.

    Raises
    ------
    EcgsynthError: it is not a plain file.
    """
    name = address.database or ""
    if not name or name == ":memory:" or name.startswith("file:"):
        raise EcgsynthError(
            f"the jobs database '{address.render_as_string(hide_password=True)}' is not a plain "
            "file, and jobs must survive a restart; write sqlite:///jobs.sqlite."
        )
    return Path(name)


def _check_layout(engine: Engine, masked_url: str) -> None:
    """Reject tables of another version, before a job is lost."""
    found = inspect(engine)
    for table in metadata.sorted_tables:
        there = {column["name"] for column in found.get_columns(table.name)}
        lacking = [column.name for column in table.columns if column.name not in there]
        if lacking:
            raise EcgsynthError(
                f"the jobs database {masked_url} is of another version ({table.name} lacks "
                f"{', '.join(lacking)}); name another with --jobs-db."
            )


def _tune_sqlite(connection: Any, _record: Any) -> None:
    """Let several processes read while one writes, and wait for locks."""
    cursor = connection.cursor()
    # Deleted rows may contain patient data: overwrite them.
    for pragma in (
        "busy_timeout=30000",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "secure_delete=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
