"""The report on a finetuned model, privacy first."""

from __future__ import annotations

import logging
from pathlib import Path

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.judge import evaluate
from ecgsynth.evaluation.report import Report
from ecgsynth.signals.own_use import SENTENCE
from ecgsynth.synthesizer import Synthesizer

log = logging.getLogger("ecgsynth")

ITEMS, RECORDS = 1000, 200
"""Items of a class that are judged, and records in all."""

FIRST = "privacy"


def judge(model: Synthesizer, folder: Path) -> Report | None:
    """Judge a model against the last minutes of the people whom it learned from; the page and its
    JSON are in the run folder. None, with a warning, where there is nothing to compare with.

    Raises
    ------
    EcgsynthError: the report cannot be written.
    """
    count: int | dict[str, int] = RECORDS
    if not model.spec.multilabel:
        count = dict.fromkeys(model.prior.classes, ITEMS) if model.spec.classes else RECORDS
    try:
        report = evaluate(model.generate(count, seed=1), quick=True)
    except EcgsynthError as problem:
        log.warning("the model is complete, but was not judged: %s", problem)
        return None
    report.rows.sort(key=lambda row: row.question != FIRST)
    if model.card.own_use:
        report.notes.insert(0, SENTENCE)
    report.save(folder / "report.html")
    return report
