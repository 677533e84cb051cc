"""Where a figure lies between floor and ceiling, and what mark it earns there."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch

from ecgsynth.evaluation.controls import BASELINE, CEILING
from ecgsynth.evaluation.report import LEAST_SPAN, Report, Row

GOOD, MIDDLING = 0.8, 0.5
"""From this share of the way between floor and ceiling on, a figure is good, or middling."""

SYMBOLS = {"good": "✓", "middling": "≈", "poor": "✕", "unknown": "?"}
"""Marks from best to worst, each with its sign: colour alone tells nothing on grey paper."""

RULES = (
    f"Each figure is placed between a floor and a ceiling: 0 % is the Gaussian baseline and 100 % "
    f"are real beats judged in the same way. Good is {GOOD * 100:.0f} % of the way or more, "
    f"middling {MIDDLING * 100:.0f} % or more, poor less.",
    "For privacy, the floor is a set of slightly altered training beats and the ceiling what real "
    "beats of the same people reach; where no real set was judged, or it lies beneath chance, the "
    "ceiling of an attack is chance, .50.",
    "A Gaussian does not repeat itself: for spread the floor is the mean beat again and again, and "
    "for collapse 0 % is a twin for every fourth beat. Every control has its QRS and keeps its "
    "class: there 0 % is a failure on every other beat.",
    "Unknown stands where there is no floor or ceiling, where the floor is no worse than the "
    "ceiling, or where the 95 % interval holds both, so that beats or people are too few to tell.",
    "Where a question has a figure for each class, the worst class whose mark is known decides, "
    "and the mark says for which classes it holds.",
)
NOT_PLACED = "no floor and ceiling were judged; they need training and held-out recordings"

FLOORS: dict[str, str | float] = {
    "collapse": 0.25,
    "spread": "mean beat",
    "delineation_failure": 0.5,
    "adherence": 0.5,
    "statement_adherence": 0.5,
}
"""The control that fails where the Gaussian baseline passes; a value where every control does."""

CHANCE = {"memorisation": 0.5, "nn_membership": 0.5, "domias": 0.5}
"""Least ceilings of privacy figures: an attack that fails more often than chance tells drift."""

UNJUDGED = ("without a target", "no verdict")
"""Words in a figure's note that forbid a mark."""

LISTED = 6
"""Further figures of a question that are told one by one; more are counted."""


@dataclass(frozen=True)
class Verdict:
    """The answer to one question: a mark (good, middling, poor, unknown) and for whom it holds.

    sentence: the answer in plain words. rule: how the mark came about. metric: the figure's name.
    """

    question: str
    value: str
    ceiling: str
    sentence: str
    mark: str
    metric: str
    scope: str = ""
    rule: str = ""


@dataclass(frozen=True)
class Question:
    """What a reader asks.

    words: as asked. metrics: the figures that answer it, `*` for any letters; the worst decides.
    tell: the answer in plain words. groups: only the first of these groups that was judged.
    instead: figures that answer where none of the others was judged, each with its words.
    """

    words: str
    metrics: tuple[str, ...]
    tell: Callable[[Report, Row], str]
    groups: tuple[str, ...] = ()
    instead: tuple[tuple[str, Callable[[Report, Row], str]], ...] = ()

    def meant(self, metric: str) -> bool:
        return any(fnmatch(metric, pattern) for pattern in self.metrics)


def floor_of(row: Row) -> str | float:
    """The control that is 0 % of the way, or the value itself."""
    return "copy" if row.question == "privacy" else FLOORS.get(row.metric, BASELINE)


def ends(report: Report, row: Row) -> tuple[float | None, float | None]:
    """(floor, ceiling) of a figure: 0 and 100 % of the way; None where it was not judged."""
    lowest, ceiling = floor_of(row), known(row.controls.get(CEILING))
    floor = known(row.controls.get(lowest) if isinstance(lowest, str) else lowest)
    if row.metric == "tstr":
        ceiling = next(
            (r.value for r in report.rows if (r.metric, r.group) == ("trtr", row.group)), None
        )
    elif row.question == "privacy" and row.metric in CHANCE:
        floor = 1.0 if floor is None else floor
        ceiling = max(ceiling or 0.0, CHANCE[row.metric])
    return floor, known(ceiling)


def known(value: float | None) -> float | None:
    """The value; None for NaN and infinity as well."""
    return value if value is not None and math.isfinite(value) else None


def place(report: Report, row: Row) -> tuple[str, float | None, str]:
    """(mark, share of the way from floor to ceiling, reason where the mark is unknown)."""
    value, (floor, ceiling) = known(row.value), ends(report, row)
    if value is None:
        return "unknown", None, row.note or "no value"
    if floor is None or ceiling is None:
        missing = floor_of(row) if floor is None else CEILING
        why = f"the {missing} control could not be measured" if row.controls else NOT_PLACED
        return "unknown", None, why
    if any(words in row.note for words in UNJUDGED):
        return "unknown", None, "it describes few people, and has no target"
    if row.metric == "c2st" and not (report.facts.get("c2st_validity") or {}).get("valid", True):
        return "unknown", None, "the test misses sets that it must find, so it is not valid"
    private = row.question == "privacy"
    rises = row.goal == "higher"
    upside_down = floor > ceiling if rises else floor < ceiling
    if abs(ceiling - floor) < 1e-9 or (upside_down and (private or row.goal != "match")):
        return "unknown", None, "the floor is no worse than the ceiling"
    low, high = known(row.low), known(row.high)
    if None in (low, high) and abs(ceiling - floor) <= LEAST_SPAN * max(abs(floor), abs(ceiling)):
        return "unknown", None, "floor and ceiling lie too close together to tell"
    if low is not None and high is not None:
        least, most = sorted((floor, ceiling))
        if low <= least and most <= high:
            return (
                "unknown",
                None,
                "too few beats or people to tell: the interval holds floor and ceiling",
            )
    share = (value - floor) / (ceiling - floor)
    if row.goal == "match" and not private:
        share = 1 - abs(1 - share)
    return "good" if share >= GOOD else "middling" if share >= MIDDLING else "poor", share, ""


def answer(report: Report, question: Question) -> Verdict | None:
    """The verdict on the worst figure whose mark is known; None where nothing was asked of it."""
    rows = [row for row in report.rows if question.meant(row.metric)]
    for metric, tell in () if rows else question.instead:
        if any(row.metric == metric for row in report.rows):
            return answer(report, replace(question, metrics=(metric,), tell=tell, instead=()))
    there = {row.group for row in rows}
    chosen = next((group for group in question.groups if group in there), None)
    rows = [row for row in rows if chosen in (None, row.group)]
    if not rows:
        why = next((w for name, w in report.left_out.items() if question.meant(name)), None)
        text, names = f"Not measured: {why}.", ", ".join(question.metrics)
        return Verdict(question.words, "", "", text, "unknown", names) if why else None
    placed = [(row, *place(report, row)) for row in rows]
    worst = min(placed, key=lambda p: (p[2] is None, p[2] or 0, known(p[0].value) is None))
    row, mark, _, _ = worst
    many = len({r.metric for r in rows}) > 1
    text = question.tell(report, row) if known(row.value) is not None else _silent(row)
    text += _others([p for p in placed if p[0] is not row], many)
    told = list(dict.fromkeys(r.group for r, m, _, _ in placed if m != "unknown"))
    groups = {r.group for r in rows}
    scope = f"for {', '.join(told)} only" if 0 < len(told) < len(groups) else ""
    value = number(row.value) + (f" in {row.group}" if len(groups) > 1 else "")
    value = value if known(row.value) is not None else ""
    ceiling = number(ends(report, row)[1])
    return Verdict(
        question.words, value, ceiling, text, mark, row.metric, scope, rule_of(report, row)
    )


def rule_of(report: Report, row: Row) -> str:
    """How the mark of a figure came about, in one line."""
    mark, share, reason = place(report, row)
    if share is None:
        return f"Unknown, because: {reason.rstrip('.')}."
    floor, ceiling = ends(report, row)
    name = floor_of(row)
    name = {
        "copy": "altered copies",
        BASELINE: "Gaussian",
        0.5: "one half",
        0.25: "one in four",
    }.get(name, name)
    percent = math.floor(100 * share + 1e-9)
    at = "above 100 %" if percent > 100 else "below 0 %" if percent < 0 else f"at {percent} %"
    return (
        f"0 % is {number(floor)} ({name}), 100 % is {number(ceiling)} (real); this is {at}: "
        f"{mark}. Good from {100 * GOOD:.0f} %, middling from {100 * MIDDLING:.0f} %."
    )


def tally(marks: Sequence[str]) -> list[tuple[str, int]]:
    """How often each mark was given, the best first; marks that were not given are left out."""
    count = Counter(marks)
    return [(mark, count[mark]) for mark in SYMBOLS if count[mark]]


def number(value: float | None) -> str:
    """Three figures, a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    size = abs(value)
    if size == 0:
        return "0"
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{4 if 0 < size < 0.01 else digits}f}"


def _silent(row: Row) -> str:
    return f"It could not be measured: {row.note or 'no value'}."


def _others(placed: Sequence[tuple[Row, str, float | None, str]], many: bool) -> str:
    if not placed:
        return ""
    if len(placed) > LISTED:
        counts = ", ".join(f"{n} {mark}" for mark, n in tally([mark for _, mark, _, _ in placed]))
        return f" The {len(placed)} other figures: {counts}."
    words = [
        f"{r.metric + ' ' if many else ''}{r.group} {number(r.value)} ({mark})"
        for r, mark, _, _ in placed
    ]
    return f" The other {'figures' if many else 'classes'}: {', '.join(words)}."
