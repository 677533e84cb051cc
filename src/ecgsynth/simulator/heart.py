"""A simulated person: a heart whose beats are Gaussian waves of a dipole in space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EDGE = 2.5
"""A wave begins and ends this many sigmas from its centre, where 4 % of its height are left."""

# Waves in the order of the columns below: right and left atrium, septum, main R, base (S), T;
# then the ventricular ectopic's QRS, its late part and its T.
P1, P2, Q, R, S, T, VR, VS, VT = WAVES = range(9)
# [wave, (x, y, z)], mV, of a usual adult (T here: of a beat's end; V*: replaced per person).
VECTORS = np.array([
    [0.075, 0.085, -0.045], [0.075, 0.085, 0.055],
    [-0.14, -0.06, -0.26], [0.95, 0.78, 0.12], [-0.16, -0.17, 0.52],
    [0.26, 0.22, -0.17],
    [0, 0, 0], [0, 0, 0], [0, 0, 0],
])  # fmt: skip
# Sites of ventricular ectopy: outflow tract, apex of the right ventricle, wall of the left one.
ECTOPIC_SITES = np.array([[0.35, 1.30, 0.45], [0.95, -1.15, 0.50], [-0.80, 0.75, -0.90]])
CENTRES_S = np.array([-0.015, 0.015, -0.024, 0.0, 0.027, 0.0, 0.0, 0.052, 0.0])  # P: of its middle
RISE_S = np.array([0.016, 0.016, 0.007, 0.0100, 0.0090, 0.055, 0.024, 0.018, 0.055])
FALL_S = np.array([0.016, 0.016, 0.007, 0.0095, 0.0085, 0.033, 0.022, 0.018, 0.036])  # T falls fast


PACED = 4
LEAST_RISE_S = 0.004
"""Of a T wave that a fast rhythm leaves no room."""


@dataclass(frozen=True)
class Heart:
    """What makes one simulated person.

    vectors: [wave, 3], mV. rise, fall: sigmas of the waves before and after their peak, s.
    paced: of VR, VS and VT where a pacemaker excites the right ventricle, [3, 3].
    ectopic_p: what a premature atrial beat makes of the P vector, [3, 3]; 0 where it is junctional.
    pr_s: from P onset to QRS onset at 60/min. qtc_s: QT at 60/min. rate: resting, 1/min.
    """

    vectors: NDArray[np.float64]
    rise: NDArray[np.float64]
    fall: NDArray[np.float64]
    ectopic_p: NDArray[np.float64]
    paced: NDArray[np.float64]
    pr_s: float
    qtc_s: float
    rate: float

    @classmethod
    def draw(cls, seed: int, patient: int) -> Heart:
        """The person of that number; the same whoever else is drawn."""
        from scipy.spatial.transform import Rotation

        rng = np.random.default_rng([seed, patient, 0])
        # The heart lies differently in every chest: frontal axis, then turning about its length.
        turn = Rotation.from_euler("zyx", rng.normal(0, (16, 12, 8)), degrees=True).as_matrix()
        size = rng.lognormal(0, 0.15, (len(WAVES), 1))
        size[P2] = size[P1]  # equal in the frontal plane, so that P peaks in its middle
        vectors = VECTORS * size * rng.lognormal(0, 0.15)
        site = ECTOPIC_SITES[rng.integers(3)] + rng.normal(0, 0.15, 3)
        vectors[VR] = site * rng.lognormal(0, 0.2)
        vectors[VS] = 0.35 * vectors[VR] + rng.normal(0, 0.12, 3)
        vectors[VT] = -rng.uniform(0.28, 0.42) * vectors[VR]  # discordant
        width = rng.lognormal(0, 0.07, len(WAVES))
        width[P2] = width[P1]
        ectopic_p = np.diag([1, rng.uniform(-1.1, 0.4), 1]) * float(rng.random() > 0.3)
        return cls(
            vectors=vectors @ turn.T,
            rise=RISE_S * width,
            fall=FALL_S * width,
            ectopic_p=ectopic_p,
            paced=_paced(np.random.default_rng([seed, patient, 3])) @ turn.T,
            pr_s=rng.uniform(0.135, 0.19),
            qtc_s=rng.uniform(0.385, 0.435),
            rate=rng.uniform(56, 92),
        )


def _paced(rng: np.random.Generator) -> NDArray[np.float64]:
    """[VR, VS, VT; 3] of beats that begin at the apex of the right ventricle."""
    main = (ECTOPIC_SITES[1] + rng.normal(0, 0.1, 3)) * rng.lognormal(0, 0.15)
    late = 0.35 * main + rng.normal(0, 0.08, 3)
    return np.stack([main, late, -rng.uniform(0.28, 0.42) * main])


def rhythm(
    kind: NDArray[np.int64], mean: float, hrv: float, qtc: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """RR before each beat, and the sinus cycle at that time, s."""
    time = np.arange(len(kind)) * mean
    phase = rng.uniform(0, 2 * np.pi, 2)
    drift = np.cumsum(rng.normal(0, 0.15, len(kind)))
    # Breathing at 0.25 Hz and the pressure wave at 0.1 Hz, with equal power: own choice.
    swing = np.sin(2 * np.pi * 0.25 * time + phase[0]) + np.sin(
        2 * np.pi * 0.1 * time + phase[1] + drift
    )
    swing = 0.93 * swing + 0.37 * rng.normal(size=len(kind))
    sinus = mean * np.clip(1 + hrv * swing, 0.6, 1.6)
    early = np.choose(kind, [1.0, 0.0, 0.0, 0.0])
    for number, (low, high) in {1: (0.62, 0.82), 2: (0.55, 0.75), 3: (0.90, 0.98)}.items():
        early[kind == number] = rng.uniform(low, high, (kind == number).sum())
    # No ectopic beat falls into the T wave before it.
    earliest = np.minimum(qtc * np.sqrt(mean) + 0.07, 0.95 * sinus)
    rr = np.where(kind == 0, sinus, np.maximum(early * sinus, earliest))
    after_s = np.flatnonzero((kind[1:] == 0) & (kind[:-1] == 1)) + 1
    after_v = np.flatnonzero((kind[1:] == 0) & (kind[:-1] >= 2)) + 1
    rr[after_s] = sinus[after_s] * rng.uniform(1.02, 1.18, len(after_s))
    rr[after_v] = 2 * sinus[after_v] - rr[after_v - 1]
    return rr, 0.8 * mean + 0.2 * sinus


def waves_of(
    kind: NDArray[np.int64],
    sinus: NDArray[np.float64],
    heart: Heart,
    rng: np.random.Generator,
    p_s: NDArray[np.float64] | None = None,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Centres, rises, falls [beat, wave], s from R; vectors [beat, wave, 3]; fiducials.

    kind: [beat], 0 to 4 as N, S, V, F and paced. sinus: [beat], RR by which QT goes, s.
    p_s: [beat], from the peak of P to R, NaN where there is none; None: by the person's own PR.
    """
    ventricular = (kind == 2) | (kind == PACED)
    count = len(kind)
    stretch = np.sqrt(sinus)  # Bazett
    rise = np.tile(heart.rise, (count, 1)) * rng.normal(1, 0.01, (count, 1))
    fall = np.tile(heart.fall, (count, 1)) * rng.normal(1, 0.01, (count, 1))
    rise[:, [T, VT]] *= stretch[:, None]
    fall[:, [T, VT]] *= stretch[:, None]
    centre = np.tile(CENTRES_S, (count, 1))
    wide = kind >= 2
    begin = np.where(wide, -EDGE * rise[:, VR], centre[:, Q] - EDGE * rise[:, Q])
    end = np.where(wide, centre[:, VS] + EDGE * fall[:, VS], centre[:, S] + EDGE * fall[:, S])
    pr = heart.pr_s * (0.6 + 0.4 * np.clip(sinus, 0.25, 1.5))  # PR shortens as the rate rises
    pr = pr * np.where(kind == 1, 0.85, 1.0) * rng.normal(1, 0.01, count)
    p_begin = np.minimum(centre[:, Q] - EDGE * rise[:, Q] - pr, begin - 0.06)
    p_middle = p_begin + 0.015 + EDGE * rise[:, P1]
    if p_s is not None:
        p_middle = np.where(np.isfinite(p_s), -p_s, 0.0)
        p_begin = p_middle - 0.015 - EDGE * rise[:, P1]
    centre[:, [P1, P2]] += p_middle[:, None]
    t_end = begin + heart.qtc_s * stretch + 0.04 * wide
    for wave in (T, VT):  # in a fusion beat both have one shape, so that their sum has one peak
        fall[:, wave] = np.where(ventricular, fall[:, VT], fall[:, T])
        centre[:, wave] = t_end - EDGE * fall[:, wave]
        room = (centre[:, wave] - end) / EDGE
        rise[:, wave] = np.minimum(np.where(ventricular, rise[:, VT], rise[:, T]), room)
        rise[:, wave] = np.maximum(rise[:, wave], LEAST_RISE_S)
    vector = np.tile(heart.vectors, (count, 1, 1))
    vector[kind == PACED, VR:] = heart.paced
    vector[kind == 1, :2] = vector[kind == 1, :2] @ heart.ectopic_p
    mix = np.where(kind == 3, rng.uniform(0.35, 0.65, count), np.where(ventricular, 1.0, 0.0))
    weight = np.stack([(kind != 2) * 1.0] * 2 + [1 - mix] * 4 + [mix] * 3, axis=1)
    weight *= rng.normal(1, 0.025, (count, 1))  # breathing turns the heart a little
    sway = rng.normal(1, 0.04, (count, len(WAVES)))
    sway[:, P2] = sway[:, P1]
    weight *= sway
    vector *= weight[..., None]
    if p_s is not None:
        vector[~np.isfinite(p_s), :2] = 0
    has_p = (kind != 2) & (np.abs(vector[:, P1]).max(1) > 0)
    p_marks = np.stack([p_begin, p_middle, p_middle + 0.015 + EDGE * fall[:, P2]], axis=1)
    fiducials = np.column_stack([
        np.where(has_p[:, None], p_marks, np.nan), begin, np.zeros(count), end,
        centre[:, T] - EDGE * rise[:, T], centre[:, T], t_end,
    ])  # fmt: skip
    return centre, rise, fall, vector, fiducials


def dipole_of(
    r_sample: NDArray[np.int64],
    centre: NDArray[Any],
    rise: NDArray[Any],
    fall: NDArray[Any],
    vector: NDArray[Any],
    samples: int,
    fs: float,
) -> NDArray[np.float32]:
    """The dipole [3, sample], mV: every wave within 5.5 sigma of its centre."""
    first = int(np.floor((centre - 5.5 * rise).min() * fs))
    last = int(np.ceil((centre + 5.5 * fall).max() * fs)) + 1
    before = max(0, -int(r_sample.min()) - first)  # margins take what lies outside of the record
    behind = max(0, int(r_sample.max()) + last - samples)
    dipole = np.zeros((3, before + samples + behind), np.float32)
    for block in np.array_split(np.arange(len(r_sample)), 1 + len(r_sample) // 500):
        beat = np.zeros((len(block), 3, last - first), np.float32)
        for wave in WAVES:
            there = np.flatnonzero(np.abs(vector[block, wave]).max(1) > 0)
            if not len(there):
                continue
            rows = block[there]
            mid, up, down = (a[rows, wave, None] for a in (centre, rise, fall))
            low = int(np.floor((mid - 5.5 * up).min() * fs))
            high = int(np.ceil((mid + 5.5 * down).max() * fs)) + 1
            gap = np.arange(low, high) / fs - mid
            shape = np.exp(-0.5 * (gap / np.where(gap < 0, up, down)) ** 2).astype(np.float32)
            toward = vector[rows, wave, :, None].astype(np.float32)
            beat[there, :, low - first : high - first] += toward * shape[:, None]
        for start, part in zip(r_sample[block] + first + before, beat, strict=True):
            dipole[:, start : start + part.shape[-1]] += part
    return dipole[:, before : before + samples]
