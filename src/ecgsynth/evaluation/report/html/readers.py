"""The questions of clinician, data-protection officer and researcher, answered in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ecgsynth.evaluation import is_record
from ecgsynth.evaluation.report.html import sentences as say
from ecgsynth.evaluation.report.html.verdicts import (
    COPIED,
    SYMBOLS,
    Question,
    Verdict,
    answer,
    known,
    place,
    stands_on,
    tally,
)
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report


@dataclass(frozen=True)
class Reader:
    """Who reads, what for, and the questions that are asked."""

    name: str
    concern: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Block:
    """The answers for one reader; `mark` is the worst known one, `counts` how often each fell."""

    key: str
    reader: Reader
    verdicts: list[Verdict]
    mark: str
    counts: list[tuple[str, int]]


def blocks(report: Report) -> list[Block]:
    """The verdict, reader by reader; questions of which nothing was measured are not there."""
    found, spoken = [], words_for(report)
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
        told = replace(reader, concern=spoken(reader.concern))
        found.append(Block(key, told, verdicts, worst, tally([v.mark for v in verdicts])))
    return found


def questions(report: Report) -> list[dict[str, Any]]:
    """The verdict for a program: one entry a question, in the order of the page.

    Each has `reader` (clinician, data-protection, researcher), `question`, `mark`, `scope` (for
    which classes it holds), `sentence`, `rule`, and `figures`: those it stands on, each with
    `metric`, `group`, `value`, `low`, `high` (95 %), `over` and `without_one` (as of `Row`), `real`
    (the range of real samples) and `mark`.
    """
    found = []
    for block in blocks(report):
        for verdict, question in zip(block.verdicts, _asked(report, block), strict=True):
            figures = [
                {
                    "metric": row.metric, "group": row.group, "value": row.value, "low": row.low,
                    "high": row.high, "over": row.over, "without_one": row.without_one,
                    "real": row.real, "mark": place(report, row)[0],
                }
                for row in stands_on(report, question)
            ]  # fmt: skip
            answered = {n: getattr(verdict, n) for n in ("mark", "scope", "sentence", "rule")}
            entry = {"reader": block.key, "question": verdict.question, **answered}
            found.append(entry | {"figures": figures})
    return found


def _asked(report: Report, block: Block) -> list[Question]:
    """The questions of a reader of which something was measured, or is said why not."""
    return [q for q in block.reader.questions if answer(report, q) is not None]


def words_for(report: Report) -> Callable[[str], str]:
    """Sentences about beats as they stand, or told of records where those were judged."""
    spec = report.facts.get("spec")
    return say.in_records if spec and is_record(Spec.from_json(spec)) else str


def measurements(report: Report) -> dict[str, Any]:
    """How far intervals and amplitudes lie from the real ones: a small table, classes across."""
    rows = [r for r in report.rows if r.metric.endswith("_w1") and known(r.value) is not None]
    groups = list(dict.fromkeys(r.group for r in rows))
    lines = []
    for name in dict.fromkeys(r.metric for r in rows):
        cells = {r.group: (r, *place(report, r)[:2]) for r in rows if r.metric == name}
        one = next(iter(cells.values()))[0]
        given = [(cells[g][0], cells[g][1]) if g in cells else None for g in groups]
        lines.append({"name": say.measurement(name), "unit": one.unit, "cells": given})
    return {"groups": groups, "lines": lines}


READERS = (
    Reader("Clinician", "Do the beats look and measure like real ones?", (
        Question("Does each beat look like a real one?", ("rmse_nearest",), say.looks,
                 instead=(("alpha_precision", say.among),)),
        Question("Do intervals and heights measure like real ones?", ("*_w1",), say.measures),
        Question("Can they be measured at all?", ("delineation_failure",), say.measurable),
        Question("Does the class that was asked for come out?", ("adherence",), say.adheres,
                 instead=(("statement_adherence", say.carries),)),
    )),
    Reader("Data-protection officer", "Does the set give away the people it was learned from?", (
        Question("Does it hold copies of recorded beats?", COPIED, say.copies),
        Question("Can one tell what was trained on?", ("memorisation", "nn_membership", "domias"),
                 say.attacks),
        Question("Can one tell who took part?", ("patient_membership",), say.person, ("all",)),
    )),
    Reader("Researcher", "Is it the same distribution, and is it good for training?", (
        Question("Can a classifier tell them from real?", ("c2st",), say.told_apart, ("all",)),
        Question("Does it hold every kind of real beat?", ("coverage",), say.covered),
        Question("Does it repeat itself?", ("collapse",), say.collapsed),
        Question("Is it good for training, on new patients?", ("tstr",), say.useful,
                 ("macro NSV", "all")),
    )),
)  # fmt: skip
