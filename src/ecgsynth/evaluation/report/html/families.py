"""All figures, family by family: rows with marks and scales, and one line of summary."""

from __future__ import annotations

import math
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ecgsynth.evaluation.report.html.svg import Drawing
from ecgsynth.evaluation.report.html.verdicts import (
    floor_and_ceiling,
    floor_of,
    grade,
    known,
    number,
    tally,
)

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report, Row

QUESTIONS = {
    "match": "Does it match real ECG of the same people?",
    "new patients": "Does it help a classifier for new patients?",
    "privacy": "Does it protect the people in the training data?",
    "fairness": "Are all groups of people represented equally well?",
}
FAMILIES: dict[str, tuple[str, ...]] = {
    "Difference from real": (
        "c2st", "c2st_*", "discriminative_score", "predictive_score", "mmd", "frechet",
        "frechet_ratio",
    ),
    "Kinds of beats": (
        "coverage", "coverage_worst_person", "density", "coverage_signal", "density_signal",
        "alpha_precision", "beta_recall", "spread", "collapse",
    ),
    "Waveform": (
        "mean_beat_error", "psd_distance", "autocorrelation", "wavelet_coherence", "dtw",
        "smoothness", "saturation", "rmse_*", "prd_*",
    ),
    "Intervals and amplitudes": (
        "*_w1", "*_ks", "*_median", "qt_rr_slope", "rr_morphology", "delineation_failure",
    ),
    "Leads": (
        "einthoven_residual", "goldberger_residual", "lead_correlation_error",
        "lead_mutual_information",
    ),
    "Requested class and rate": ("adherence", "*_adherence", "statement_adherence_gap", "trts"),
    "Annotated beats": ("beats_met", "beats_extra", "beat_offset", "rate_error", "beat_variation"),
}  # fmt: skip
"""Families of the first question and their metrics, in order; each other question is one."""

OTHERS = {
    "match": "Other figures",
    "new patients": "Training on it",
    "privacy": "Privacy",
    "fairness": "Women and men, young and old",
}

CONTROL_LETTERS = {
    "noise": "n", "mean beat": "m", "gaussian": "g", "smote": "s", "mixup": "x", "copy": "c",
    "real": "r",
}  # fmt: skip
GOALS = {
    "lower": "lower is better",
    "higher": "higher is better",
    "match": "best when equal to real",
}


def tables(report: Report) -> list[dict[str, Any]]:
    """Families with their metrics; each metric with its rows and its remarks.

    Groups without a single synthetic item have no row; figures without a value are remarks.
    """
    empty = {group for group, count in report.counts.items() if count == 0}
    rows = [row for row in report.rows if row.group not in empty or known(row.value) is not None]
    found: dict[str, dict[str, list[Row]]] = {}
    for row in sorted(rows, key=_order):
        found.setdefault(family(row), {}).setdefault(row.metric, []).append(row)
    note, made = 0, []
    for name, metrics in found.items():
        given = []
        for rows in metrics.values():
            note += 1
            given.append(_metric(report, rows, note))
        one = next(iter(metrics.values()))[0]
        cells = [cell for m in given for cell in m["cells"]]
        made.append({
            "name": name,
            "question": QUESTIONS.get(one.question, one.question),
            "metrics": given,
            "count": len(cells),
            "tally": tally([cell["mark"] for cell in cells]),
            "worst": _worst(cells),
            "delineated": name == "Intervals and amplitudes",
            "people": _people(report) if name == "Kinds of beats" else {},
        })  # fmt: skip
    return made


def _people(report: Report) -> dict[str, str]:
    """Class -> the coverage of each person, the least first; records of public sets are named."""
    return {
        group: ", ".join(
            " ".join(filter(None, (one["person"], f"{number(one['coverage'])} of {one['items']}")))
            for one in people
        )
        for group, people in (report.facts.get("coverage_by_person") or {}).items()
    }


def family(row: Row) -> str:
    """The family of a figure; the question itself where none is named."""
    if row.question == "match":
        for name, patterns in FAMILIES.items():
            if any(fnmatch(row.metric, pattern) for pattern in patterns):
                return name
    return OTHERS.get(row.question, row.question)


def _order(row: Row) -> tuple[int, int]:
    names = [*FAMILIES, *OTHERS.values()]
    name = family(row)
    patterns = FAMILIES.get(name, ())
    place_ = next((k for k, p in enumerate(patterns) if fnmatch(row.metric, p)), len(patterns))
    return names.index(name) if name in names else len(names), place_


def _metric(report: Report, rows: list[Row], note: int) -> dict[str, Any]:
    cells: list[dict[str, Any]] = []
    remarks: dict[str, list[str]] = {}
    for row in rows:
        if known(row.value) is not None:
            mark, share, _ = grade(report, row)
            cells.append({"row": row, "scale": scale(report, row), "mark": mark, "share": share})
        if row.note:
            remarks.setdefault(row.note, []).append(row.group)
    every = len({row.group for row in rows})
    remark_lines = [
        text if len(groups) == every else f"{', '.join(groups)}: {text}"
        for text, groups in remarks.items()
    ]
    goal = GOALS.get(rows[0].goal, rows[0].goal)
    return {"head": rows[0], "cells": cells, "remarks": remark_lines, "note": note, "goal": goal}


def _worst(cells: list[dict[str, Any]]) -> str:
    """The figure that differs most from real; empty if all are good."""
    placed = [c for c in cells if c["share"] is not None and c["mark"] != "good"]
    if not placed:
        return ""
    row = min(placed, key=lambda c: float(c["share"]))["row"]
    return f"{row.metric}" + ("" if row.group == "all" else f" in {row.group}")


def scale(report: Report, row: Row) -> Markup:
    """Floor to ceiling from left to right, the value and its interval on it."""
    value, (floor, ceiling) = known(row.value), floor_and_ceiling(report, row)
    if value is None or floor is None or ceiling is None:
        return Markup("")
    share = grade(report, row)[1]
    if share is None or abs(ceiling - floor) < 1e-9:
        return Markup("")
    wide, tall, left, right = 180.0, 32.0, -0.6, 1.4

    def at(number: float) -> float:
        where = (number - floor) / (ceiling - floor)
        return 6 + (min(max(where, left), right) - left) / (right - left) * (wide - 12)

    drawing = Drawing(wide, tall, "scale")
    drawing.box(at(floor), 12, at(ceiling) - at(floor), 6, "way")
    controls = {**row.controls, **({"real": ceiling} if row.metric == "tstr" else {})}
    ends_named = {floor_of(row), "real"}
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
