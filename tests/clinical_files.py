"""Files of clinical formats, and what another program leaves of them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pydicom

from ecgsynth import formats
from ecgsynth.formats.contract import named
from ecgsynth.formats.dicom.writer import PRIVATE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec

CLINICAL = ("dicom", "aecg", "muse")


def written(ecg: Ecg, folder: Path, name: str) -> Path:
    return formats.write(ecg, folder / f"one{named(name).endings[0]}")


def without_facts(path: Path) -> Path:
    """The same file as if another program had written it: without what only ecgsynth reads."""
    if path.suffix == ".dcm":
        data = pydicom.dcmread(path)
        data.remove_private_tags()
        assert PRIVATE not in {element.tag.group for element in data}
        data.save_as(path)
    else:
        path.write_bytes(re.sub(rb"<!--.*?-->\n", b"", path.read_bytes(), flags=re.DOTALL))
    return path


def strip(
    leads: tuple[str, ...], fs: float, samples: int, seed: int = 0, peak_mv: float = 2.0,
    symbols: tuple[str, ...] = ("N", "V", "p_onset", "t_offset", "r_peak", "(AFIB"),
) -> Ecg:  # fmt: skip
    """Noise with marks of every kind, some of them of one lead; limb leads follow from I and II."""
    rng = np.random.default_rng(seed)
    signal = rng.uniform(-peak_mv, peak_mv, (1, len(leads), samples)) / 2
    for name, (one, two) in {
        "III": (-1, 1), "aVR": (-0.5, -0.5), "aVL": (1, -0.5), "aVF": (-0.5, 1),
    }.items():  # fmt: skip
        if {name, "I", "II"} <= {*leads}:
            pair = [signal[:, leads.index(lead)] for lead in ("I", "II")]
            signal[:, leads.index(name)] = one * pair[0] + two * pair[1]
    count = min(samples, 2 * len(symbols))
    marks = Marks(
        np.zeros(count, np.int64), rng.integers(-1, len(leads), count),
        np.sort(rng.choice(samples, count, replace=False)), np.resize(symbols, count),
    )  # fmt: skip
    return Ecg(
        signal.astype(np.float32), Spec(leads, fs, samples, context=("age", "sex")), marks=marks,
        context=np.array([[45, 1]]), patient=np.array(["p 7"]),
        start=np.array(["2026-01-31T08:15:00.250000"]), source="synthetic:demo-1a2b3c4d",
    )  # fmt: skip
