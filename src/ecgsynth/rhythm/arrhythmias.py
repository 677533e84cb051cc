"""Makers of rhythms as series of beats: each fills so many seconds for a synthetic person."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm.makers import LEAST_RR_S, N, S, V, fibrillation_intervals
from ecgsynth.rhythm.person import Person
from ecgsynth.rhythm.series import Series
from ecgsynth.rhythm.variation import sinus_intervals

Q = 4

Times = NDArray[np.float64]
Asked = Mapping[str, float]
"""Option -> its value, of those that were asked for: rates in 1/min, times in s."""

P_PEAK_S = 0.01
"""PR, from onset to onset, is longer than from the peak of P to R by so much: half a P wave of 100
ms less the 40 ms from the onset of QRS to R."""

PR_JITTER_S = 0.003

SLOW_SHARE = 0.10
"""How much the mean RR of atrial fibrillation drifts over minutes, as a share; own choice."""

RUN_JITTER = 0.02
"""SD of the RR intervals of a tachycardia, as a share. Its rate is nearly constant; the number is
the project's own choice."""

RATIOS = np.array([2, 3, 4])
SHARES = np.array([0.6, 0.15, 0.25])
"""Flutter waves for each beat where conduction varies; 2:1 and 4:1 prevail in textbooks, and the
shares are the project's own choice."""

GROUPS = np.array([3, 4, 5])
"""P waves in a group of Wenckebach, the last one blocked: 3:2, 4:3 or 5:4; own choice."""


def sinus(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """Sinus rhythm with respiration, slow waves and drift; by night slower where sleep is asked."""
    rr = sinus_intervals(
        person, random, seconds, asked.get("rate"), asked.get("sdnn"), asked.get("sleep", 0.0)
    )
    return Series.of(rr, N, "(N", _p_to_r(person, random, rr, asked))


def _p_to_r(person: Person, random: np.random.Generator, rr: Times, asked: Asked) -> Times:
    """[beat] from the peak of P to R; PR shortens as the rate rises, unless it was asked for."""
    if "pr" in asked:
        pr = np.full(len(rr), asked["pr"])
    else:
        pr = person["pr_s"] * (0.6 + 0.4 * np.clip(rr, 0.25, 1.5))
    return _before(rr, pr - P_PEAK_S + PR_JITTER_S * random.standard_normal(len(rr)))


def _before(rr: Times, pr: Times) -> Times:
    """P stays behind the T of the beat before."""
    return np.minimum(pr, np.maximum(0.55 * rr, 0.08))


def fibrillation(
    person: Person, random: np.random.Generator, seconds: float, asked: Asked
) -> Series:
    """Atrial fibrillation: RR intervals without memory around a rate that drifts; no P."""
    rate = asked.get("rate", person["af_rate"])
    mean, count = 60 / rate, int(1.3 * seconds * rate / 60) + 16
    rr = fibrillation_intervals(random, count, mean, person["af_spread"])
    turn = random.uniform(0, 2 * np.pi, 2)
    at = np.arange(count) * mean
    rr *= 1 + SLOW_SHARE / 2 * (
        np.sin(2 * np.pi * at / 1300 + turn[0]) + np.sin(2 * np.pi * at / 311 + turn[1])
    )
    inside = max(2, int(seconds / mean))
    return Series.of(np.maximum(rr * mean / rr[:inside].mean(), LEAST_RR_S), N, "(AFIB")


def flutter(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """Atrial flutter: every second to fourth flutter wave is conducted; no P."""
    ratio, cycle = asked.get("conduction"), person["flutter_cycle_s"]
    if "rate" in asked:
        ratio = ratio or float(max(1, round(60 / asked["rate"] / cycle)))
        cycle = 60 / asked["rate"] / ratio
    count = int(seconds / cycle) + 16
    each = np.full(count, ratio) if ratio else random.choice(RATIOS, count, p=SHARES)
    rr = cycle * each + 0.004 * random.standard_normal(count)
    return Series.of(np.maximum(rr, LEAST_RR_S), N, "(AFL")


def ventricular(
    person: Person, random: np.random.Generator, seconds: float, asked: Asked
) -> Series:
    """Ventricular tachycardia."""
    return _tachycardia(random, seconds, asked.get("rate", person["vt_rate"]), V, "(VT")


def supraventricular(
    person: Person, random: np.random.Generator, seconds: float, asked: Asked
) -> Series:
    """Supraventricular tachycardia; P is hidden."""
    return _tachycardia(random, seconds, asked.get("rate", person["svt_rate"]), S, "(SVTA")


def _tachycardia(
    random: np.random.Generator, seconds: float, rate: float, kind: int, code: str
) -> Series:
    count = int(1.2 * seconds * rate / 60) + 16
    rr = 60 / rate * (1 + RUN_JITTER * random.standard_normal(count))
    return Series.of(np.maximum(rr, 0.16), kind, code)


def junctional(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """Junctional escape rhythm; no P."""
    rate = asked.get("rate", person["escape_rate"])
    count = int(1.2 * seconds * rate / 60) + 16
    return Series.of(60 / rate * (1 + 0.015 * random.standard_normal(count)), N, "(NOD")


def block_1(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """First-degree AV block: sinus rhythm with a long PR."""
    series = sinus(person, random, seconds, {"pr": person["block_1_pr_s"], **asked})
    return Series.of(series.rr, N, "(BI", series.pr)


def wenckebach(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """Second-degree AV block, Mobitz I: PR lengthens from beat to beat until a P is blocked."""
    pp = sinus_intervals(person, random, seconds, asked.get("rate"))
    sizes = random.choice(GROUPS, len(pp) // 3 + 1)
    place = np.concatenate([np.arange(size) for size in sizes])[: len(pp)]
    blocked = np.concatenate([np.arange(size) == size - 1 for size in sizes])[: len(pp)]
    step = person["wenckebach_step_s"]
    longer = np.array([0.0, 1.0, 1.6, 2.0, 2.3])  # each step is shorter than the one before
    pr = asked.get("pr", person["pr_s"]) - P_PEAK_S + step * longer[place]
    return _conducted(pp, pr, blocked, "(BII")


def mobitz(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """Second-degree AV block, Mobitz II: PR stays, and each so-manieth P is blocked."""
    pp = sinus_intervals(person, random, seconds, asked.get("rate"))
    ratio = int(asked.get("conduction", 3))
    pr = np.full(len(pp), asked.get("pr", person["pr_s"]) - P_PEAK_S)
    return _conducted(pp, pr, np.arange(len(pp)) % ratio == ratio - 1, "(BII")


def _conducted(pp: Times, pr: Times, blocked: NDArray[np.bool_], code: str) -> Series:
    """Beats that follow their P waves, and P waves that are blocked."""
    p = np.cumsum(pp)
    r = (p + pr)[~blocked]
    rr = np.diff(r, prepend=r[0] - pp[0])
    follower = np.searchsorted(r, p[blocked])
    known = follower < len(r)
    lone = np.column_stack([follower[known], r[follower[known]] - p[blocked][known]])
    series = Series.of(rr, N, code, pr[~blocked])
    return Series(series.rr, series.kind, series.pr, series.code, lone)


def block_3(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """Third-degree AV block: a junctional escape rhythm, and P waves at the rate of the sinus node
    that no beat answers."""
    series = junctional(person, random, seconds, asked)
    r = np.cumsum(series.rr)
    p = np.cumsum(sinus_intervals(person, random, float(r[-1])))
    follower = np.searchsorted(r, p)
    known = (follower < len(r)) & (np.abs(r[np.minimum(follower, len(r) - 1)] - p) > 0.06)
    follower, p = follower[known], p[known]
    before = np.where(follower > 0, p - r[np.maximum(follower - 1, 0)], 1.0)
    follower, p = follower[before > 0.06], p[before > 0.06]  # others are hidden in QRS
    lone = np.column_stack([follower, r[follower] - p])
    return Series(series.rr, series.kind, series.pr, np.full(len(r), "(B3", "<U6"), lone)


def paced(person: Person, random: np.random.Generator, seconds: float, asked: Asked) -> Series:
    """A ventricle that is paced after a P, or at a fixed rate without one where pr is 0."""
    rate = asked.get("rate", person["paced_rate"])
    count = int(1.05 * seconds * rate / 60) + 16
    rr = 60 / rate + 0.001 * random.standard_normal(count)
    pr = asked.get("pr", person["av_delay_s"])
    return Series.of(rr, Q, "(P", _before(rr, np.full(count, pr - P_PEAK_S)) if pr else np.nan)


def no_beats(code: str) -> Series:
    """Ventricular fibrillation or asystole: no beat at all."""
    return Series.of(np.zeros(0), N, code)
