"""Where a figure lies between floor and ceiling, and what mark it earns there."""

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
"""From this share of the way from the floor to what real items reach on, a figure is middling."""

GOOD = 0.8
"""From this share on it is good where no real samples were drawn, as for trained classifiers."""

LEAST_REAL = 100
"""Real held-out items of a class; a figure of fewer is given without a mark."""

SYMBOLS = {"good": "✓", "middling": "≈", "poor": "✕", "unknown": "?"}
"""Marks from best to worst, each with its sign: colour alone tells nothing on grey paper."""

RULES = (
    "Many samples of real beats, of the set's own size, are judged as if they were synthetic; in "
    "every second one the mix of people is another. A "
    "figure is good where it lies in the range that they reach; the range is so wide that a real "
    "sample has every figure of a question in it 99 times in 100.",
    f"Outside of that range, on either side, a figure is middling where it lies at most "
    f"{100 - 100 * MIDDLING:.0f} % of the way from the middle of the range to the floor, else "
    "poor: a set that is better than real samples ever are is no sample of them.",
    "The floor is the Gaussian baseline, for privacy a set of slightly altered training beats. A "
    "Gaussian does not repeat itself: for spread the floor is the mean beat again and again, and "
    "for collapse a twin for every fourth beat. Every control has its QRS and keeps its class: "
    "there the floor is a failure on every other beat.",
    "The set holds copies, and is poor, where its share of copies lies above that of real beats "
    "at a level of 1 % over all classes.",
    f"For classifiers on new patients, good is {GOOD * 100:.0f} % of the way from the baseline to "
    f"what real beats teach, middling {MIDDLING * 100:.0f} %.",
    f"Unknown stands where a class has fewer than {LEAST_REAL} real held-out beats, where no real "
    "samples could be drawn, where the test itself is not valid, or where copies were looked for "
    "without the training set.",
    "Where a question has several figures, the worst whose mark is known decides, and the mark "
    "says for which classes it holds.",
)

if TYPE_CHECKING:
    from ecgsynth.evaluation.report import Report, Row
NOT_PLACED = "no floor and ceiling were judged; they need training and held-out recordings"

FLOORS: dict[str, str | float] = {
    "collapse": 0.25,
    "spread": "mean beat",
    "delineation_failure": 0.5,
    "adherence": 0.5,
    "statement_adherence": 0.5,
}
"""The control that fails where the Gaussian baseline passes; a value where every control does."""

UNJUDGED = ("without a target", "no verdict")
"""Words in a figure's note that forbid a mark."""

COPIED = ("copy_share", "copy_share_person")
"""Figures whose alarm decides: real items stand on one value by what the figure is."""

UNTRAINED = "without the training set nobody sees whether the set holds copies of trained beats"

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
    if row.real is not None:
        ceiling = row.real["median"]
    return floor, known(ceiling)


def was_trained(report: Report) -> bool:
    """Whether the training set was there; of a report that does not say so it was."""
    return bool((report.facts.get("training_set") or {}).get("items", 1))


def known(value: float | None) -> float | None:
    """The value; None for NaN and infinity as well."""
    return value if value is not None and math.isfinite(value) else None


def place(report: Report, row: Row) -> tuple[str, float | None, str]:
    """(mark, share of the way from floor to what real items reach, reason of no mark)."""
    value, (floor, middle) = known(row.value), ends(report, row)
    if value is None:
        return "unknown", None, row.note or "no value"
    if row.metric in COPIED:
        if row.note.startswith(COPIES):
            return "poor", 0.0, ""
        return ("good", 1.0, "") if was_trained(report) else ("unknown", None, UNTRAINED)
    if any(words in row.note for words in UNJUDGED):
        return "unknown", None, "it describes few people, and has no target"
    if row.metric == "c2st" and not (report.facts.get("c2st_validity") or {}).get("valid", True):
        return "unknown", None, "the test misses sets that it must find, so it is not valid"
    if (count := _real_items(report, row.group)) < LEAST_REAL:
        return "unknown", None, f"{count} real held-out items; a mark needs {LEAST_REAL}"
    if row.real is not None:
        return _in_range(value, floor, row.real)
    if floor is None or middle is None:
        missing = floor_of(row) if floor is None else CEILING
        why = f"the {missing} control could not be measured" if row.controls else NOT_PLACED
        return "unknown", None, why
    return _on_the_way(row, value, floor, middle)


def _in_range(value: float, floor: float | None, real: dict[str, float]) -> tuple[str, float, str]:
    """The mark of a figure that was measured on samples of real items."""
    low, middle, high = (real[name] for name in ("low", "median", "high"))
    nearest = min(max(value, low), high)
    if nearest == value:
        return "good", 1.0, ""
    # A floor that real samples reach as well is no scale: the range is.
    span = abs(floor - middle) if floor is not None and not low <= floor <= high else high - low
    share = 1 - abs(value - middle) / max(span, 1e-9)
    return "middling" if share >= MIDDLING else "poor", share, ""


def _on_the_way(
    row: Row, value: float, floor: float, ceiling: float
) -> tuple[str, float | None, str]:
    """The mark of a figure of which no real samples were drawn."""
    rises = row.goal == "higher"
    upside_down = floor > ceiling if rises else floor < ceiling
    private = row.question == "privacy"
    if abs(ceiling - floor) < 1e-9 or (upside_down and (private or row.goal != "match")):
        return "unknown", None, "the floor is no worse than the ceiling"
    low, high = known(row.low), known(row.high)
    if None in (low, high) and abs(ceiling - floor) <= LEAST_SPAN * max(abs(floor), abs(ceiling)):
        return "unknown", None, "floor and ceiling lie too close together to tell"
    if low is not None and high is not None:
        least, most = sorted((floor, ceiling))
        if low <= least and most <= high:
            why = "too few beats or people to tell: the interval holds floor and ceiling"
            return "unknown", None, why
    share = (value - floor) / (ceiling - floor)
    if row.goal == "match" and not private:
        share = 1 - abs(1 - share)
    return "good" if share >= GOOD else "middling" if share >= MIDDLING else "poor", share, ""


def _real_items(report: Report, group: str) -> int:
    """Held-out items of a class; of all classes together where it is none."""
    counts = {n: int(facts["items"]) for n, facts in report.facts.get("real", {}).items()}
    return counts.get(group, sum(counts.values()) or LEAST_REAL)


def answer(report: Report, question: Question) -> Verdict | None:
    """The verdict on the worst figure whose mark is known; None where nothing was asked of it."""
    for metric, tell in question.instead if not _meant(report, question) else ():
        if any(row.metric == metric for row in report.rows):
            return answer(report, replace(question, metrics=(metric,), tell=tell, instead=()))
    rows = stands_on(report, question)
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


def stands_on(report: Report, question: Question) -> list[Row]:
    """The figures that answer a question."""
    rows = _meant(report, question)
    if not rows:
        for metric, _ in question.instead:
            if rows := [row for row in report.rows if row.metric == metric]:
                break
    chosen = next((g for g in question.groups if g in {row.group for row in rows}), None)
    return [row for row in rows if chosen in (None, row.group)]


def _meant(report: Report, question: Question) -> list[Row]:
    return [row for row in report.rows if question.meant(row.metric)]


def rule_of(report: Report, row: Row) -> str:
    """How the mark of a figure came about, in one line."""
    mark, share, reason = place(report, row)
    if share is None:
        return f"Unknown, because: {reason.rstrip('.')}."
    if row.metric in COPIED:
        return f"Real beats stand on .01; the 95 % interval ends at {number(row.low)}: {mark}."
    floor, ceiling = ends(report, row)
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
            f"{number(row.real['high'])}, in the middle {number(row.real['median'])}"
        )
        if floor is None:
            return f"{inside}: {mark}."
        passes = row.real["low"] <= floor <= row.real["high"]
        beside = f"the floor ({name}) is {number(floor)}" + (", which passes too" if passes else "")
        return f"{inside}; {beside}: {mark}."
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
