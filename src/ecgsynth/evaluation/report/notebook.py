"""The verdict of a report in a notebook, and its marks in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from ecgsynth.evaluation.report.html.readers import blocks
from ecgsynth.evaluation.report.html.verdicts import SYMBOLS

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report

ROW = Markup("<tr><td>{}</td><td>{}</td><td style='text-align:left'>{}</td></tr>")
HEAD = Markup("<tr><th colspan='3' style='text-align:left'>{}: {}</th></tr>")
FOOT = Markup("<p>{}</p>")


def count_marks(report: Report) -> str:
    """How often each mark was given, as in "3 good, 1 poor"."""
    marks = [verdict.mark for block in blocks(report) for verdict in block.verdicts]
    return ", ".join(f"{marks.count(mark)} {mark}" for mark in SYMBOLS if mark in marks)


def verdict_table(report: Report) -> str:
    """A table of the questions, with mark, classes and answer of each."""
    rows: list[Markup] = []
    for block in blocks(report):
        rows.append(HEAD.format(block.reader.name, block.reader.concern))
        for one in block.verdicts:
            mark = " ".join(filter(None, (SYMBOLS[one.mark], one.mark, one.scope)))
            rows.append(ROW.format(mark, one.question, one.sentence))
    title = FOOT.format(f"{report.synthetic} against {report.against}")
    left_out = f"{len(report.left_out)} figures are left out; report.left_out has the reasons."
    foot = FOOT.format(left_out) if report.left_out else ""
    return f"{title}<table>{Markup('').join(rows)}</table>{foot}"
