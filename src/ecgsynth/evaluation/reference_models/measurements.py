"""The line of measurements of a clinical sheet: rate, PR, QRS, QT and QTc."""

from __future__ import annotations

import numpy as np

from ecgsynth.evaluation.reference_models.delineation import SHORTEST_S
from ecgsynth.evaluation.reference_models.voting import delineate_together
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import measure

SHOWN = {
    "heart_rate": ("rate", "/min"), "pr": ("PR", " ms"), "qrs": ("QRS", " ms"), "qt": ("QT", " ms"),
    "qtcf": ("QTc (Fridericia)", " ms"),
}  # fmt: skip
"""Measurement -> its name and unit on a sheet."""


def measurement_line(ecg: Ecg) -> str:
    """Medians over the beats of the first item, by the networks of `delineate_together`.

    What cannot be measured is a dash.
    """
    length = ecg.spec.samples if ecg.valid is None else int(ecg.valid[0])
    signal, fs = ecg.signal[:1, :, :length], ecg.spec.fs
    if length < SHORTEST_S * fs:
        return "too short for measurements"
    points = delineate_together(signal, fs)
    found = measure(np.nan_to_num(signal[:, 0]), points)
    values = {name: float(found[name][0]) for name in SHOWN}
    if not any(map(np.isfinite, values.values())):
        return "no beat was detected, so nothing is measured"
    texts = [
        f"{title} {values[name]:.0f}{unit}" if np.isfinite(values[name]) else f"{title} -"
        for name, (title, unit) in SHOWN.items()
    ]
    return "    ".join(texts)
