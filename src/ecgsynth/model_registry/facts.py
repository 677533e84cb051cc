"""What is kept of a run: settings, origin, data hash, curves and the judge's figures."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ecgsynth.config import Run
from ecgsynth.datasets import load
from ecgsynth.errors import EcgsynthError
from ecgsynth.synthesizer import Card
from ecgsynth.training.monitoring.tracking import read_metrics
from ecgsynth.training.snapshots import flatten_settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

log = logging.getLogger("ecgsynth")

LINES = 200
"""Lines of metrics.jsonl that are registered, evenly over the training; the file itself is kept."""
AT_ONCE = 1000
"""Metrics that MLflow takes in one request; of settings 100."""
DATA = "ecgsynth.data.sha256"


def log_facts(
    client: MlflowClient, number: str, card: Card, figures: Mapping[str, float], folder: Path
) -> None:
    """Settings, origin and figures of a run."""
    from mlflow.entities import Param, RunTag

    settings = flatten_settings(card.run) or {
        f"members.{k}": one["id"] for k, one in card.members.items()
    }
    params = [Param(_mlflow_key(key), value[:6000]) for key, value in settings.items()]
    for k in range(0, len(params), 100):
        client.log_batch(number, params=params[k : k + 100])
    tags = {
        "mlflow.source.git.commit": card.commit,
        "ecgsynth.data": str(card.data.get("source", "")),
        DATA: _data_hash(card),
        "ecgsynth.seed": str(card.seed),
        **{f"ecgsynth.version.{package}": one for package, one in card.versions.items()},
    }
    client.log_batch(number, tags=[RunTag(key, value) for key, value in tags.items() if value])
    metrics = list(_metrics(card, figures, folder))
    for k in range(0, len(metrics), AT_ONCE):
        client.log_batch(number, metrics=metrics[k : k + AT_ONCE])


def _metrics(card: Card, figures: Mapping[str, float], folder: Path) -> Iterator[Metric]:
    """The curves of the training, over examples seen, and the judge's figures at its end."""
    import time

    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    lines = [line for line in read_metrics(folder / "metrics.jsonl") if "alarm" not in line]
    rows = np.unique(np.linspace(0, len(lines) - 1, min(LINES, len(lines))).round().astype(int))
    for line in (lines[row] for row in rows):
        for key, value in line.items():
            if key != "examples" and isinstance(value, int | float) and np.isfinite(value):
                yield Metric(_mlflow_key(key), float(value), now, int(line["examples"]))
    yield Metric("examples", float(card.examples_seen), now, card.examples_seen)
    for key, value in figures.items():
        yield Metric(_mlflow_key(key), value, now, card.examples_seen)


def data_hash(run: Run) -> str:
    """SHA-256 of the training set as the recipe cuts it: signals, labels and who gave them.

    Raises
    ------
    EcgsynthError: the recordings are not on this machine, or cannot be cut so any more.
    """
    data = load(run.data.name, run.data.split, **run.data.settings)
    found = hashlib.sha256(json.dumps(data.spec.to_json(), sort_keys=True).encode())
    for part in (data.signal, data.label, data.context, data.patient, data.valid):
        if part is not None:
            found.update(np.ascontiguousarray(part).tobytes())
    return found.hexdigest()


def _data_hash(card: Card) -> str:
    if not card.run:  # joined of several, each of which has its own
        return ""
    try:
        return data_hash(Run.from_dict(card.run))
    except EcgsynthError as problem:  # not on this machine, or no longer what they were
        log.warning("the version is kept without a hash of its data: %s", problem)
        return ""


def figures_of(report: Path) -> dict[str, float]:
    """`judge/coverage/V` -> value, of a report's JSON."""
    try:
        rows = json.loads(report.read_text(encoding="utf-8"))["rows"]
        return {
            f"judge/{row['metric']}/{row['group']}": float(row["value"])
            for row in rows
            if row["value"] is not None
        }
    except (OSError, ValueError, KeyError, TypeError) as problem:
        reason = " ".join(str(problem).split())
        if isinstance(problem, OSError):
            reason = problem.strerror or reason
        elif isinstance(problem, KeyError):
            reason = f"it has no {reason}"
        raise EcgsynthError(
            f"{report} is no report in JSON ({reason}); take the .json that `ecgsynth evaluate` "
            "wrote."
        ) from None


def files_to_keep(folder: Path | None) -> list[Path]:
    """What of a run folder is kept with the model."""
    if folder is None:
        return []
    names = [folder / "run.yaml", folder / "metrics.jsonl"]
    return [file for file in (*names, *sorted(folder.glob("samples/*.png"))[-1:]) if file.is_file()]


def _mlflow_key(key: str) -> str:
    """A name as MLflow allows it."""
    return re.sub(r"[^\w\-. /:]", "_", key)
