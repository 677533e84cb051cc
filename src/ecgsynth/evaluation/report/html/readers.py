"""The questions of clinician, data-protection officer and researcher, answered in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ecgsynth.evaluation import is_record
from ecgsynth.evaluation.report.html import sentences
from ecgsynth.evaluation.report.html.verdicts import (
    COPIED,
    SYMBOLS,
    Question,
    Verdict,
    answer,
    figures_of,
    grade,
    known,
    tally,
)
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report


@dataclass(frozen=True)
class Reader:
    """A kind of reader, what concerns this reader, and the questions that the page answers."""

    name: str
    concern: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Block:
    """The answers for one reader; `mark`: the worst known mark; `counts`: how often each was
    given."""

    key: str
    reader: Reader
    verdicts: list[Verdict]
    mark: str
    counts: list[tuple[str, int]]


def blocks(report: Report) -> list[Block]:
    """The verdict, reader by reader; questions without any measured figure are left out."""
    found, spoken = [], sentence_filter(report)
    for reader in READERS:
        answers = [answer(report, question) for question in reader.questions]
        verdicts = [
            replace(
                v, question=spoken(v.question), sentence=spoken(v.sentence), rule=spoken(v.rule)
            )
            for v in answers
            if v is not None
        ]
        marks = [v.mark for v in verdicts if v.mark != "unknown"]
        worst = max(marks, key=list(SYMBOLS).index, default="unknown")
        key = reader.name.split(" ")[0].lower()
        described = replace(reader, concern=spoken(reader.concern))
        found.append(Block(key, described, verdicts, worst, tally([v.mark for v in verdicts])))
    return found


def questions(report: Report) -> list[dict[str, Any]]:
    """The verdict for a program: one entry per question, in the order of the page.

    Each has `reader` (clinician, data-protection, researcher), `question`, `mark`, `scope` (for
    which classes it holds), `sentence`, `rule`, and `figures`: the figures that it is based on,
    each with `metric`, `group`, `value`, `low`, `high` (95 %), `over` and `without_one` (as of
    `Row`), `real` (the range of real samples) and `mark`.
    """
    found = []
    for block in blocks(report):
        for verdict, question in zip(block.verdicts, _questions_of(report, block), strict=True):
            figures = [
                {
                    "metric": row.metric, "group": row.group, "value": row.value, "low": row.low,
                    "high": row.high, "over": row.over, "without_one": row.without_one,
                    "real": row.real, "mark": grade(report, row)[0],
                }
                for row in figures_of(report, question)
            ]  # fmt: skip
            answered = {n: getattr(verdict, n) for n in ("mark", "scope", "sentence", "rule")}
            entry = {"reader": block.key, "question": verdict.question, **answered}
            found.append(entry | {"figures": figures})
    return found


def _questions_of(report: Report, block: Block) -> list[Question]:
    """The reader's questions that have a figure, or a reason why they have none."""
    return [q for q in block.reader.questions if answer(report, q) is not None]


def sentence_filter(report: Report) -> Callable[[str], str]:
    """A function that leaves sentences about beats as they are, or rewrites them for records."""
    spec = report.facts.get("spec")
    return sentences.adapt_to_records if spec and is_record(Spec.from_json(spec)) else str


def measurements(report: Report) -> dict[str, Any]:
    """Distances of intervals and amplitudes to the real ones: a table with a column per class."""
    rows = [r for r in report.rows if r.metric.endswith("_w1") and known(r.value) is not None]
    groups = list(dict.fromkeys(r.group for r in rows))
    lines = []
    for name in dict.fromkeys(r.metric for r in rows):
        cells = {r.group: (r, *grade(report, r)[:2]) for r in rows if r.metric == name}
        one = next(iter(cells.values()))[0]
        given = [(cells[g][0], cells[g][1]) if g in cells else None for g in groups]
        lines.append({"name": sentences.measurement(name), "unit": one.unit, "cells": given})
    return {"groups": groups, "lines": lines}


READERS = (
    Reader(
        "Clinician",
        "Do the beats look like real ones, and do their intervals agree?",
        (
            Question(
                "Does each beat look like a real one?",
                ("rmse_nearest",),
                sentences.describe_similarity,
                instead=(("alpha_precision", sentences.describe_density),),
            ),
            Question(
                "Do intervals and amplitudes agree with real ones?",
                ("*_w1",),
                sentences.describe_measurement,
            ),
            Question(
                "Can the intervals be measured at all?",
                ("delineation_failure",),
                sentences.describe_delineation,
            ),
            Question(
                "Do the beats belong to the class that was requested?",
                ("adherence",),
                sentences.describe_adherence,
                instead=(("statement_adherence", sentences.describe_statement),),
            ),
        ),
    ),
    Reader(
        "Data-protection officer",
        "Does the set reveal the people in the training data?",
        (
            Question(
                "Does the set contain copies of recorded beats?", COPIED, sentences.describe_copies
            ),
            Question(
                "Can an attacker find out which beats were trained on?",
                ("memorisation", "nn_membership", "domias"),
                sentences.describe_membership,
            ),
            Question(
                "Can an attacker find out which people were trained on?",
                ("patient_membership",),
                sentences.describe_patient_membership,
                ("all",),
            ),
        ),
    ),
    Reader(
        "Researcher",
        "Is the distribution the same, and is the set useful for training?",
        (
            Question(
                "Can a classifier separate synthetic from real beats?",
                ("c2st",),
                sentences.describe_c2st,
                ("all",),
            ),
            Question(
                "Does the set contain every kind of real beat?",
                ("coverage",),
                sentences.describe_coverage,
            ),
            Question("Does the set repeat itself?", ("collapse",), sentences.describe_collapse),
            Question(
                "Is the set useful for training a classifier for new patients?",
                ("tstr",),
                sentences.describe_utility,
                ("macro NSV", "all"),
            ),
        ),
    ),
)
