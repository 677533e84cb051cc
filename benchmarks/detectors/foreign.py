"""QRS detectors that nobody of this project wrote, behind one function.

They come from PyPI (`pip install -r benchmarks/detectors/requirements.txt`) and are looked at as
black boxes: each gets one lead and its rate, and gives the samples of the beats.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError

Detector = Callable[[NDArray[np.float64], float], NDArray[np.int64]]
"""[sample] mV, Hz -> [beat] samples."""


def _wfdb(name: str, signal: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    from wfdb import processing

    if name == "xqrs":
        return processing.xqrs_detect(signal, fs, verbose=False)
    return processing.gqrs_detect(signal, fs)


def _sleepecg(signal: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    import sleepecg

    return sleepecg.detect_heartbeats(signal, fs)


def _neurokit(method: str, clean: str, signal: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    import neurokit2

    cleaned = neurokit2.ecg_clean(signal, int(fs), method=clean)
    return neurokit2.ecg_peaks(cleaned, int(fs), method=method)[1]["ECG_R_Peaks"]


def _ecgdetectors(name: str, signal: NDArray[np.float64], fs: float) -> NDArray[np.int64]:
    from ecgdetectors import Detectors

    return getattr(Detectors(fs), f"{name}_detector")(signal)


DETECTORS: dict[str, Detector] = {
    "wfdb-xqrs": partial(_wfdb, "xqrs"),
    "wfdb-gqrs": partial(_wfdb, "gqrs"),
    "sleepecg": _sleepecg,
    "neurokit": partial(_neurokit, "neurokit", "neurokit"),
    "neurokit-pantompkins": partial(_neurokit, "pantompkins1985", "pantompkins1985"),
    "neurokit-elgendi": partial(_neurokit, "elgendi2010", "elgendi2010"),
    "neurokit-kalidas": partial(_neurokit, "kalidas2017", "neurokit"),
    "neurokit-martinez": partial(_neurokit, "martinez2004", "neurokit"),
    "neurokit-rodrigues": partial(_neurokit, "rodrigues2021", "neurokit"),
    "ecgdetectors-hamilton": partial(_ecgdetectors, "hamilton"),
    "ecgdetectors-pantompkins": partial(_ecgdetectors, "pan_tompkins"),
    "ecgdetectors-swt": partial(_ecgdetectors, "swt"),
}
"""Name -> detector, each by another method. Those of `neurokit2` get the signal cleaned as its own
`ecg_process` does."""


def detect(name: str, signal: NDArray[np.floating], fs: float) -> NDArray[np.int64]:
    """[beat] samples, in order, of the beats that a detector finds in a lead.

    signal: [sample], mV. A detector that ends in an error found nothing: it is a fault of the
    detector, and is counted as missed beats.

    Raises
    ------
    EcgsynthError: there is no such detector, or its package is not installed.
    """
    if name not in DETECTORS:
        raise EcgsynthError(f"there is no detector {name}; there are {', '.join(DETECTORS)}.")
    wave = np.nan_to_num(np.asarray(signal, np.float64))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            beats = np.asarray(DETECTORS[name](wave, fs), np.float64).reshape(-1)
    except ImportError as problem:
        raise EcgsynthError(
            f"{name} is not installed ({problem}); pip install -r "
            "benchmarks/detectors/requirements.txt."
        ) from None
    except (ValueError, IndexError, ZeroDivisionError, RuntimeError):
        beats = np.zeros(0)
    inside = beats[np.isfinite(beats) & (beats >= 0) & (beats < len(wave))]
    return np.unique(np.round(inside).astype(np.int64))
