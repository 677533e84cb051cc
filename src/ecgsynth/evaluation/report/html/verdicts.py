"""The position of a figure between floor and ceiling, and the mark that follows from it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from ecgsynth.evaluation.baselines.controls import BASELINE, CEILING
from ecgsynth.evaluation.metric import LEAST_SPAN
from ecgsynth.evaluation.metrics.privacy.copies import COPIES

MIDDLING = 0.5
"""A figure is middling from this share of the way from the floor to the value of real items."""

GOOD = 0.8
"""A figure without real samples (of trained classifiers) is good from this share of the way."""

LEAST_REAL = 100
"""A figure of a class with fewer real held-out items has no mark."""

SYMBOLS = {"good": "✓", "middling": "≈", "poor": "✕", "unknown": "?"}
"""Marks from best to worst, each with a symbol: colour alone is lost on a grey print."""

RULES = (
    "Many samples of real beats, as large as the set, are evaluated as if they were synthetic; "
    "every second sample has another mix of people. A figure is good if it lies in the range of "
    "these samples. The range is chosen so that a real sample has all figures of a question in it "
    "99 times in 100.",
    f"Outside that range, on either side, a figure is middling if it lies at most "
    f"{100 - 100 * MIDDLING:.0f} % of the way from the middle of the range to the floor, else "
    "poor. A set that is better than all real samples is not a sample of real beats.",
    "The floor is the Gaussian baseline, for privacy a set of slightly altered training beats. A "
    "Gaussian does not repeat itself: for spread the floor is the repeated mean beat, and "
    "for collapse a near-duplicate of every fourth beat. Every control has a QRS and the right "
    "class: for these figures the floor is a failure on every second beat.",
    "The set contains copies, and is poor, if its share of copies is higher than that of real "
    "beats, at a significance level of 1 % over all classes.",
    f"For classifiers on new patients, good starts at {GOOD * 100:.0f} % of the way from the "
    f"baseline to a classifier trained on real beats, middling at {MIDDLING * 100:.0f} %.",
    f"The mark is unknown if a class has fewer than {LEAST_REAL} real held-out beats, if no real "
    "samples could be drawn, if the test itself is not valid, or if copies were searched for "
    "without the training set.",
    "If a question has several figures, the worst one with a known mark decides, and the mark "
    "names the classes that it is for.",
)

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report, Row
NOT_GRADED = "no floor and ceiling were measured; they need training and held-out recordings"

FLOORS: dict[str, str | float] = {
    "collapse": 0.25,
    "spread": "mean beat",
    "delineation_failure": 0.5,
    "adherence": 0.5,
    "statement_adherence": 0.5,
}
"""The control that fails where the Gaussian baseline passes; a value if all controls pass."""

UNJUDGED = ("without a target", "no verdict")
"""Words in a figure's note that forbid a mark."""

COPIED = ("copy_share", "copy_share_person")
"""Figures that are marked by their alarm: real items have a fixed value by definition."""

NO_TRAINING_SET = "without the training set, copies of training beats cannot be found"

LISTED = 6
"""Further figures of a question that are listed one by one; more are only counted."""


@dataclass(frozen=True)
class Verdict:
    """The answer to one question: a mark (good, middling, poor, unknown) and for whom it holds.

    sentence: the answer in plain words.
    rule: how the mark came about.
    metric: the figure's name.
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
    """A question of a reader.

    words: the question.
    metrics: the figures that answer it, `*` for any letters; the worst decides.
    describe: gives the answer in plain words.
    groups: only the first of these that was measured counts.
    instead: figures that answer if none of the others was measured, each with its function.
    """

    words: str
    metrics: tuple[str, ...]
    describe: Callable[[Report, Row], str]
    groups: tuple[str, ...] = ()
    instead: tuple[tuple[str, Callable[[Report, Row], str]], ...] = ()

    def matches(self, metric: str) -> bool:
        """Whether the question is answered by a metric."""
        return any(fnmatch(metric, pattern) for pattern in self.metrics)


def floor_of(row: Row) -> str | float:
    """The control at 0 % of the scale, or its value."""
    return "copy" if row.question == "privacy" else FLOORS.get(row.metric, BASELINE)


def floor_and_ceiling(report: Report, row: Row) -> tuple[float | None, float | None]:
    """(floor, ceiling) of a figure: 0 and 100 % of the scale; None where not measured."""
    lowest, ceiling = floor_of(row), known(row.controls.get(CEILING))
    floor = known(row.controls.get(lowest) if isinstance(lowest, str) else lowest)
    if row.metric == "tstr":
        ceiling = next(
            (r.value for r in report.rows if (r.metric, r.group) == ("trtr", row.group)), None
        )
    if row.real is not None:
        ceiling = row.real["median"]
    return floor, known(ceiling)


def has_training_set(report: Report) -> bool:
    """Whether the training set was given; true for a report that does not record it."""
    return bool((report.facts.get("training_set") or {}).get("items", 1))


def known(value: float | None) -> float | None:
    """The value; None for NaN and infinity as well."""
    return value if value is not None and math.isfinite(value) else None


def grade(report: Report, row: Row) -> tuple[str, float | None, str]:
    """(mark, share of the way from the floor to real items, reason if there is no mark)."""
    value, (floor, middle) = known(row.value), floor_and_ceiling(report, row)
    if value is None:
        return "unknown", None, row.note or "no value"
    if row.metric in COPIED:
        if row.note.startswith(COPIES):
            return "poor", 0.0, ""
        return ("good", 1.0, "") if has_training_set(report) else ("unknown", None, NO_TRAINING_SET)
    if any(words in row.note for words in UNJUDGED):
        return "unknown", None, "it describes few people and has no target"
    if row.metric == "c2st" and not (report.facts.get("c2st_validity") or {}).get("valid", True):
        return "unknown", None, "the test does not find the known crude sets, so it is not valid"
    if (count := _real_items(report, row.group)) < LEAST_REAL:
        return "unknown", None, f"{count} real held-out items; a mark needs {LEAST_REAL}"
    if row.real is not None:
        return _grade_in_range(value, floor, row.real)
    if floor is None or middle is None:
        missing = floor_of(row) if floor is None else CEILING
        why = f"the {missing} control could not be measured" if row.controls else NOT_GRADED
        return "unknown", None, why
    return _grade_on_scale(row, value, floor, middle)


def _grade_in_range(
    value: float, floor: float | None, real: dict[str, float]
) -> tuple[str, float, str]:
    """The mark of a figure that was also measured on samples of real items."""
    low, middle, high = (real[name] for name in ("low", "median", "high"))
    nearest = min(max(value, low), high)
    if nearest == value:
        return "good", 1.0, ""
    # Where real samples reach the floor too, the width of their range is the scale.
    span = abs(floor - middle) if floor is not None and not low <= floor <= high else high - low
    share = 1 - abs(value - middle) / max(span, 1e-9)
    return "middling" if share >= MIDDLING else "poor", share, ""


def _grade_on_scale(
    row: Row, value: float, floor: float, ceiling: float
) -> tuple[str, float | None, str]:
    """The mark of a figure without real samples."""
    rises = row.goal == "higher"
    upside_down = floor > ceiling if rises else floor < ceiling
    private = row.question == "privacy"
    if abs(ceiling - floor) < 1e-9 or (upside_down and (private or row.goal != "match")):
        return "unknown", None, "the floor is as good as the ceiling"
    low, high = known(row.low), known(row.high)
    if None in (low, high) and abs(ceiling - floor) <= LEAST_SPAN * max(abs(floor), abs(ceiling)):
        return "unknown", None, "floor and ceiling are too close together for a mark"
    if low is not None and high is not None:
        least, most = sorted((floor, ceiling))
        if low <= least and most <= high:
            why = "too few beats or people: the interval contains floor and ceiling"
            return "unknown", None, why
    share = (value - floor) / (ceiling - floor)
    if row.goal == "match" and not private:
        share = 1 - abs(1 - share)
    return "good" if share >= GOOD else "middling" if share >= MIDDLING else "poor", share, ""


def _real_items(report: Report, group: str) -> int:
    """Held-out items of a class, or of all classes together if the group is no class."""
    counts = {n: int(facts["items"]) for n, facts in report.facts.get("real", {}).items()}
    return counts.get(group, sum(counts.values()) or LEAST_REAL)


def answer(report: Report, question: Question) -> Verdict | None:
    """The verdict on the worst figure with a known mark; None if no figure was requested."""
    for metric, describe in question.instead if not _rows_of(report, question) else ():
        if any(row.metric == metric for row in report.rows):
            return answer(
                report, replace(question, metrics=(metric,), describe=describe, instead=())
            )
    rows = figures_of(report, question)
    if not rows:
        why = next((w for name, w in report.left_out.items() if question.matches(name)), None)
        text, names = f"Not measured: {why}.", ", ".join(question.metrics)
        return Verdict(question.words, "", "", text, "unknown", names) if why else None
    graded = [(row, *grade(report, row)) for row in rows]
    worst = min(graded, key=lambda p: (p[2] is None, p[2] or 0, known(p[0].value) is None))
    row, mark, _, _ = worst
    many = len({r.metric for r in rows}) > 1
    text = (
        question.describe(report, row) if known(row.value) is not None else _describe_missing(row)
    )
    text += _others([p for p in graded if p[0] is not row], many)
    classes = list(dict.fromkeys(r.group for r, m, _, _ in graded if m != "unknown"))
    groups = {r.group for r in rows}
    scope = f"for {', '.join(classes)} only" if 0 < len(classes) < len(groups) else ""
    value = number(row.value) + (f" in {row.group}" if len(groups) > 1 else "")
    value = value if known(row.value) is not None else ""
    ceiling = number(floor_and_ceiling(report, row)[1])
    return Verdict(
        question.words, value, ceiling, text, mark, row.metric, scope, rule_of(report, row)
    )


def figures_of(report: Report, question: Question) -> list[Row]:
    """The figures that answer a question."""
    rows = _rows_of(report, question)
    if not rows:
        for metric, _ in question.instead:
            if rows := [row for row in report.rows if row.metric == metric]:
                break
    chosen = next((g for g in question.groups if g in {row.group for row in rows}), None)
    return [row for row in rows if chosen in (None, row.group)]


def _rows_of(report: Report, question: Question) -> list[Row]:
    return [row for row in report.rows if question.matches(row.metric)]


def rule_of(report: Report, row: Row) -> str:
    """The rule behind the mark of a figure, in one line."""
    mark, share, reason = grade(report, row)
    if share is None:
        return f"Unknown, because: {reason.rstrip('.')}."
    if row.metric in COPIED:
        return f"Real beats have .01; the 95 % interval starts at {number(row.low)}: {mark}."
    floor, ceiling = floor_and_ceiling(report, row)
    name = floor_of(row)
    name = {
        "copy": "altered copies",
        BASELINE: "Gaussian",
        0.5: "one half",
        0.25: "one in four",
    }.get(name, name)
    if row.real is not None:
        inside = (
            f"{row.real['draws']:.0f} samples of real beats reach {number(row.real['low'])} to "
            f"{number(row.real['high'])}, median {number(row.real['median'])}"
        )
        if floor is None:
            return f"{inside}: {mark}."
        passes = row.real["low"] <= floor <= row.real["high"]
        compared = f"the floor ({name}) is {number(floor)}" + (
            ", which passes too" if passes else ""
        )
        return f"{inside}; {compared}: {mark}."
    percent = math.floor(100 * share + 1e-9)
    at = "above 100 %" if percent > 100 else "below 0 %" if percent < 0 else f"at {percent} %"
    return (
        f"0 % is {number(floor)} ({name}), 100 % is {number(ceiling)} (real); this is {at}: "
        f"{mark}. Good from {100 * GOOD:.0f} %, middling from {100 * MIDDLING:.0f} %."
    )


def tally(marks: Sequence[str]) -> list[tuple[str, int]]:
    """Count of each mark that was given, the best first."""
    count = Counter(marks)
    return [(mark, count[mark]) for mark in SYMBOLS if count[mark]]


def number(value: float | None) -> str:
    """A number with three significant digits; a dash if there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    size = abs(value)
    if size == 0:
        return "0"
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{4 if 0 < size < 0.01 else digits}f}"


def _describe_missing(row: Row) -> str:
    return f"It could not be measured: {row.note or 'no value'}."


def _others(graded: Sequence[tuple[Row, str, float | None, str]], many: bool) -> str:
    if not graded:
        return ""
    if len(graded) > LISTED:
        counts = ", ".join(f"{n} {mark}" for mark, n in tally([mark for _, mark, _, _ in graded]))
        return f" The {len(graded)} other figures: {counts}."
    words = [
        f"{r.metric + ' ' if many else ''}{r.group} {number(r.value)} ({mark})"
        for r, mark, _, _ in graded
    ]
    return f" The other {'figures' if many else 'classes'}: {', '.join(words)}."
