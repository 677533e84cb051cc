"""Episode-by-episode comparison by ANSI/AAMI EC57, as WFDB's epicmp makes it."""

from __future__ import annotations

from dataclasses import dataclass

from ecgsynth.scoring.rules import ENDLESS, Period, Rules
from ecgsynth.scoring.track import VF_OFF, VF_ON
from ecgsynth.signals.annotations import Annotations

KINDS = ("AF", "VF", "ST")

LEAST_OVERLAP = 0.5
"""The share of an ST episode that another one has to cover, if it does not cover its extremum."""

Episode = tuple[int, int, tuple[int, ...]]
"""First and last sample, and the extrema of an ST episode where they are marked."""


@dataclass
class EpisodeComparison:
    """Episodes of two files against each other; times are in samples.

    hits, missed: episodes of the truth that the test file has or has not. right, false: episodes
    of the test file that the truth has or has not. ref_time, test_time: their length; ref_overlap,
    test_overlap: how much of it the other file has.
    """

    hits: int = 0
    missed: int = 0
    right: int = 0
    false: int = 0
    ref_time: int = 0
    ref_overlap: int = 0
    test_time: int = 0
    test_overlap: int = 0


def compare_episodes(
    test: Annotations, truth: Annotations, period: Period, rules: Rules
) -> dict[str, EpisodeComparison]:
    """Episodes of atrial fibrillation, of ventricular fibrillation and of ST changes of any lead.

    In AF and VF any overlap is a hit; in ST one of half the episode or more, or with its extremum.
    """
    end = period.end
    if end == ENDLESS and not rules.quirks:
        end = max((int(one.sample.max()) for one in (test, truth) if len(one)), default=0)
    found = {}
    for kind in KINDS:
        ref, alg = (_cut(_episodes(one, kind), period.start, end) for one in (truth, test))
        result = EpisodeComparison()
        result.hits, result.missed, result.ref_time, result.ref_overlap = _hits(ref, alg, kind)
        result.right, result.false, result.test_time, result.test_overlap = _hits(alg, ref, kind)
        found[kind] = result
    return found


def _episodes(notes: Annotations, kind: str) -> list[Episode]:
    """The episodes of a file; one that does not end has `ENDLESS` as its end."""
    found: list[Episode] = []
    since: int | None = None
    extrema: tuple[int, ...] = ()
    count = 0
    texts = notes.note or ("",) * len(notes)
    for symbol, time, text in zip(notes.symbol.tolist(), notes.sample.tolist(), texts, strict=True):
        step = _step(kind, symbol, text, bool(count))
        if kind == "ST" and symbol == "s" and text.startswith("AST") and count:
            extrema += (time,)
        if not step:
            continue
        before, count = count, max(0, count + step)
        if count and not before:
            since, extrema = time, ()
        elif before and not count:
            assert since is not None
            found.append((since, time, extrema))
            since = None
    if since is not None:
        found.append((since, ENDLESS, extrema))
    return found


def _step(kind: str, symbol: str, text: str, on: bool) -> int:
    """1 where an annotation begins an episode, -1 where it ends one."""
    if kind == "ST":
        if symbol != "s":
            return 0
        return 1 if text.startswith("(ST") else -1 if text.startswith("ST") else 0
    if kind == "VF":
        return 0 if symbol not in (VF_ON, VF_OFF) or (symbol == VF_ON) == on else 1 - 2 * on
    if symbol != "+" or not text or text.startswith("(AFIB") == on:
        return 0
    return 1 - 2 * on


def _cut(episodes: list[Episode], start: int, end: int) -> list[Episode]:
    """What lies in the test period of the episodes that reach into it."""
    found = []
    for first, last, extrema in episodes:
        if last >= start and first <= end:
            inside = tuple(time for time in extrema if start <= time <= end)
            found.append((max(first, start), min(last, end), inside))
    return found


def _hits(ones: list[Episode], others: list[Episode], kind: str) -> tuple[int, int, int, int]:
    """Of the first: episodes that the second have, and have not, their length and the overlap."""
    hits, length, overlap, at = 0, 0, 0, 0
    for first, last, extrema in ones:
        length += last - first
        while at < len(others) and others[at][1] < first:
            at += 1
        common, holds = 0, False
        for begin, stop, _ in others[at:]:
            if begin > last:
                break
            common += max(0, min(stop, last) - max(begin, first))
            holds |= any(begin <= time <= stop for time in extrema)
        overlap += common
        if kind == "ST":
            hits += holds or common >= LEAST_OVERLAP * (last - first) > 0
        else:
            hits += common > 0
    return hits, len(ones) - hits, length, overlap
