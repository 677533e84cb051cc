"""Noise of the MIT-BIH Noise Stress Test Database (Moody et al. 1984), where it is at hand."""

from __future__ import annotations

import numpy as np

from ecgsynth.datasets.store import find_folder
from ecgsynth.formats.wfdb.header import read_header
from ecgsynth.formats.wfdb.reader import read_recording
from ecgsynth.noise.sources import Recorded

NAME, MARKER = "nstdb", "118e00.hea"

KINDS = ("bw", "ma", "em")
"""Baseline wander, muscle noise, electrode motion."""

CLEAN_S = 300.0
"""Noise begins after so long in its records of noisy ECG."""


def read_noise(kind: str) -> Recorded:
    """One kind of noise in two leads, at 360 Hz: half an hour, or of `em` some twelve minutes.

    Where the archive has no `em`, it is record 118e00 less record 118 of MIT-BIH, in its noisy
    stretches of two minutes.

    Raises
    ------
    EcgsynthError: the recordings are not on this machine.
    """
    folder = find_folder(NAME, MARKER)
    if (folder / f"{kind}.hea").is_file():
        found = read_recording(folder / kind)
        return Recorded(_sound(found.signal), found.fs)
    noisy = read_recording(folder / "118e00")
    clean = read_recording(find_folder("mitbih", "118.hea") / "118")
    fs = read_header(folder / "118e00").rate
    gap = noisy.signal - clean.signal
    turn = round(120 * fs)
    starts = np.arange(round(CLEAN_S * fs), gap.shape[1] - turn, 2 * turn)
    return Recorded(_sound(np.concatenate([gap[:, at : at + turn] for at in starts], 1)), fs)


def _sound(signal: np.ndarray) -> np.ndarray:
    signal = np.nan_to_num(signal)
    return np.asarray(signal - signal.mean(-1, keepdims=True), np.float32)
