"""A rhythm of a real person, read from an annotation file, on request only."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_number, check_path, check_rate
from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.wfdb.annotations import Annotations, read_annotations
from ecgsynth.formats.wfdb.header import read_header
from ecgsynth.rhythm import CODES, Episode, Rhythm
from ecgsynth.rhythm.arrhythmias import P_PEAK_S
from ecgsynth.rhythm.person import Person
from ecgsynth.signals.events import NEAREST_S
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL

log = logging.getLogger("ecgsynth")

ANNOTATOR = "atr"

PACED = ("/", "f")
"""Beats of class Q that a pacemaker makes; the others of it are drawn as normal ones."""

WITH_P = ("(N", "(SBR", "(B", "(T", "(BI", "(BII", "(AB", "(PREX")
"""Rhythms in which a normal beat has a P wave."""

AFTER_S = 1.0
"""Length of a recording behind its last beat, where no header states its end."""

LEAST_PP = 2.6
"""RR of a beat with a P is at least so many times its PR."""


def replay(
    path: str | Path, fs: float | None = None, seconds: float | None = None, seed: int = 0
) -> Rhythm:
    """The beats and rhythms of an annotation file of WFDB.

    They are a real person's. The rhythm has a `source` that names the file, and every file that is
    made of it states this. PR is not in such files: P waves come at a drawn person's PR.

    Parameters
    ----------
    path: an annotation file, as in mitdb/100.atr; a record without ending has the annotator atr.
    fs: ticks a second, where neither the file nor a header next to it states them.
    seconds: length of the recording; None: as in the header, else up to the last beat.
    seed: of the person whose PR it is.

    Raises
    ------
    EcgsynthError: the file is missing or damaged, has no beats or no rate.
    """
    file = check_path(path, "the annotation file")
    if not file.name:
        raise EcgsynthError(f"{file} is a folder; name an annotation file, as in mitdb/100.atr.")
    if not file.suffix:
        file = file.with_name(f"{file.name}.{ANNOTATOR}")
    notes = read_annotations(file)
    header = file.with_suffix(".hea")
    known = read_header(file.with_suffix("")) if header.is_file() else None
    rate = notes.rate or (known.rate if known else None)
    if fs is not None:
        rate = check_rate(fs, "the rate of the annotations")
    if rate is None:
        raise EcgsynthError(
            f"{file.name} states no rate, and there is no header {header.name}; give its ticks a "
            "second, as in fs=360."
        )
    length = known.frames / known.rate if known is not None and known.frames else None
    if seconds is not None:
        length = check_number(seconds, "the length of a recording, in s,", 0.5)
    return _rhythm(notes, file.name, rate, length, Person(seed))


def _rhythm(
    notes: Annotations, name: str, rate: float, seconds: float | None, person: Person
) -> Rhythm:
    kind = np.array([AAMI_OF_SYMBOL.get(str(one), "") for one in notes.symbol], np.str_)
    beat = kind != ""
    time = notes.tick[beat] / rate
    if not len(time):
        raise EcgsynthError(f"{name} has no beats (N, V, S and so on); name a file of beats.")
    seconds = seconds or float(time[-1]) + AFTER_S
    kind, symbol = kind[beat], notes.symbol[beat]
    inside = (time >= 0) & (time < seconds)
    good = inside & ~_too_near(time)
    if outside := int((~inside).sum()):
        log.warning("%s: %d beats outside of %g s are left out.", name, outside, seconds)
    if near := int((inside & ~good).sum()):
        log.warning("%s: %d beats within 150 ms of another are left out.", name, near)
    time, kind, symbol = time[good], kind[good], symbol[good]
    if not len(time):
        raise EcgsynthError(f"{name} has no beat within {seconds:g} s; name a longer recording.")
    odd = (kind == "Q") & ~np.isin(symbol, PACED)
    kind[odd] = "N"
    if odd.any():
        log.warning("%s: %d beats of unknown kind are drawn as normal ones.", name, odd.sum())
    number = np.array([AAMI_CLASSES.index(str(one)) for one in kind])
    episodes = _episodes(notes, rate, seconds)
    return Rhythm(
        time, number, _p_waves(time, number, episodes, person), seconds, episodes,
        source=f"a real person's, from {name}",
    )  # fmt: skip


def _too_near(time: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[beat] whether one follows another, which stays, sooner than a heart can beat."""
    near = np.zeros(len(time), bool)
    last = -np.inf
    for k, one in enumerate(time.tolist()):
        near[k] = one - last < NEAREST_S
        last = last if near[k] else one
    return near


def _episodes(notes: Annotations, rate: float, seconds: float) -> tuple[Episode, ...]:
    """The rhythms by the changes that the file has; other codes are kept as they are."""
    starts: list[float] = []
    names: list[str] = []
    for tick, symbol, note in zip(notes.tick, notes.symbol, notes.note, strict=True):
        text = str(note).split("\0")[0].strip()
        if symbol == "+" and text.startswith("(") and tick / rate < seconds:
            if starts and starts[-1] == tick / rate:
                names[-1] = text
                continue
            starts.append(max(float(tick / rate), 0.0))
            names.append(text)
    if unknown := sorted({*names} - {*CODES}):
        log.warning("rhythms without a meaning here are kept by name: %s.", ", ".join(unknown[:5]))
    found = zip(starts, [*starts, seconds][1:], names, strict=True)
    return tuple(Episode(a, b, name) for a, b, name in found if b > a)


def _p_waves(
    time: NDArray[np.float64], kind: NDArray[np.int64], episodes: tuple[Episode, ...],
    person: Person,
) -> NDArray[np.float64]:  # fmt: skip
    """[beat] peaks of P of normal beats, where their rhythm has one and there is room for it."""
    pr = person["pr_s"] - P_PEAK_S
    rr = np.diff(time, prepend=-np.inf)
    there = (kind == 0) & (rr > LEAST_PP * pr)
    for one in episodes:
        if one.code not in WITH_P:
            there &= ~((time >= one.start_s) & (time < one.stop_s))
    p = np.where(there, time - pr, np.nan)
    p[p < 0] = np.nan
    return p
