"""Other beats put into a rhythm: ectopic beats, runs, pauses, and episodes of another rhythm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm.makers import V
from ecgsynth.rhythm.series import Series

Times = NDArray[np.float64]

GUARD_S = 0.30
"""A sinus beat that comes sooner after a ventricular one finds the ventricle still refractory; the
number is the project's own choice."""

SPACE = 2
"""Beats of the base rhythm, at least, between two insertions."""


@dataclass(frozen=True)
class Piece:
    """What is put in before a beat.

    series: the beats; the first interval is that from the beat before, and a code "" is that of the
    base rhythm. pause: the interval after,
    as a share of the usual one, with which the base rhythm begins anew; None: the base rhythm goes
    on undisturbed, so that its next beat comes when it would have come. silence_s: of a pause.
    """

    series: Series
    pause: float | None = None
    silence_s: float = 0.0

    @property
    def seconds(self) -> float:
        return float(self.series.rr.sum()) + self.silence_s


Make = Callable[[float], Piece]
"""The piece for a usual RR interval, s."""


def insert(base: Series, places: Sequence[tuple[int, Make]]) -> Series:
    """The base rhythm with pieces before the beats of these numbers.

    Beats of the base rhythm that fall into a piece, or right after it, are left out.
    """
    time = np.cumsum(base.rr)
    usual = _usual(base.rr)
    parts: list[Series] = []
    done, waits = 0, None  # the interval with which the base rhythm begins after a piece
    for at, make in sorted(places, key=lambda place: place[0]):
        if at < done or at >= len(base):
            continue
        parts.append(_begun(base.piece(done, at), waits))
        piece = make(float(usual[at]))
        end = time[at - 1] + piece.seconds if at else piece.seconds
        if piece.silence_s:
            done, waits = max(at, int(np.searchsorted(time, end))), piece.silence_s
            continue
        code = np.where(piece.series.code == "", base.code[at], piece.series.code)
        parts.append(replace(piece.series, code=code))
        if piece.pause is None:
            done = max(at + 1, int(np.searchsorted(time, end + GUARD_S)))
            waits = float(time[done] - end) if done < len(base) else None
        else:
            done = max(at + 1, int(np.searchsorted(time, end)))
            waits = piece.pause * float(usual[at])
    parts.append(_begun(base.piece(done, len(base)), waits))
    return Series.join(parts)


def _begun(series: Series, rr: float | None) -> Series:
    """The series with this interval before its first beat; the P of it is not too early."""
    if rr is not None and len(series):
        series.rr[0] = rr
        if series.pr[0] > 0.6 * rr:
            pr = series.pr.copy()
            pr[0] = np.nan
            series = replace(series, pr=pr)
    return series


def _usual(rr: Times, around: int = 8) -> Times:
    """[beat] mean RR of the beats around each."""
    total = np.cumsum(np.pad(rr, (around + 1, around), mode="edge"))
    return np.asarray((total[2 * around + 1 :] - total[: -2 * around - 1]) / (2 * around + 1))


def free_beats(base: Series, seconds: float, taken: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[beat] before which a piece may begin: beats in a row that nothing was put next to."""
    free = ~taken & (np.cumsum(base.rr) < seconds) & (base.kind != V)
    free[:2] = False
    free[1:] &= base.kind[:-1] != V
    return free


def take(taken: NDArray[np.bool_], at: int, count: int) -> None:
    """Mark beats as taken by a piece that begins at one of them, and the beats next to them."""
    taken[max(at - SPACE + 1, 0) : at + count + SPACE - 1] = True


def choose_beats(
    random: np.random.Generator, free: NDArray[np.bool_], taken: NDArray[np.bool_], count: int,
    length: int,
) -> list[int]:  # fmt: skip
    """Places of so many pieces that replace `length` beats each, at random; fewer where there is no
    room. They become taken."""
    chosen: list[int] = []
    blocked = ~free
    for at in random.permutation(np.flatnonzero(free)).tolist():
        if len(chosen) == count:
            break
        if not blocked[at : at + length].any():
            chosen.append(at)
            blocked[max(at - length - SPACE + 1, 0) : at + length + SPACE - 1] = True
            take(taken, at, length)
    return chosen
