"""One self-contained HTML page of a report: verdict, table, pictures; nothing from elsewhere."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.page.pictures import Shown, pictures
from ecgsynth.evaluation.page.svg import Drawing
from ecgsynth.evaluation.page.verdicts import RULES, ends, known, number, place, verdicts
from ecgsynth.evaluation.report import Report, Row
from ecgsynth.registry import DATASETS
from ecgsynth.signals.ecg import SYNTHETIC, Ecg

QUESTIONS = {
    "match": "Does it match real ECG of the same people?",
    "new patients": "Does it help with people never seen?",
    "privacy": "Does it keep the people to itself?",
}
GOALS = {"lower": "lower is better", "higher": "higher is better", "match": "best as real has it"}
FIRST = ("c2st", "coverage", "density")
"""Metrics that head the table."""
CONTROL_LETTERS = {"noise": "n", "mean beat": "m", "gaussian": "g", "copy": "c", "real": "r"}
CONTROL_MEANINGS = {
    "noise": "white noise with the right mean and SD at every sample",
    "mean beat": "the mean beat again and again: a collapsed generator",
    "gaussian": "a Gaussian in the principal components: the baseline to beat",
    "copy": "training beats, slightly shifted and scaled: it must fail privacy",
    "real": "real beats judged as if they were synthetic: the ceiling",
}


def page(report: Report, show_real: bool | None = None) -> str:
    """The report as one HTML page for clinician, data-protection officer and researcher.

    Parameters
    ----------
    show_real: draw real traces; when left out, only those of public data sets. Where real traces
        are not drawn, neither are points, means or spectra of them: distances alone remain.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    shown = allowed(report, show_real)
    here = files("ecgsynth.evaluation.page")
    template = environment.from_string((here / "page.html").read_text(encoding="utf-8"))
    return template.render(
        report=report,
        facts=_facts(report),
        classes=_classes(report),
        verdicts=verdicts(report),
        rules=RULES,
        tables=_tables(report),
        meanings=CONTROL_MEANINGS,
        letters=CONTROL_LETTERS,
        left_out=sorted(report.left_out.items()),
        pictures=pictures(report.trial, shown) if report.trial is not None else [],
        shown=shown,
        style=Markup((here / "page.css").read_text(encoding="utf-8")),
    )


def allowed(report: Report, show_real: bool | None) -> Shown:
    """The sets of a trial that may be drawn."""
    trial = report.trial
    if trial is None:
        return Shown(None, None, None)

    def visible(ecg: Ecg | None) -> Ecg | None:
        open_ = ecg is not None and (public(ecg.source) if show_real is None else show_real)
        return ecg if open_ else None

    # A set that mixes synthetic with real items is as private as its real part.
    mixed = trial.synthetic.source == f"{SYNTHETIC}mixed" or _registered(trial.synthetic.source)
    synthetic = visible(trial.synthetic) if mixed else trial.synthetic
    statistics = {}
    known = trial.reference if trial.test is None else None
    # Statistics that were made to be shipped hold no trace; they are drawn as such.
    if known is not None and (show_real or public(known.source)):
        statistics = known.statistics
    return Shown(synthetic, visible(trial.test), visible(trial.train), statistics)


def public(source: str) -> bool:
    """Whether a source names a registered data set whose traces may be shown."""
    try:
        return bool(DATASETS.get(source.partition(":")[0]).public)
    except (EcgsynthError, AttributeError):
        return False


def _registered(source: str) -> bool:
    return source.partition(":")[0] in DATASETS.names()


def _facts(report: Report) -> dict[str, str]:
    """What was judged against what, as words for the head of the page."""
    spec, trial = report.facts.get("spec", {}), report.trial
    sets = {"Judged": report.synthetic, "Against": report.against or "no real set"}
    for name, words in (("train", "Learned from"), ("new_patients", "New patients")):
        given = getattr(trial, name, None)
        sets[words] = given.source if given is not None else "not given"
    if spec:
        low, high = (spec.get("band") or (None, None))[:2]
        band = f", {low or 0:g} to {high:g} Hz" if high else ""
        sets["Items"] = (
            f"{', '.join(spec['leads'])}; {spec['samples'] / spec['fs']:.2f} s at "
            f"{spec['fs']:g} Hz ({spec['samples']} samples){band}; {spec['unit']}"
        )
    sets["Made"] = str(report.facts.get("made", "unknown")).replace("T", " ")
    sets["Seed"] = str(report.facts.get("seed", "unknown"))
    sets["Instrument"] = str(report.facts.get("instrument") or "none: plain signal coordinates")
    if report.facts.get("quick"):
        sets["Mode"] = "quick: smaller samples, no classifier trainings"
    return sets


def _classes(report: Report) -> list[dict[str, Any]]:
    """Counts per class: synthetic items, real items, people, and the largest person's share."""
    real = report.facts.get("real", {})
    total = len(report.trial.synthetic) if report.trial is not None else None
    counts: dict[str, int | None] = {**report.counts} if report.counts else {"all": total}
    return [{"name": name, "synthetic": n, **real.get(name, {})} for name, n in counts.items()]


def _tables(report: Report) -> list[dict[str, Any]]:
    """Per question: metrics with their rows, each with its marks and its scale."""
    order = list(dict.fromkeys([*FIRST, *(row.metric for row in report.rows)]))
    asked = list(dict.fromkeys([*QUESTIONS, *(row.question for row in report.rows)]))
    tables: list[dict[str, Any]] = []
    for question in asked:
        metrics: list[dict[str, Any]] = []
        for name in order:
            rows = [r for r in report.rows if (r.metric, r.question) == (name, question)]
            if rows:
                cells = [{"row": row, "scale": scale(report, row)} for row in rows]
                note = len([m for t in tables for m in t["metrics"]]) + len(metrics) + 1
                goal = GOALS.get(rows[0].goal, rows[0].goal)
                metrics.append({"head": rows[0], "cells": cells, "note": note, "goal": goal})
        if metrics:
            tables.append({"question": QUESTIONS.get(question, question), "metrics": metrics})
    return tables


def scale(report: Report, row: Row) -> Markup:
    """Floor to ceiling from left to right, the value and its interval on it."""
    value, (floor, ceiling) = known(row.value), ends(report, row)
    if value is None or floor is None or ceiling is None:
        return Markup("")
    share = place(report, row)[1]
    if share is None or abs(ceiling - floor) < 1e-9:
        return Markup("")
    wide, tall, left, right = 180.0, 32.0, -0.6, 1.4

    def at(number: float) -> float:
        where = (number - floor) / (ceiling - floor)
        return 6 + (min(max(where, left), right) - left) / (right - left) * (wide - 12)

    drawing = Drawing(wide, tall, "scale")
    drawing.box(at(floor), 12, at(ceiling) - at(floor), 6, "way")
    controls = {**row.controls, **({"real": ceiling} if row.metric == "tstr" else {})}
    ends_named = {"copy" if row.question == "privacy" else "gaussian", "real"}
    for name, level in controls.items():
        if math.isfinite(level):
            kind = "control end" if name in ends_named else "control"
            drawing.path(f"M{at(level):.1f} 9V21", kind)
            if name in ends_named:
                drawing.text(at(level), 29, CONTROL_LETTERS[name], "tick middle")
    low, high = known(row.low), known(row.high)
    if low is not None and high is not None:
        drawing.path(f"M{at(low):.1f} 15H{at(high):.1f}", "interval")
    drawing.path(f"M{at(value):.1f} 9l6 6l-6 6l-6 -6z", "value")
    return drawing.markup(f"{number(value)}: {100 * share:.0f} % of the way from floor to ceiling")
