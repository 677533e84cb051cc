"""Models that are kept as versions by MLflow: where its store is, and what `models:/...` means."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.files import atomic_write
from ecgsynth.synthesizer.mlflow_store import WAIT_S, describe_error, prepare_store

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel
    from mlflow.exceptions import MlflowException

FORM = re.compile(r"(?:models:/)?(?P<name>[^@/:]+)(?:@(?P<alias>[^@/]+)|/(?P<number>\d+))")
FILE = "model.safetensors"
SHA = "ecgsynth.sha256"
"""Tag of a version: of its model file."""
PARTS = ("mlflow", "sqlalchemy", "alembic")
"""Packages of the extra `track`; MLflow's lean edition refuses sqlite without the last two."""


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


def check_mlflow() -> None:
    """See to it that the extra `track` is there.

    Raises
    ------
    EcgsynthError: MLflow is not installed.
    """
    from importlib.util import find_spec

    if not all(find_spec(name) for name in PARTS):
        raise EcgsynthError("versions need MLflow; run `pip install 'ecgsynth[track]'`.")


@contextmanager
def open_client() -> Iterator[MlflowClient]:
    """MLflow's store; its errors become one sentence each.

    Raises
    ------
    EcgsynthError: MLflow is not installed; the store is locked, damaged, full, of another schema or
        out of reach.
    """
    check_mlflow()
    # MLflow would report its use to its makers, and ask a server that is off for minutes.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(WAIT_S))
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import logging

    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    # Otherwise its own messages would appear too.
    for name in ("mlflow", "alembic", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    uri = tracking_uri()
    file = local_file(uri)
    if file is None and not uri.startswith(("http://", "https://")):
        raise EcgsynthError(
            f"ECGSYNTH_TRACKING_URI={uri} names no store of versions; write "
            "sqlite:////folder/versions.sqlite3 or http://host:5000."
        )
    try:
        if file is not None:
            prepare_store(file)
        yield MlflowClient(uri, uri)
    except (MlflowException, SQLAlchemyError) as problem:
        raise EcgsynthError(describe_error(uri, file, str(problem))) from None


def find_registered(client: MlflowClient, name: str) -> RegisteredModel:
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
    model = find_registered(client, name)
    if alias is not None:
        if alias not in model.aliases:
            hint = (
                did_you_mean(alias, model.aliases) or " It has none; `ecgsynth versions promote`."
            )
            raise EcgsynthError(f"the model '{name}' has no alias '{alias}'.{hint}")
        number = model.aliases[alias]
    every = {str(one.version): one for one in versions_of(client, name)}
    if str(number) not in every:
        raise EcgsynthError(
            f"the model '{name}' has no version {number} that ecgsynth registered."
            f"{did_you_mean('', every)}"
        )
    return every[str(number)]


def versions_of(client: MlflowClient, name: str) -> list[ModelVersion]:
    """The versions of a model that ecgsynth registered, oldest first; a server may hold others."""
    quote = '"' if "'" in name else "'"
    found = client.search_model_versions(f"name={quote}{name}{quote}", max_results=1000)
    return sorted((one for one in found if SHA in one.tags), key=lambda one: int(one.version))


def fetch_model(reference: str) -> Path:
    """The model file of `models:/NAME@ALIAS` or `models:/NAME/NUMBER`, kept in the user's cache.

    Raises
    ------
    EcgsynthError: see `version_of` and `opened`; or the file is not the one that was registered.
    """
    from tempfile import TemporaryDirectory

    from platformdirs import user_cache_path

    with open_client() as client:
        from mlflow.exceptions import MlflowException as Refusal

        version = version_of(client, reference)
        sha = version.tags[SHA]
        kept = user_cache_path("ecgsynth") / "versions" / sha / FILE
        if kept.is_file() and file_sha256(kept) == sha:
            return kept
        with TemporaryDirectory() as folder:
            try:
                file = Path(client.download_artifacts(str(version.run_id), FILE, folder))
            except (OSError, Refusal) as problem:
                if isinstance(problem, Refusal) and not is_not_found(problem):
                    raise
                raise EcgsynthError(
                    f"the model file of {reference} cannot be fetched ({problem}); add the run "
                    "again."
                ) from None
            if file_sha256(file) != sha:
                raise EcgsynthError(
                    f"the model file of {reference} is not the one that was registered; add the "
                    "run again."
                )
            with atomic_write(kept) as temporary:
                temporary.write_bytes(file.read_bytes())
    return kept


def is_not_found(problem: MlflowException) -> bool:
    """Whether MLflow reports that something does not exist."""
    return str(problem.error_code) == "RESOURCE_DOES_NOT_EXIST"


def file_sha256(file: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
