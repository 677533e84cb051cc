"""Rates and intervals of every item, measured as in evaluations."""

from __future__ import annotations

import numpy as np

from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import unmeasurable
from ecgsynth.signals.spec import Spec

NAMES = {
    "heart_rate_bpm": "heart_rate", "pr_ms": "pr", "qrs_ms": "qrs", "qt_ms": "qt", "qtc_ms": "qtcf"
}  # fmt: skip
"""Name in an answer -> name in `ecgsynth.signals.fiducials.MEASUREMENTS`."""


def unmeasured(spec: Spec) -> dict[str, str]:
    """Name in an answer -> reason why no item of this spec has it."""
    from ecgsynth.evaluation.reference_models.delineation import SHORTEST_S

    if spec.seconds < SHORTEST_S:
        return dict.fromkeys(NAMES, f"items shorter than {SHORTEST_S:g} s contain no beat")
    reasons = unmeasurable(spec)
    return {name: reasons[what] for name, what in NAMES.items() if what in reasons}


def measure(ecg: Ecg) -> list[dict[str, float | None]]:
    """One entry per item; None if the window is too short or no wave was detected."""
    from ecgsynth.evaluation.metrics.physiology import measured as by_name
    from ecgsynth.evaluation.reference_models.delineation import SHORTEST_S

    if ecg.spec.seconds < SHORTEST_S:
        return [dict.fromkeys(NAMES) for _ in range(len(ecg))]
    found = by_name(ecg)
    columns = [found[name].round(1).tolist() for name in NAMES.values()]
    return [
        {
            name: value if np.isfinite(value) else None
            for name, value in zip(NAMES, row, strict=True)
        }
        for row in zip(*columns, strict=True)
    ]
