"""The tables of `benchmarks/results/delineator.json`, which `benchmarks/tables.py` renders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecgsynth.signals.vocabulary import FIDUCIALS, LEADS_12

Table = list[str]
Rows = Sequence[Mapping[str, Any]]

KINDS = {"N": "normal", "B": "bundle branch block", "A": "atrial premature", "V": "ventricular",
         "Q": "unclassifiable"}  # fmt: skip
SPLITS = {"mitbih:DS1": "DS1", "mitbih:DS2": "DS2", "mitbih:paced": "paced"}
FOLDS = {"ptbxl:validation": "fold 9", "judge ptbxl:validation": "fold 9, the judge's network",
         "ptbxl:test": "fold 10"}  # fmt: skip
POINTS = ("p_onset", "p_offset", "qrs_onset", "qrs_offset", "t_offset")


def crossed(content: Mapping[str, Any]) -> Table | None:
    """Errors on the database that a network did not learn from, beside published ones."""
    qtdb, ludb = found(content, "ludb to qtdb"), found(content, "qtdb to ludb")
    if not qtdb or not ludb:
        return None
    published = content["published"]
    tolerance = published["tolerance"]["sd_ms"]
    columns = [
        chosen(qtdb, "better"),
        chosen(qtdb, "vote"),
        chosen(ludb, "all"),
        {row["fiducial"]: row for row in published["martinez"]["rows"]},
    ]
    rows = []
    for name in FIDUCIALS:
        limit = f"{2 * tolerance[name]:.1f}" if name in tolerance else ""
        rows.append([name, *(cell(column.get(name)) for column in columns), limit])
    head = [
        "point", "LUDB to QTDB, better lead", "LUDB to QTDB, both leads vote",
        "QTDB to LUDB, every lead", "Martinez 2004, QTDB, better lead", "SD, limit",
    ]  # fmt: skip
    return table(head, rows)


def shipped(content: Mapping[str, Any]) -> Table | None:
    """Errors of the network of several leads on people whom it never saw."""
    ludb, qtdb = found(content, "ludb:test"), found(content, "qtdb")
    if not ludb or not qtdb:
        return None
    columns = [chosen(ludb, "all"), *(chosen(qtdb, name) for name in ("each", "better", "vote"))]
    rows = [[name, *(cell(column.get(name)) for column in columns)] for name in FIDUCIALS]
    head = ["point", "LUDB, every lead", "QTDB, every lead", "QTDB, better lead", "QTDB, vote"]
    return table(head, rows)


def kinds(content: Mapping[str, Any]) -> Table | None:
    """Errors on QTDB by the kind of beat."""
    rows = []
    for kind, words in KINDS.items():
        column = chosen(found(content, "ludb to qtdb"), "vote", kind)
        if "r_peak" in column:
            cells = [cell(column.get(name)) for name in ("p_onset", "qrs_onset", "t_offset")]
            counts = column["r_peak"]
            rows.append([words, str(counts["marks"]), str(counts["people"]), *cells])
    return table(["beats", "n", "people", "p_onset", "qrs_onset", "t_offset"], rows)


def leads(content: Mapping[str, Any]) -> Table | None:
    """Errors on leads that the network did not learn from, and on those of the other database."""
    qtdb, ludb = found(content, "ludb to qtdb"), found(content, "qtdb to ludb")
    groups = [("LUDB to QTDB", qtdb, name) for name in ("lead of LUDB", "other lead")]
    groups += [("QTDB to LUDB", ludb, name) for name in LEADS_12]
    rows = []
    for words, source, name in groups:
        column = chosen(source, name)
        if column:
            cells = [cell(column.get(point)) for point in POINTS]
            rows.append([words, name, str(column["r_peak"]["people"]), *cells])
    return table(["trained, tested", "leads", "people", *POINTS], rows) if rows else None


def qrs(content: Mapping[str, Any]) -> Table | None:
    """QRS complexes of MIT-BIH."""
    rows = []
    for split, words in SPLITS.items():
        for name, row in dict(found(content, split)).get("qrs", {}).items():
            worst = ", ".join(
                f"{record} ({one['missed']}, {one['extra']})"
                for record, one in row["worst"].items()
            )
            shares = [f"{100 * row[key]:.2f} %" for key in ("sensitivity", "precision")]
            rows.append([words, name, str(row["records"]), f"{row['beats']:,}", *shares, worst])
    head = ["records", "leads", "n", "beats", "sensitivity", "precision", "worst (missed, extra)"]
    return table(head, rows) if rows else None


def p_waves(content: Mapping[str, Any]) -> Table | None:
    """The share of beats in which a P wave is detected."""
    rows = []
    for split, words in (SPLITS | FOLDS).items():
        source = dict(found(content, split))
        for name, row in sorted(source.get("p_waves", source).items()):
            if row["beats"]:
                share = f"{row['with_p']:.2f}"
                rows.append([words, name, f"{row['beats']:,}", str(row["people"]), share])
    return table(["of", "beats", "n", "people", "with P"], rows) if rows else None


def found(content: Mapping[str, Any], part: str) -> Any:
    """What was measured of a part; empty where it was not."""
    return content["parts"].get(part, {}).get("found", ())


def chosen(rows: Rows, leads: str, kind: str = "all") -> dict[str, Mapping[str, Any]]:
    """Fiducial -> row of these leads and beats."""
    return {r["fiducial"]: r for r in rows if (r["leads"], r["kind"]) == (leads, kind)}


def cell(row: Mapping[str, Any] | None) -> str:
    """Mean and SD in ms, then sensitivity and precision in percent."""
    if row is None or row["mean_ms"] is None:
        return ""
    shares = [row["sensitivity"], row["precision"]]
    words = "/".join("-" if share is None else f"{100 * share:.1f}" for share in shares)
    return f"{row['mean_ms']:+.1f} ± {row['sd_ms']:.1f} {words}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Table:
    """Lines of Markdown."""
    head = list(head)
    return [line(head), "|" + "---|" * len(head), *map(line, rows)]


def line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
