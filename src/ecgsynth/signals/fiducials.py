"""What is measured between fiducial points: rates, intervals, amplitudes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import FIDUCIALS

MEASUREMENTS = {
    "heart_rate": ("heart rate", "1/min"),
    "rr_sd": ("SD of the RR intervals", "ms"),
    "rmssd": ("RMSSD", "ms"),
    "pr": ("PR interval", "ms"),
    "qrs": ("QRS duration", "ms"),
    "qt": ("QT interval", "ms"),
    "qtcf": ("QT corrected by Fridericia", "ms"),
    "p_amplitude": ("P amplitude", "mV"),
    "r_amplitude": ("QRS peak", "mV"),
    "t_amplitude": ("T amplitude", "mV"),
    "st_level": ("ST level, J + 60 ms", "mV"),
}
"""Name -> (title, unit) of all that `measure` gives."""

LEVEL_S = 0.02
"""Amplitudes count from the mean of so long before the QRS: the end of the PR segment."""

ST_AFTER_J_S = 0.06
NEAR_R_S = 0.1
"""The beat of an aligned item has its QRS peak no further than this from `Spec.r_sample`."""

# What a window must hold around R: PR up to 200 ms and QT up to 440 ms with a Q of 40 ms; a QRS
# that begins up to 80 ms before it.
BEFORE_R_S = {"pr": 0.24, "p_amplitude": 0.24, "qrs": 0.08, "qt": 0.08, "qtcf": 0.08}
AFTER_R_S = {"qt": 0.40, "qtcf": 0.40, "t_amplitude": 0.36, "st_level": 0.12}


@dataclass(frozen=True)
class Fiducials:
    """Where the waves of every beat begin, peak and end.

    Attributes
    ----------
    sample: [..., beat, 9], position in samples from the start of the item, between samples too;
        the last axis in the order of `vocabulary.FIDUCIALS`. NaN where a point is absent; items
        with fewer beats than others are filled up with NaN.
    fs: sampling rate, Hz.
    """

    sample: NDArray[np.float64]
    fs: float

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """[..., beat] positions of one fiducial."""
        return self.sample[..., FIDUCIALS.index(name)]

    @classmethod
    def of_marks(cls, marks: Marks, items: int, fs: float, lead: int = -1) -> Fiducials:
        """Marks of one lead (or of all, -1), gathered into beats around each r_peak.

        P belongs to the next QRS, T to the one before; of two P the later one, of two T the
        earlier one counts. Marks that are no fiducials (beat codes) are passed over.
        """
        rows = np.isin(marks.lead, [lead, -1]) & np.isin(marks.symbol, FIDUCIALS)
        item, sample, symbol = marks.item[rows], marks.sample[rows], marks.symbol[rows]
        order = np.lexsort((sample, item))
        item, sample, symbol = item[order], sample[order], symbol[order]
        peak = symbol == "r_peak"
        most = int(np.bincount(item[peak], minlength=items).max(initial=0))
        found = np.full((items, most, len(FIDUCIALS)), np.nan)
        for k in range(items):
            here = item == k
            r = sample[here & peak]
            for column, name in enumerate(FIDUCIALS):
                at = sample[here & (symbol == name)]
                if column > FIDUCIALS.index("r_peak"):
                    at = at[::-1]  # what is written last stays: the earliest
                    beat = np.searchsorted(r, at, "right") - 1
                else:
                    beat = np.searchsorted(r, at, "left")
                known = (beat >= 0) & (beat < len(r))
                found[k, beat[known], column] = at[known]
        return cls(found, fs)


def measure(
    signal: NDArray,
    points: Fiducials,
    *,
    r_sample: int | None = None,
    rr_s: NDArray | None = None,
    mean_rr_s: NDArray | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Every measurement of `MEASUREMENTS` per item; NaN where it cannot be taken.

    Parameters
    ----------
    signal: [item, sample], mV. points: [item, beat, 9], of that signal.
    r_sample: where the one beat of an aligned item has its R; None = records, of whose beats the
        median counts.
    rr_s: [item], RR before the beat, s, where it is known from elsewhere; else from the R peaks.
    mean_rr_s: [item], mean RR around the beat, s, by which QT is corrected; None = `rr_s`. The RR
        before an ectopic beat is not the rate to which its QT has adapted.

    Raises
    ------
    EcgsynthError: the points are not those of these items.
    """
    if signal.ndim != 2 or points.sample.ndim != 3 or len(signal) != len(points.sample):
        raise EcgsynthError(
            f"signals {signal.shape} and fiducials {points.sample.shape} do not belong together; "
            "give [item, sample] and [item, beat, 9] of one lead."
        )
    if not points.sample.shape[1]:
        return {name: np.full(len(signal), np.nan) for name in MEASUREMENTS}
    ms = 1000 / points.fs
    peaks = points["r_peak"]
    rr = np.diff(peaks, axis=1) / points.fs
    level = _mean(signal, points["qrs_onset"] - LEVEL_S * points.fs, points["qrs_onset"])
    each = {
        "pr": (points["qrs_onset"] - points["p_onset"]) * ms,
        "qrs": (points["qrs_offset"] - points["qrs_onset"]) * ms,
        "qt": (points["t_offset"] - points["qrs_onset"]) * ms,
        "p_amplitude": _value_at(signal, points["p_peak"]) - level,
        "r_amplitude": _value_at(signal, peaks) - level,
        "t_amplitude": _value_at(signal, points["t_peak"]) - level,
        "st_level": _value_at(signal, points["qrs_offset"] + ST_AFTER_J_S * points.fs) - level,
    }
    if r_sample is None:
        found = {name: _median(values) for name, values in each.items()}
    else:
        beat = np.nan_to_num(np.abs(peaks - r_sample), nan=np.inf)
        nearest, items = beat.argmin(1), np.arange(len(signal))
        far = beat[items, nearest] > NEAR_R_S * points.fs
        found = {n: np.where(far, np.nan, values[items, nearest]) for n, values in each.items()}
    typical = _median(rr) if rr_s is None else np.asarray(rr_s, np.float64)
    enough = np.isfinite(peaks).sum(1) >= 3
    found["heart_rate"] = 60 / np.where(typical > 0, typical, np.nan)
    steady = typical if mean_rr_s is None else np.asarray(mean_rr_s, np.float64)
    found["qtcf"] = found["qt"] / np.cbrt(np.where(steady > 0, steady, np.nan))
    found["rr_sd"] = np.where(enough, _spread(rr) * 1000, np.nan)
    found["rmssd"] = np.where(enough, _root_mean_square(np.diff(rr, axis=1)) * 1000, np.nan)
    return {name: found[name] for name in MEASUREMENTS}


def unmeasurable(spec: Spec) -> dict[str, str]:
    """Measurements that items of this spec cannot hold, each with the reason."""
    reasons: dict[str, str] = {}
    if spec.unit != "mV":
        for name, (_, unit) in MEASUREMENTS.items():
            if unit == "mV":
                reasons[name] = "the signals have no mV"
    if spec.r_sample is None:
        if spec.seconds < 3:
            for name in ("rr_sd", "rmssd"):
                reasons[name] = f"items of {spec.seconds:.2g} s do not hold three beats"
        if spec.seconds < 1.5:
            for name in ("heart_rate", "qtcf"):
                reasons[name] = f"items of {spec.seconds:.2g} s do not hold two beats"
        return reasons
    before, after = spec.r_sample / spec.fs, (spec.samples - spec.r_sample) / spec.fs
    for name in ("rr_sd", "rmssd"):
        reasons[name] = "an item is a single beat"
    if "rr_before_s" not in spec.context:
        reasons["heart_rate"] = "an item is a single beat, and its RR is not known"
    if not {"rr_before_s", "rr_mean_s"} & set(spec.context):
        reasons["qtcf"] = "an item is a single beat, and no RR is known"
    for need, held, side in ((BEFORE_R_S, before, "before"), (AFTER_R_S, after, "after")):
        for name, seconds in need.items():
            if held < seconds:
                reasons[name] = f"{1000 * held:.0f} ms {side} R; {1000 * seconds:.0f} are needed"
    return reasons


def _value_at(signal: NDArray, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """[item, beat] values at positions, the nearest sample; NaN outside."""
    whole = np.round(np.nan_to_num(at, nan=-1.0)).astype(np.int64)
    inside = (whole >= 0) & (whole < signal.shape[1])
    values = np.take_along_axis(signal, np.clip(whole, 0, signal.shape[1] - 1), 1)
    return np.where(inside, values.astype(np.float64), np.nan)


def _mean(
    signal: NDArray, start: NDArray[np.float64], stop: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[item, beat] means from start up to stop; NaN where either lies outside."""
    total = np.zeros((signal.shape[0], signal.shape[1] + 1))
    np.cumsum(signal, 1, dtype=np.float64, out=total[:, 1:])
    a, b = (np.round(np.nan_to_num(x, nan=-1.0)).astype(np.int64) for x in (start, stop))
    inside = (a >= 0) & (b > a) & (b <= signal.shape[1])
    a, b = (np.clip(x, 0, signal.shape[1]) for x in (a, b))
    found = np.take_along_axis(total, b, 1) - np.take_along_axis(total, a, 1)
    return np.where(inside, found / np.maximum(b - a, 1), np.nan)


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[item] median over the beats that have the value; NaN where none has."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    found = np.ma.median(np.ma.masked_invalid(values), axis=1)
    return np.ma.filled(found.astype(np.float64), np.nan)


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[item] sample SD; NaN below two values."""
    known = np.isfinite(values)
    count = known.sum(1)
    mean = np.where(known, values, 0.0).sum(1) / np.maximum(count, 1)
    squares = (np.where(known, values - mean[:, None], 0.0) ** 2).sum(1)
    return np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)


def _root_mean_square(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[item] root of the mean square; NaN without a value."""
    known = np.isfinite(values)
    count = known.sum(1)
    squares = (np.where(known, values, 0.0) ** 2).sum(1)
    return np.where(count > 0, np.sqrt(squares / np.maximum(count, 1)), np.nan)
