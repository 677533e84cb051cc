"""A series of beats: what makers of rhythms give, and how series are laid one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm import Episode, Rhythm

Times = NDArray[np.float64]

BEFORE_R_S = 0.05
"""An episode begins so long before the R of its first beat, as in PhysioNet's files."""


@dataclass(frozen=True)
class Series:
    """Beats one after another, as intervals.

    Attributes
    ----------
    rr: [beat], the interval before each, s. kind: [beat], index into `AAMI_CLASSES`.
    pr: [beat], from the peak of P to R, s; NaN where there is no P.
    code: [beat], WFDB's name of the rhythm, "(N" and so on.
    lone: [wave, 2], P waves that no beat answers: the beat that follows, and the seconds before it.
    """

    rr: Times
    kind: NDArray[np.int64]
    pr: Times
    code: NDArray[np.str_]
    lone: Times

    @classmethod
    def of(cls, rr: Times, kind: int, code: str, pr: Times | float = np.nan) -> Series:
        """Beats of one kind."""
        count = len(rr)
        return cls(
            np.asarray(rr, np.float64), np.full(count, kind), np.full(count, pr) if np.isscalar(pr)
            else np.asarray(pr, np.float64), np.full(count, code, "<U6"), np.zeros((0, 2)),
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.rr)

    def piece(self, start: int, stop: int) -> Series:
        """Beats from one up to another."""
        inside = (self.lone[:, 0] >= start) & (self.lone[:, 0] < stop)
        rows = slice(start, stop)
        return Series(
            self.rr[rows].copy(), self.kind[rows], self.pr[rows], self.code[rows],
            self.lone[inside] - [start, 0],
        )  # fmt: skip

    @classmethod
    def join(cls, parts: Sequence[Series]) -> Series:
        """The beats of several series, one after another."""
        first = np.concatenate([[0], np.cumsum([len(part) for part in parts])[:-1]])
        return cls(
            np.concatenate([part.rr for part in parts]),
            np.concatenate([part.kind for part in parts]),
            np.concatenate([part.pr for part in parts]),
            np.concatenate([part.code for part in parts]),
            np.concatenate(
                [part.lone + np.array([start, 0]) for part, start in zip(parts, first, strict=True)]
            ),
        )


@dataclass(frozen=True)
class Stretch:
    """A series with the time that it fills. code: of the rhythm, also where there is no beat."""

    series: Series
    start_s: float
    stop_s: float
    code: str


def lay(
    stretches: Sequence[Stretch], random: np.random.Generator, last: float | None = None
) -> Rhythm:
    """The rhythm of stretches one after another, each of which begins with the interval that its
    first beat asks for; the first one begins anywhere in a beat, or so after the last one, s."""
    times, kinds, ps, lone, episodes = [], [], [], [], []
    for part in stretches:
        series, length = part.series, part.stop_s - part.start_s
        code = np.zeros(0, "<U6")
        if len(series):
            first = series.rr[0] * random.uniform(0.05, 1.0)
            if last is not None:
                first = max(last + series.rr[0] - part.start_s, 0.0)
            time = first + np.concatenate([[0.0], np.cumsum(series.rr[1:])])
            count = int(np.searchsorted(time, length - 1e-9))
            time, code = time[:count], series.code[:count]
            pr = series.pr[:count]
            times.append(part.start_s + time)
            kinds.append(series.kind[:count])
            ps.append(part.start_s + time - pr)
            waves = series.lone[series.lone[:, 0] < count]
            lone.append(part.start_s + time[waves[:, 0].astype(int)] - waves[:, 1])
            last = part.start_s + time[-1] if count else last
        episodes += _episodes(part, times[-1] if len(series) else np.zeros(0), code)
        last = None if not len(series) else last
    seconds = stretches[-1].stop_s
    time = np.concatenate(times or [np.zeros(0)])
    p, waves = np.concatenate(ps or [np.zeros(0)]), np.sort(np.concatenate(lone or [np.zeros(0)]))
    p[p < 0] = np.nan
    kind = np.concatenate(kinds or [np.zeros(0, np.int64)])
    return Rhythm(time, kind, p, seconds, _merged(episodes), waves[waves >= 0])


def _episodes(part: Stretch, time: Times, code: NDArray[np.str_]) -> list[Episode]:
    """The rhythms of a stretch, by changes of its beats' codes."""
    at = np.flatnonzero(code[1:] != code[:-1]) + 1
    names = [str(code[0]) if len(code) else part.code, *map(str, code[at])]
    starts = [part.start_s, *np.maximum(time[at] - BEFORE_R_S, part.start_s).tolist()]
    stops = [*starts[1:], part.stop_s]
    return [Episode(a, b, name) for a, b, name in zip(starts, stops, names, strict=True) if b > a]


def _merged(episodes: Sequence[Episode]) -> tuple[Episode, ...]:
    """Neighbouring episodes of one rhythm as one."""
    found: list[Episode] = []
    for one in episodes:
        if found and found[-1].code == one.code:
            found[-1] = Episode(found[-1].start_s, one.stop_s, one.code)
        else:
            found.append(one)
    return tuple(found)
