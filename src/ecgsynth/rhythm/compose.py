"""A rhythm as text becomes beats in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_number
from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm import Rhythm
from ecgsynth.rhythm.arrhythmias import no_beats
from ecgsynth.rhythm.grammar import LONGEST_S, parse
from ecgsynth.rhythm.insertion import Make, choose_beats, free_beats, insert, take
from ecgsynth.rhythm.person import Person
from ecgsynth.rhythm.plan import Event, Part
from ecgsynth.rhythm.series import Series, Stretch, lay
from ecgsynth.rhythm.tokens import fault
from ecgsynth.rhythm.track import ENDLESS_S, Track
from ecgsynth.rhythm.vocabulary import EVENTS, PATTERN

LENGTH_SPREAD = 0.7
"""SD of the logarithm of the lengths of episodes: a few are long, most are short."""

MOST_SHARE = 0.9
"""Of a part that episodes may fill."""

MOST_PARTS = 2000
MOST_AT_ONCE = 200
"""Parts of a rhythm without an end that are drawn at once."""

DAY_S = 86400.0

USUAL_S = 60.0
"""Length of a recording where neither text nor caller name one."""


def make_rhythm(text: str, seconds: float | None = None, seed: int = 0, patient: int = 0) -> Rhythm:
    """The beats of a rhythm as text, drawn anew for a synthetic person.

    Parameters
    ----------
    text: as in "sinus 72 bpm 60 s; af 30 s; sinus 60 s with pvc every 8 beats"; `grammar` has it.
    seconds: length of the recording; None: the sum of the parts. Parts without a length fill what
        the others leave; where all have one, they come again and again.
    seed, patient: which crowd, and which person of it; the same, the same rhythm.

    Raises
    ------
    EcgsynthError: the text has a fault, or asks for what no heart does; its column is named.
    """
    return next(_repeated(_fill(parse(text), seconds), Person(seed, patient)))


def endless_rhythm(text: str, seed: int = 0, patient: int = 0) -> Track:
    """The same rhythm again and again, without an end, drawn anew each time.

    What comes again is a day, with the parts that have a length as often as they fit; other
    parameters and errors are those of `make_rhythm`.
    """
    parts = parse(text)
    known = sum(part.seconds or 0.0 for part in parts)
    seconds = known + DAY_S if known > DAY_S / 2 else DAY_S
    if all(part.seconds is not None for part in parts):
        seconds = known * max(1, int(min(DAY_S / known, MOST_AT_ONCE / len(parts))))
    whole = _fill(parts, min(seconds, LONGEST_S))
    person = Person(seed, patient)
    return Track(lambda: _repeated(whole, person), ENDLESS_S)


def _repeated(parts: list[Part], person: Person) -> Iterator[Rhythm]:
    """The parts one after another, again and again: each round at its time in the whole."""
    start, number = 0.0, 0
    last: float | None = None
    while True:
        stretches = []
        for part in parts:
            assert part.seconds is not None
            series = _series(person, number, part, part.seconds)
            stretches.append(Stretch(series, start, start + part.seconds, part.kind.code))
            start += part.seconds
            number += 1
        rhythm = lay(stretches, person.random(number, 9), last)
        yield rhythm
        beats = len(stretches[-1].series) and len(rhythm)
        last = float(rhythm.time_s[-1]) if beats else None


def _fill(parts: list[Part], seconds: float | None) -> list[Part]:
    """The parts with a length each, so that they fill the recording."""
    if seconds is not None:
        seconds = check_number(seconds, "the length of a recording, in s,", 0.5, LONGEST_S)
    known = sum(part.seconds or 0.0 for part in parts)
    free = [part for part in parts if part.seconds is None]
    if seconds is None:
        if known > LONGEST_S:
            raise EcgsynthError("the parts of the rhythm last more than seven days; ask for less.")
        return [replace(part, seconds=part.seconds or USUAL_S) for part in parts]
    if free:
        rest = (seconds - known) / len(free)
        if rest < 0.5:
            raise fault(
                free[0].column,
                f"the other parts fill all {seconds:g} s, so that nothing is left for this one",
            )
        return [replace(part, seconds=rest if part.seconds is None else part.seconds)
                for part in parts]  # fmt: skip
    found: list[Part] = []
    start = 0.0
    while start < seconds - 1e-6:
        part = parts[len(found) % len(parts)]
        length = min(float(part.seconds or 0), seconds - start)
        if len(found) < len(parts) and length < float(part.seconds or 0) - 1e-6:
            raise fault(
                part.column, f"the parts last {known:g} s, longer than the recording of "
                f"{seconds:g} s",
            )  # fmt: skip
        if len(found) >= MOST_PARTS:
            raise EcgsynthError(
                f"the rhythm of {known:g} s would come {seconds / known:,.0f} times; name longer "
                "parts, or leave a length out."
            )
        if length < 0.5 and found:
            found[-1] = replace(found[-1], seconds=float(found[-1].seconds or 0) + length)
        else:
            found.append(replace(part, seconds=length))
        start += length
    return found


def _series(person: Person, number: int, part: Part, seconds: float) -> Series:
    """The beats of one part."""
    if part.kind.make is None:
        return no_beats(part.kind.code)
    asked = dict(part.asked)
    for event in part.events:
        if event.kind.states:
            asked[event.kind.name] = event.length_s
    base = part.kind.make(person, person.random(number, 0), seconds, asked)
    events = [event for event in part.events if not event.kind.states]
    if part.kind.name in PATTERN:
        events.append(_pattern(part))
    if not events:
        return base
    taken = np.zeros(len(base), bool)
    places: list[tuple[int, Make]] = []
    order = sorted(range(len(events)), key=lambda k: -events[k].length_s)  # the longest first
    filled = sum(e.number for e in events if e.frequency == "share" and not e.beats)
    if filled > MOST_SHARE:
        at = max(event.column for event in events)
        raise fault(at, f"episodes fill {filled:.0%} of the time and would overlap; ask for less")
    for k in order:
        random = person.random(number, 1 + k)
        found = _places(person, random, events[k], base, seconds, taken)
        if not found:
            raise fault(
                events[k].column, f"no {events[k].kind.name} fits into the {seconds:g} s of this "
                "part; make it longer, or ask for more of them",
            )  # fmt: skip
        places += found
    series = insert(base, places)
    if part.kind.name in PATTERN:
        series = replace(series, code=np.full(len(series), part.kind.code, "<U6"))
    return series


def _pattern(part: Part) -> Event:
    """The ventricular beats of bigeminy or trigeminy."""
    pvc = next(kind for kind in EVENTS if kind.name == "pvc")
    asked = {name: value for name, value in part.asked.items() if name == "coupling"}
    return Event(pvc, asked, 1, 0.0, "beats", PATTERN[part.kind.name], part.column)


def _places(
    person: Person, random: np.random.Generator, event: Event, base: Series, seconds: float,
    taken: NDArray[np.bool_],
) -> list[tuple[int, Make]]:  # fmt: skip
    """Before which beats of the base rhythm an event comes, with what is put in there."""
    assert event.kind.piece is not None
    time = np.cumsum(base.rr)
    count = int(np.searchsorted(time, seconds))
    if event.beats:
        size: list[float] = []
        chosen = _by_beats(random, event, base, seconds, taken, count)
    else:
        chosen, size = _by_time(random, event, seconds, taken, time[:count])
    return [
        (at, partial(event.kind.piece, person, random, event.asked,
                     event.beats if event.beats else size[k]))
        for k, at in enumerate(chosen)
    ]  # fmt: skip


def _by_beats(
    random: np.random.Generator, event: Event, base: Series, seconds: float,
    taken: NDArray[np.bool_], count: int,
) -> list[int]:  # fmt: skip
    free = free_beats(base, seconds, taken)
    length = event.beats
    if event.frequency in ("share", "per"):
        wanted = event.number * (count / length if event.frequency == "share" else seconds)
        whole = int(wanted) + int(random.uniform() < wanted % 1)
        return choose_beats(random, free, taken, max(whole, 1), length)
    if event.frequency == "beats":
        places = np.arange(int(event.number) - 1, count, int(event.number))
    else:
        first = event.number
        times = [first] if event.frequency == "at" else np.arange(first, seconds, first)
        places = np.searchsorted(np.cumsum(base.rr), times)
    found = []
    for at in places.tolist():
        if at < count and free[at] and (event.frequency == "beats" or not taken[at]):
            found.append(at)
            taken[max(at - 1, 0) : at + length + 1] = True
    return found


def _by_time(
    random: np.random.Generator, event: Event, seconds: float,
    taken: NDArray[np.bool_], time: NDArray[np.float64],
) -> tuple[list[int], list[float]]:  # fmt: skip
    """Beats at which episodes begin, and how long each is."""
    if event.frequency in ("share", "per"):
        total = event.number * seconds
        if event.frequency == "share":
            wanted = max(1, round(total / event.length_s))
        else:
            wanted = max(1, round(total))
            total = wanted * event.length_s
        if event.kind.name == "pause":
            sizes = np.full(wanted, total / wanted)
        else:
            sizes = np.exp(LENGTH_SPREAD * np.clip(random.standard_normal(wanted), -2, 2))
            sizes *= total / sizes.sum()
        gaps = random.dirichlet(np.full(wanted + 1, 2.0)) * max(seconds - sizes.sum(), 0.0)
        starts = np.cumsum(gaps[:-1]) + np.concatenate([[0.0], np.cumsum(sizes)[:-1]])
    else:
        starts = np.arange(event.number, seconds, event.number)
        starts = starts[:1] if event.frequency == "at" else starts
        sizes = np.full(len(starts), event.length_s)
    chosen, lengths = [], []
    for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
        at = max(int(np.searchsorted(time, start)), 1)
        stop = int(np.searchsorted(time, start + size))
        if start + size <= seconds and at < len(time) and not taken[at : stop + 1].any():
            chosen.append(at)
            lengths.append(size)
            take(taken, at, stop - at)
    return chosen, lengths
