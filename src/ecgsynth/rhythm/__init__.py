"""Rhythms: beats in time, without signals and without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import as_list, check_number, check_text, quote
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.columns import number_array
from ecgsynth.signals.events import EVENT, KIND, NEAREST_S, Events, P, R
from ecgsynth.signals.vocabulary import AAMI_CLASSES

CODES = {
    "(N": "sinus rhythm", "(SBR": "sinus bradycardia", "(B": "ventricular bigeminy",
    "(T": "ventricular trigeminy", "(AB": "atrial bigeminy", "(AFIB": "atrial fibrillation",
    "(AFL": "atrial flutter", "(SVTA": "supraventricular tachycardia", "(NOD": "junctional rhythm",
    "(BI": "first-degree AV block", "(BII": "second-degree AV block",
    "(B3": "third-degree AV block", "(P": "paced rhythm", "(PREX": "pre-excitation",
    "(IVR": "idioventricular rhythm", "(VT": "ventricular tachycardia",
    "(VFL": "ventricular flutter", "(VF": "ventricular fibrillation", "(ASYS": "asystole",
}  # fmt: skip
"""Names of rhythms in the annotation files of PhysioNet's databases, and what they mean."""

SYMBOLS = ("N", "S", "V", "F", "/")
"""WFDB's symbol of a beat of each kind, in the order of `AAMI_CLASSES`; Q are paced beats."""


class Episode(NamedTuple):
    """A stretch of one rhythm, s; code: its name in PhysioNet's files, of `CODES`."""

    start_s: float
    stop_s: float
    code: str


@dataclass(frozen=True)
class Rhythm:
    """The beats of a recording in time.

    Attributes
    ----------
    time_s: [beat], of R, in order. kind: [beat], index into `vocabulary.AAMI_CLASSES`; Q is paced.
    p_s: [beat], of the peak of P, NaN where there is none. seconds: length of the recording.
    episodes: stretches of one rhythm, in order. lone_p_s: [wave], peaks of P that no beat answers.
    source: whose rhythm it is, where it is a real person's; "" where it was made.

    Raises
    ------
    EcgsynthError: no heart beats like this; episodes overlap; beats lie outside the recording.
    """

    time_s: NDArray[np.float64]
    kind: NDArray[np.int64]
    p_s: NDArray[np.float64]
    seconds: float
    episodes: tuple[Episode, ...] = ()
    lone_p_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    source: str = ""

    def __post_init__(self) -> None:
        seconds = check_number(self.seconds, "the length of a rhythm, in s,", 0)
        object.__setattr__(self, "seconds", seconds)
        object.__setattr__(self, "source", check_text(self.source, "the source of a rhythm"))
        for name, kind in (("time_s", np.float64), ("kind", np.int64), ("p_s", np.float64),
                           ("lone_p_s", np.float64)):  # fmt: skip
            column = number_array(getattr(self, name), f"'{name}' of a rhythm", kind)
            if column.ndim != 1 or (name != "lone_p_s" and len(column) != len(self.time_s)):
                raise EcgsynthError(
                    f"'{name}' of a rhythm has one number for each beat; got shape {column.shape}."
                )
            object.__setattr__(self, name, column)
        check_times(self.time_s, seconds)
        if not np.isin(self.kind, range(len(AAMI_CLASSES))).all():
            raise EcgsynthError(
                f"the kind of a beat is a number from 0 to {len(AAMI_CLASSES) - 1}, as "
                f"{', '.join(AAMI_CLASSES)} stand."
            )
        object.__setattr__(self, "episodes", _check_episodes(self.episodes, seconds))

    def __len__(self) -> int:
        return len(self.time_s)

    def __repr__(self) -> str:
        names, counts = np.unique(self.symbol, return_counts=True)
        kinds = ", ".join(f"{n} {c:,}" for n, c in zip(names, counts, strict=True)) or "no beats"
        return f"Rhythm({self.seconds:,.6g} s: {kinds}; {len(self.episodes)} episodes)"

    @property
    def symbol(self) -> NDArray[np.str_]:
        """[beat] WFDB's symbols of the beats."""
        return np.array(SYMBOLS)[self.kind]

    def events(self) -> Events:
        """[beat, EVENT], with the peaks of T unknown."""
        events = np.full((len(self), len(EVENT)), np.nan, np.float32)
        events[:, R], events[:, KIND], events[:, P] = self.time_s, self.kind, self.p_s
        events[events[:, P] < 0, P] = np.nan  # before the recording begins
        return events


def check_times(time_s: NDArray[np.float64], seconds: float) -> None:
    """Refuse beats that no heart makes.

    Raises
    ------
    EcgsynthError: a time is none or lies outside, or beats are not in order or too near.
    """
    if not len(time_s):
        return
    if not np.isfinite(time_s).all():
        raise EcgsynthError("the time of a beat is a finite number of seconds; leave others out.")
    outside = time_s[(time_s < 0) | (time_s >= seconds)]
    if len(outside):
        raise EcgsynthError(
            f"a beat at {outside[0]:g} s lies outside a recording of {seconds:g} s; leave it out."
        )
    gap = np.diff(time_s)
    if len(gap) and gap.min() < NEAREST_S - 1e-9:
        at = int(gap.argmin())
        raise EcgsynthError(
            f"the beats at {time_s[at]:.3f} and {time_s[at + 1]:.3f} s are "
            f"{1000 * gap[at]:.0f} ms apart, and no heart beats twice within "
            f"{1000 * NEAREST_S:.0f} ms; give beats in order of time, further apart."
        )


def _check_episodes(episodes: tuple[Episode, ...], seconds: float) -> tuple[Episode, ...]:
    """The episodes; they are in order, within the recording, and none overlaps another."""
    found = []
    last = 0.0
    given = [as_list(one) or [] for one in as_list(episodes) or []]
    if as_list(episodes) is None or not all(len(one) == len(Episode._fields) for one in given):
        raise EcgsynthError(
            "episodes are a list of Episode(start_s, stop_s, code), as in Episode(0, 30, '(AFIB'); "
            f"got {quote(episodes)}."
        )
    for start, stop, code in given:
        start, stop = (check_number(one, "the time of an episode, in s,") for one in (start, stop))
        name = check_text(code, "the rhythm of an episode")
        if not 0 <= start < stop <= seconds + 1e-6:
            raise EcgsynthError(
                f"an episode {name} from {start:g} to {stop:g} s does not lie in a recording of "
                f"{seconds:g} s; give a start before its stop, both within."
            )
        if start < last - 1e-6:
            raise EcgsynthError(
                f"the episode {name} begins at {start:g} s, before the one ahead of it ends "
                f"({last:g} s); a heart has one rhythm at a time, so give them without overlap."
            )
        last = stop
        found.append(Episode(start, stop, name))
    return tuple(found)
