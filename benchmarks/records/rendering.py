"""The tables of `benchmarks/results/records.json`, which `benchmarks/tables.py` renders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.claims import estimate, number
from benchmarks.delineator_tables import table
from benchmarks.records import reach

Table = list[str]

COLUMNS = {
    "tstr": "TSTR", "tstr_ratio": "TSTR / TRTR", "coverage": "coverage", "spread": "spread",
    "c2st": "C2ST", "beats_met": "beats met", "beats_extra": "beats extra",
    "rate_error": "rate error, 1/min", "statement_adherence": "adherence",
    "lead_correlation_error": "lead correlation error", "copy_share": "copies",
    "records_per_second": "records per core-second",
}  # fmt: skip
"""Figure -> its words in the table of systems."""

ORDER = ("real", "gaussian", "simulator", "deepfake-ecg", "inception-ptbxl")
"""Systems that come last, in this order; models of the project come first."""


def systems(content: Mapping[str, Any]) -> Table | None:
    """A row a figure, a column a system: the mean over classes, or the figure of all."""
    found = content.get("systems", {})
    names = [name for name in found if name not in ORDER] + [n for n in ORDER if n in found]
    if not names:
        return None
    rows = []
    for figure, words in COLUMNS.items():
        cells = [shown(found[name]["parts"], figure) for name in names]
        if any(cells):
            rows.append([words, *cells])
    counts = [f"{found[name].get('records', 0):,}" for name in names]
    return table(["figure", *names], [["records", *counts], *rows])


def shown(parts: Mapping[str, Any], figure: str) -> str:
    """One cell: the figure of all records, or the mean over its groups."""
    for name, part in parts.items():
        cells = part.get(figure) if name != "statements" else None
        if not cells:
            continue
        if "all" in cells:
            one = cells["all"]
            return estimate(one["value"], one["low"], one["high"])
        values = [one["value"] for one in cells.values() if one["value"] is not None]
        return number(float(np.mean(values))) if values else ""
    return ""


def wanted(content: Mapping[str, Any]) -> Table | None:
    """The table of what is wanted, of the project's newest model of records."""
    found = content.get("systems", {})
    models = [name for name in found if name not in ORDER]
    if not models:
        return None
    rows = reach.rows(found[models[-1]], found.get("real"))
    return table(["figure", models[-1], "real", "reach", "met"], rows)


def effects(content: Mapping[str, Any]) -> Table | None:
    """Medians by sex and decade: ours, real's, difference with interval."""
    found = content.get("systems", {})
    models = [name for name in found if name not in ORDER]
    part = found[models[-1]]["parts"].get("effects") if models else None
    if not part:
        return None
    rows = []
    for figure, cells in part.items():
        for group, one in cells.items():
            if one["value"] is not None:
                ours, _, real = one["note"].removeprefix("median ").partition(", of real items ")
                gap = estimate(one["value"], one["low"], one["high"])
                rows.append([figure.removesuffix("_by_group"), group, ours, real, gap])
    head: Sequence[str] = ["measurement", "of", "synthetic", "real", "difference (95 %)"]
    return table(head, rows)
