"""The tables of the classifier, from its kept JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.claims import estimate
from benchmarks.delineator_tables import table

CLASSES = ("N", "S", "V", "F")
TITLES = {"ds1": "DS1 alone", "beats": "all given people"}
DATABASES = {"mitbih": "MIT-BIH, DS2", "svdb": "SVDB, given people", "qtdb": "QTDB, given people"}

Content = Mapping[str, Any]
Table = list[str]
"""Lines of Markdown."""


def ds2(content: Content) -> Table:
    """F1 on DS2 of both classifiers, by subsets of its records, and published ones."""
    rows = []
    for name, title in TITLES.items():
        for subset, row in content["ds2"][name].items():
            rows.append([title, subset, *_f1(row)])
    for title, row in content["published"].items():
        shares = [row.get(name) for name in CLASSES]
        cells = ["" if one is None else f"{2 * one[0] * one[1] / sum(one):.2f}" for one in shares]
        rows.append(
            [f"DS1 alone: {title}", "all of DS2", *[c.removeprefix("0") for c in cells], ""]
        )
    return table(["trained on", "tested on", *CLASSES, "macro N, S, V"], rows)


def people(content: Content) -> Table:
    """Paired differences of F1 on DS2, and on given people of SVDB."""
    rows = [
        [words, *map(_cell, row.values())] for words, row in content["ds2"]["difference"].items()
    ]
    svdb = [_cell(content["svdb"][name]) for name in "NSV"]
    return table(["on", "N", "S", "V"], [*rows, ["given people of SVDB", *svdb]])


def calibration(content: Content) -> Table:
    """ECE over all beats and over those called S or V."""
    rows = []
    for name, title in TITLES.items():
        for subset in ("all of DS2", "without 202"):
            row = content["ds2"][name][subset]
            shown = [f"{row[key]:.3f}" for key in ("ece", "ece_called_ectopic")]
            rows.append([title, subset, *[one.removeprefix("0") for one in shown]])
    return table(["trained on", "tested on", "all beats", "beats called S or V"], rows)


def databases(content: Content) -> Table:
    """F1 by database, of whole recordings and of pieces."""
    rows = [
        [title, words, f"{row['beats']:,}", str(row["people"]), *_f1(row)]
        for name, title in DATABASES.items()
        for words, row in content["by_database"][name].items()
    ]
    head = ["database", "recordings", "beats", "people", *CLASSES, "macro N, S, V"]
    return table(head, rows)


def _f1(row: Mapping[str, Any]) -> list[str]:
    return [_cell(row["f1"][name]) for name in (*CLASSES, "macro NSV")]


def _cell(figure: Mapping[str, Any]) -> str:
    return estimate(figure["value"], figure["low"], figure["high"])
