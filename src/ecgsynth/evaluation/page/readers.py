"""The questions of clinician, data-protection officer and researcher, answered in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ecgsynth.evaluation.page import sentences as say
from ecgsynth.evaluation.page.verdicts import (
    SYMBOLS,
    Question,
    Verdict,
    answer,
    known,
    place,
    tally,
)
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
    found = []
    for reader in READERS:
        verdicts = [v for v in (answer(report, q) for q in reader.questions) if v is not None]
        marks = [v.mark for v in verdicts if v.mark != "unknown"]
        worst = max(marks, key=list(SYMBOLS).index, default="unknown")
        key = reader.name.split(" ")[0].lower()
        found.append(Block(key, reader, verdicts, worst, tally([v.mark for v in verdicts])))
    return found


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
        Question("Does each beat look like a real one?", ("rmse_nearest",), say.looks),
        Question("Do intervals and heights measure like real ones?", ("*_w1",), say.measures),
        Question("Can they be measured at all?", ("delineation_failure",), say.measurable),
        Question("Does the class that was asked for come out?", ("adherence",), say.adheres),
    )),
    Reader("Data-protection officer", "Does the set give away the people it was learned from?", (
        Question("Does it copy patients?", ("memorisation",), say.copies),
        Question("Can one tell what was trained on?", ("nn_membership", "domias"), say.attacks),
        Question("Are the beats new ones?", ("authenticity",), say.authentic),
        Question("Are trained beats nearer than unseen ones?", ("nn_distance_ratio",), say.ratio),
        Question("Can one tell who took part?", ("patient_membership",), say.person, ("all",)),
    )),
    Reader("Researcher", "Is it the same distribution, and is it good for training?", (
        Question("Can a classifier tell them from real?", ("c2st",), say.told_apart),
        Question("Does it hold every kind of real beat?", ("coverage",), say.covered),
        Question("Does it repeat itself?", ("collapse",), say.collapsed),
        Question("Is it good for training, on new patients?", ("tstr",), say.useful,
                 ("macro NSV", "all")),
    )),
)  # fmt: skip
