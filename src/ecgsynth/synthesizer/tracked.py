"""Models that are kept as versions by MLflow: where its store is, and what `models:/...` means."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.files import written_beside

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

SCHEME = "models:/"
FORM = re.compile(r"(?:models:/)?(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<number>\d+))")
FILE = "model.safetensors"
SHA = "ecgsynth.sha256"
"""Tag of a version: of its model file."""
PARTS = ("mlflow", "sqlalchemy", "alembic")
"""Packages of the extra `track`; MLflow's lean edition refuses sqlite without the last two."""
WAIT_S = 10
"""For a server, and for whoever writes to a local database."""


def tracking_uri() -> str:
    """`ECGSYNTH_TRACKING_URI`, a database or a server; else a file among the user's data."""
    named = os.environ.get("ECGSYNTH_TRACKING_URI", "")
    if named:
        return named
    from platformdirs import user_data_path

    return f"sqlite:///{user_data_path('ecgsynth') / 'versions.sqlite3'}"


def local_file(uri: str) -> Path | None:
    """The file of an sqlite store; None for all others."""
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


@contextmanager
def opened() -> Iterator[MlflowClient]:
    """MLflow's store; what goes wrong with it is told in one sentence.

    Raises
    ------
    EcgsynthError: MLflow is not installed; the store is locked, damaged, of another schema or out
        of reach.
    """
    from importlib.util import find_spec

    if not all(find_spec(name) for name in PARTS):
        raise EcgsynthError("versions need MLflow; run `pip install 'ecgsynth[track]'`.")
    # MLflow would report its use to its makers, and ask a server that is off for minutes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(WAIT_S))
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import logging

    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    # Its own sentences stand beside ours otherwise.
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    uri = tracking_uri()
    file = local_file(uri)
    if file is not None:
        _check(file)
    try:
        yield MlflowClient(uri, uri)
    except MlflowException as problem:
        raise EcgsynthError(_told(uri, str(problem))) from None


def registered(client: MlflowClient, name: str) -> RegisteredModel:
    """A model by its name.

    Raises
    ------
    EcgsynthError: there is none of that name.
    """
    models = {model.name: model for model in client.search_registered_models(max_results=1000)}
    if name not in models:
        hint = did_you_mean(name, models) or " There is none yet; `ecgsynth versions add RUN`."
        raise EcgsynthError(f"no versions of a model named '{name}'.{hint}")
    return models[name]


def version_of(client: MlflowClient, reference: str) -> ModelVersion:
    """The version that `NAME@ALIAS` or `NAME/NUMBER` means, with or without `models:/`.

    Raises
    ------
    EcgsynthError: it is written otherwise; there is no such model, alias or version.
    """
    found = FORM.fullmatch(reference)
    if found is None:
        raise EcgsynthError(
            f"'{reference}' names no version; write NAME@ALIAS or NAME/NUMBER, as in "
            "mitbih-beats@production or mitbih-beats/3."
        )
    name, alias, number = found.group("name", "alias", "number")
    model = registered(client, name)
    if alias is not None:
        if alias not in model.aliases:
            hint = (
                did_you_mean(alias, model.aliases) or " It has none; `ecgsynth versions promote`."
            )
            raise EcgsynthError(f"the model '{name}' has no alias '{alias}'.{hint}")
        number = model.aliases[alias]
    every = {str(one.version): one for one in versions_of(client, name)}
    if str(number) not in every:
        raise EcgsynthError(f"the model '{name}' has no version {number}.{did_you_mean('', every)}")
    return every[str(number)]


def versions_of(client: MlflowClient, name: str) -> list[ModelVersion]:
    """All versions of a model, oldest first."""
    quoted = name.replace("'", "''")
    found = client.search_model_versions(f"name='{quoted}'", max_results=1000)
    return sorted(found, key=lambda one: int(one.version))


def fetched(reference: str) -> Path:
    """The model file of `models:/NAME@ALIAS` or `models:/NAME/NUMBER`, kept in the user's cache.

    Raises
    ------
    EcgsynthError: see `version_of` and `opened`; or the file is not the one that was registered.
    """
    from tempfile import TemporaryDirectory

    from platformdirs import user_cache_path

    with opened() as client:
        version = version_of(client, reference)
        sha = version.tags.get(SHA, "")
        kept = user_cache_path("ecgsynth") / "versions" / (sha or str(version.run_id)) / FILE
        if kept.is_file() and digest(kept) == sha:
            return kept
        with TemporaryDirectory() as folder:
            try:
                file = Path(client.download_artifacts(str(version.run_id), FILE, folder))
            except OSError as problem:
                raise EcgsynthError(
                    f"the model file of {reference} cannot be fetched ({problem}); add the run "
                    "again."
                ) from None
            if digest(file) != sha:
                raise EcgsynthError(
                    f"the model file of {reference} is not the one that was registered; add the "
                    "run again."
                )
            with written_beside(kept) as beside:
                beside.write_bytes(file.read_bytes())
    return kept


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _check(file: Path) -> None:
    """Look at an sqlite store before MLflow does, which tries again and again for minutes."""
    import sqlite3

    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        return
    try:
        with closing(sqlite3.connect(file, timeout=WAIT_S)) as base:
            tables = {name for (name,) in base.execute("SELECT name FROM sqlite_master")}
            schema = ""
            if "alembic_version" in tables:
                (schema,) = base.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.Error as problem:
        raise EcgsynthError(_told(f"sqlite:///{file}", str(problem))) from None
    if not schema:
        return
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


def _told(uri: str, problem: str) -> str:
    """What MLflow or sqlite says, as one sentence."""
    file = local_file(uri)
    reason = " ".join(problem.split())
    if file is not None and "database is locked" in reason:
        return f"another program holds {file} (database is locked); wait for it and try again."
    if file is not None and ("not a database" in reason or "malformed" in reason):
        return f"{file} is damaged ({reason[:80]}); put a copy back, or move it away."
    if uri.startswith("http") and ("Max retries" in reason or "failed with exception" in reason):
        return (
            f"the tracking server {uri} cannot be reached; start it, or mend ECGSYNTH_TRACKING_URI."
        )
    return f"MLflow refused ({reason[:200].rstrip('.')}); the store is {uri}."
