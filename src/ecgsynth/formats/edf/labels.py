"""Labels of signals in EDF: which of them are ECG."""

from __future__ import annotations

import re

from ecgsynth.signals.leads import STANDARD, standard_lead

OTHER_TYPES = frozenset(
    {
        "EEG", "EOG", "EMG", "ERG", "MEG", "MCG", "EP", "ORAL", "NASAL", "FLOW", "AIRFLOW", "TEMP",
        "RESP", "EFFORT", "THORAX", "ABDOMEN", "SAO2", "SPO2", "PPG", "PLETH", "PULSE", "LIGHT",
        "SOUND", "SNORE", "EVENT", "MARKER", "STATUS", "TRIGGER", "DC", "ACC", "POSITION", "ABP",
        "ART", "CVP", "PRESSURE", "HR", "BPM",
    }
)  # fmt: skip
"""First words of labels of what is no ECG, by the specification and by recorders."""


def is_ecg(label: str) -> bool:
    """Whether a label is known to be of an ECG."""
    return re.match(r"\s*(ECG|EKG)(?![a-z])", label, re.IGNORECASE) is not None or (
        standard_lead(label) in STANDARD
    )


def is_other(label: str) -> bool:
    """Whether a label is known to be of something else."""
    words = re.split(r"[^A-Za-z0-9]+", label.strip().upper())
    return bool(words) and words[0] in OTHER_TYPES
