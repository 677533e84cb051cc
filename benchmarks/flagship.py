"""The tables of a beat generator in docs/results/beats.md, from the judge's report.

`ecgsynth evaluate beats.npz --against mitbih:heldout --train mitbih:train
--new-patients mitbih:test --to report.json`, then `python benchmarks/flagship.py report.json`
prints them in Markdown: Match, new patients, privacy, and every figure with floor and ceiling.
Of several reports, trainings that differ in their seed, it prints what was aimed at side by side.
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
AIMS = (
    "c2st", "coverage", "density", "frechet_ratio", "wavelet_coherence", "memorisation",
    "adherence", "qrs_w1", "qt_w1", "qtcf_w1", "pr_w1", "rr_w1", "p_amplitude_w1",
    "r_amplitude_w1", "t_amplitude_w1", "st_level_w1",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("reports", type=Path, nargs="+", help="JSON of `ecgsynth evaluate`")
    found = [json.loads(path.read_text()) for path in parser.parse_args().reports]
    if len(found) > 1:
        seeds(found)
    else:
        tables(found[0])


def seeds(reports: list[dict[str, Any]]) -> None:
    """The figures that were aimed at, a column a report, and the ceiling of the first."""
    rows = [{(row["metric"], row["group"]): row for row in one["rows"]} for one in reports]
    shown = [
        (name, group) for aim in AIMS for name, group in rows[0]
        if name == aim and group in ("N", "S", "V", "all")
        and all(of.get((name, group), {}).get("value") is not None for of in rows)
    ]  # fmt: skip
    table(
        ["figure", "of", *(one["synthetic"].removeprefix("synthetic:") for one in reports), "real"],
        [
            [f"`{name}`", group, *(number(of[name, group]["value"]) for of in rows),
             control(rows[0][name, group], "real")]
            for name, group in shown
        ],
    )  # fmt: skip


def tables(report: dict[str, Any]) -> None:
    """Of one report: Match, new patients, privacy, and every figure."""
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
