"""Settings of an administrator: paths, limits and times, by option or environment variable."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ecgsynth.datasets import make_settings
from ecgsynth.errors import EcgsynthError

PREFIX = "ECGSYNTH_SERVE_"
"""`ECGSYNTH_SERVE_MOST_ITEMS=1000` in the environment is `most_items=1000` on the command line."""

KEY = "ECGSYNTH_API_KEY"
"""The key is only read from the environment: every user can read command lines."""


MOST = 10**9
"""Largest number of a setting: in bytes it must fit into 64 bits."""


def read_key() -> str:
    """The key in the environment; "" if clients need none.

    Raises
    ------
    EcgsynthError: the variable is set but empty, for example after a failed substitution; or the
    key cannot be sent in a header.
    """
    key = os.environ.get(KEY, "")
    if KEY in os.environ and not key.strip():
        raise EcgsynthError(
            f"{KEY} is set but empty, which would open the service to everybody; set it to a key, "
            "or unset it to require none."
        )
    if not key.isascii() or not key.isprintable() or key != key.strip():
        raise EcgsynthError(
            f"{KEY} must be printable ASCII without spaces at its ends, because it is sent in a "
            "header; choose another."
        )
    return key


def default_jobs_db() -> str:
    """A SQLite file in the user's state folder."""
    from platformdirs import user_state_path

    return f"sqlite:///{user_state_path('ecgsynth') / 'jobs.sqlite'}"


class Settings(BaseModel):
    """Settings of the service."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model_dir: Path | None = Field(None, description="folder of .safetensors files and runs")
    runs: Path = Field(Path("runs"), description="folder of runs to watch")
    jobs_db: str = Field(default_factory=default_jobs_db, description="SQLAlchemy URL of the jobs")
    hosts: str = Field("", description="host names of the service, separated by commas; *: any")
    origins: str = Field("", description="other web origins that may call it, separated by commas")

    most_items: int = Field(1_000_000, ge=1, description="items of one request")
    most_signal_mib: int = Field(
        2048, ge=1, description="signal of one request, as 32 bits a sample, MiB"
    )
    most_json_kib: int = Field(64, ge=1, description="body of a JSON request, KiB")
    most_upload_mib: int = Field(64, ge=1, description="uploaded file, MiB")
    most_unpacked_mib: int = Field(512, ge=1, description="the same unpacked, MiB")
    disk_mib: int = Field(8192, ge=1, description="uploads and files of requests in flight, MiB")
    most_files: int = Field(20_000, ge=1, description="files in an uploaded archive")

    seconds: float = Field(900, gt=0, description="longest request, s")
    stall_seconds: float = Field(30, gt=0, description="longest wait for a client that stalls, s")
    stop_seconds: int = Field(30, ge=1, description="time for requests in flight at a stop, s")
    batch_ms: float = Field(3, ge=0, le=1000, description="small requests wait for others, ms")

    requests: int = Field(256, ge=1, description="requests in flight, per worker")
    watchers: int = Field(64, ge=1, description="streams of events that are open, per worker")
    client_share: float = Field(0.25, gt=0, le=1, description="of those, for one client")
    streams: int = Field(2, ge=1, description="large requests computing at once, per worker")
    models_loaded: int = Field(4, ge=1, description="models kept in memory, per worker")

    jobs: int = Field(1, ge=0, le=256, description="jobs that run at once, over all workers")
    jobs_waiting: int = Field(32, ge=0, description="jobs in the queue")
    job_seconds: float = Field(3600, gt=0, description="longest job, s")
    job_nice: int = Field(10, ge=0, le=19, description="niceness of a job's process")
    job_memory_mib: int = Field(8192, ge=512, description="memory of a job, MiB")
    lease_seconds: float = Field(
        15,
        ge=1,
        le=86400,
        description="time without a sign of life until a worker counts as dead, s",
    )
    keep_mib: int = Field(
        4096, ge=1, description="results of ended jobs, MiB; the oldest are deleted"
    )
    keep_jobs: int = Field(1000, ge=1, description="ended jobs; the oldest are deleted")
    keep_days: float = Field(7, gt=0, description="days that ended jobs and their results are kept")

    @field_validator("*")
    @classmethod
    def _is_possible(cls, value: object) -> object:
        if isinstance(value, int | float) and value > MOST:
            raise ValueError(f"must be at most {MOST:,}")
        return value

    @field_validator("model_dir", "runs", mode="before")
    @classmethod
    def _is_named(cls, value: object) -> object:
        if isinstance(value, str) and not value.strip():  # else the folder that one is in
            raise ValueError("must name a folder")
        return value

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: str) -> str:
        for origin in filter(None, map(str.strip, origins.split(","))):
            if not re.fullmatch(r"https?://[^\s/@*?#]+", origin):
                raise ValueError(
                    f"'{origin[:80]}' is not a web origin; write https://host or http://host:port"
                )
        return origins

    @classmethod
    def read(cls, values: Mapping[str, object] | None = None) -> Settings:
        """Defaults, overridden by the environment, overridden by `values`.

        Raises
        ------
        EcgsynthError: an unknown setting, or an invalid value.
        """
        named = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in os.environ.items()
            if name.startswith(PREFIX)
        }
        settings: Settings = make_settings(cls, {**named, **(values or {})}, "the service")
        return settings

    def to_environment(self) -> dict[str, str]:
        """The settings as environment variables, to pass them to the workers."""
        stated = self.model_dump(mode="json", exclude_none=True)
        return {PREFIX + name.upper(): str(value) for name, value in stated.items()}
