"""Simulated ECGs whose truth is known exactly: a heart dipole made of Gaussian waves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import (
    as_list,
    as_real_number,
    check_instance,
    check_integer,
    check_names,
    check_rate,
    is_count,
    quote,
)
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.columns import number_array
from ecgsynth.signals.ecg import Ecg, one_hot
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.rr import RR, rr_intervals
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import FIDUCIALS, LEADS_12, twelve_leads
from ecgsynth.signals.windows import cut_windows
from ecgsynth.simulator.heart import Heart, dipole_of, rhythm, waves_of

SOURCE = "synthetic:simulator"
CLASSES = ("N", "S", "V", "F")

LOUDEST_MV = 1000

MOST_SAMPLES = 100_000_000
"""Of a simulated record: a day at 1,000 Hz."""

SHARES = {"N": 0.80, "S": 0.08, "V": 0.09, "F": 0.03}
"""Shares of the classes in `simulate_beats`."""

# Dower et al. 1980: I, II, V1-V6 from the Frank axes x (left), y (to the feet), z (to the back).
DOWER = np.array([
    [0.632, -0.235, 0.059], [0.235, 1.066, -0.132],
    [-0.515, 0.157, -0.917], [0.044, 0.164, -1.387], [0.882, 0.098, -1.277],
    [1.213, 0.127, -0.601], [1.125, 0.127, -0.086], [0.831, 0.076, 0.230],
], np.float32)  # fmt: skip


@dataclass(frozen=True)
class Noise:
    """Disturbances, mV RMS in every independent lead; mains at `mains_hz`."""

    wander_mv: float = 0.0
    muscle_mv: float = 0.0
    mains_mv: float = 0.0
    mains_hz: float = 50.0

    def __post_init__(self) -> None:
        levels = [
            as_real_number(level) for level in (self.wander_mv, self.muscle_mv, self.mains_mv)
        ]
        mains = as_real_number(self.mains_hz)
        known = mains is not None and 0 < mains < np.inf
        if not known or not all(one is not None and 0 <= one <= LOUDEST_MV for one in levels):
            raise EcgsynthError(
                f"noise is given in mV RMS, zero to {LOUDEST_MV:,}, and mains in Hz above 0."
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
    _check(seconds, fs, heart_rate, hrv)
    seconds, fs, hrv = float(seconds), float(fs), float(hrv)
    leads = check_names(leads, "leads")
    for lead in leads:
        if lead not in (*LEADS_12, "MLII"):
            raise EcgsynthError(
                f"the simulator has no lead '{lead}'.{did_you_mean(lead, (*LEADS_12, 'MLII'))}"
            )
    if not is_count(seed) or not is_count(patient):
        raise EcgsynthError(
            f"seed and patient are whole numbers from 0; got {quote(seed)} and {quote(patient)}."
        )
    seed, patient = int(seed), int(patient)
    if noise is not None:
        check_instance(noise, Noise, "noise is a Noise, as in Noise(muscle_mv=0.02)")
    if noise is not None and noise.mains_mv > 0 and noise.mains_hz >= fs / 2:
        raise EcgsynthError(f"mains of {noise.mains_hz:g} Hz do not fit in {fs:g} samples/s.")
    heart = Heart.draw(seed, patient)
    rng = np.random.default_rng([seed, patient, 1])
    rate = heart.rate if heart_rate is None else float(heart_rate)
    samples = round(seconds * fs)
    kind = _kinds(beats, int(2.5 * seconds * rate / 60) + 12, rng)  # enough, were all premature
    rr, sinus = rhythm(kind, 60 / rate, hrv, heart.qtc_s, rng)
    time = np.cumsum(rr) - rr[0] - rng.uniform(1.2, 2.0) * 60 / rate
    r_sample = np.round(time * fs).astype(np.int64)
    # A beat or two stand before the record and behind it: its ends look like its middle.
    drawn = slice(0, int(np.searchsorted(r_sample, samples + 2 * 60 / rate * fs)))
    kind, r_sample = kind[drawn], r_sample[drawn]
    waves = waves_of(kind, sinus[drawn], heart, rng)
    independent = DOWER @ dipole_of(r_sample, *waves[:4], samples, fs)
    if noise is not None:
        noise_rng = np.random.default_rng([seed, patient, 2])
        independent = independent + _disturb(noise, independent.shape, fs, noise_rng)
    every = dict(zip(LEADS_12, twelve_leads(independent), strict=True))
    every["MLII"] = every["II"]
    spec = Spec(leads=tuple(leads), fs=fs, samples=samples, context=("heart_rate",))
    return Ecg(
        signal=np.stack([every[lead] for lead in leads])[None].astype(np.float32),
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
    in `simulate_record`. Context: `segments.RR`. Marks: all that lie in the window.

    Raises
    ------
    EcgsynthError: a parameter makes no heart.
    """
    count, fs, seed = (
        check_integer(count, "count", 1),
        check_rate(fs),
        check_integer(seed, "the seed"),
    )
    patients = max(1, count // 150) if patients is None else check_integer(patients, "patients")
    if not 1 <= patients <= count:
        raise EcgsynthError(f"{count} beats of {patients} people: every person needs a beat.")
    around = number_array(window, "the window", np.int64)
    if around.shape != (2,) or around.min() < 0 or not 8 <= around.sum() <= MOST_SAMPLES:
        raise EcgsynthError(
            "the window has samples before and after R, 8 in all at least and none of them "
            f"negative; got {quote(window)}."
        )
    before, after = around.tolist()
    window = before, after
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
    windows, inside = cut_windows(record.signal[0], at, *window)
    known = np.isfinite(rr[:, 0]) & np.isfinite(rr[:, 1])
    rows = np.flatnonzero(inside & known)[:count]
    start = at[rows] - window[0]
    first, last = np.searchsorted(marks.sample, [start, start + sum(window)])
    each = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    item = np.repeat(np.arange(len(rows)), last - first)
    spec = Spec(
        leads=record.spec.leads, fs=record.spec.fs, samples=sum(window), classes=CLASSES,
        context=RR, r_sample=window[0],
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


def _check(seconds: float, fs: float, heart_rate: float | None, hrv: float) -> None:
    if not _check_range(seconds, 0.1, 90_000):
        raise EcgsynthError(f"a simulated record lasts 0.1 to 90000 s; got {quote(seconds)}.")
    if not _check_range(check_rate(fs), 100, 10_000):
        raise EcgsynthError(f"the simulator works at 100 to 10000 Hz; got {quote(fs)}.")
    samples = float(seconds) * float(fs)
    if samples > MOST_SAMPLES:
        raise EcgsynthError(
            f"{seconds:g} s at {fs:g} Hz are {samples:,.0f} samples; a simulated record holds "
            f"{MOST_SAMPLES:,} at most."
        )
    if heart_rate is not None and not _check_range(heart_rate, 20, 250):
        raise EcgsynthError(
            f"a heart rate lies between 20 and 250 per minute; got {quote(heart_rate)}."
        )
    if not _check_range(hrv, 0, 0.2):
        raise EcgsynthError(f"heart rate variability is a share from 0 to 0.2; got {quote(hrv)}.")


def _check_range(value: object, low: float, high: float) -> bool:
    number = as_real_number(value)
    return number is not None and low <= number <= high


def _kinds(
    beats: Mapping[str, float] | Sequence[str], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """[beat] class numbers, drawn from shares or repeated from a pattern."""
    turns = as_list([*beats] if isinstance(beats, str | Mapping) else beats)
    if not turns or not all(isinstance(name, str) and name in CLASSES for name in turns):
        raise EcgsynthError(f"the simulator has beats N, S, V and F; got {quote(beats)}.")
    if not isinstance(beats, Mapping):
        return np.resize([CLASSES.index(name) for name in turns], count)
    shares = [as_real_number(beats.get(name, 0.0)) for name in CLASSES]
    share = np.array([np.nan if one is None else float(one) for one in shares])
    if not share.min() >= 0 or not np.isfinite(share.sum()) or share.sum() == 0:
        raise EcgsynthError(f"shares of beats must be positive numbers; got {quote(dict(beats))}.")
    return rng.choice(len(CLASSES), count, p=share / share.sum())


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
