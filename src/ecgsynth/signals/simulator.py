"""Simulated ECGs whose truth is known exactly: a heart dipole made of Gaussian waves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.ecg import Ecg, Marks, Spec, concatenate, one_hot
from ecgsynth.signals.segments import cut, rr_intervals
from ecgsynth.signals.vocabulary import FIDUCIALS, LEADS_12, twelve_leads

SOURCE = "synthetic:simulator"
CLASSES = ("N", "S", "V", "F")
EDGE = 2.5
"""A wave begins and ends this many sigmas from its centre, where 4 % of its height are left."""

SHARES = {"N": 0.80, "S": 0.08, "V": 0.09, "F": 0.03}
"""Shares of the classes in `simulate_beats`."""

# Dower et al. 1980: I, II, V1-V6 from the Frank axes x (left), y (to the feet), z (to the back).
DOWER = np.array([
    [0.632, -0.235, 0.059], [0.235, 1.066, -0.132],
    [-0.515, 0.157, -0.917], [0.044, 0.164, -1.387], [0.882, 0.098, -1.277],
    [1.213, 0.127, -0.601], [1.125, 0.127, -0.086], [0.831, 0.076, 0.230],
], np.float32)  # fmt: skip

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


@dataclass(frozen=True)
class Noise:
    """Disturbances, mV RMS in every independent lead; mains at `mains_hz`."""

    wander_mv: float = 0.0
    muscle_mv: float = 0.0
    mains_mv: float = 0.0
    mains_hz: float = 50.0

    def __post_init__(self) -> None:
        levels = (self.wander_mv, self.muscle_mv, self.mains_mv)
        if not all(0 <= level < np.inf for level in levels) or not 0 < self.mains_hz < np.inf:
            raise EcgsynthError("noise is given in mV RMS, zero or more, and mains in Hz above 0.")


@dataclass(frozen=True)
class Heart:
    """What makes one simulated person.

    vectors: [wave, 3], mV. rise, fall: sigmas of the waves before and after their peak, s.
    ectopic_p: what a premature atrial beat makes of the P vector, [3, 3]; 0 where it is junctional.
    pr_s: from P onset to QRS onset at 60/min. qtc_s: QT at 60/min. rate: resting, 1/min.
    """

    vectors: NDArray[np.float64]
    rise: NDArray[np.float64]
    fall: NDArray[np.float64]
    ectopic_p: NDArray[np.float64]
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
            pr_s=rng.uniform(0.135, 0.19),
            qtc_s=rng.uniform(0.385, 0.435),
            rate=rng.uniform(56, 92),
        )


def simulate_record(
    seconds: float = 10.0,
    fs: float = 500.0,
    *,
    heart_rate: float | None = None,
    leads: Sequence[str] = LEADS_12,
    beats: Mapping[str, float] | Sequence[str] = ("N",),
    hrv: float = 0.03,
    noise: Noise | None = None,
    seed: int = 0,
    patient: int = 0,
) -> Ecg:
    """One recording with every beat and fiducial marked.

    A beat is a sum of Gaussians on a dipole in space (Clifford et al. 2010; Sameni et al. 2007),
    seen from the leads through Dower's matrix. QT follows RR by Bazett; ectopic beats bring the
    pauses of the textbook: S resets the sinus node, V and F let it run on.

    Parameters
    ----------
    seconds, fs: duration, and sampling rate in Hz (100 or more).
    heart_rate: of the sinus node, 1/min; None = the person's own.
    leads: of the 12 standard leads and "MLII" (here the same as II).
    beats: shares of N, S, V, F to draw from, or a pattern to repeat: ("N", "V") is bigeminy.
    hrv: SD of the sinus RR intervals, as a share of their mean; 0 = a metronome.
    noise: none by default, so that the marks are the exact truth.
    seed, patient: which crowd, and which person of it. Noise does not change the heart.

    Returns
    -------
    One item with context "heart_rate". Marks: a beat code (N, S, V, F) at every R, and the points
    of `vocabulary.FIDUCIALS`; onsets and offsets are 2.5 sigma from the centre of the wave.
    r_peak is the peak of the main vector, on a sample exactly; a single lead may peak 1-2 ms off.

    Raises
    ------
    EcgsynthError: a parameter makes no heart.
    """
    _check(seconds, fs, heart_rate, leads, hrv)
    if min(seed, patient) < 0:
        raise EcgsynthError(f"seed and patient are numbers from 0; got {seed} and {patient}.")
    if noise is not None and noise.mains_mv > 0 and noise.mains_hz >= fs / 2:
        raise EcgsynthError(f"mains of {noise.mains_hz:g} Hz do not fit in {fs:g} samples/s.")
    heart = Heart.draw(seed, patient)
    rng = np.random.default_rng([seed, patient, 1])
    rate = heart.rate if heart_rate is None else heart_rate
    samples = round(seconds * fs)
    kind = _kinds(beats, int(2.5 * seconds * rate / 60) + 12, rng)  # enough, were all premature
    rr, sinus = _rhythm(kind, 60 / rate, hrv, heart.qtc_s, rng)
    time = np.cumsum(rr) - rr[0] - rng.uniform(1.2, 2.0) * 60 / rate
    r_sample = np.round(time * fs).astype(np.int64)
    # A beat or two stand before the record and behind it: its ends look like its middle.
    drawn = slice(0, int(np.searchsorted(r_sample, samples + 2 * 60 / rate * fs)))
    kind, r_sample = kind[drawn], r_sample[drawn]
    waves = _waves(kind, sinus[drawn], heart, rng)
    independent = DOWER @ _render(r_sample, *waves[:4], samples, fs)
    if noise is not None:
        noise_rng = np.random.default_rng([seed, patient, 2])
        independent = independent + _disturb(noise, independent.shape, fs, noise_rng)
    whole = dict(zip(LEADS_12, twelve_leads(independent), strict=True))
    whole["MLII"] = whole["II"]
    spec = Spec(leads=tuple(leads), fs=fs, samples=samples, context=("heart_rate",))
    return Ecg(
        signal=np.stack([whole[lead] for lead in leads])[None].astype(np.float32),
        spec=spec,
        context=np.array([[rate]]),
        patient=np.array([f"simulated-{patient:04d}"]),
        record=np.array([f"simulated-{patient:04d}"]),
        marks=_marks(r_sample, kind, waves[4], samples, fs),
        source=SOURCE,
    )


def simulate_beats(
    count: int = 1000,
    fs: float = 360.0,
    window: tuple[int, int] = (96, 160),
    *,
    leads: Sequence[str] = ("MLII",),
    beats: Mapping[str, float] | Sequence[str] | None = None,
    patients: int | None = None,
    hrv: float = 0.03,
    noise: Noise | None = None,
    seed: int = 0,
) -> Ecg:
    """Labelled beats around known R peaks, of many simulated people.

    count: beats in all, spread evenly over `patients` (None = one for every 150 beats).
    window: samples before and after R. beats: shares (None = `SHARES`) or a pattern; the rest as
    in `simulate_record`. Context: rr_before_s, rr_after_s. Marks: all that lie in the window.

    Raises
    ------
    EcgsynthError: a parameter makes no heart.
    """
    patients = max(1, count // 150) if patients is None else patients
    if not 1 <= patients <= count:
        raise EcgsynthError(f"{count} beats of {patients} people: every person needs a beat.")
    if min(window) < 0 or sum(window) < 8:
        raise EcgsynthError(f"the window {tuple(window)} needs 8 samples, none of them negative.")
    share = [len(part) for part in np.array_split(np.arange(count), patients)]
    return concatenate([
        beats_of(
            simulate_record(
                seconds_for(wanted, heart := Heart.draw(seed, k), window, fs), fs, leads=leads,
                heart_rate=heart.rate, beats=beats or SHARES, hrv=hrv, noise=noise, seed=seed,
                patient=k,
            ),
            wanted, window,
        )
        for k, wanted in enumerate(share)
    ])  # fmt: skip


def seconds_for(count: int, heart: Heart, window: tuple[int, int], fs: float) -> float:
    """A duration in which a person has at least `count` beats with window and neighbours."""
    return (count + 6) * 60 / heart.rate * 1.12 + 2 * sum(window) / fs


def beats_of(record: Ecg, count: int, window: tuple[int, int]) -> Ecg:
    """The first `count` beats of a simulated record, cut around their R marks."""
    assert record.marks is not None
    assert record.patient is not None
    marks = record.marks
    beat = np.isin(marks.symbol, CLASSES)
    at, symbol = marks.sample[beat], marks.symbol[beat]
    rr = rr_intervals(at, record.spec.fs)
    windows, inside = cut(record.signal[0], at, *window)
    known = np.isfinite(rr[:, 0]) & np.isfinite(rr[:, 1])
    rows = np.flatnonzero(inside & known)[:count]
    start = at[rows] - window[0]
    first, last = np.searchsorted(marks.sample, [start, start + sum(window)])
    each = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    item = np.repeat(np.arange(len(rows)), last - first)
    spec = Spec(
        leads=record.spec.leads, fs=record.spec.fs, samples=sum(window), classes=CLASSES,
        context=("rr_before_s", "rr_after_s"), r_sample=window[0],
    )  # fmt: skip
    return Ecg(
        signal=windows[known[inside]][:count],
        spec=spec,
        label=one_hot([CLASSES.index(s) for s in symbol[rows]], len(CLASSES)),
        context=rr[rows],
        patient=np.repeat(record.patient, len(rows)),
        record=np.repeat(record.patient, len(rows)),
        onset_s=start / record.spec.fs,
        marks=Marks(item, marks.lead[each], marks.sample[each] - start[item], marks.symbol[each]),
        source=SOURCE,
    )


def _check(
    seconds: float, fs: float, heart_rate: float | None, leads: Sequence[str], hrv: float
) -> None:
    if not 0.1 <= seconds <= 90_000:
        raise EcgsynthError(f"a simulated record lasts 0.1 to 90000 s; got {seconds:g}.")
    if not 100 <= fs <= 10_000:
        raise EcgsynthError(f"the simulator works at 100 to 10000 Hz; got {fs:g}.")
    if heart_rate is not None and not 20 <= heart_rate <= 250:
        raise EcgsynthError(f"a heart rate lies between 20 and 250 per minute; got {heart_rate:g}.")
    if not 0 <= hrv <= 0.2:
        raise EcgsynthError(f"heart rate variability is a share from 0 to 0.2; got {hrv:g}.")
    for lead in leads:
        if lead not in (*LEADS_12, "MLII"):
            raise EcgsynthError(
                f"the simulator has no lead '{lead}'.{did_you_mean(lead, (*LEADS_12, 'MLII'))}"
            )


def _kinds(
    beats: Mapping[str, float] | Sequence[str], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """[beat] class numbers, drawn from shares or repeated from a pattern."""
    unknown = [name for name in beats if name not in CLASSES]
    if unknown or not beats:
        raise EcgsynthError(f"the simulator has beats N, S, V and F; got {list(beats)}.")
    if not isinstance(beats, Mapping):
        return np.resize([CLASSES.index(name) for name in beats], count)
    share = np.array([beats.get(name, 0.0) for name in CLASSES], float)
    if share.min() < 0 or not np.isfinite(share.sum()) or share.sum() == 0:
        raise EcgsynthError(f"shares of beats must be positive numbers; got {dict(beats)}.")
    return rng.choice(len(CLASSES), count, p=share / share.sum())


def _rhythm(
    kind: NDArray[np.int64], mean: float, hrv: float, qtc: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """RR before each beat, and the sinus cycle at that time, s."""
    time = np.arange(len(kind)) * mean
    phase = rng.uniform(0, 2 * np.pi, 2)
    drift = np.cumsum(rng.normal(0, 0.15, len(kind)))
    # Breathing at 0.25 Hz and the pressure wave at 0.1 Hz carry equal power (Task Force 1996).
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


def _waves(
    kind: NDArray[np.int64], sinus: NDArray[np.float64], heart: Heart, rng: np.random.Generator
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Centres, rises, falls [beat, wave], s from R; vectors [beat, wave, 3]; fiducials."""
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
    centre[:, [P1, P2]] += p_middle[:, None]
    t_end = begin + heart.qtc_s * stretch + 0.04 * wide
    for wave in (T, VT):  # in a fusion beat both have one shape, so that their sum has one peak
        fall[:, wave] = np.where(kind == 2, fall[:, VT], fall[:, T])
        centre[:, wave] = t_end - EDGE * fall[:, wave]
        room = (centre[:, wave] - end) / EDGE
        rise[:, wave] = np.minimum(np.where(kind == 2, rise[:, VT], rise[:, T]), room)
    vector = np.tile(heart.vectors, (count, 1, 1))
    vector[kind == 1, :2] = vector[kind == 1, :2] @ heart.ectopic_p
    mix = np.where(kind == 3, rng.uniform(0.35, 0.65, count), np.where(kind == 2, 1.0, 0.0))
    weight = np.stack([(kind != 2) * 1.0] * 2 + [1 - mix] * 4 + [mix] * 3, axis=1)
    weight *= rng.normal(1, 0.025, (count, 1))  # breathing turns the heart a little
    sway = rng.normal(1, 0.04, (count, len(WAVES)))
    sway[:, P2] = sway[:, P1]
    weight *= sway
    vector *= weight[..., None]
    has_p = (kind != 2) & (np.abs(vector[:, P1]).max(1) > 0)
    p_marks = np.stack([p_begin, p_middle, p_middle + 0.015 + EDGE * fall[:, P2]], axis=1)
    fiducials = np.column_stack([
        np.where(has_p[:, None], p_marks, np.nan), begin, np.zeros(count), end,
        centre[:, T] - EDGE * rise[:, T], centre[:, T], t_end,
    ])  # fmt: skip
    return centre, rise, fall, vector, fiducials


def _render(
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


def _marks(
    r_sample: NDArray[np.int64],
    kind: NDArray[np.int64],
    fiducials: NDArray[Any],
    samples: int,
    fs: float,
) -> Marks:
    """Beat codes and fiducials that lie in the record, in order of time."""
    known = np.isfinite(fiducials)
    points = (r_sample[:, None] + np.round(np.where(known, fiducials, 0) * fs)).astype(np.int64)
    names = np.broadcast_to(np.array(FIDUCIALS), points.shape)
    sample = np.concatenate([r_sample, points[known]])
    symbol = np.concatenate([np.array(CLASSES)[kind], names[known]])
    rows = np.flatnonzero((sample >= 0) & (sample < samples))
    rows = rows[np.argsort(sample[rows], kind="stable")]
    item, every_lead = np.zeros(len(rows), np.int64), np.full(len(rows), -1, np.int16)
    return Marks(item, every_lead, sample[rows], symbol[rows])


def _disturb(
    noise: Noise, shape: tuple[int, ...], fs: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Wander (0.05-0.5 Hz), muscle (20-150 Hz) and mains, mV, scaled to their RMS in every lead."""
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    total = np.zeros(shape)
    length = next_fast_len(shape[-1], real=True)
    frequency = rfftfreq(length, 1 / fs)
    for rms, low, high, slope in (
        (noise.wander_mv, 0.05, 0.5, -1.0),
        (noise.muscle_mv, 20.0, 150.0, 0.0),
    ):
        band = (frequency >= low) & (frequency <= high)
        if rms > 0 and band.any():
            shaping = np.where(band, np.maximum(frequency, low) ** slope, 0.0)
            white = rfft(rng.normal(size=(shape[0], length)))
            wave = irfft(white * shaping, length)[:, : shape[-1]]
            total += wave * (rms / np.sqrt((wave**2).mean(-1, keepdims=True)))
    if noise.mains_mv > 0:
        time = np.arange(shape[-1]) / fs
        phase = rng.uniform(0, 2 * np.pi, (shape[0], 1))
        total += noise.mains_mv * np.sqrt(2) * np.sin(2 * np.pi * noise.mains_hz * time + phase)
    return total.astype(np.float32)
