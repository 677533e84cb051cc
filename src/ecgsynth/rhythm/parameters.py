"""What a rhythm is like, as numbers of a record: heart rate, its spread, PR, ectopic beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm.makers import N, S, V
from ecgsynth.signals.events import KIND, Events, P, R, T

PARAMETERS = ("heart_rate", "rr_spread", "pr_s", "p_share", "rt_s")
"""Heart rate, 1/min, of all RR intervals; SD of the RR intervals between normal beats as a share of
their mean; from the peak of P to R, s; share of the normal beats that have a P; from R to the peak
of T, s, over the cube root of the median RR interval (Fridericia's correction)."""

FEWEST = 4
"""Beats of a record from which its rhythm is measured."""


def measure_rhythms(events: Events) -> NDArray[np.float64]:
    """[item, PARAMETERS], NaN where a record does not show one."""
    found = np.full((len(events), len(PARAMETERS)), np.nan)
    for row, one in zip(found, events, strict=True):
        beats = one[np.isfinite(one[:, R])]
        if len(beats) < FEWEST:
            continue
        rr, normal = np.diff(beats[:, R]), beats[:, KIND] == N
        row[0] = 60 / rr.mean()
        between = rr[normal[1:] & normal[:-1]]
        if len(between) >= FEWEST - 1:
            row[1] = np.log(max(between.std() / between.mean(), 1e-3))
        with_p = np.isfinite(beats[:, P]) & normal
        if normal.any():
            row[3] = with_p.sum() / normal.sum()
        if with_p.sum() >= FEWEST - 1:
            row[2] = np.median((beats[:, R] - beats[:, P])[with_p])
        with_t = np.isfinite(beats[:, T]) & normal
        if with_t.sum() >= FEWEST - 1:
            row[4] = np.median((beats[:, T] - beats[:, R])[with_t]) / np.cbrt(np.median(rr))
    return found


def count_ectopic(events: Events) -> NDArray[np.int64]:
    """[item, 2], supraventricular and ventricular beats of every record."""
    return np.stack([(events[..., KIND] == kind).sum(1) for kind in (S, V)], 1)


def measure_coupling(events: Events, kind: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[beat, 2] RR intervals before and after beats of a kind between normal ones, as shares of the
    record's median RR; and [beat] the record of each."""
    shares, item = [], []
    for k, one in enumerate(events):
        beats = one[np.isfinite(one[:, R])]
        if len(beats) < FEWEST:
            continue
        rr = np.diff(beats[:, R])
        usual = np.median(rr)
        for at in range(1, len(beats) - 1):
            if beats[at, KIND] == kind and beats[at - 1, KIND] == N == beats[at + 1, KIND]:
                shares.append((rr[at - 1] / usual, rr[at] / usual))
                item.append(k)
    return np.array(shares).reshape(-1, 2), np.array(item, np.int64)
