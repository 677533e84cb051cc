"""Run an evaluation job, in its own process: evaluate the uploaded set against real ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ecgsynth.errors import EcgsynthError
from ecgsynth.service import real_sets
from ecgsynth.service.files import uploads


def judge(
    folder: Path, asked: Mapping[str, Any], advance: Callable[[str, float], None]
) -> tuple[dict[str, Any], dict[str, Path]]:
    """Write report.html and report.json next to the upload; returns the report as JSON, and the
    page.

    Raises
    ------
    EcgsynthError: the file cannot be read, or the set cannot be evaluated.
    """
    advance("reading", 0.0)
    ecg = uploads.read(folder, asked)
    # These imports take seconds, so they come after the checks of the file.
    from ecgsynth.evaluation.judge import evaluate
    from ecgsynth.evaluation.training_set import training_set

    learned = training_set(ecg, asked["train"], real_sets.known())
    report = evaluate(
        ecg, asked["against"], learned, metrics=asked["metrics"] or None,
        quick=asked["quick"], seed=asked["seed"], advance=advance,
    )  # fmt: skip
    if not report.rows:
        reasons = "; ".join(dict.fromkeys(report.left_out.values()))
        raise EcgsynthError(f"nothing of the set could be measured: {reasons}.")
    report.save(folder / "report.html")
    verdict = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return verdict, {"report.html": folder / "report.html"}
