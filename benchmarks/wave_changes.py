"""Changes of strips of ECG and of their marks, from which a delineator learns of more people.

A strip is one lead at 250 Hz with the waves that are allowed at every sample: a bit for each of
background, P, QRS and T. Where somebody marked a wave one bit is set, where nobody looked all are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation.reference_models.unet import FS
from ecgsynth.signals.vocabulary import FIDUCIALS

BACKGROUND, P, QRS, T = 1, 2, 4, 8
ANY = 15
"""Where nobody marked anything, every wave is allowed."""

P_ON, P_OFF, QRS_ON, QRS_OFF, T_ON, T_PEAK, T_OFF = (
    FIDUCIALS.index(name)
    for name in ("p_onset", "p_offset", "qrs_onset", "qrs_offset", "t_onset", "t_peak", "t_offset")
)

EARLIER_S = (-0.05, 0.25)
"""How much earlier P waves are moved, s: as in a first-degree block."""

NEXT_TO_QRS_S = 0.01
"""A moved P wave ends no later than this before the QRS complex, s."""


FEWEST_BEATS = 3
"""A strip with fewer marked beats keeps its waves."""


@dataclass(frozen=True)
class Strip:
    """One lead of a person, with the marks of its beats.

    signals: [variant, sample], mV: as recorded, and through some filters. points: [beat, 9],
    samples of `FIDUCIALS`, -1 where there is no mark. allowed: [sample], bits of waves.
    """

    signals: NDArray[np.float32]
    points: NDArray[np.int64]
    allowed: NDArray[np.uint8]

    def cut(self, start: int, stop: int) -> Strip:
        """The same from one sample up to another; beats that are not whole lose their points."""
        inside = (self.points.max(1, initial=-1) < stop) & (
            np.where(self.points < 0, start, self.points).min(1, initial=stop) >= start
        )
        points = self.points[inside]
        return Strip(
            self.signals[:, start:stop],
            np.where(points < 0, -1, points - start),
            self.allowed[start:stop],
        )


def allowed_waves(
    points: NDArray[np.int64], stretches: NDArray[np.int64], samples: int
) -> NDArray[np.uint8]:
    """[sample] bits: one where the reader marked, all outside of the stretches.

    A T wave whose onset is not marked may begin anywhere between QRS and its peak, and one that is
    not marked at all may be there or not.
    """
    found = np.full(samples, ANY, np.uint8)
    for first, last in stretches.tolist():
        found[max(first, 0) : last + 1] = BACKGROUND
    seen = found != ANY
    for k, row in enumerate(points.tolist()):
        if row[T_OFF] < 0 <= row[QRS_OFF]:
            later = points[k + 1 :][points[k + 1 :] > row[QRS_OFF]]
            found[row[QRS_OFF] + 1 : int(later.min(initial=samples))] |= T
        elif row[T_ON] < 0 <= row[QRS_OFF]:
            found[row[QRS_OFF] + 1 : row[T_PEAK]] |= T
            found[row[T_PEAK] : row[T_OFF] + 1] = T
    for onset, offset, wave in ((T_ON, T_OFF, T), (P_ON, P_OFF, P), (QRS_ON, QRS_OFF, QRS)):
        whole = (points[:, onset] >= 0) & (points[:, offset] >= 0)
        for start, stop in points[whole][:, [onset, offset]].tolist():
            found[start : stop + 1] = wave
    found[~seen] = ANY
    return found


def vary(strip: Strip, random: np.random.Generator) -> tuple[NDArray[np.float32], NDArray]:
    """(signal, allowed) of one variant of a strip, of another heart as it were.

    P waves are moved towards the T wave before, removed, made larger or smaller; single beats are
    made wide and early, as ventricular ones, or all of them wide, as in a bundle branch block; the
    segments of the beats are stretched, each by a factor of its own.
    """
    signal = strip.signals[random.integers(len(strip.signals))].copy()
    points, allowed = strip.points.copy(), strip.allowed.copy()
    wide = np.ones(len(points))
    draw = random.random(3)
    if len(points) < FEWEST_BEATS:  # the other beats of the strip would stay as they are
        draw[:2] = 1
    if draw[0] < 0.55:
        _change_p(signal, points, allowed, random)
    if draw[1] < 0.15:
        chosen = random.random(len(points)) < random.uniform(0.1, 0.4)
        _remove_p(signal, points, allowed, np.flatnonzero(chosen))
        wide[chosen] = random.uniform(1.4, 2.6)
        _change_heights(signal, points, np.flatnonzero(chosen), random)
    elif draw[1] < 0.35:
        wide[:] = random.uniform(1.1, 2.0)
        _change_heights(signal, points, np.arange(len(points)), random)
    if draw[2] < 0.15:
        signal = -signal
    return _stretched(signal, points, allowed, wide, random)


def _change_p(
    signal: NDArray, points: NDArray, allowed: NDArray, random: np.random.Generator
) -> None:
    """P waves of all beats earlier or later, of another height, or none of them any more."""
    rows = np.flatnonzero((points[:, P_ON] >= 0) & (points[:, P_OFF] >= 0))
    kind = random.random()
    if kind < 0.2:
        _remove_p(signal, points, allowed, rows)
        if random.random() < 0.5:
            _fibrillate(signal, random)
        return
    gain = float(np.exp(random.uniform(-0.8, 0.8))) if kind > 0.5 else 1.0
    earlier = random.uniform(*EARLIER_S) * FS
    waves = {int(row): _above_chord(signal, points[row, P_ON], points[row, P_OFF]) for row in rows}
    old = points[rows][:, [P_ON, P_OFF]]
    _remove_p(signal, points, allowed, rows)
    for row, (start, stop) in zip(rows.tolist(), old.tolist(), strict=True):
        length = stop - start
        first = 0
        if row > 0:  # as far as the second half of the T wave before
            first = max(points[row - 1, T_PEAK] + round(0.04 * FS), points[row - 1, QRS_OFF] + 20)
        last = points[row, QRS_ON] - round(NEXT_TO_QRS_S * FS) - length
        if points[row, QRS_ON] < 0 or last <= first:
            continue
        at = round(float(np.clip(start - earlier + random.normal(0, 0.01 * FS), first, last)))
        signal[at : at + length + 1] += gain * waves[row]
        seen = allowed[at : at + length + 1] != ANY
        allowed[at : at + length + 1][seen] = P
        points[row, [P_ON, P_OFF]] = at, at + length
        tail = allowed[at + length + 1 : points[row, QRS_ON]]
        tail[tail == T] |= BACKGROUND  # a P wave upon a T wave: where T ends is not known


def _remove_p(signal: NDArray, points: NDArray, allowed: NDArray, rows: NDArray) -> None:
    for row in rows.tolist():
        start, stop = points[row, [P_ON, P_OFF]]
        if start >= 0 and stop > start:
            signal[start : stop + 1] -= _above_chord(signal, start, stop)
            here = allowed[start : stop + 1]
            here[here == P] = BACKGROUND
            points[row, P_ON : P_OFF + 1] = -1


def _above_chord(signal: NDArray, start: int, stop: int) -> NDArray:
    """A wave as its distance from the line between its ends."""
    return signal[start : stop + 1] - np.linspace(signal[start], signal[stop], stop - start + 1)


def _fibrillate(signal: NDArray, random: np.random.Generator) -> None:
    """Add the waves of an atrial fibrillation: 4 to 9 Hz, whose height and rate wander."""
    time = np.arange(len(signal)) / FS
    hz = random.uniform(4, 9) + 0.5 * np.sin(2 * np.pi * random.uniform(0.1, 0.5) * time)
    phase = 2 * np.pi * np.cumsum(hz) / FS + random.uniform(0, 2 * np.pi)
    height = signal.std() * random.uniform(0.05, 0.3)
    swell = 1 + 0.5 * np.sin(2 * np.pi * random.uniform(0.1, 0.6) * time)
    signal += height * swell * (np.sin(phase) + 0.4 * np.sin(2 * phase))


def _change_heights(
    signal: NDArray, points: NDArray, rows: NDArray, random: np.random.Generator
) -> None:
    """QRS higher, of either sign, and T the other way round, as where the ventricles are late."""
    qrs = random.uniform(0.7, 2.5) * random.choice([-1, 1])
    wave = random.uniform(0.5, 2.0) * random.choice([-1, 1])
    for row in rows.tolist():
        for onset, offset, gain in ((QRS_ON, QRS_OFF, qrs), (T_ON, T_OFF, wave)):
            start, stop = points[row, [onset, offset]]
            if start >= 0 and stop > start:
                signal[start : stop + 1] += (gain - 1) * _above_chord(signal, start, stop)


def _stretched(
    signal: NDArray, points: NDArray, allowed: NDArray, wide: NDArray, random: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray]:
    """Each kind of segment longer or shorter by a factor of its own, linearly interpolated."""
    kind = np.zeros(len(signal), np.int64)  # 0 after T, 1 P, 2 PR, 3 QRS, 4 ST, 5 T
    beat = np.zeros(len(signal))
    qrs = np.zeros(len(signal))
    irregular = random.choice([0.03, 0.3], p=[0.7, 0.3])
    for row, one in enumerate(points.tolist()):
        ends = [one[T_ON] if one[T_ON] >= 0 else one[T_PEAK], one[T_OFF]]
        for number, (start, stop) in enumerate(
            ((one[P_ON], one[P_OFF]), (one[P_OFF], one[QRS_ON]), (one[QRS_ON], one[QRS_OFF]),
             (one[QRS_OFF], ends[0]), ends), 1,
        ):  # fmt: skip
            if 0 <= start < stop:
                kind[start:stop] = number
        if one[T_OFF] >= 0:
            beat[one[T_OFF] :] = random.normal(0, irregular)
        if 0 <= one[QRS_ON] < one[QRS_OFF]:
            qrs[one[QRS_ON] : one[QRS_OFF]] = np.log(wide[row])
    factor = random.uniform(-0.25, 0.25, 6)
    if random.random() < 0.3:
        factor[2] = random.uniform(0, 1.2)
    if random.random() < 0.3:
        factor[0] = random.uniform(-1.0, 0.6)
    rate = np.exp(factor[kind] + np.where(kind == 0, beat, 0.0) + qrs)
    at = np.cumsum(rate) - rate[0]
    source = np.interp(np.arange(int(at[-1]) + 1), at, np.arange(len(signal)))
    wave = np.interp(source, np.arange(len(signal)), signal).astype(np.float32)
    return wave, allowed[np.round(source).astype(np.int64)]


@dataclass(frozen=True)
class Noise:
    """Pieces of recorded noise: of electrodes, muscles and wander, [sample] each, at 250 Hz."""

    kinds: tuple[NDArray[np.float32], ...] = ()
    strength: tuple[float, ...] = ()

    def add(self, crops: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        """[item, sample] with slow wander, white noise, hum and recorded noise, as shares of the
        item's own SD."""
        count, length = crops.shape
        sd = crops.std(1, keepdims=True)
        time = np.arange(length) / FS
        hz, phase = random.random((2, count, 2, 1))
        sway = np.sin(2 * np.pi * (0.6 * hz * time + phase)).sum(1)
        white = random.standard_normal((count, length))
        smooth = (white + np.roll(white, 1, 1) + np.roll(white, -1, 1)) / 3
        white = np.where(random.random((count, 1)) < 0.5, white, smooth)
        hum = np.sin(2 * np.pi * (random.choice([50, 60], (count, 1)) * time + phase[:, 0]))
        share = random.random((3, count, 1)) ** np.array([3, 3, 6])[:, None, None]
        found = share[0] * sway + 0.25 * share[1] * white + 0.15 * share[2] * hum
        for kind, most in zip(self.kinds, self.strength, strict=True):
            for row in np.flatnonzero(random.random(count) < 0.25):
                start = random.integers(len(kind) - length)
                piece = kind[start : start + length]
                piece = (piece - piece.mean()) / max(float(piece.std()), 1e-6)
                found[row] += most * random.random() ** 2 * piece
        return (crops + sd * found).astype(np.float32)


def crop(
    strip: Strip, length: int, random: np.random.Generator, centred: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """(signal [length], allowed [length]) of a varied strip; samples beyond its ends are unknown.

    centred: a single beat stands in the crop as in windows around R.
    """
    known = np.flatnonzero(strip.allowed != ANY)
    middle = int(random.choice(known))
    reach = length + round(3 * FS)
    part = strip.cut(max(0, middle - reach), min(len(strip.allowed), middle + reach))
    wave, allowed = vary(part, random)
    known = np.flatnonzero(allowed != ANY)
    begins = np.flatnonzero((allowed[1:] == QRS) & (allowed[:-1] != QRS))
    if centred and len(begins):
        start = int(random.choice(begins)) - round(0.2 * length) - int(random.integers(25))
    else:
        middle = int(random.choice(known)) if len(known) else len(wave) // 2
        start = middle - int(random.integers(length))
    start = int(np.clip(start, 0, max(0, len(wave) - length)))
    wave, allowed = wave[start : start + length], allowed[start : start + length]
    short = length - len(wave)
    if short:
        wave = np.pad(wave, (0, short), mode="edge")
        allowed = np.pad(allowed, (0, short), constant_values=ANY)
    return wave, allowed
