"""Detectors of R peaks by other authors, which know nothing of this project's models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Detector = Callable[[NDArray[np.float64], float], NDArray[np.float64]]
"""(signal [sample] in mV, rate in Hz) -> [beat] sample of each detected R."""

WORKING_FS = 250.0
"""Both detectors were written for about this rate; slower signals are resampled to it, Hz."""


def gqrs(signal: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """gqrs of the WFDB software (G. B. Moody); it marks the beginning of the QRS complex."""
    from wfdb.processing import gqrs_detect

    return np.asarray(gqrs_detect(sig=signal, fs=fs), np.float64)


def xqrs(signal: NDArray[np.float64], fs: float) -> NDArray[np.float64]:
    """xqrs of the Python package wfdb (C. Xie)."""
    from wfdb.processing import XQRS

    detector = XQRS(sig=signal, fs=fs)
    detector.detect(verbose=False)
    return np.asarray(detector.qrs_inds, np.float64)


DETECTORS: dict[str, Detector] = {"gqrs": gqrs, "xqrs": xqrs}


def detect_beats(signal: NDArray, fs: float, detect: Detector) -> list[NDArray[np.float64]]:
    """[item] times of the R peaks that a detector finds, s; none in a flat line.

    signal: [item, sample], mV, of one lead.
    """
    from ecgsynth.signals.filters import resample

    if fs < WORKING_FS:
        signal, fs = resample(np.asarray(signal, np.float32), fs, WORKING_FS), WORKING_FS
    found = []
    for one in np.asarray(signal, np.float64):
        found.append(np.sort(detect(one, fs)) / fs if np.ptp(one) > 0 else np.zeros(0))
    return found
