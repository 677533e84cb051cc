"""The tables of the docs that come from kept runs.

`python -m benchmarks.tables` renders the JSON of `benchmarks/results` into the pages: a table
stands between the comments `<!-- table NAME -->` and `<!-- end -->`, and a figure in a sentence
between `<!-- figure REPORT METRIC GROUP -->` and `<!-- end -->`; `gaussian` or `real` behind the
group means that control. With `--check` it writes nothing, and ends with 1 where a page differs.
What is not kept stays as it is.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import (
    delineator_tables,
    finetune_tables,
    people_tables,
    record_steps,
    recording_tables,
)
from benchmarks.claims import estimate, number
from benchmarks.classifier import rendering
from benchmarks.complete_table import completed
from benchmarks.delineator_tables import table
from benchmarks.detectors import rendering as detectors
from benchmarks.records import rendering as records
from ecgsynth.files import atomic_write

ROOT = Path(__file__).resolve().parents[1]
KEPT = Path(__file__).resolve().parent / "results"
REGION = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
FIGURE = re.compile(
    r"(<!--\s+figure\s+([\w-]+)\s+(\w+)\s+([^>]+?)(?:\s+(gaussian|real))?\s+-->).*?(<!--\s+end\s+-->)",
    re.DOTALL,
)

GROUPS = ("N", "S", "V", "F", "all")
MATCH = {
    "c2st": "C2ST AUC by people",
    "c2st_minutes": "C2ST AUC by time blocks",
    "coverage": "coverage",
    "density": "density",
    "coverage_signal": "coverage, sample by sample",
    "frechet": "Frechet distance",
    "spread": "spread",
    "psd_distance": "spectrum, dB",
    "copy_share": "share of copies",
}
UTILITY = {
    "tstr": "synthetic (95 %)",
    "trtr": "real (95 %)",
    "tstr_ratio": "ratio synthetic / real (95 %)",
}
MACRO = {"all": "mean of all classes", "macro NSV": "mean of N, S, V"}
ELSEWHERE = (*UTILITY, "trts", "coverage_signal", "density_signal", "rmse_random", "prd_random")
"""Figures that have a table of their own, or mean nothing for single beats."""

BOARD = (
    ("c2st", "all", "C2ST AUC by people: does a classifier separate the two? (.50 = no)"),
    ("c2st_minutes", "all", "the same by minutes of the same people (harder)"),
    ("coverage", "V", "coverage V: share of real beats with a synthetic one close by"),
    ("copy_share", "V", "share of copies V (real beats: .01)"),
    ("tstr", "macro NSV", "macro F1 on new patients, trained on these beats alone"),
)
"""Metric, group and words of each row of the README's board."""

Table = list[str]
"""Lines of Markdown."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where pages differ")
    check = parser.parse_args(words).check
    differ = [path for path, text in rendered().items() if text != path.read_text("utf-8")]
    for path in differ:
        print(path.relative_to(ROOT))
        if not check:
            text = rendered()[path]
            with atomic_write(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    if check and differ:
        sys.exit(1)


def rendered() -> dict[Path, str]:
    """Page -> its text with every table whose JSON is kept."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {path: filled(path.read_text("utf-8"), KEPT) for path in pages}


def filled(text: str, kept: Path) -> str:
    """The text with its tables made anew; kept: the folder of JSON files.

    Raises
    ------
    KeyError: a region names a table that nothing makes.
    """

    def fill(found: re.Match[str]) -> str:
        file, render = TABLES[found[2]]
        path = kept / file
        if not path.is_file():
            return found[0]
        lines = render(json.loads(path.read_text("utf-8")))
        return found[0] if lines is None else found[1] + "\n".join(lines) + "\n" + found[3]

    def figure(found: re.Match[str]) -> str:
        path = kept / f"{found[2]}.json"
        rows = by_name(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
        if not known(rows, found[3], found[4]):
            return found[0]
        row = rows[found[3], found[4]]
        shown = {None: interval(row), "gaussian": controls(row)[0], "real": controls(row)[1]}
        return found[1] + shown[found[5]] + found[6]

    return FIGURE.sub(figure, REGION.sub(fill, text))


def linkability(content: Mapping[str, Any]) -> Table:
    """Both figures of each model, or why there are none."""
    rows = []
    for name, figures in content.items():
        area, more = figures["context_linkability"], figures["context_hits"]
        shown = [interval(area), interval(more)]
        rows.append([name, *shown, area["note"]])
    head = ["model", "AUC by contexts (95 %)", "more hits of trained people (95 %)", "of"]
    return table(head, rows)


def copies(content: Mapping[str, Any]) -> Table | None:
    """Kind of copies by share: the classes with an alarm."""
    found = content.get("copies")
    if not found:
        return None
    shares = sorted({row["share"] for row in found} - {0.0})
    rows = []
    for kind in dict.fromkeys(row["kind"] for row in found):
        cells = {row["share"]: row for row in found if row["kind"] == kind}
        names = [", ".join(cells[s]["alarm_in"]) if s in cells else "" for s in shares]
        if 0.0 in cells:  # no copies at all: the same whatever the share
            names = [", ".join(cells[0.0]["alarm_in"])] * len(shares)
        rows.append([kind, *(name or "none" for name in names)])
    return table(["copies", *(f"{share:.0%}" for share in shares)], rows)


def limits(content: Mapping[str, Any]) -> Table | None:
    """The least number of copies that is an alarm, by size."""
    if not content.get("limits"):
        return None
    rows = [
        [f"{one['items']:,}", f"{one['real']:,}", f"{one['copies']}",
         f"{one['copies'] / one['items']:.1%}"]
        for one in content["limits"]
    ]  # fmt: skip
    return table(["synthetic items of the class", "real items", "copies", "share"], rows)


def real_samples(content: Mapping[str, Any]) -> Table | None:
    """Question by question, how many samples got each mark."""
    parts = [content[part] for part in ("real", "real-copies") if content.get(part)]
    if not parts:
        return None
    marks = ("good", "middling", "poor", "unknown")
    rows = [
        [q, str(found["samples"]), *(str(n.get(mark, 0)) for mark in marks)]
        for found in parts for q, n in found["marks"].items()
    ]  # fmt: skip
    return table(["question", "samples", *marks], rows)


def busy(content: Mapping[str, Any]) -> Table:
    """CPU and wall time of the quiet and the busy run."""
    rows = [
        [name, *(f"{content[name][key]:.1f}" for key in ("cpu_s", "wall_s", "load"))]
        for name in ("quiet", "busy")
    ]
    lines = table(["run", "CPU time, s", "wall time, s", "load before"], rows)
    ratio, most = content["ratio"], content["most"]
    cores = content["cores"]
    return [*lines, "", f"{cores} cores; CPU time busy over quiet: {ratio:.2f} (at most {most:g})."]


def match(report: Mapping[str, Any]) -> Table:
    """Figures of likeness, class by class, with floor and ceiling."""
    rows = by_name(report)
    lines = [
        [words, group, interval(rows[name, group]), *controls(rows[name, group])]
        for name, words in MATCH.items() for group in GROUPS if known(rows, name, group)
    ]  # fmt: skip
    return table(["figure", "of", "synthetic (95 %)", "Gaussian", "real (range of samples)"], lines)


def utility(report: Mapping[str, Any]) -> Table | None:
    """Macro F1 and F1 on new patients."""
    rows = by_name(report)
    groups = [group for name, group in rows if name == "tstr"]
    if not groups:
        return None
    lines = [
        [MACRO.get(group, group), *(interval(rows.get((name, group))) for name in UTILITY),
         controls(rows["tstr", group])[0]]
        for group in groups
    ]  # fmt: skip
    return table(["macro F1", *UTILITY.values(), "Gaussian"], lines)


def memorisation(report: Mapping[str, Any]) -> Table:
    """Share of items nearer to a trained one, and that of real items."""
    rows = by_name(report)
    lines = [
        [group, interval(rows["memorisation", group]), *controls(rows["memorisation", group])]
        for group in GROUPS if known(rows, "memorisation", group)
    ]  # fmt: skip
    head = ["of", "synthetic (95 %)", "Gaussian", "real trained beats of other minutes"]
    return table(head, lines)


def every(report: Mapping[str, Any]) -> Table:
    """A line a figure: value (Gaussian, real) of each class."""
    rows = by_name(report)
    names = dict.fromkeys(name for name, _ in rows if name not in ELSEWHERE)
    lines = []
    for name in names:
        cells = [with_ends(rows[name, g]) if known(rows, name, g) else "" for g in GROUPS]
        if any(cells) and not name.endswith("_ks") and not name.startswith("fairness"):
            unit = next(row["unit"] for (own, _), row in rows.items() if own == name)
            lines.append([f"`{name}`", unit, *cells])
    return table(["figure", "unit", *GROUPS], lines)


def board(report: Mapping[str, Any]) -> Table:
    """The five rows of the README."""
    rows = by_name(report)
    lines = []
    for name, group, words in BOARD:
        if known(rows, name, group):
            row = rows[name, group]
            real = interval(rows.get(("trtr", group))) if name == "tstr" else controls(row)[1]
            lines.append([words, f"**{interval(row)}**", controls(row)[0], real])
    return table(["figure", "synthetic (95 %)", "Gaussian", "real beats (range of samples)"], lines)


def with_ends(row: Mapping[str, Any]) -> str:
    """Value (Gaussian, real), as far as they are known."""
    ends = controls(row)
    temporary = f" ({', '.join(end or '-' for end in ends)})" if any(ends) else ""
    return number(row["value"]) + temporary


def by_name(report: Mapping[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["metric"], row["group"]): row for row in report["rows"]}


def known(rows: Mapping[tuple[str, str], dict[str, Any]], name: str, group: str) -> bool:
    return rows.get((name, group), {}).get("value") is not None


def controls(row: Mapping[str, Any]) -> list[str]:
    """Baseline and ceiling of a row; "" where there is none. The ceiling is the median of real
    samples at the size of the set, with the range that they reach; else one sample."""
    baseline, real = (number(row["controls"].get(name)) for name in ("gaussian", "real"))
    samples = row.get("real")
    if samples:
        real = estimate(samples["median"], samples["low"], samples["high"])
    return [baseline, real]


def interval(row: Mapping[str, Any] | None) -> str:
    """A figure with its 95 % interval where it has one."""
    return "" if row is None else estimate(row.get("value"), row.get("low"), row.get("high"))


TABLES: dict[str, tuple[str, Callable[[Any], Table | None]]] = {
    "linkability": ("linkability.json", linkability),
    "copies": ("adversarial.json", copies),
    "copies-least": ("adversarial.json", limits),
    "real-samples": ("adversarial.json", real_samples),
    "busy": ("busy.json", busy),
    "variability": ("rhythms.json", recording_tables.variability),
    "scoring": ("scoring.json", recording_tables.scoring),
    "strips-two-sample": ("strips.json", recording_tables.two_sample),
    "strips-coupling": ("strips.json", recording_tables.coupling),
    "detectors-agreement": ("detectors.json", detectors.agreement),
    "detectors-ratios": ("detectors.json", detectors.by_ratio),
    "detectors-scores": ("detectors.json", detectors.scores),
    "beat-variation": ("beat-variation.json", recording_tables.beat_variation),
    "beats-match": ("mitbih-beats.json", match),
    "beats-utility": ("mitbih-beats.json", utility),
    "beats-memorisation": ("mitbih-beats.json", memorisation),
    "beats-figures": ("mitbih-beats.json", every),
    "board": ("mitbih-beats.json", board),
    "delineator-crossed": ("delineator.json", delineator_tables.crossed),
    "delineator-shipped": ("delineator.json", delineator_tables.shipped),
    "delineator-kinds": ("delineator.json", delineator_tables.kinds),
    "delineator-leads": ("delineator.json", delineator_tables.leads),
    "delineator-qrs": ("delineator.json", delineator_tables.qrs),
    "delineator-p": ("delineator.json", delineator_tables.p_waves),
    "complete": ("complete.json", completed),
    "record-steps": ("record-steps.json", record_steps.rendered),
    "synthetic-people": ("synthetic-people.json", people_tables.costs),
    "finetuning": ("finetune.json", finetune_tables.curve),
    "people-curve": ("people.json", people_tables.curve),
    "classifier-ds2": ("classifier.json", rendering.ds2),
    "classifier-people": ("classifier.json", rendering.people),
    "classifier-calibration": ("classifier.json", rendering.calibration),
    "classifier-databases": ("classifier.json", rendering.databases),
    "records-systems": ("records.json", records.systems),
    "records-wanted": ("records.json", records.wanted),
    "records-effects": ("records.json", records.effects),
}
"""Name of a table -> the kept file, and what renders it (None: the file lacks it)."""


if __name__ == "__main__":
    main()
