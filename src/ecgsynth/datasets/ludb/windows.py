"""Windows of fixed length around the marked R peaks of whole records, without the noisy ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import bandpass
from ecgsynth.signals.marks import Marks

NOISE_HZ, NOISE = 40.0, 0.03
"""A window is noisy when the SD of what lies above 40 Hz exceeds 3 % of the window's range. The SD
is taken from the median amplitude: a steep QRS has power up there too, but only for a moment."""

DRIFT_HZ, DRIFT = 0.5, 0.2
"""It drifts when what lies below 0.5 Hz moves by more than 20 % of the window's range."""

RANGE_MV = (0.1, 5.0)
"""It is flat when its range is smaller, and torn off when it is larger."""


def windows(
    ecg: Ecg, samples: int, step: int, peak_between: tuple[int, int], quality: bool
) -> tuple[Ecg, dict[str, int]]:
    """The windows whose R peak, marked in the first lead, lies between two samples of them.

    ecg: records with marks, in mV. samples, step, peak_between: in samples at its rate. quality:
    drop windows that are noisy, drift, are flat or torn off in any lead (see the constants).

    Returns
    -------
    The windows with their patients, marks and onsets, and how many were dropped for which reason
    (a window may have several).
    """
    assert ecg.marks is not None
    first, last = peak_between
    peak = (ecg.marks.symbol == "r_peak") & (ecg.marks.lead == 0)
    starts = np.arange(0, ecg.spec.samples - samples + 1, step)
    kept = []
    for number in range(len(ecg)):
        at = ecg.marks.sample[peak & (ecg.marks.item == number)]
        offset = at[:, None] - starts
        kept.append(starts[((offset >= first) & (offset <= last)).any(0)])
    item = np.repeat(np.arange(len(ecg)), [len(each) for each in kept])
    start = np.concatenate(kept)
    dropped: dict[str, int] = {}
    if quality and len(item):
        flaws = _flaws(ecg, item, start, samples)
        dropped = {name: int(rows.sum()) for name, rows in flaws.items()}
        good = ~np.any([*flaws.values()], axis=0)
        item, start = item[good], start[good]
    assert ecg.patient is not None and ecg.record is not None
    cut = Ecg(
        signal=_cut(ecg.signal, item, start, samples),
        spec=replace(ecg.spec, samples=samples),
        patient=ecg.patient[item],
        record=ecg.record[item],
        onset_s=start / ecg.spec.fs,
        marks=_marks(ecg.marks, item, start, samples, ecg.spec.samples),
        source=ecg.source,
    )
    return cut, dropped


def _cut(
    signal: NDArray[np.float32], item: NDArray[np.int64], start: NDArray[np.int64], samples: int
) -> NDArray[np.float32]:
    """[window, lead, sample]: signal[item, :, start : start + samples]."""
    return np.lib.stride_tricks.sliding_window_view(signal, samples, axis=-1)[item, :, start]


def _flaws(
    ecg: Ecg, item: NDArray[np.int64], start: NDArray[np.int64], samples: int
) -> dict[str, NDArray[np.bool_]]:
    """Reason -> the windows to which it applies in any lead.

    The records are filtered whole: 0.8 s would be too short to separate a drift from a T wave.
    """
    high = _cut(bandpass(ecg.signal, ecg.spec.fs, NOISE_HZ, None), item, start, samples)
    low = _cut(bandpass(ecg.signal, ecg.spec.fs, None, DRIFT_HZ), item, start, samples)
    span = np.ptp(_cut(ecg.signal, item, start, samples), axis=-1)
    sd = np.median(np.abs(high), axis=-1) / 0.6745  # of a Gaussian with this median amplitude
    flaws = {
        "noisy": sd > NOISE * span,
        "drifting": np.ptp(low, axis=-1) > DRIFT * span,
        "flat": span < RANGE_MV[0],
        "torn off": span > RANGE_MV[1],
    }
    return {name: rows.any(1) for name, rows in flaws.items()}


def _marks(
    marks: Marks, item: NDArray[np.int64], start: NDArray[np.int64], samples: int, length: int
) -> Marks:
    """The marks inside of every window; windows overlap, so a mark may be in several."""
    place = marks.item * length + marks.sample  # ascending: marks stand in this order
    begin = np.searchsorted(place, item * length + start)
    end = np.searchsorted(place, item * length + start + samples)
    count = end - begin
    window = np.repeat(np.arange(len(item)), count)
    rows = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count - begin, count)
    return Marks(window, marks.lead[rows], marks.sample[rows] - start[window], marks.symbol[rows])
