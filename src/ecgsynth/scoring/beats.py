"""Beat-by-beat comparison by ANSI/AAMI EC57, as WFDB's bxb makes it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecgsynth.scoring.rules import CLASSES, ENDLESS, O, Period, Rules, X
from ecgsynth.scoring.track import Track, read_track
from ecgsynth.signals.annotations import Annotations


@dataclass
class BeatComparison:
    """The beats of two files against each other.

    table: [class in the truth, class in the test file] beats, by `CLASSES`; row O or X: beats that
    the truth has not; column o or x: beats that the test file has not. rr_errors: number and sum
    of squares, samples. shutdown: of the test file, samples.
    """

    fs: float
    table: NDArray[np.int64]
    rr_count: int = 0
    rr_squares: float = 0.0
    shutdown: int = 0

    @property
    def rr_error_ms(self) -> float | None:
        """Root mean square of the differences of RR, ms; None where there are none."""
        if not self.rr_count:
            return None
        return 1000 * math.sqrt(self.rr_squares / self.rr_count) / self.fs


def compare_beats(
    test: Annotations, truth: Annotations, period: Period, rules: Rules
) -> BeatComparison:
    """Pair the beats of two files and tally them by class.

    Two beats are a pair where they are within the match window and neither has a closer partner
    in the next beat of the other file; the later candidate wins a tie. Labels play no part.
    """
    ref = read_track(truth, period.window, rules)
    alg = read_track(test, period.window, rules)
    return _Pairing(ref, alg, period, rules).run()


@dataclass
class _Pairing:
    ref: Track
    alg: Track
    period: Period
    rules: Rules
    cells: list[list[int]] = field(default_factory=lambda: [[0] * 7 for _ in CLASSES])
    rr_count: int = 0
    rr_squares: int = 0

    def __post_init__(self) -> None:
        self.end = self.period.end
        if self.end == ENDLESS:
            self.end = self.ref.time[-2] if len(self.ref.time) > 1 else -1

    def run(self) -> BeatComparison:
        refs, algs, window = self.ref.time, self.alg.time, self.period.window
        end = self.end
        i, j = self._enter()
        while refs[i] <= end or algs[j] <= end:
            one, other = refs[i], algs[j]
            if other < one:
                gap, later = one - other, algs[j + 1]
                if gap <= window and (
                    gap < abs(one - later) or abs(refs[i + 1] - later) < abs(one - later)
                ):
                    self._pair(i, j)
                    i, j = i + 1, j + 1
                else:
                    self._extra(i, j)
                    j += 1
            else:
                gap, later = other - one, refs[i + 1]
                if gap <= window and (
                    gap < abs(other - later) or abs(algs[j + 1] - later) < abs(other - later)
                ):
                    self._pair(i, j)
                    i, j = i + 1, j + 1
                else:
                    self._missed(i, j)
                    i += 1
        table = np.array(self.cells, np.int64)
        return BeatComparison(
            self.period.fs, table, self.rr_count, float(self.rr_squares), self._shutdown(j)
        )

    def _enter(self) -> tuple[int, int]:
        """The first beats of the test period that are compared."""
        refs, algs, start = self.ref.time, self.alg.time, self.period.start
        window = self.period.window
        i = next(k for k, time in enumerate(refs) if time >= start)
        j = next(k for k, time in enumerate(algs) if time >= start)
        one = refs[i]
        if j and one - algs[j - 1] <= window and one - algs[j - 1] < abs(one - algs[j]):
            self._pair(i, j - 1)
            return i + 1, j
        if start and algs[j] - start <= window and abs(one - algs[j + 1]) < abs(one - algs[j]):
            j += 1
        return i, j

    def _pair(self, i: int, j: int) -> None:
        self._tally(i, j, self.ref.label[i], self.alg.label[j])

    def _missed(self, i: int, j: int) -> None:
        known = min(j + 1, len(self.alg.time) - 1)
        off = self.alg.in_shutdown(self.ref.time[i], known, self.rules.quirks)
        self._tally(i, j, self.ref.label[i], X if off else O)

    def _extra(self, i: int, j: int) -> None:
        known = min(i + 1, len(self.ref.time) - 1)
        time, quirks = self.alg.time[j], self.rules.quirks
        if self.ref.in_vf(time, known, quirks):
            return
        off = self.ref.in_shutdown(time, known, quirks)
        self._tally(i, j, X if off else O, self.alg.label[j])

    def _tally(self, i: int, j: int, row: int, column: int) -> None:
        self.cells[row][column] += 1
        if self.ref.valid[i] and self.alg.valid[j]:
            rr = self.ref.time[i] - self.ref.time[i - 1], self.alg.time[j] - self.alg.time[j - 1]
            if all(rr):
                self.rr_count += 1
                self.rr_squares += (rr[0] - rr[1]) ** 2

    def _shutdown(self, j: int) -> int:
        """The length of all shutdowns that begin before the beat after `j`."""
        known = self.alg.shutdown_before[min(j + 1, len(self.alg.time) - 1)]
        some = self.alg.shutdown[: known if self.rules.quirks else None]
        return sum((self.end if last == ENDLESS else last) - first for first, last in some)
