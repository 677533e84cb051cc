"""Run-by-run comparison by ANSI/AAMI EC57, as WFDB's rxr makes it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgsynth.scoring.rules import ENDLESS, ESCAPE, F, N, Period, Q, Rules, S, V
from ecgsynth.scoring.track import NOISE, UNREADABLE, VF_OFF, VF_ON
from ecgsynth.signals.annotations import Annotations

LONGEST = 6
"""Longer runs count as this long; so do episodes of fibrillation."""

MEMBERS = {"VE": (V, F), "SVE": (S,)}
"""The classes whose beats make a run of each kind."""

GROUPS = {"couplets": (2, 2), "short runs": (3, 5), "long runs": (6, 6)}
"""Shortest and longest run of each, in beats."""


@dataclass
class RunComparison:
    """Runs of ventricular or supraventricular ectopic beats, 0 to `LONGEST` beats long.

    sensitivity: [in the truth, in the test file] runs of the truth with the longest of the test
    file in their window. predictivity: [likewise] runs of the test file with the longest of the
    truth in that window.
    """

    sensitivity: NDArray[np.int64]
    predictivity: NDArray[np.int64]


def compare_runs(
    test: Annotations, truth: Annotations, period: Period, rules: Rules
) -> dict[str, RunComparison]:
    """Runs of the kinds `MEMBERS`."""
    found = {}
    for kind in MEMBERS:
        ref = _Reader(kind, period, rules).read(truth)
        alg = _Reader(kind, period, rules).read(test)
        found[kind] = RunComparison(_table(ref, alg), _table(alg, ref).T)
    return found


@dataclass
class _Reader:
    """The runs of a kind in one file.

    runs: (first, last sample of the window, length). time, own: every beat or other end of a run,
    and whether it is of the kind. episodes: (first, last sample) of fibrillation of the kind.
    """

    kind: str
    period: Period
    rules: Rules
    runs: list[tuple[int, int, int]] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    own: list[bool] = field(default_factory=list)
    episodes: list[tuple[int, int]] = field(default_factory=list)
    length: int = 0
    first: int = 0
    last: int = 0
    since: int | None = None
    vf: bool = False
    af: bool = False
    unreadable: bool = False

    def read(self, notes: Annotations) -> _Reader:
        classes = self.rules.classes()
        beats = {symbol for symbol, label in classes.items() if label in (N, S, V, F, Q)}
        members = {symbol for symbol in beats if classes[symbol] in MEMBERS[self.kind]}
        normal = {symbol for symbol in beats if classes[symbol] == N} - set(ESCAPE)
        symbols, times = notes.symbol.tolist(), notes.sample.tolist()
        subtypes = notes.subtype.tolist() or [0] * len(times)
        texts = notes.note or ("",) * len(times)
        entered = False
        for symbol, time, subtype, text in zip(symbols, times, subtypes, texts, strict=True):
            if time > self.period.end:
                self.length = 0
            elif not entered and time >= self.period.start:
                entered = True
                if self.vf if self.kind == "VE" else self.af:
                    self.first = self.last = self.period.start
                    self.length = LONGEST
            if symbol in beats:
                in_af = self.kind == "SVE" and self.af and symbol in normal
                self.beat(time, in_af or symbol in members)
            elif symbol == NOISE:
                self.noise(time, subtype & UNREADABLE == UNREADABLE)
            elif symbol in (VF_ON, VF_OFF):
                self.fibrillation(time, "VE", symbol == VF_ON)
            elif symbol == "+" and text:
                self.fibrillation(time, "SVE", text.startswith("(AF"))
                if text.startswith("(VF"):
                    self.fibrillation(time, "VE", True)
        if self.since is not None:
            self.episodes.append((self.since, ENDLESS))
        self.close()
        return self

    def close(self) -> None:
        if self.length:
            window = self.period.window
            self.runs.append((self.first - window, self.last + window, self.length))
        self.length = 0

    def divide(self, time: int) -> None:
        """A run of the kind does not continue over this time."""
        self.time.append(time)
        self.own.append(False)

    def beat(self, time: int, own: bool) -> None:
        self.time.append(time)
        self.own.append(own)
        if not self.period.start <= time <= self.period.end:
            return
        if own:
            self.first = self.first if self.length else time
            self.last, self.length = time, min(self.length + 1, LONGEST)
        else:
            self.close()

    def noise(self, time: int, unreadable: bool) -> None:
        if unreadable and not (self.rules.quirks and self.unreadable):
            self.divide(time)
            self.close()
            self.end_episode(time)
        self.unreadable = unreadable

    def end_episode(self, time: int) -> None:
        if self.since is not None:
            self.episodes.append((self.since, time))
        self.since = None

    def fibrillation(self, time: int, kind: str, on: bool) -> None:
        before = self.vf if kind == "VE" else self.af
        if kind == "VE":
            self.vf = on
        else:
            self.af = on
        if on == before:
            return
        if kind != self.kind:
            if on:
                self.divide(time)
                self.end_episode(time)
                if self.rules.quirks:
                    self.vf, self.af = self.kind == "SVE", self.kind == "VE"
                else:
                    self.close()
        elif on:
            self.since = time
            if not self.length and self.period.start <= time <= self.period.end:
                self.first, self.length = time, LONGEST
                self.last = self.last if self.rules.quirks else time
        else:
            self.end_episode(time)
            self.last = time


def _table(ref: _Reader, alg: _Reader) -> NDArray[np.int64]:
    """[length in the first, longest partner in the second] runs of the first."""
    table = np.zeros((LONGEST + 1, LONGEST + 1), np.int64)
    at = 0
    for first, last, length in ref.runs:
        longest = partner = 0
        while at < len(alg.time) and alg.time[at] <= last:
            if alg.time[at] >= first:
                partner = partner + 1 if alg.own[at] else 0
                longest = max(longest, partner)
            at += 1
        if any(begin <= max(first, last) and stop >= first for begin, stop in alg.episodes):
            longest = LONGEST
        table[length, min(longest, LONGEST)] += 1
    return table
