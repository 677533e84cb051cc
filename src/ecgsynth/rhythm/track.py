"""Beats in time of any length, of which the stretch that is looked at is in memory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator

import numpy as np

from ecgsynth.rhythm import Episode, Rhythm

ENDLESS_S = 100 * 365.25 * 86400
"""The length of what has no end: a hundred years."""

KEPT_S = 3600.0
"""So long before what was looked at last, the beats are still known."""

AHEAD_S = 60.0
"""So far behind it they are made already, so that an episode that continues is whole."""


class Track:
    """A rhythm whose parts are made as they are looked at.

    parts: gives them, in order of time, anew with each call. seconds: the length of all. first: the
    first part, which shows what the others may have.
    """

    def __init__(self, parts: Callable[[], Iterator[Rhythm]], seconds: float) -> None:
        self._make, self.seconds = parts, seconds
        self._begin()
        self.first = self._kept[0]
        self.source = self.first.source

    def _begin(self) -> None:
        self._parts = self._make()
        self._kept = [next(self._parts)]
        self._episodes = [*self._kept[0].episodes]
        self._gone_s = 0.0  # what ended before is no longer there

    @classmethod
    def of(cls, rhythm: Rhythm | Track) -> Track:
        """A rhythm as a track; a track as it is."""
        return rhythm if isinstance(rhythm, Track) else cls(lambda: iter([rhythm]), rhythm.seconds)

    def between(self, start: float, stop: float) -> Rhythm:
        """The beats from one time up to another, s, at their times in the whole; episodes are those
        of this stretch, each with its own ends."""
        self._reach(start, stop)
        time, kind, p, lone = [], [], [], []
        for part in self._kept:
            rows = slice(*np.searchsorted(part.time_s, [start, stop]))
            waves = slice(*np.searchsorted(part.lone_p_s, [start, stop]))
            time.append(part.time_s[rows])
            kind.append(part.kind[rows])
            p.append(part.p_s[rows])
            lone.append(part.lone_p_s[waves])
        low = bisect_right(self._episodes, start, key=lambda one: one.stop_s)
        high = bisect_left(self._episodes, stop, key=lambda one: one.start_s)
        return Rhythm(
            np.concatenate(time), np.concatenate(kind), np.concatenate(p), self.seconds,
            tuple(self._episodes[low:high]), np.concatenate(lone), self.source,
        )  # fmt: skip

    def _reach(self, start: float, stop: float) -> None:
        """Take parts up to a time, and leave those that are long over; begin anew where what is
        gone is looked at again."""
        if max(start, 0) < self._gone_s:
            self._begin()
        while self._kept[-1].seconds < min(stop + AHEAD_S, self.seconds):
            part = next(self._parts)
            self._kept.append(part)
            last, begin = self._episodes[-1:], part.episodes
            if last and begin and last[0].code == begin[0].code:  # it continues
                self._episodes[-1] = Episode(last[0].start_s, begin[0].stop_s, last[0].code)
                begin = begin[1:]
            self._episodes += begin
        while len(self._kept) > 1 and self._kept[0].seconds < start - KEPT_S:
            self._gone_s = self._kept.pop(0).seconds
            over = bisect_left(self._episodes, self._gone_s, key=lambda one: one.stop_s)
            del self._episodes[:over]
