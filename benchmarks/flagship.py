"""The tables of a beat generator in docs/results.md, from the judge's report.

`ecgsynth evaluate beats.npz --against mitbih:heldout --train mitbih:train
--new-patients mitbih:test --to report.json`, then `python benchmarks/flagship.py report.json`
prints them in Markdown: Match, new patients, privacy, and every figure with floor and ceiling.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from claims import estimate, number, table

MATCH = {
    "c2st": "C2ST AUC", "coverage": "coverage", "density": "density",
    "coverage_signal": "coverage, sample by sample", "frechet": "Frechet distance",
    "spread": "spread", "psd_distance": "spectrum, dB",
}  # fmt: skip
UTILITY = {"tstr": "synthetic (95 %)", "trtr": "real (95 %)", "tstr_ratio": "ratio (95 %)"}
ELSEWHERE = (*UTILITY, "trts", "coverage_signal", "density_signal", "rmse_random", "prd_random")
"""Figures that stand in a table of their own, or say nothing of single beats."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("report", type=Path, help="JSON of `ecgsynth evaluate`")
    report = json.loads(parser.parse_args().report.read_text())
    rows = {(row["metric"], row["group"]): row for row in report["rows"]}
    groups = list(dict.fromkeys(group for _, group in rows))
    print(f"{report['synthetic']} against {report['against']}\n")
    table(
        ["figure", "of", "synthetic (95 %)", "Gaussian", "real"],
        [[title, *cells] for name, title in MATCH.items() for cells in ends(rows, name, groups)],
    )
    table(
        ["macro F1", *UTILITY.values(), "Gaussian"],
        [
            [group, *(said(rows.get((name, group))) for name in UTILITY),
             control(rows.get(("tstr", group)), "gaussian")]
            for group in groups if ("tstr", group) in rows
        ],
    )  # fmt: skip
    table(
        ["of", "synthetic (95 %)", "Gaussian", "real trained beats of other minutes"],
        [*ends(rows, "memorisation", groups)],
    )
    names = dict.fromkeys(name for name, _ in rows if name not in ELSEWHERE)
    shown = [group for group in groups if group in ("N", "S", "V", "F", "all")]
    table(["figure", "unit", *shown], [*every(rows, names, shown)])
    for note in report["notes"]:
        print(note)


def ends(rows: dict, name: str, groups: Iterable[str]) -> Iterator[list[str]]:
    """A line a class: the figure with its interval, floor and ceiling."""
    for group in groups:
        row = rows.get((name, group))
        if row is not None and row["value"] is not None:
            yield [group, said(row), control(row, "gaussian"), control(row, "real")]


def every(rows: dict, names: Iterable[str], groups: list[str]) -> Iterator[list[str]]:
    """A line a figure: value (Gaussian, real) of each class."""
    for name in names:
        of = [rows.get((name, group)) for group in groups]
        cells = []
        for row in of:
            beside = [control(row, end) or "-" for end in ("gaussian", "real")]
            known = f" ({', '.join(beside)})" if beside != ["-", "-"] else ""
            cells.append(number(row["value"]) + known if row and row["value"] is not None else "")
        if any(cells) and not name.endswith("_ks") and not name.startswith("fairness"):
            unit = next(row["unit"] for row in of if row is not None)
            yield [f"`{name}`", unit, *cells]


def said(row: dict[str, Any] | None) -> str:
    return "" if row is None else estimate(row["value"], row["low"], row["high"])


def control(row: dict[str, Any] | None, name: str) -> str:
    return "" if row is None else number(row["controls"].get(name))


if __name__ == "__main__":
    main()
