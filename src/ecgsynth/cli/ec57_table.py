"""The EC57 figures of a classifier as a table on the terminal."""

from __future__ import annotations

from typing import Any

from ecgsynth.cli.console import table


def show_ec57(figures: dict[str, Any]) -> None:
    """VEB and SVEB by the rules of EC57 as a table."""
    lines = [
        [name, str(row["counts"]["TP"] + row["counts"]["FN"]), *(
            f"{show_share(row[rate]['gross'])} / {show_share(row[rate]['average'])}"
            for rate in ("sensitivity", "predictivity", "false_positive_rate")
        )]
        for name, row in figures.items()
    ]  # fmt: skip
    title = "EC57, gross / average of records (F and Q classified as V, and Q as S, are left out)"
    table(title, ["", "beats", "Se", "+P", "FPR"], lines)


def show_share(value: float | None) -> str:
    """A share with two digits; - where there is none."""
    return "-" if value is None else f"{value:.2f}".removeprefix("0")
