"""A rhythm drawn as an ECG by the simulator: any length, every beat, rhythm and wave known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_flag, check_instance, check_integer, check_names, check_rate
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.rhythm import SYMBOLS, Rhythm
from ecgsynth.rhythm.output import changes, source_of
from ecgsynth.rhythm.track import Track
from ecgsynth.signals.draft import Draft, Piece, marks_from, no_marks, placeholder
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import FIDUCIALS, LEADS_12, twelve_leads
from ecgsynth.simulator.chaos import Chaos
from ecgsynth.simulator.heart import EDGE, P2, PACED, VR, Heart, dipole_of, waves_of
from ecgsynth.simulator.records import DOWER

PIECE_S = 60.0
"""Length of the pieces that are drawn at once."""

BLOCK_S = 60.0
"""The waves of so many seconds come of one stream of random numbers."""

REACH_S = 1.5
"""No wave of a beat is farther from its R."""

BEFORE_S, BEHIND_S = 40.0, 5.0
"""The beats that decide QT lie within so many seconds before and behind a block."""

MEMORY = 20
"""Beats whose mean RR decides QT, which follows the rate slowly. The number is the project's own
choice; Razak et al., Ann Noninvasive Electrocardiol 16:148, 2011, fit a memory of a minute."""

REST_S = 0.08
"""Between the end of T and the next R, at least."""

SPIKE_MV = 1.2

FRANK = ("X", "Y", "Z")
"""The dipole itself: to the left, to the feet, to the back."""

KNOWN_LEADS = (*LEADS_12, "MLII", *FRANK)

LEADS = {1: ("MLII",), 2: ("MLII", "V1"), 12: LEADS_12}
"""Leads by their number."""


class Waves(NamedTuple):
    """All waves of some beats, before they are sampled, in order of R.

    r_s: [beat], waves: centres, rises, falls and vectors; a P that no beat answers is a beat that
    has no other wave, of the kind -1. fiducials: [beat, FIDUCIALS], s from R.
    """

    r_s: NDArray[np.float64]
    kind: NDArray[np.int64]
    waves: tuple[NDArray[Any], ...]
    fiducials: NDArray[Any]

    @classmethod
    def of(cls, rhythm: Rhythm, heart: Heart, rng: np.random.Generator) -> Waves:
        """The waves of a person's beats."""
        time, lone = rhythm.time_s, rhythm.lone_p_s
        # A P without an answer is placed as if its R came at once, and nothing of it but P is kept.
        r = np.concatenate([time, lone])
        kind = np.concatenate([rhythm.kind, np.zeros(len(lone), np.int64)])
        p = np.concatenate([time - rhythm.p_s, np.zeros(len(lone))])
        pace = np.concatenate([_pace(time, heart.qtc_s), np.full(len(lone), 0.8)])
        *waves, fiducials = waves_of(kind, pace, heart, rng, p)
        vector = waves[3]
        alone = np.arange(len(r)) >= len(time)
        vector[alone, P2 + 1 :] = 0
        fiducials[alone, 3:] = np.nan
        order = np.argsort(r, kind="stable")
        return cls(
            r[order], np.where(alone, -1, kind)[order], tuple(wave[order] for wave in waves),
            fiducials[order],
        )  # fmt: skip

    def between(self, start: float, stop: float) -> Waves:
        """Those of the beats from one time up to another."""
        rows = slice(*np.searchsorted(self.r_s, [start, stop]))
        return Waves(
            self.r_s[rows], self.kind[rows], tuple(wave[rows] for wave in self.waves),
            self.fiducials[rows],
        )  # fmt: skip

    @classmethod
    def join(cls, parts: Sequence[Waves]) -> Waves:
        """The waves of several stretches, one after another."""
        columns = zip(*(part.waves for part in parts), strict=True)
        return cls(
            np.concatenate([part.r_s for part in parts]),
            np.concatenate([part.kind for part in parts]),
            tuple(np.concatenate(column) for column in columns),
            np.concatenate([part.fiducials for part in parts]),
        )


class Drawing:
    """The ECG of one person with these beats, in any stretch of its time.

    seed, patient: which crowd, and which person of it.
    """

    def __init__(self, track: Track, fs: float, seed: int, patient: int) -> None:
        self.track, self.fs, self.person = track, fs, (seed, patient)
        self.heart = Heart.draw(seed, patient)
        self.chaos = Chaos(track, seed, patient)
        self._blocks: dict[int, Waves] = {}

    def waves(self, start: float, stop: float) -> Waves:
        """The waves of the beats from one time up to another, s."""
        numbers = range(max(0, int(start // BLOCK_S)), int(stop // BLOCK_S) + 1)
        kept = {number: self._blocks.get(number) or self._block(number) for number in numbers}
        self._blocks = kept
        return Waves.join([*kept.values()]).between(start, stop)

    def _block(self, number: int) -> Waves:
        """The beats of a block: the same whatever else is drawn."""
        start, stop = number * BLOCK_S, (number + 1) * BLOCK_S
        rng = np.random.default_rng([*self.person, 4, number])
        beats = self.track.between(start - BEFORE_S, stop + BEHIND_S)
        return Waves.of(beats, self.heart, rng).between(start, stop)

    def piece(self, start: int, samples: int, waves: bool) -> tuple[NDArray[np.float32], Marks]:
        """Dipole [3, sample], mV, and marks of a piece; waves: whether fiducials are marked."""
        begin, end = start / self.fs, (start + samples) / self.fs
        found = self.waves(begin - REACH_S, end + REACH_S)
        dipole = self._dipole(found, start, samples) + self.chaos.waves(start, samples, self.fs)
        return dipole, self._marks(found, start, samples, waves)

    def _dipole(self, beats: Waves, start: int, samples: int) -> NDArray[np.float32]:
        fs = self.fs
        r_sample = np.round(beats.r_s * fs).astype(np.int64) - start
        if not len(r_sample):
            return np.zeros((3, samples), np.float32)
        centre, rise, fall, vector = beats.waves
        dipole = dipole_of(r_sample, centre, rise, fall, vector, samples, fs)
        paced = beats.kind == PACED
        begin = (centre[:, VR] - EDGE * rise[:, VR])[paced]
        at = r_sample[paced] + np.floor(begin * fs).astype(np.int64) - 1
        inside = (at >= 0) & (at < samples)
        toward = vector[paced, VR][inside]
        length = np.linalg.norm(toward, axis=1, keepdims=True)
        dipole[:, at[inside]] += (SPIKE_MV * toward / np.maximum(length, 1e-6)).T
        return dipole

    def _marks(self, beats: Waves, start: int, samples: int, waves: bool) -> Marks:
        """Changes of rhythm, beats and, where wanted, fiducials, in order of time."""
        fs = self.fs
        r_sample = np.round(beats.r_s * fs).astype(np.int64)
        beat = beats.kind >= 0
        other = changes(self.track.between(start / fs, (start + samples) / fs))
        parts = [
            (np.array([round(one[0] * fs) for one in other], np.int64),
             np.array([one[2] or one[1] for one in other], "<U9")),
            (r_sample[beat], np.array(SYMBOLS)[beats.kind[beat]]),
        ]  # fmt: skip
        if waves:
            known = np.isfinite(beats.fiducials)
            points = r_sample[:, None] + np.round(np.where(known, beats.fiducials, 0) * fs)
            names = np.broadcast_to(np.array(FIDUCIALS), points.shape)
            parts.append((points[known].astype(np.int64), names[known]))
        sample = np.concatenate([part[0] for part in parts]) - start
        return marks_from(sample, np.concatenate([part[1] for part in parts]), samples)


def _pace(time: NDArray[np.float64], qtc: float) -> NDArray[np.float64]:
    """[beat] the RR interval by which QT goes: a mean of those before, so that T ends in time."""
    if len(time) < 2:
        return np.full(len(time), 0.8)
    rr = np.clip(np.diff(time), 0.2, 1.6)
    total = np.cumsum(np.pad(rr, (MEMORY + 1, 0), mode="edge"))
    mean = (total[MEMORY:] - total[:-MEMORY]) / MEMORY
    room = (np.append(rr, rr[-1]) / (qtc + REST_S)) ** 2
    return np.asarray(np.minimum(mean[: len(time)], np.maximum(room, 0.04)))


def draw_rhythm(
    rhythm: Rhythm,
    leads: Sequence[str] | int = 2,
    fs: float = 250.0,
    *,
    waves: bool = True,
    seed: int = 0,
    patient: int = 0,
) -> Ecg:
    """An ECG with these beats: one item of the length of the rhythm, with its truth as marks.

    Parameters
    ----------
    leads: names of the 12 standard leads, "MLII" and Frank's "X", "Y", "Z", or 1 (MLII),
        2 (MLII, V1) or 12.
    fs: Hz, 100 or more. waves: whether the fiducials of P, QRS and T are marked, too.
    seed, patient: which crowd, and which person of it.

    Returns
    -------
    Marks: a beat code at every R (N, S, V, F and / of paced ones), the name of a rhythm where it
    begins, as in (AFIB, [ and ] around ventricular fibrillation, and fiducials.

    Raises
    ------
    EcgsynthError: leads or rate are none of the simulator's, or the recording is too long.
    """
    check_instance(rhythm, Rhythm, "what is drawn is a Rhythm, as make_rhythm gives it")
    return draft_rhythm(rhythm, leads, fs, waves=waves, seed=seed, patient=patient).ecg()


def draft_rhythm(
    rhythm: Rhythm | Track,
    leads: Sequence[str] | int = 2,
    fs: float = 250.0,
    *,
    waves: bool = True,
    seed: int = 0,
    patient: int = 0,
) -> Draft:
    """The same, of any length, piece by piece; parameters and errors are those of `draw_rhythm`."""
    track = Track.of(rhythm)
    names, fs = check_leads(leads), check_rate(fs)
    if not 100 <= fs <= 10_000:
        raise EcgsynthError(f"the simulator works at 100 to 10000 Hz; got {fs:g}.")
    samples, step = round(track.seconds * fs), round(PIECE_S * fs)
    if samples < 1:
        raise EcgsynthError("the rhythm is shorter than a sample; give it some seconds.")
    waves = check_flag(waves, "waves")
    seed, patient = check_integer(seed, "the seed"), check_integer(patient, "the patient")
    person = np.array([f"simulated-{patient:04d}"])
    head = Ecg(
        placeholder(len(names), samples), Spec(names, fs, samples), patient=person, record=person,
        marks=no_marks(), source=source_of(track.source, "simulator"),
    )  # fmt: skip

    def pieces() -> Iterator[Piece]:
        drawing = Drawing(track, fs, seed, patient)
        for start in range(0, samples, step):
            dipole, marks = drawing.piece(start, min(step, samples - start), waves)
            every = dict(zip(LEADS_12, twelve_leads(DOWER @ dipole), strict=True))
            every["MLII"] = every["II"]
            every |= zip(FRANK, dipole, strict=True)
            yield Piece(np.stack([every[name] for name in names]).astype(np.float32), marks)

    return Draft(head, pieces)


def check_leads(leads: Sequence[str] | int) -> tuple[str, ...]:
    """Names of leads that the simulator has.

    Raises
    ------
    EcgsynthError: it has no such lead, or no such number of them is usual.
    """
    if isinstance(leads, int) and not isinstance(leads, bool):
        if leads not in LEADS:
            raise EcgsynthError(f"1, 2 or 12 leads have names of their own; name {leads} leads.")
        return LEADS[leads]
    names = check_names(leads, "leads")
    for lead in names:
        if lead not in KNOWN_LEADS:
            raise EcgsynthError(
                f"the simulator has no lead '{lead}'.{did_you_mean(lead, KNOWN_LEADS)}"
            )
    return names
