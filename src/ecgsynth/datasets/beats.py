"""Beats from annotated recordings: how they are filtered and cut, the same for every data set."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from ecgsynth.datasets import Settings
from ecgsynth.datasets.rr import rr_at
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals import filters
from ecgsynth.signals.recording import Recording
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.windows import cut_windows

log = logging.getLogger("ecgsynth")

WINDOW_FS = 360.0
"""The rate at which windows are counted, Hz, whatever the rate of the beats."""

LONGEST_S = 10.0
"""Longest window around a beat, s."""

LEAST_SAMPLES = 8
"""Of a beat."""


class Cutting(Settings):
    """How recordings are filtered and beats are cut from them.

    window: samples before and after R, counted at 360 Hz. samples: stretch every beat to this
    length. baseline: subtract the double-median baseline. band: edges in Hz, None = open.
    band_filter: "fir" (steep, high edge only) or "butterworth" (4th order, zero phase).
    """

    window: tuple[int, int] = (96, 160)
    samples: int | None = Field(None, ge=LEAST_SAMPLES, le=100_000_000)
    baseline: bool = True
    band: tuple[float | None, float | None] = (None, 40.0)
    band_filter: Literal["fir", "butterworth"] = "fir"

    @field_validator("window")
    @classmethod
    def _positive(cls, window: tuple[int, int]) -> tuple[int, int]:
        if min(window) < 0 or sum(window) < LEAST_SAMPLES:
            raise ValueError(f"needs two sizes >= 0 that hold {LEAST_SAMPLES} samples together")
        if sum(window) > LONGEST_S * WINDOW_FS:  # ten thousand windows of minutes fill no memory
            raise ValueError(f"is longer than {LONGEST_S:g} s, which is no beat")
        return window

    @field_validator("band")
    @classmethod
    def _rising(cls, band: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
        low, high = band
        if any(edge is not None and edge <= 0 for edge in band) or (low and high and low >= high):
            raise ValueError("takes a lower and a higher edge above 0 Hz, null where it is open")
        return band

    def span_at(self, fs: float) -> tuple[int, int]:
        """Samples before and after R at `fs` Hz."""
        pre, post = self.window
        return round(pre * fs / WINDOW_FS), round(post * fs / WINDOW_FS)


def settings_like(spec: Spec) -> dict[str, Any]:
    """Leads and cutting under which recordings give beats of this spec; not its classes."""
    pre = spec.r_sample if spec.r_sample is not None else round(spec.samples * 96 / 256)
    scale = WINDOW_FS / spec.fs
    return {
        "leads": spec.leads,
        "window": (round(pre * scale), round((spec.samples - pre) * scale)),
        "fs": spec.fs,
        "samples": spec.samples,
        "band": spec.band,
        "band_filter": "fir" if spec.band[0] is None else "butterworth",
    }


def prepare(
    signal: NDArray[np.float32], fs: float, to_fs: float, cutting: Cutting
) -> NDArray[np.float32]:
    """Baseline, band and rate of a whole recording [lead, sample], in mV; gaps (NaN) stay gaps."""
    missing = ~np.isfinite(signal)
    if missing.any():  # filters would smear a gap over the recording: fill it, mark it again
        signal = np.where(missing, 0, signal)
    if cutting.baseline:
        signal = filters.remove_baseline(signal, fs)
    low, high = cutting.band
    if cutting.band_filter == "fir" and low is None and high is not None:
        signal = filters.lowpass(signal, fs, high)
    else:
        signal = filters.bandpass(signal, fs, low, high)
    if missing.any():
        signal[missing] = np.nan
    return filters.resample(signal, fs, to_fs)


def cut_beats(
    recording: Recording, label_of: Mapping[str, int], fs: float, cutting: Cutting, name: object
) -> dict[str, NDArray]:
    """The annotated beats of one recording as columns; flat and missing ones are dropped.

    label_of: number of the class of each symbol that is cut.
    fs: rate of the beats, Hz. name: the record's, for the log.

    Returns
    -------
    signal [beat, lead, sample], label, rr [beat, 3] (s, between all beats, see `rr.rr_at`),
    onset_s, and start and end of the window as shares of the recording.

    Raises
    ------
    EcgsynthError: the band or the window does not fit the sampling rate, or the recording holds no
        window.
    """
    pre, post = cutting.span_at(fs)
    if pre + post < LEAST_SAMPLES:
        raise EcgsynthError(
            f"at {fs:g} Hz the window holds {pre + post} samples, and a beat has at least "
            f"{LEAST_SAMPLES}; set a higher rate or a longer window."
        )
    signal = prepare(recording.signal, recording.fs, fs, cutting)
    beat = np.isin(recording.annotations.symbol, list(label_of))
    at, symbol = recording.annotations.sample[beat], recording.annotations.symbol[beat]
    rr = rr_at(recording, at, label_of)
    if signal.shape[-1] < pre + post:
        raise EcgsynthError(f"{name} is shorter than one window; set a smaller one.")
    centre = np.round(at * (fs / recording.fs)).astype(np.int64)
    windows, inside = cut_windows(signal, centre, pre, post)
    if cutting.samples:
        windows = filters.resample_length(windows, cutting.samples)
    length = signal.shape[-1]
    label = np.array([label_of[str(s)] for s in symbol], np.int8)
    usable = np.isfinite(windows).all((1, 2)) & (np.ptp(windows, axis=2) > 0).all(1)
    if not usable.all():
        log.warning("record %s: %d flat or missing beats dropped.", name, (~usable).sum())
    return {
        "signal": windows[usable],
        "label": label[inside][usable],
        "rr": rr[inside][usable],
        "onset_s": ((centre[inside] - pre) / fs)[usable],
        "start": ((centre[inside] - pre) / length)[usable],
        "end": ((centre[inside] + post) / length)[usable],
    }
