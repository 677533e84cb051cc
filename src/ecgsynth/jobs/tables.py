"""The tables of the jobs database, and opening it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Engine, ForeignKey, String, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column

from ecgsynth.errors import EcgsynthError, mask_passwords
from ecgsynth.jobs.permissions import private_database


class Base(MappedAsDataclass, DeclarativeBase):
    """All tables."""

    type_annotation_map = {dict[str, Any]: JSON}


class Job(Base):
    """A row of the table of jobs; times are seconds since 1970.

    asked: the request. lease: the owner counts as alive until then. slot: limits the jobs that run
    at once.
    """

    __tablename__ = "ecgsynth_jobs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16), index=True)
    asked: Mapped[dict[str, Any]]
    created: Mapped[float]
    started: Mapped[float | None]
    ended: Mapped[float | None]
    share: Mapped[float] = mapped_column(insert_default=0.0)
    doing: Mapped[str] = mapped_column(String(200), insert_default="")
    starts: Mapped[int] = mapped_column(insert_default=0)
    owner: Mapped[str | None] = mapped_column(String(64))
    lease: Mapped[float | None]
    slot: Mapped[int | None] = mapped_column(unique=True)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class Part(Base):
    """A part of a file of a job."""

    __tablename__ = "ecgsynth_job_files"

    job: Mapped[str] = mapped_column(
        ForeignKey("ecgsynth_jobs.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


def open_database(url: str, private: bool = True) -> Engine:
    """Open the database of a URL; create its tables if it is new.

    private: jobs have patient data: only this user may read the file, and SQLite overwrites what
        it deletes. A file that is not private may have tables of others, as that of a study has.

    Raises
    ------
    EcgsynthError: not a URL, its driver is not installed, the database cannot be used, other users
    can read it, or its tables are of another version.
    """
    try:
        url.encode()  # before a file is made that no URL can name
        address = make_url(url)
        sqlite = address.get_backend_name() == "sqlite"
        if sqlite and private:
            private_database(_file_of(address))
        engine = create_engine(address, pool_pre_ping=True)
        if sqlite:
            event.listen(engine, "connect", _tune_private if private else _wait_for_locks)
        Base.metadata.create_all(engine)
        _check_layout(engine, address.render_as_string(hide_password=True))
    except (ArgumentError, UnicodeError):
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
    for table in Base.metadata.sorted_tables:
        there = {column["name"] for column in found.get_columns(table.name)}
        lacking = [column.name for column in table.columns if column.name not in there]
        if lacking:
            raise EcgsynthError(
                f"the jobs database {masked_url} is of another version ({table.name} lacks "
                f"{', '.join(lacking)}); name another with --jobs-db."
            )


def _wait_for_locks(connection: Any, _record: Any = None) -> None:
    connection.execute("PRAGMA busy_timeout=30000")


def _tune_private(connection: Any, _record: Any) -> None:
    """Let several processes read while one writes; delete files with their jobs, and overwrite
    them."""
    _wait_for_locks(connection)
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
        "PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON"
    )
