"""The figures of a system against what is wanted of it, in one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.claims import number

Cell = Mapping[str, Any]
System = Mapping[str, Any]
"""What is kept of a system: `parts`, by name, each figure -> group -> cell."""

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Rule:
    """One row of the table.

    Attributes
    ----------
    figure: of which part. words: of the row. reach: what is wanted, in words; "" = nothing.
    met: (ours, real's, whether the system makes a record in one pass) -> whether it is reached;
        None where it cannot be decided.
    share: whether the cells are shown as shares of real's. groups: only these.
    decimals: shown; as many as count by default.
    worst: whether only the cell with the least p is shown.
    """

    figure: str
    words: str
    reach: str = ""
    met: Callable[[Cell, Cell | None, bool], bool | None] | None = None
    share: bool = False
    groups: tuple[str, ...] = ()
    decimals: int | None = None
    worst: bool = False


def at_least(limit: float) -> Callable[[Cell, Cell | None, bool], bool | None]:
    return lambda ours, _real, _passes: ours["value"] >= limit


def at_most(limit: float, several: float | None = None) -> Callable[..., bool | None]:
    """several: the limit of systems of several passes."""
    return lambda ours, _real, one_pass: (
        ours["value"] <= (limit if one_pass or several is None else several)
    )


def holds_zero(ours: Cell, _real: Cell | None, _: bool) -> bool | None:
    """Whether the interval of a difference holds 0."""
    return None if ours["low"] is None else ours["low"] <= 0 <= ours["high"]


def not_significant(ours: Cell, _real: Cell | None, _: bool) -> bool | None:
    return None if ours.get("p") is None else ours["p"] >= SIGNIFICANT


def as_real(ours: Cell, real: Cell | None, _: bool) -> bool | None:
    """Whether the interval of the difference from real's holds 0."""
    ends = None if real is None else difference(ours, real)
    return None if ends is None else ends[1] <= 0 <= ends[2]


def share_between(low: float, high: float) -> Callable[[Cell, Cell | None, bool], bool | None]:
    """Whether the share of real's lies between these."""

    def check(ours: Cell, real: Cell | None, _: bool) -> bool | None:
        if real is None or not real["value"]:
            return None
        return bool(low <= ours["value"] / real["value"] <= high)

    return check


def near_real(below: float, above: float) -> Callable[[Cell, Cell | None, bool], bool | None]:
    def check(ours: Cell, real: Cell | None, _: bool) -> bool | None:
        return None if real is None else -below <= ours["value"] - real["value"] <= above

    return check


WIDE = float("inf")

RULES = (
    Rule("tstr", "TSTR, macro AUROC of superclasses", groups=("all",), decimals=3),
    Rule("trtr", "TRTR, the same of real records", groups=("all",), decimals=3),
    Rule("tstr_ratio", "TSTR / TRTR, superclasses", ">= .985", at_least(0.985), decimals=3),
    Rule("coverage", "coverage as a share of real's", ">= .95", share_between(0.95, WIDE), True),
    Rule("spread", "spread as a share of real's", "within .10", share_between(0.9, 1.1), True),
    Rule("c2st", "C2ST, the stronger classifier", "<= .85, several passes <= .95",
         at_most(0.85, 0.95), groups=("all",), decimals=3),
    Rule("beats_met", "beats asked for that a detector finds", "real's - .005",
         near_real(0.005, WIDE), decimals=4),
    Rule("beats_extra", "beats of a detector not asked for", "real's + .005",
         near_real(WIDE, 0.005), decimals=4),
    Rule("beat_offset", "median offset of beats from real's, ms", "within 20",
         lambda ours, _real, _passes: abs(ours["value"]) <= 20),
    Rule("rate_error", "heart rate, detected against asked, median error, 1/min", "<= 1",
         at_most(1.0)),
    Rule("beat_variation", "variation of the QRS from beat to beat minus real's"),
    Rule("statement_adherence_gap", "statement adherence minus real's", "interval holds 0",
         holds_zero),
    Rule("r_amplitude_median", "median R amplitude minus real's, mV", "0 by Holm", not_significant),
    Rule("qrs_median", "median QRS minus real's, ms", "0 by Holm", not_significant),
    Rule("qt_median", "median QT minus real's, ms", "0 by Holm", not_significant),
    Rule("pr_median", "median PR minus real's, ms", "0 by Holm", not_significant),
    Rule("heart_rate_by_group", "median rate by sex and age minus real's, 1/min", "0 by Holm",
         not_significant, worst=True),
    Rule("qtcf_by_group", "median QTc by sex and age minus real's, ms", "0 by Holm",
         not_significant, worst=True),
    Rule("r_amplitude_by_group", "median R by sex and age minus real's, mV", "0 by Holm",
         not_significant, worst=True),
    Rule("qrs_by_group", "median QRS by sex and age minus real's, ms", "0 by Holm",
         not_significant, worst=True),
    Rule("lead_correlation_error", "lead correlation error, times real's", "<= 1.5",
         share_between(-WIDE, 1.5), True),
    Rule("lead_mutual_information", "lead mutual information minus real's, nat"),
    Rule("memorisation", "memorisation", "as real", as_real),
    Rule("copy_share", "share of copies", "as real (.01)",
         lambda ours, _real, _passes: ours["low"] is None or ours["low"] <= 0.01),
    Rule("context_linkability", "context linkability", "as real", as_real),
    Rule("patient_membership", "patient membership", "as real", as_real),
    Rule("passes", "passes through the network"),
    Rule("seconds_per_record", "core-seconds a record"),
    Rule("records_per_second", "records per core-second", ">= 200, several passes >= 15",
         lambda ours, _real, one_pass: ours["value"] >= (200 if one_pass else 15)),
    Rule("first_ms", "first record of a loaded model, ms", "<= 300", at_most(300)),
    Rule("mb", "size of the weights, MB"),
)  # fmt: skip

LAST = (
    Rule(
        "tstr_ratio",
        "TSTR / TRTR, statements, folds 9 and 10",
        ">= .96",
        at_least(0.96),
        decimals=3,
    ),
    Rule("tstr", "TSTR of CLBBB and CRBBB", groups=("CLBBB", "CRBBB")),
    Rule("trtr", "TRTR of CLBBB and CRBBB", groups=("CLBBB", "CRBBB")),
)
"""Of the part `statements`."""


def difference(ours: Cell, real: Cell) -> tuple[float, float, float] | None:
    """Ours minus real's with its interval, from both intervals (Zou & Donner, Stat. Med. 2008)."""
    if None in (ours["low"], real["low"], ours["value"], real["value"]):
        return None
    value = ours["value"] - real["value"]
    down = np.hypot(ours["value"] - ours["low"], real["high"] - real["value"])
    up = np.hypot(ours["high"] - ours["value"], real["value"] - real["low"])
    return value, float(value - down), float(value + up)


def rows(system: System, real: System | None) -> list[list[str]]:
    """Figure, ours, real's, reach, met: the rows of the table that are measured."""
    parts = system.get("parts", {})
    passes = parts.get("cost", {}).get("passes", {}).get("all", {}).get("value")
    theirs = {} if real is None else _figures(real["parts"], False)
    found = []
    for rules, last in ((RULES, False), (LAST, True)):
        figures = _figures(parts, last)
        for rule in rules:
            if rule.figure in figures:
                cells = figures[rule.figure]
                others = {} if last else theirs.get(rule.figure, {})
                found.append(_row(rule, cells, others, passes == 1))
    return found


def _figures(parts: Mapping[str, Any], last: bool) -> dict[str, Mapping[str, Cell]]:
    """Figure -> its cells; last: of the part `statements` alone."""
    return {
        figure: cells
        for name, part in parts.items() if (name == "statements") == last
        for figure, cells in part.items()
    }  # fmt: skip


def _row(
    rule: Rule, cells: Mapping[str, Cell], others: Mapping[str, Cell], one_pass: bool
) -> list[str]:
    shown, real, verdicts, failed = [], [], [], []
    known_p = {group: one["p"] for group, one in cells.items() if one.get("p") is not None}
    least = min(known_p, key=lambda group: known_p[group], default="")
    for group, one in cells.items():
        if one["value"] is None or (rule.groups and group not in rule.groups):
            continue
        other = others.get(group)
        other = None if other is None or other["value"] is None else other
        words = "" if group == "all" else f"{group} "
        if rule.met is not None:
            verdict = rule.met(one, other, one_pass)
            verdicts.append(verdict)
            failed += [group] if verdict is False else []
        if rule.worst and group != least:
            continue
        shown.append(words + _shown(one, other if rule.share else None, rule.decimals))
        if other is not None:
            real.append(words + _shown(other, None, rule.decimals))
    if not shown:
        why = next((one["note"] for one in cells.values() if one["note"]), "")
        return [rule.words, f"none: {why}", "", rule.reach, ""]
    known = [one for one in verdicts if one is not None]
    met = "" if not known else "yes" if all(known) else f"no: {', '.join(failed)}"
    return [rule.words, "; ".join(shown), "; ".join(real), rule.reach, met.removesuffix(": all")]


def _shown(one: Cell, base: Cell | None, decimals: int | None) -> str:
    """A figure with its interval; base: shown as a share of it."""
    scale = base["value"] if base is not None and base["value"] else 1.0
    ends = [None if one[name] is None else one[name] / scale for name in ("value", "low", "high")]
    value, low, high = (_digits(end, decimals) for end in ends)
    note = one.get("note", "")
    named = f" ({note.partition(';')[0]})" if note.startswith(("boosting", "network")) else ""
    return f"{value} ({low} to {high}){named}" if low and high else value + named


def _digits(value: float | None, decimals: int | None) -> str:
    if decimals is None or value is None:
        return number(value)
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{decimals}f}")


def table(system: System, real: System | None) -> list[str]:
    """Lines of Markdown."""
    head = ["figure", "synthetic", "real", "reach", "met"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows(system, real)]
