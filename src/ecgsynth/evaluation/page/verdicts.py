"""The four questions of a report in plain words, each with a mark and the rule behind it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from ecgsynth.evaluation.controls import BASELINE, CEILING
from ecgsynth.evaluation.report import Report, Row

GOOD, MIDDLING = 0.8, 0.5
"""From this share of the way between floor and ceiling on, a figure is good, or middling."""

RULES = (
    f"Each figure is placed between a floor and a ceiling: 0 % is the Gaussian baseline and 100 % "
    f"are real beats judged in the same way. Good is {GOOD * 100:.0f} % of the way or more, "
    f"middling {MIDDLING * 100:.0f} % or more, poor less.",
    "For copying, the floor is a set of slightly altered training beats and the ceiling what real "
    "beats of the same people reach; where no real set was judged, the ceiling is .50, chance.",
    "Unknown stands where there is no floor or ceiling, where the floor is no worse than the "
    "ceiling, or where the 95 % interval holds both, so that the beats are too few to tell.",
    "Where a question has a figure for each class, the worst class whose mark is known decides, "
    "and the mark says for which classes it holds.",
)
NOT_PLACED = "no floor and ceiling were judged; they need training and held-out recordings"


@dataclass(frozen=True)
class Verdict:
    """One row of the verdict table: mark is good, middling, poor or unknown, and for whom."""

    question: str
    value: str
    ceiling: str
    sentence: str
    mark: str
    metric: str
    scope: str = ""


def verdicts(report: Report) -> list[Verdict]:
    """The questions of the page with their answers."""
    return [_told_apart(report), _covered(report), _useful(report), _copied(report)]


def ends(report: Report, row: Row) -> tuple[float | None, float | None]:
    """(floor, ceiling) of a figure: 0 and 100 % of the way; None where it was not judged."""
    floor, ceiling = row.controls.get(BASELINE), row.controls.get(CEILING)
    if row.metric == "tstr":
        ceiling = next(
            (r.value for r in report.rows if (r.metric, r.group) == ("trtr", row.group)), None
        )
    elif row.question == "privacy":
        floor = row.controls.get("copy", 1.0 if row.metric == "memorisation" else None)
        ceiling = row.controls.get(CEILING, 0.5 if row.metric == "memorisation" else None)
    return known(floor), known(ceiling)


def known(value: float | None) -> float | None:
    """The value; None for NaN and infinity as well."""
    return value if value is not None and math.isfinite(value) else None


def place(report: Report, row: Row) -> tuple[str, float | None, str]:
    """(mark, share of the way from floor to ceiling, reason where the mark is unknown)."""
    value, (floor, ceiling) = known(row.value), ends(report, row)
    if value is None:
        return "unknown", None, row.note or "no value"
    if floor is None or ceiling is None:
        return "unknown", None, NOT_PLACED
    private = row.question == "privacy"
    upside_down = floor < ceiling if private or row.goal == "lower" else floor > ceiling
    if abs(ceiling - floor) < 1e-9 or (upside_down and (private or row.goal != "match")):
        return "unknown", None, "the floor is no worse than the ceiling"
    low, high = known(row.low), known(row.high)
    if low is not None and high is not None:
        least, most = sorted((floor, ceiling))
        if low <= least and most <= high:
            return "unknown", None, "too few beats to tell: the interval holds floor and ceiling"
    share = (value - floor) / (ceiling - floor)
    if row.goal == "match" and not private:
        share = 1 - abs(1 - share)
    return "good" if share >= GOOD else "middling" if share >= MIDDLING else "poor", share, ""


def number(value: float | None) -> str:
    """Three figures, a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{4 if 0 < size < 0.01 else digits}f}"


def _in_100(value: float | None) -> str:
    return "?" if value is None else f"{100 * value:.0f}"


def _told_apart(report: Report) -> Verdict:
    question = "Can a classifier tell them from real?"

    def sentence(row: Row) -> str:
        floor, ceiling = ends(report, row)
        text = (
            "Shown one synthetic and one real beat, a classifier picks out the synthetic one "
            f"{_in_100(row.value)} times in 100; 50 would be guessing."
        )
        if ceiling is not None:
            text += f" It picks out real beats of other minutes {_in_100(ceiling)} times"
            text += f", the simple Gaussian baseline {_in_100(floor)} times." if floor else "."
        return text

    return _of_worst(report, "c2st", question, sentence)


def _covered(report: Report) -> Verdict:
    question = "Does it hold every kind of real beat?"

    def sentence(row: Row) -> str:
        floor, ceiling = ends(report, row)
        text = f"Of 100 real beats{_of(row)}, {_in_100(row.value)} have a synthetic beat close by"
        if ceiling is not None:
            text += f"; a set of real beats of equal size reaches {_in_100(ceiling)}"
            text += f", the Gaussian baseline {_in_100(floor)}" if floor is not None else ""
        text += "." + _beside(report, "coverage_signal", row, "Sample by sample, the share is")
        return text + _beside(
            report, "density", row, "Density, how often they fall among real ones, is"
        )

    return _of_worst(report, "coverage", question, sentence)


def _beside(report: Report, metric: str, row: Row, words: str) -> str:
    """The same class's figure of another metric, beside that of real beats."""
    other = next((r for r in report.rows if (r.metric, r.group) == (metric, row.group)), None)
    if other is None or known(other.value) is None:
        return ""
    return f" {words} {number(other.value)} (real {number(ends(report, other)[1])})."


def _useful(report: Report) -> Verdict:
    question = "Is it good for training, on new patients?"

    def sentence(row: Row) -> str:
        floor, ceiling = ends(report, row)
        text = (
            "A classifier that learned from synthetic beats alone reaches a macro F1 of "
            f"{number(row.value)} on people whom neither it nor the generator ever saw"
        )
        text += f"; from as many real beats it reaches {number(ceiling)}" if ceiling else ""
        return text + (f", from the Gaussian baseline {number(floor)}." if floor else ".")

    return _of_worst(report, "tstr", question, sentence, ("macro NSV", "all"))


def _copied(report: Report) -> Verdict:
    question = "Does it copy patients?"

    def sentence(row: Row) -> str:
        floor, ceiling = ends(report, row)
        return (
            f"Were trained and unseen recordings of the same people equally many, "
            f"{_in_100(row.value)} of 100 synthetic beats{_of(row)} would lie nearer to a trained "
            f"one. Chance is 50, real beats reach {_in_100(ceiling)}, altered copies "
            f"{_in_100(floor)}. This is evidence, not a proof that the set is anonymous."
        )

    return _of_worst(report, "memorisation", question, sentence)


def _of_worst(
    report: Report,
    metric: str,
    question: str,
    sentence: Callable[[Row], str],
    groups: tuple[str, ...] = (),
) -> Verdict:
    """The verdict on the worst class whose mark is known; the other classes are named after it."""
    rows = [row for row in report.rows if row.metric == metric]
    rows = next(([r for r in rows if r.group == g] for g in groups if g in
                 {r.group for r in rows}), rows)  # fmt: skip
    if not rows:
        why = report.left_out.get(metric, "not measured")
        return Verdict(question, "", "", f"Not measured: {why}.", "unknown", metric)
    placed = [(row, *place(report, row)) for row in rows]
    worst = min(placed, key=lambda p: (p[2] is None, p[2] if p[2] is not None else 0))
    row, mark, _, reason = worst
    text = sentence(row) if known(row.value) is not None else "It could not be measured."
    if mark == "unknown":
        text += f" Unknown, because: {reason}."
    others = [f"{r.group} {number(r.value)} ({m})" for r, m, _, _ in placed if r is not row]
    text += f" The other classes: {', '.join(others)}." if others else ""
    value = number(row.value) + (f" in {row.group}" if len(rows) > 1 else "")
    told = [r.group for r, m, _, _ in placed if m != "unknown"]
    scope = f"for {', '.join(told)} only" if 0 < len(told) < len(placed) else ""
    return Verdict(question, value, number(ends(report, row)[1]), text, mark, metric, scope)


def _of(row: Row) -> str:
    return "" if row.group == "all" else f" of class {row.group}"
