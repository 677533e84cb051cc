"""The tables and the chart of detector agreement, from the kept counts.

`python -m benchmarks.detectors.rendering` draws `docs/images/detectors.png`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.delineator_tables import table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "benchmarks" / "results" / "detectors.json"
PICTURE = ROOT / "docs" / "images" / "detectors.png"

REAL = "real"
HALVES = "half of the people beside the other half"
DRAWN_DB = {12.0: "#1b6ca8", 6.0: "#e08e0b", 0.0: "#b3261e"}
"""Ratios in the chart, with their colours."""

Table = list[str]


def agreement(content: Mapping[str, Any]) -> Table:
    """Figure by recorder: means over 12, 6 and 0 dB with intervals; the halves last."""
    figures, shown = content["figures"], ("rank_correlation", "difference")
    rows = []
    for name, found in figures["compared"].items():
        cells = [_interval(found[key]["hard"]) for key in shown]
        shift = _interval(found["shift"]["hard"], sign=True)
        rows.append([name, str(found["people"]), *cells, shift])
    people = str(figures["halves"]["people"])
    rows.append([HALVES, people, *(_interval(figures["halves"][key]["hard"]) for key in shown), ""])
    head = [
        "F1 of detectors, beside those on DS2", "people", "rank correlation (95 %)",
        "mean absolute difference (95 %)", "mean difference (95 %)",
    ]  # fmt: skip
    return table(head, rows)


def by_ratio(content: Mapping[str, Any]) -> Table:
    """Rank correlation by SNR."""
    figures = content["figures"]
    rows = [
        [name, *map(_short, found["rank_correlation"]["by_snr"])]
        for name, found in figures["compared"].items()
    ]
    halves = figures["halves"]["rank_correlation"]["by_snr"]
    rows.append([HALVES, *map(_short, halves)])
    return table(["rank correlation", *_ratios(content)], rows)


def scores(content: Mapping[str, Any]) -> Table:
    """F1 of each detector on DS2 by SNR, and on each recorder's recordings at 6 dB."""
    f1 = content["figures"]["f1"]
    others = [name for name in f1 if name != REAL]
    at = content["snr_db"].index(6.0)
    rows = []
    for k, name in enumerate(content["detectors"]):
        cells = [_short(row[k]) for row in f1[REAL]]
        rows.append([f"`{name}`", *cells, *(_short(f1[other][at][k]) for other in others)])
    head = ["F1", *(f"DS2, {words}" for words in _ratios(content))]
    return table([*head, *(f"{other}, 6 dB" for other in others)], rows)


def _ratios(content: Mapping[str, Any]) -> list[str]:
    return ["clean" if one is None else f"{one:g} dB" for one in content["snr_db"]]


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value < 0.9995 else "1.000"


def _interval(row: list[float], sign: bool = False) -> str:
    value, low, high = (f"{one:+.3f}" if sign else f"{one:.3f}" for one in row)
    return f"{value} ({low} to {high})"


def chart(content: Mapping[str, Any]) -> Figure:
    """F1 on synthetic recordings over that on real ones: a panel a recorder, a dot a detector."""
    from matplotlib.figure import Figure

    f1 = content["figures"]["f1"]
    others = [name for name in f1 if name != REAL]
    figure = Figure(figsize=(1 + 3.6 * len(others), 4.2), layout="constrained")
    panels = figure.subplots(1, len(others), sharex=True, sharey=True, squeeze=False)[0]
    rows = {ratio: content["snr_db"].index(ratio) for ratio in DRAWN_DB}
    least = min(min(f1[name][row]) for name in f1 for row in rows.values()) - 0.02
    for axes, name in zip(panels, others, strict=True):
        axes.plot([least, 1], [least, 1], color="0.6", lw=0.8, zorder=0)
        for ratio, row in rows.items():
            axes.scatter(
                f1[REAL][row], f1[name][row], s=26, color=DRAWN_DB[ratio], alpha=0.8, lw=0,
                label=f"{ratio:g} dB",
            )  # fmt: skip
        found = content["figures"]["compared"][name]["rank_correlation"]["hard"][0]
        axes.set_title(f"{name}: rank correlation {found:.2f}", fontsize=10)
        axes.set(xlabel="F1 on DS2", xlim=(least, 1.01), ylim=(least, 1.01), aspect="equal")
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("F1 on synthetic recordings")
    panels[0].legend(frameon=False, loc="upper left", title="a dot a detector", title_fontsize=9)
    return figure


def main() -> None:
    chart(json.loads(KEPT.read_text("utf-8"))).savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
