"""A rhythm drawn as an ECG by the simulator: any length, every beat, rhythm and wave known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import check_flag, check_instance, check_integer, check_names, check_rate
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.rhythm import Rhythm
from ecgsynth.rhythm.output import changes, source_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import FIDUCIALS, LEADS_12, twelve_leads
from ecgsynth.simulator.chaos import chaotic_waves
from ecgsynth.simulator.heart import EDGE, P2, PACED, VR, Heart, dipole_of, waves_of
from ecgsynth.simulator.records import DOWER, MOST_SAMPLES

PIECE_S = 60.0
"""Length of the pieces that are drawn at once."""

REACH_S = 1.5
"""No wave of a beat is farther from its R."""

MEMORY = 20
"""Beats whose mean RR decides QT, which follows the rate slowly. The number is the project's own
choice; Razak et al., Ann Noninvasive Electrocardiol 16:148, 2011, fit a memory of a minute."""

REST_S = 0.08
"""Between the end of T and the next R, at least."""

SPIKE_MV = 1.2

MOST_VALUES = 150_000_000
"""Samples of all leads together; writing takes some 40 bytes for each."""

LEADS = {1: ("MLII",), 2: ("MLII", "V1"), 12: LEADS_12}
"""Leads by their number."""


@dataclass(frozen=True)
class Drawing:
    """All waves of a rhythm, of one person, before they are sampled.

    r_s: [beat], waves: centres, rises, falls and vectors; a P that no beat answers is a beat that
    has no other wave. fiducials: [beat, FIDUCIALS], s from R.
    """

    rhythm: Rhythm
    r_s: NDArray[np.float64]
    kind: NDArray[np.int64]
    waves: tuple[NDArray[Any], ...]
    fiducials: NDArray[Any]

    @classmethod
    def of(cls, rhythm: Rhythm, seed: int, patient: int) -> Drawing:
        """The waves of a person's beats."""
        heart = Heart.draw(seed, patient)
        rng = np.random.default_rng([seed, patient, 4])
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
            rhythm, r[order], np.where(alone, -1, kind)[order],
            tuple(wave[order] for wave in waves), fiducials[order],
        )  # fmt: skip

    def dipole(self, start_s: float, samples: int, fs: float) -> NDArray[np.float32]:
        """[3, sample], mV, of a piece of the recording."""
        stop_s = start_s + samples / fs
        rows = slice(*np.searchsorted(self.r_s, [start_s - REACH_S, stop_s + REACH_S]))
        r_sample = np.round(self.r_s[rows] * fs).astype(np.int64) - round(start_s * fs)
        if not len(r_sample):
            return np.zeros((3, samples), np.float32)
        waves = [wave[rows] for wave in self.waves]
        dipole = dipole_of(r_sample, waves[0], waves[1], waves[2], waves[3], samples, fs)
        paced = self.kind[rows] == PACED
        begin = (waves[0][:, VR] - EDGE * waves[1][:, VR])[paced]
        at = r_sample[paced] + np.floor(begin * fs).astype(np.int64) - 1
        inside = (at >= 0) & (at < samples)
        toward = waves[3][paced, VR][inside]
        length = np.linalg.norm(toward, axis=1, keepdims=True)
        dipole[:, at[inside]] += (SPIKE_MV * toward / np.maximum(length, 1e-6)).T
        return dipole

    def marks(self, fs: float, samples: int, waves: bool) -> Marks:
        """Beats, changes of rhythm and, where wanted, fiducials, in order of time."""
        r_sample = np.round(self.r_s * fs).astype(np.int64)
        beat = self.kind >= 0
        symbols = np.array(["N", "S", "V", "F", "/"])
        parts = [(r_sample[beat], symbols[self.kind[beat]])]
        other = changes(self.rhythm)
        parts.insert(0, (np.array([round(one[0] * fs) for one in other], np.int64),
                         np.array([one[2] or one[1] for one in other], "<U9")))  # fmt: skip
        if waves:
            known = np.isfinite(self.fiducials)
            points = r_sample[:, None] + np.round(np.where(known, self.fiducials, 0) * fs)
            names = np.broadcast_to(np.array(FIDUCIALS), points.shape)
            parts.append((points[known].astype(np.int64), names[known]))
        sample = np.concatenate([part[0] for part in parts])
        symbol = np.concatenate([part[1].astype("<U10") for part in parts])
        rows = np.flatnonzero((sample >= 0) & (sample < samples))
        rows = rows[np.argsort(sample[rows], kind="stable")]
        item = np.zeros(len(rows), np.int64)
        return Marks(item, np.full(len(rows), -1), sample[rows], symbol[rows])


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
    leads: names of the 12 standard leads and "MLII", or 1 (MLII), 2 (MLII, V1) or 12.
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
    names, fs = check_leads(leads), check_rate(fs)
    samples = round(rhythm.seconds * fs)
    if not 100 <= fs <= 10_000:
        raise EcgsynthError(f"the simulator works at 100 to 10000 Hz; got {fs:g}.")
    if not 1 <= samples <= MOST_SAMPLES:
        raise EcgsynthError(
            f"{rhythm.seconds:g} s at {fs:g} Hz are {samples:,} samples; a simulated record holds "
            f"1 to {MOST_SAMPLES:,}."
        )
    if len(names) * samples > MOST_VALUES:
        raise EcgsynthError(
            f"{len(names)} leads of {rhythm.seconds:g} s at {fs:g} Hz do not fit into memory; take "
            f"fewer leads, a lower rate, or {MOST_VALUES / len(names) / fs / 3600:.1f} h at most."
        )
    waves = check_flag(waves, "waves")
    seed, patient = check_integer(seed, "the seed"), check_integer(patient, "the patient")
    drawing = Drawing.of(rhythm, seed, patient)
    signal = np.empty((len(names), samples), np.float32)
    done = 0
    for piece in draw_pieces(drawing, names, fs, seed, patient):
        signal[:, done : done + piece.shape[1]] = piece
        done += piece.shape[1]
    return Ecg(
        signal=signal[None],
        spec=Spec(leads=names, fs=fs, samples=samples),
        patient=np.array([f"simulated-{patient:04d}"]),
        record=np.array([f"simulated-{patient:04d}"]),
        marks=drawing.marks(fs, samples, waves),
        source=source_of(rhythm, "simulator"),
    )


def draw_pieces(
    drawing: Drawing, leads: Sequence[str], fs: float, seed: int, patient: int
) -> Iterator[NDArray[np.float32]]:
    """[lead, sample] pieces of PIECE_S along time, mV."""
    samples, step = round(drawing.rhythm.seconds * fs), round(PIECE_S * fs)
    for start in range(0, samples, step):
        count = min(step, samples - start)
        dipole = drawing.dipole(start / fs, count, fs)
        dipole += chaotic_waves(drawing.rhythm, start, count, fs, seed, patient)
        every = dict(zip(LEADS_12, twelve_leads(DOWER @ dipole), strict=True))
        every["MLII"] = every["II"]
        yield np.stack([every[name] for name in leads]).astype(np.float32)


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
        if lead not in (*LEADS_12, "MLII"):
            raise EcgsynthError(
                f"the simulator has no lead '{lead}'.{did_you_mean(lead, (*LEADS_12, 'MLII'))}"
            )
    return names
