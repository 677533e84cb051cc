"""What the grammar of rhythms knows: rhythms, what may be put into them, and their options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ecgsynth.rhythm import arrhythmias as makers
from ecgsynth.rhythm.arrhythmias import Asked
from ecgsynth.rhythm.insertion import Piece
from ecgsynth.rhythm.makers import LEAST_RR_S, S, V
from ecgsynth.rhythm.person import Person
from ecgsynth.rhythm.series import Series
from ecgsynth.signals.events import NEAREST_S

F = 3

Maker = Callable[[Person, np.random.Generator, float, Asked], Series]


@dataclass(frozen=True)
class Option:
    """A number that may be asked for. unit: "bpm", "time" or ":1". low, high: least and most."""

    name: str
    unit: str
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Kind:
    """A rhythm, or what is put into one.

    Attributes
    ----------
    name, others: by which it is called. text: one line for the listing. code: in PhysioNet's files.
    options: what may be asked for. make: of a rhythm; None where it has no beats.
    piece: of what is put in: a piece of so many beats, or seconds, for a usual RR.
    beats: how many it has where none are asked; 0 where its length is a time. least, most: beats.
    states: whether it changes the whole rhythm, so that it is put in once.
    """

    name: str
    text: str
    code: str = ""
    others: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    make: Maker | None = None
    piece: Callable[[Person, np.random.Generator, Asked, Any, float], Piece] | None = None
    beats: int = 0
    least: int = 1
    most: int = 1
    states: bool = False

    def option(self, name: str) -> Option | None:
        """The option of this name."""
        return next((one for one in self.options if one.name == name), None)


def _rate(low: float, high: float) -> Option:
    return Option("rate", "bpm", low, high, "mean heart rate, as in 72 bpm")


PR = Option("pr", "time", 0.09, 0.5, "PR interval, from onset to onset, as in pr 180 ms")
COUPLING = Option("coupling", "time", NEAREST_S, 2.0, "interval before it, as in coupling 450 ms")
SDNN = Option("sdnn", "time", 0.0, 0.2, "SD of RR in five minutes, as in sdnn 40 ms")


def _ventricular(
    person: Person, random: np.random.Generator, asked: Asked, beats: int, usual: float
) -> Piece:
    """Ventricular beats; the sinus node goes on undisturbed, so that a pause compensates."""
    first = _coupling(person, random, asked, usual, "pvc")
    rate = asked.get("rate", person["vt_rate"])
    rr = 60 / rate * (1 + makers.RUN_JITTER * random.standard_normal(beats))
    rr[0] = first
    return Piece(Series.of(np.maximum(rr, 0.16), V, "(VT" if beats > 2 else ""))


def _supraventricular(
    person: Person, random: np.random.Generator, asked: Asked, beats: int, usual: float
) -> Piece:
    """Supraventricular beats, which reset the sinus node."""
    rr = np.full(beats, _coupling(person, random, asked, usual, "pac"))
    if beats > 2:
        rr[1:] = 60 / asked.get("rate", person["svt_rate"])
    rr[1:] *= 1 + makers.RUN_JITTER * random.standard_normal(beats - 1)
    pr = np.full(beats, np.nan)
    if rr[0] > 0.45:  # else P is hidden in the T before it
        pr[0] = min(0.9 * person["pr_s"], 0.4 * rr[0])
    pause = person["pac_pause"] if beats < 3 else person["pause_after_run"]
    return Piece(Series.of(rr, S, "(SVTA" if beats > 2 else "", pr), pause)


def _fusion(
    person: Person, _random: np.random.Generator, _asked: Asked, _beats: int, usual: float
) -> Piece:
    rr = np.full(1, person["fusion_coupling"] * usual)
    return Piece(Series.of(rr, F, "", min(0.8 * person["pr_s"], 0.4 * usual)))


def _coupling(
    person: Person, random: np.random.Generator, asked: Asked, usual: float, name: str
) -> float:
    """The interval before an ectopic beat, s: the person's own share of RR, which varies."""
    if "coupling" in asked:
        return asked["coupling"]
    share, jitter = person[f"{name}_coupling"], person[f"{name}_jitter_s"]
    rr = share * usual + jitter * np.clip(random.standard_normal(), -2, 2)
    return float(np.clip(rr, max(LEAST_RR_S, 0.4 * usual), max(LEAST_RR_S, 0.95 * usual)))


def _episode(make: Maker, least: float) -> Callable[..., Piece]:
    """A piece of another rhythm, of so many seconds."""

    def piece(
        person: Person, random: np.random.Generator, asked: Asked, seconds: float, usual: float
    ) -> Piece:
        series = make(person, random, seconds, asked)
        count = max(1, int(np.searchsorted(np.cumsum(series.rr), seconds)))
        series = series.piece(0, count)
        series.rr[0] = max(min(series.rr[0], 0.8 * usual), least)
        return Piece(series, person["pause_after_run"])

    return piece


def _silence(
    _person: Person, _random: np.random.Generator, _asked: Asked, seconds: float, _usual: float
) -> Piece:
    return Piece(makers.no_beats(""), silence_s=seconds)


SINUS = Kind(
    "sinus", "sinus rhythm with respiration, slow waves and drift", "(N",
    ("nsr", "sr", "normal"), (_rate(20, 220), SDNN, PR), makers.sinus,
)  # fmt: skip
AF = Kind(
    "af", "atrial fibrillation", "(AFIB", ("afib", "atrial-fibrillation"), (_rate(30, 220),),
    makers.fibrillation, _episode(makers.fibrillation, LEAST_RR_S),
)  # fmt: skip
FLUTTER = Kind(
    "flutter", "atrial flutter; conduction varies unless it is asked for", "(AFL",
    ("afl", "aflutter"),
    (_rate(60, 300), Option("conduction", ":1", 1, 6, "flutter waves a beat, as in 2:1")),
    makers.flutter, _episode(makers.flutter, LEAST_RR_S),
)  # fmt: skip
VT = Kind(
    "vt", "ventricular tachycardia", "(VT", ("ventricular-tachycardia",),
    (_rate(100, 300), COUPLING), makers.ventricular, _ventricular, beats=5, least=3, most=1000,
)  # fmt: skip
SVT = Kind(
    "svt", "supraventricular tachycardia", "(SVTA", ("psvt", "svta"),
    (_rate(100, 280), COUPLING), makers.supraventricular, _supraventricular, beats=10, least=3,
    most=1000,
)  # fmt: skip

RHYTHMS = (
    SINUS, AF, FLUTTER, VT, SVT,
    Kind("bigeminy", "sinus rhythm with each second beat ventricular", "(B", (),
         (_rate(20, 160), COUPLING, SDNN, PR), makers.sinus),
    Kind("trigeminy", "sinus rhythm with each third beat ventricular", "(T", (),
         (_rate(20, 160), COUPLING, SDNN, PR), makers.sinus),
    Kind("junctional", "junctional escape rhythm, without P", "(NOD", ("escape",),
         (_rate(30, 120),), makers.junctional),
    Kind("block-1", "first-degree AV block", "(BI", ("avb1", "1avb"),
         (_rate(30, 150), SDNN, Option("pr", "time", 0.2, 0.5, PR.text)), makers.block_1),
    Kind("wenckebach", "second-degree AV block, Mobitz I; the rate is that of P", "(BII",
         ("mobitz-1", "avb2-1"), (_rate(30, 130), Option("pr", "time", 0.09, 0.3, PR.text)),
         makers.wenckebach),
    Kind("mobitz-2", "second-degree AV block, Mobitz II; the rate is that of P", "(BII",
         ("mobitz", "block-2", "avb2"),
         (_rate(30, 130), Option("conduction", ":1", 2, 6, "every so-manieth P is blocked, as in "
          "3:1"), Option("pr", "time", 0.09, 0.35, PR.text)), makers.mobitz),
    Kind("block-3", "third-degree AV block with a junctional escape rhythm", "(B3",
         ("avb3", "complete-block"), (_rate(20, 80),), makers.block_3),
    Kind("paced", "ventricle paced after each P; pr 0 ms: without P", "(P", ("pacing", "pacer"),
         (_rate(30, 150), Option("pr", "time", 0.0, 0.3, PR.text)), makers.paced),
    Kind("vf", "ventricular fibrillation: no beats", "(VF", ("vfib",)),
    Kind("asystole", "no beats at all", "(ASYS", ("standstill",)),
)  # fmt: skip
"""What a part of the grammar begins with."""

EVENTS = (
    Kind("pvc", "ventricular ectopic beat with a compensatory pause", "", ("vpb", "pvb", "ves"),
         (COUPLING,), piece=_ventricular, beats=1),
    Kind("pac", "supraventricular ectopic beat, which resets the sinus node", "",
         ("apb", "apc", "sves"), (COUPLING,), piece=_supraventricular, beats=1, most=2),
    Kind("couplet", "two ventricular beats in a row", "", ("pair",), (COUPLING, _rate(100, 250)),
         piece=_ventricular, beats=2, least=2, most=2),
    Kind("fusion", "fusion of a ventricular and a normal beat", piece=_fusion, beats=1),
    VT, SVT, AF, FLUTTER,
    Kind("pause", "no beat for some time; of 3 s where no length is given", "", ("arrest",),
         piece=_silence),
    Kind("sleep", "slower by night, from the 14th hour; of 8 h where no length is given", "",
         ("night",), states=True),
)  # fmt: skip
"""What may stand behind `with`."""

USUAL_S = {"pause": 3.0, "sleep": 8 * 3600.0, "af": 300.0, "flutter": 300.0}
"""Length of an event where none is given."""

SPAN_S = {
    "pause": (0.5, 60.0), "sleep": (3600.0, 16 * 3600.0), "af": (2.0, 86400.0),
    "flutter": (2.0, 86400.0),
}  # fmt: skip
"""Least and most length of an event."""

PATTERN = {"bigeminy": 2, "trigeminy": 3}
"""Every so-manieth beat of these rhythms is ventricular."""
