"""Waveform metrics: time warping, wavelet coherence, autocorrelation, slopes, saturation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    metric,
    too_few,
)
from ecgsynth.evaluation.intervals import (
    Units,
    interval,
    joint,
    leave_one_out,
    mean_against_real,
    mean_over,
    units,
    weighted,
)
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.wavelets import PERIOD, coherence

WARP_S = 0.05
"""How far time warping may move a sample, s."""

CANDIDATES = 10
"""Nearest real items (Euclidean) among which the nearest under time warping is searched."""

STEP_MV = 0.005
"""Quantisation step for the count of saturated samples, mV."""

VOICES = 6
"""Wavelet scales per octave: half as many as for a drawn map, in half the time."""

HIGHEST_HZ = 60.0
"""If no band is given, coherence is averaged up to this frequency, above the QRS complex."""


def _per_class(
    trial: Trial, measure: Callable[[Ecg, Ecg, np.random.Generator], Estimate], name: str
) -> dict[str, Estimate]:
    """`measure(synthetic, real, random)` of each class, at equal counts, quantised to 5 uV."""
    found = {}
    random = trial.random(name)
    for group in trial.groups:
        a, b = trial.equal(group)
        enough = min(len(a), len(b)) >= MIN_ITEMS
        found[group or "all"] = measure(a, b, random) if enough else too_few(min(len(a), len(b)))
    return found


def ratio(
    synthetic_values: NDArray,
    real_values: NDArray,
    samples: Sequence[Units],
    *,
    paired: bool = False,
    note: str = "",
) -> Estimate:
    """The mean of synthetic items over that of real ones, with its interval.

    samples: over the real items and then the synthetic ones; over the pairs if paired.
    """
    real = float(real_values.mean())
    if real <= 0:
        return Estimate(float("nan"), note="the real items are constant")

    def figure(weight: NDArray[np.float64]) -> float:
        weights = (weight, weight) if paired else np.split(weight, [len(real_values)])
        return weighted(synthetic_values, weights[1]) / max(
            weighted(real_values, weights[0]), 1e-12
        )

    return interval(
        float(synthetic_values.mean()) / real, leave_one_out(figure, samples), note=note
    )


# ---- coherence -----------------------------------------------------------------------------


@METRICS.register("wavelet_coherence")
@metric(
    "wavelet_coherence", unit="ratio", goal="match", needs=("test", "aligned"), question="match",
    reference="Torrence & Webster, J. Climate 1999; Morlet, random pairs of a class, mean inside "
    "the cone of influence; synthetic-real over real-real: below 1 too variable, above 1 too "
    "uniform",
)  # fmt: skip
def wavelet_coherence(trial: Trial) -> dict[str, Estimate]:
    """Wavelet coherence of synthetic with real beats, over that between real beats.

    At most 300 random pairs of a class (75 if quick), fewer if items are longer than a beat. Each
    pair uses one random lead. Frequencies go up to the edge of the signals' band.
    """
    assert trial.test is not None
    spec = trial.synthetic.spec
    edges = [high for high in (spec.band[1], trial.test.spec.band[1], spec.fs / 2) if high]
    highest = min([*edges, HIGHEST_HZ] if len(edges) == 1 else edges)
    if spec.seconds * highest * PERIOD < 4 * np.sqrt(2):
        raise NotApplicable(f"items of {spec.seconds:.2f} s are too short for wavelets")
    most = _item_budget(76_800, trial, leads=1)

    def measure(a: Ecg, b: Ecg, random: np.random.Generator) -> Estimate:
        size = min(len(b), most)
        rows = random.permutation(len(b))
        lead = random.integers(len(spec.leads), size=size)
        synthetic_values, real_values, others = (  # no real item is paired with itself
            ecg.signal[at[:size], lead]
            for ecg, at in ((a, random.permutation(len(a))), (b, rows), (b, np.roll(rows, 1)))
        )

        def mean(x: NDArray, y: NDArray) -> NDArray[np.float64]:
            maps, _, inside = coherence(x, y, spec.fs, highest_hz=highest, voices=VOICES)
            return np.asarray(maps[:, inside].mean(1))

        real = mean(others, real_values)
        note = f"between real ones {real.mean():.3f}"
        return ratio(
            mean(synthetic_values, real_values),
            real,
            [units(b, rows[:size])],
            paired=True,
            note=note,
        )

    return _per_class(trial, measure, "wavelet_coherence")


def _item_budget(samples: int, trial: Trial, leads: int) -> int:
    """Number of items of a class that fit a budget of samples, at least 10. More than four classes
    share the budget, and quick divides it by four."""
    spec = trial.synthetic.spec
    budget = samples * 4 / max(4, len(trial.groups)) / (4 if trial.quick else 1)
    return max(MIN_ITEMS, int(budget / (spec.samples * leads)))


# ---- time warping --------------------------------------------------------------------------


@METRICS.register("dtw")
@metric(
    "dtw", unit="mV", goal="match", needs=("test", "aligned"), question="match",
    reference="dynamic time warping (Sakoe & Chiba 1978), up to 50 ms, RMS along the path; "
    "nearest pairs, because a collapsed set is better than real data on random pairs (in the "
    "note)",
)  # fmt: skip
def dtw(trial: Trial) -> dict[str, Estimate]:
    """Distance of a synthetic beat to the nearest real one if time may warp by 50 ms.

    At most 300 items of a class (75 if quick), fewer if items are longer than a beat; the nearest
    is searched among the ten nearest without warping. The note gives the same between real items,
    and both for random pairs.
    """
    most = _item_budget(76_800, trial, leads=len(trial.synthetic.spec.leads))

    def measure(a: Ecg, b: Ecg, random: np.random.Generator) -> Estimate:
        chosen, rows = random.permutation(len(a))[:most], random.permutation(len(b))
        distances, nearest = _nearest_by_dtw(a.signal[chosen], b.signal, a.spec.fs)
        between_real, _ = _nearest_by_dtw(
            b.signal[rows[:most]], b.signal, a.spec.fs, themselves=rows[:most]
        )
        partner = np.roll(rows, 1)[:most]
        drawn = _dtw(a.signal[chosen], b.signal[partner], a.spec.fs).mean()
        real = _dtw(b.signal[rows[:most]], b.signal[partner], a.spec.fs).mean()
        note = (
            f"between held-out ones {between_real.mean():.4f}; "
            f"random pairs {drawn:.3f}, real {real:.3f}"
        )
        return mean_over(distances, units(b, nearest), note=note)

    return _per_class(trial, measure, "dtw")


def _dtw(x: NDArray, y: NDArray, fs: float) -> NDArray[np.float64]:
    """[pair] RMS distance along the best path, mV; x, y: [pair, lead, sample]."""
    from dtaidistance import dtw_ndim

    # The window of the library is the first shift that is not allowed.
    window = round(WARP_S * fs) + 1
    x, y = (np.ascontiguousarray(z.transpose(0, 2, 1), np.float64) for z in (x, y))
    found = [dtw_ndim.distance_fast(a, b, window=window) for a, b in zip(x, y, strict=True)]
    return np.array(found) / np.sqrt(x[0].size)


def _nearest_by_dtw(
    x: NDArray, pool: NDArray, fs: float, themselves: NDArray | None = None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """[item] distance to the nearest item of the pool, and its row; `themselves`: rows of x in the
    pool, if x is part of it."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(CANDIDATES + 1, len(pool)))
    near = search.fit(pool.reshape(len(pool), -1)).kneighbors(x.reshape(len(x), -1))[1]
    found = np.stack([_dtw(x, pool[column], fs) for column in near[:, :-1].T], 1)
    if themselves is not None:
        last = _dtw(x, pool[near[:, -1]], fs)
        found = np.concatenate([found, last[:, None]], 1)
        found[near == themselves[:, None]] = np.inf
    best = found.argmin(1)
    items = np.arange(len(x))
    return found[items, best], near[items, best]


# ---- shape ---------------------------------------------------------------------------------


@METRICS.register("autocorrelation")
@metric(
    "autocorrelation", unit="1", goal="lower", needs=("test",), question="match",
    reference="RMS difference of the mean autocorrelation functions, lags up to half an item",
)  # fmt: skip
def autocorrelation(trial: Trial) -> dict[str, Estimate]:
    """Distance of the mean autocorrelation of a class to the real one."""

    def measure(a: Ecg, b: Ecg, _: np.random.Generator) -> Estimate:
        return Estimate(float(np.sqrt(((_lags(a.signal) - _lags(b.signal)) ** 2).mean())))

    return _per_class(trial, measure, "autocorrelation")


def _lags(signal: NDArray) -> NDArray[np.float64]:
    """[lead, lag] mean autocorrelation of the items; 0 throughout for a constant one."""
    from scipy.fft import irfft, next_fast_len, rfft

    samples = signal.shape[-1]
    length, total = next_fast_len(2 * samples, real=True), 0.0
    for start in range(0, len(signal), 512):
        part = signal[start : start + 512].astype(np.float64)
        part -= part.mean(-1, keepdims=True)
        power = np.abs(rfft(part, length)) ** 2
        lags = irfft(power, length)[..., : samples // 2]
        total = total + (lags / np.maximum(lags[..., :1], 1e-9)).sum(0)
    return np.asarray(total / len(signal))


@METRICS.register("smoothness")
@metric(
    "smoothness", unit="ratio", goal="match", needs=("test",), question="match",
    reference="mean squared slope over the real one; below 1 too smooth, above too rough",
)  # fmt: skip
def smoothness(trial: Trial) -> dict[str, Estimate]:
    """Slope energy of synthetic beats over that of real ones."""

    def measure(a: Ecg, b: Ecg, _: np.random.Generator) -> Estimate:
        synthetic_values, real_values = ((np.diff(e.signal) ** 2).mean((1, 2)) for e in (a, b))
        return ratio(synthetic_values, real_values, joint(b, a))

    return _per_class(trial, measure, "smoothness")


@METRICS.register("saturation")
@metric(
    "saturation", unit="share", goal="match", needs=("test",), question="match",
    reference="samples in flat runs of three or more at the item's own highest or lowest value, on "
    "a grid of 5 uV: a generator that clips has many, a real beat few",
)  # fmt: skip
def saturation(trial: Trial) -> dict[str, Estimate]:
    """Share of samples at a saturated extreme of their item."""

    def measure(a: Ecg, b: Ecg, _: np.random.Generator) -> Estimate:
        synthetic_values, real_values = _saturated_share(a.signal), _saturated_share(b.signal)
        return mean_against_real(
            synthetic_values,
            real_values,
            joint(b, a),
            share=False,
            note=f"real {real_values.mean():.4f}",
        )

    return _per_class(trial, measure, "saturation")


def _saturated_share(signal: NDArray) -> NDArray[np.float64]:
    """[item] share of samples in runs of three or more at the extremes of an item's lead."""
    steps = np.round(signal / STEP_MV)
    flat = np.zeros(steps.shape, bool)
    for extreme in (steps.max(-1, keepdims=True), steps.min(-1, keepdims=True)):
        at = steps == extreme
        middle = at[..., :-2] & at[..., 1:-1] & at[..., 2:]
        for move in range(3):
            flat[..., move : move + middle.shape[-1]] |= middle
    return np.asarray(flat.mean((1, 2)))
