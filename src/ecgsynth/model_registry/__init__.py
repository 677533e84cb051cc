"""Versions of a model: runs registered with MLflow, promoted under aliases, compared, put back."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecgsynth.errors import EcgsynthError
from ecgsynth.model_registry.facts import figures_of, files_to_keep, log_facts
from ecgsynth.synthesizer import Synthesizer
from ecgsynth.synthesizer.find import find_model
from ecgsynth.synthesizer.mlflow_models import (
    SHA,
    file_sha256,
    find_registered,
    is_not_found,
    local_file,
    open_client,
    tracking_uri,
    version_of,
    versions_of,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

log = logging.getLogger("ecgsynth")

EXPERIMENT = "ecgsynth"
PRODUCTION = "production"
HISTORY = "ecgsynth.history."
"""Tag of a model, by alias: the versions that had it before, newest last."""
NAME = re.compile(r"[\w.-](?:[\w. -]*[\w.-])?")
ALIAS = re.compile(r"(?!(?i:latest|v\d+)$)[A-Za-z0-9_-]+")
"""What MLflow, a shell and `models:/NAME@ALIAS` all take."""


@dataclass(frozen=True)
class Version:
    """One version of a model; number: from 1. facts: settings, data, commit, figures by name."""

    name: str
    number: int
    aliases: tuple[str, ...]
    created: float
    facts: dict[str, str]

    def __str__(self) -> str:
        return f"{self.name}/{self.number}"


def add(run: str | Path, name: str = "", report: Path | None = None) -> Version:
    """Register a run: recipe, data hash, git commit, metrics, card, samples and model file.

    Parameters
    ----------
    run: a run folder, or a model file. name: of the model; the card's when left out.
    report: JSON of `ecgsynth evaluate`, whose figures are kept with it.

    Raises
    ------
    EcgsynthError: the run has no model, or it is damaged; it cannot be named so; see `opened` for
        the store.
    """
    path = find_model(run)
    card = Synthesizer.load(path).card
    name, sha = name or card.name, file_sha256(path)
    if not NAME.fullmatch(name):
        raise EcgsynthError(
            f"'{name}' cannot name a model; take letters, digits, '_', '-', '.' and spaces, with "
            "--name."
        )
    figures = figures_of(report) if report else {}
    with open_client() as client:
        known = {model.name for model in client.search_registered_models(max_results=1000)}
        if name in known:
            for one in versions_of(client, name):
                if one.tags.get(SHA) == sha:
                    log.warning("%s is version %s of %s already.", path, one.version, name)
                    return _version(client, one)
        tracked = client.create_run(_experiment(client), run_name=card.id or card.name)
        number = tracked.info.run_id
        try:
            log_facts(client, number, card, figures, path.parent)
            folder = Path(run) if Path(run).is_dir() else None
            for file in (path, report, *files_to_keep(folder)):
                if file is not None:
                    place = None if file.parent == folder or file in (path, report) else "samples"
                    client.log_artifact(number, str(file), place)
            client.log_dict(number, card.model_dump(mode="json"), "card.json")
            if name not in known:
                client.create_registered_model(name)
            made = client.create_model_version(
                name, tracked.info.artifact_uri, number, tags={SHA: sha, "ecgsynth.card": card.id}
            )
        except BaseException:
            client.set_terminated(number, "FAILED")
            raise
        client.set_terminated(number)
        return _version(client, made)


def versions(name: str = "") -> list[Version]:
    """All versions of a model, or of all models."""
    with open_client() as client:
        models = client.search_registered_models(max_results=1000)
        names = [find_registered(client, name).name] if name else sorted(m.name for m in models)
        return [_version(client, one) for name in names for one in versions_of(client, name)]


def promote(reference: str, alias: str = PRODUCTION) -> tuple[Version, int | None]:
    """Give a version an alias; also returns the number of the one that had it.

    Raises
    ------
    EcgsynthError: there is no such version; MLflow does not allow such an alias.
    """
    if not ALIAS.fullmatch(alias):
        raise EcgsynthError(
            f"'{alias}' cannot be an alias; take letters, digits, '_' and '-', as in candidate, "
            "but not latest or v1, which MLflow keeps for itself."
        )
    with open_client() as client:
        new = version_of(client, reference)
        model = find_registered(client, new.name)
        old = model.aliases.get(alias)
        if old is not None and str(old) != str(new.version):
            before = [*_history(model.tags, alias), int(old)]
            client.set_registered_model_tag(new.name, HISTORY + alias, json.dumps(before))
        client.set_registered_model_alias(new.name, alias, str(new.version))
        return _version(client, version_of(client, f"{new.name}/{new.version}")), (
            None if old is None else int(old)
        )


def rollback(name: str, alias: str = PRODUCTION) -> tuple[Version, int]:
    """Give an alias back to the version that had it before; also the number that has it no more.

    Raises
    ------
    EcgsynthError: no such model or alias, or no version had it before.
    """
    with open_client() as client:
        now = int(version_of(client, f"{name}@{alias}").version)
        model = find_registered(client, name)
        there = {int(one.version) for one in versions_of(client, name)}
        before = [number for number in _history(model.tags, alias) if number in there]
        while before and before[-1] == now:  # a promotion that broke off after its first half
            before.pop()
        if not before:
            raise EcgsynthError(
                f"no version of '{name}' had the alias '{alias}' before {now}; promote another one."
            )
        last = before.pop()
        client.set_registered_model_alias(name, alias, str(last))
        client.set_registered_model_tag(name, HISTORY + alias, json.dumps(before))
        return _version(client, version_of(client, f"{name}/{last}")), now


def compare(references: list[str]) -> tuple[list[Version], dict[str, list[str]]]:
    """The versions, and every fact in which they differ, with the value of each.

    Raises
    ------
    EcgsynthError: there is no such version.
    """
    with open_client() as client:
        found = [_version(client, version_of(client, one)) for one in references]
    keys = dict.fromkeys(key for one in found for key in one.facts)
    rows = {key: [one.facts.get(key, "") for one in found] for key in keys}
    return found, {key: row for key, row in rows.items() if len(set(row)) > 1}


def _experiment(client: MlflowClient) -> str:
    """The experiment of all runs; a local store keeps its files next to its database."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    file = local_file(tracking_uri())
    place = file.with_suffix("").resolve().as_uri() if file else None
    return str(client.create_experiment(EXPERIMENT, place))


def _version(client: MlflowClient, one: ModelVersion) -> Version:
    """A version with what is known of its run."""
    aliases = find_registered(client, one.name).aliases
    facts = {"card": one.tags.get("ecgsynth.card", ""), **_facts(client, str(one.run_id))}
    own_aliases = tuple(
        sorted(n for n, number in aliases.items() if str(number) == str(one.version))
    )
    return Version(one.name, int(one.version), own_aliases, one.creation_timestamp / 1000, facts)


def _facts(client: MlflowClient, number: str) -> dict[str, str]:
    """What is kept of a run; nothing of one that was deleted for good."""
    from mlflow.exceptions import MlflowException

    try:
        run = client.get_run(number).data
    except MlflowException as problem:
        if not is_not_found(problem):
            raise
        return {}
    tags = {key: text for key, text in run.tags.items() if not key.startswith("mlflow.")}
    return {
        "commit": run.tags.get("mlflow.source.git.commit", ""),
        **{key.removeprefix("ecgsynth."): text for key, text in sorted(tags.items())},
        **dict(sorted(run.params.items())),
        **{key: f"{value:.4g}" for key, value in sorted(run.metrics.items())},
    }


def _history(tags: Mapping[str, str], alias: str) -> list[int]:
    return [int(number) for number in json.loads(tags.get(HISTORY + alias, "[]"))]
