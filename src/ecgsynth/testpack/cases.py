"""The recordings of a test pack: simulated, with every beat, wave and fault known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ecgsynth.noise.faults import RAIL_MV, saturate, take_off
from ecgsynth.rhythm.compose import make_rhythm
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import Stretch, stretches_of
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12
from ecgsynth.simulator.drawing import FRANK, draw_rhythm
from ecgsynth.testpack.truth import Fault

STATEMENTS = ("SR", "AFIB", "PVC", "PACE")
PERSON, START = "SYNTHETIC-0001", "2026-01-31T08:15:00"
AGE, FEMALE = 45.0, 1.0

RANGE_MV = 0.8
"""Where the saturated recording is cut off: within the QRS of most leads."""


@dataclass(frozen=True)
class Case:
    """A recording of the pack.

    rhythm: as text. statements: of `STATEMENTS`. day: whether it is made on request alone. damage:
    puts a fault of the recorder into the signal, and gives where it is.
    """

    name: str
    text: str
    rhythm: str = "sinus 70 bpm"
    leads: tuple[str, ...] = LEADS_12
    fs: float = 250.0
    seconds: float = 10.0
    statements: tuple[str, ...] = ("SR",)
    day: bool = False
    damage: Callable[[Ecg], tuple[Ecg, list[Fault]]] | None = None

    def draw(self, seed: int) -> tuple[Ecg, list[Fault]]:
        """The recording as one item, and its faults; the same from the same seed."""
        rhythm = make_rhythm(self.rhythm, max(self.seconds, 2.0), seed)
        ecg = draw_rhythm(rhythm, self.leads, self.fs, waves=not self.day, seed=seed)
        ecg = _first(ecg, round(self.seconds * self.fs))
        spec = replace(
            ecg.spec, classes=STATEMENTS, multilabel=True, context=("age", "sex"), band=(None, None)
        )
        ecg = replace(
            ecg, spec=spec, source="synthetic:simulator", patient=np.array([PERSON]),
            record=np.array([self.name]), start=np.array([START]),
            context=np.array([[AGE, FEMALE]], np.float32),
            label=np.array([[name in self.statements for name in STATEMENTS]], np.float32),
        )  # fmt: skip
        return (ecg, []) if self.damage is None else self.damage(ecg)


def _first(ecg: Ecg, samples: int) -> Ecg:
    """The first samples of an item, with the marks among them."""
    marks = ecg.marks
    assert marks is not None
    if samples == ecg.spec.samples:
        return ecg
    inside = marks.sample < samples
    marks = replace(
        marks, item=marks.item[inside], lead=marks.lead[inside], sample=marks.sample[inside],
        symbol=marks.symbol[inside],
    )  # fmt: skip
    spec = Spec(ecg.spec.leads, ecg.spec.fs, samples)
    return replace(ecg, signal=ecg.signal[..., :samples], spec=spec, marks=marks)


def _take_lead_off(ecg: Ecg) -> tuple[Ecg, list[Fault]]:
    """V2 comes off after 4 s, for 4 s; its amplifier drifts to the end of its range."""
    lead, fs = ecg.spec.leads.index("V2"), ecg.spec.fs
    stretch = (lead, round(4 * fs), round(8 * fs))
    signal = ecg.signal.copy()
    take_off(signal[0, lead, stretch[1] : stretch[2]], fs, RAIL_MV)
    return replace(ecg, signal=signal), [_fault("lead off", stretch, ecg)]


def _saturate(ecg: Ecg) -> tuple[Ecg, list[Fault]]:
    found = saturate(ecg, RANGE_MV)
    stretches = stretches_of(np.abs(ecg.signal[0]) > RANGE_MV)
    return found, [_fault("saturated", one, ecg) for one in stretches]


def _drop_samples(ecg: Ecg) -> tuple[Ecg, list[Fault]]:
    """All leads are without values for a second, and one for 3 s more."""
    fs = round(ecg.spec.fs)
    stretches = [(lead, 5 * fs, 6 * fs) for lead in range(len(ecg.spec.leads))]
    stretches[0] = (0, 5 * fs, 9 * fs)
    signal = ecg.signal.copy()
    for lead, start, stop in stretches:
        signal[0, lead, start:stop] = np.nan
    return replace(ecg, signal=signal), [_fault("no value", one, ecg) for one in stretches]


def _fault(kind: str, stretch: Stretch, ecg: Ecg) -> Fault:
    lead, start, stop = stretch
    return Fault(kind=kind, lead=ecg.spec.leads[lead], start=start, stop=stop)


TWO = ("MLII", "V1")

CASES = (
    Case("normal", "sinus rhythm, 12 leads, 500 Hz", fs=500),
    Case("afib", "atrial fibrillation", "af", fs=500, statements=("AFIB",)),
    Case("pvc", "ventricular premature beats", "sinus 70 bpm with pvc every 4 beats", fs=500,
         statements=("SR", "PVC")),
    Case("paced", "a paced rhythm, with spikes", "paced", fs=500, statements=("PACE",)),
    Case("lead-off", "V2 comes off for 4 s", damage=_take_lead_off),
    Case("saturated", "the signal is cut off at +-0.8 mV", damage=_saturate),
    Case("no-value", "samples are missing for some seconds", leads=("I", "II", "V1"),
         damage=_drop_samples),
    Case("rate-128", "128 samples a second", leads=("I", "II", "V1"), fs=128),
    Case("rate-257", "257 samples a second", leads=("I", "II", "V1"), fs=257),
    Case("rate-1000", "1,000 samples a second", leads=("I", "II", "V1"), fs=1000),
    Case("leads-1", "one lead, of a Holter recorder", leads=("MLII",)),
    Case("leads-2", "two leads, of a Holter recorder", leads=TWO),
    Case("leads-8", "the eight leads from which the others follow", leads=INDEPENDENT_LEADS),
    Case("leads-15", "twelve leads and Frank's X, Y and Z", leads=(*LEADS_12, *FRANK)),
    Case("half-second", "half a second", "sinus 140 bpm", TWO, seconds=0.5),
    Case("minute", "a minute, with ventricular beats", "sinus 70 bpm with pvc every 6 beats", TWO,
         seconds=60.0, statements=("SR", "PVC")),
    Case("day", "24 hours", "sinus with sleep, with pvc 2 %", leads=TWO, fs=128,
         seconds=86400.0, day=True),
)  # fmt: skip

SMALL = Case("base", "", leads=("I", "II"), seconds=2.0)
"""The recording of the files that are broken."""
