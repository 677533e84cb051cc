"""What was aimed at with a beat generator, trainings that differ in their seed side by side.

`ecgsynth evaluate beats.npz --against mitbih:heldout --train mitbih:train --to 1.json` for each,
then `python -m benchmarks.flagship 1.json 2.json 3.json` prints the table in Markdown. The tables
of one report come from `python -m benchmarks.tables`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.claims import number, table

AIMS = (
    "c2st", "coverage", "density", "frechet_ratio", "wavelet_coherence", "memorisation",
    "adherence", "qrs_w1", "qt_w1", "qtcf_w1", "pr_w1", "rr_w1", "p_amplitude_w1",
    "r_amplitude_w1", "t_amplitude_w1", "st_level_w1",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("reports", type=Path, nargs="+", help="JSON of `ecgsynth evaluate`")
    seeds([json.loads(path.read_text()) for path in parser.parse_args().reports])


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
             number(rows[0][name, group]["controls"].get("real"))]
            for name, group in shown
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
