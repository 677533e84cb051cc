"""Tables of the docs about recordings: rates, scoring beside WFDB, strips beside real ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.delineator_tables import table

Table = list[str]
"""Lines of Markdown."""


def beat_variation(content: Mapping[str, Any]) -> Table:
    """Variation of the QRS of normal beats within a record, by system and lead."""
    rows = content["rows"]
    leads = list(next(iter(rows.values())))
    return table(
        ["records", *leads],
        [[name, *(f"{100 * row[lead]:.1f} %" for lead in leads)] for name, row in rows.items()],
    )


def variability(content: Mapping[str, Any]) -> Table:
    """Medians and quartiles of real and made people, and the ratio of their ranges."""
    names = {
        "rr_s": ("mean RR, ms", 1000), "sdnn_s": ("SDNN, ms", 1000),
        "rmssd_s": ("RMSSD, ms", 1000), "pnn50": ("pNN50, %", 100), "lf_hf": ("LF/HF", 1),
    }  # fmt: skip
    rows = []
    for key, (name, scale) in names.items():
        row = content["figures"][key]
        shown = []
        for low, middle, high in (row["real"], row["made"]):
            a, b, c = (f"{scale * one:.{1 if scale == 1 else 0}f}" for one in (low, middle, high))
            shown.append(f"{b} ({a}-{c})")
        inside = "yes" if row["median_inside"] else "no"
        rows.append([name, *shown, inside, f"{row['range_ratio']:.2f}"])
    head = [
        "figure", f"{content['people']} given people", f"{content['made']} made people",
        "median within real quartiles", "ratio of interquartile ranges",
    ]  # fmt: skip
    return table(head, rows)


def scoring(content: Mapping[str, Any]) -> Table:
    """Program by test file: how many lines are equal, of how many."""
    programs = {
        "beats": "bxb -L", "shutdown": "bxb -L, shutdown", "beats-without-s": "bxb -l",
        "shutdown-without-s": "bxb -l, shutdown", "runs-ve": "rxr -L, ventricular",
        "runs-sve": "rxr -L, supraventricular", "af": "epicmp -A", "vf": "epicmp -V",
        "st": "epicmp -S", "measurements": "mxm -L",
    }  # fmt: skip
    files = content["test files"]
    rows = []
    for report, words in programs.items():
        found = [one["reports"][report] for one in files.values()]
        rows.append([words, *(f"{one['equal']} of {one['lines']}" for one in found)])
    lines = table(["equal lines of", *(f"`{name}`" for name in files)], rows)
    return [*lines, "", f"Together {content['equal']:,} of {content['lines']:,} lines are equal."]


def two_sample(content: Mapping[str, Any]) -> Table:
    """Pair of sets by what is compared: AUC with its interval."""
    found = content["two_sample"]
    heads = {"strips": "strips of 10 s", "windows": "60 RR with kinds"}
    names = {"halves": "random halves of all people"}
    rows = []
    for pair in found["strips"]:
        words = names.get(pair, pair if "against" in pair else f"`{pair}` against DS2")
        rows.append([words, *(_auc(found[what][pair]) for what in heads)])
    return table(["AUC (95 %), new people", *heads.values()], rows)


def _auc(row: list[float]) -> str:
    value, low, high = (f"{one:.2f}".removeprefix("0") for one in row)
    return f"{value} ({low}-{high})"


def coupling(content: Mapping[str, Any]) -> Table:
    """Coupling of PVCs and slope of QT over RR, by set: median and quartiles of people."""
    rows = []
    for name in content["people"]:
        cells = []
        for figure, digits in (("coupling", 2), ("qt_rr", 0)):
            one = content[figure][name]
            if one["quartiles"]:
                low, middle, high = (f"{value:.{digits}f}" for value in one["quartiles"])
                cells.append(f"{middle} ({low} to {high}), {one['people']} people")
            else:
                cells.append("")
        rows.append([name if name in ("DS1", "DS2") else f"`{name}`", *cells])
    head = ["median (quartiles) of people", "RR before a PVC, of the usual one", "QT over RR, ms/s"]
    return table(head, rows)
