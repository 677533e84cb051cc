"""Labels of signals in EDF: which of them are ECG, and of which lead."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ecgsynth.formats.cells import column_names
from ecgsynth.signals.vocabulary import LEADS_12

OTHER_TYPES = frozenset(
    {
        "EEG", "EOG", "EMG", "ERG", "MEG", "MCG", "EP", "ORAL", "NASAL", "FLOW", "AIRFLOW", "TEMP",
        "RESP", "EFFORT", "THORAX", "ABDOMEN", "SAO2", "SPO2", "PPG", "PLETH", "PULSE", "LIGHT",
        "SOUND", "SNORE", "EVENT", "MARKER", "STATUS", "TRIGGER", "DC", "ACC", "POSITION", "ABP",
        "ART", "CVP", "PRESSURE", "HR", "BPM",
    }
)  # fmt: skip
"""First words of labels of what is no ECG, by the specification and by recorders."""

TYPE = re.compile(r"(?:ECG|EKG)[ :_-]+(?=\S)", re.IGNORECASE)
SENSOR = re.compile(r"LEAD[ :_-]*(?=\S)", re.IGNORECASE)
STANDARD = {lead.casefold(): lead for lead in (*LEADS_12, "MLII")}


def lead_of(label: str) -> str:
    """The lead of a label: "ECG II", "EKG II" and "Lead II" are II; others stay as they are."""
    bare = SENSOR.sub("", TYPE.sub("", label.strip(), count=1), count=1).strip()
    return STANDARD.get(bare.casefold(), bare or label.strip())


def is_ecg(label: str) -> bool:
    """Whether a label is known to be of an ECG."""
    begins = re.match(r"(ECG|EKG)(?![a-z])", label.strip(), re.IGNORECASE) is not None
    return begins or lead_of(label).casefold() in STANDARD


def is_other(label: str) -> bool:
    """Whether a label is known to be of something else."""
    words = re.split(r"[^A-Za-z0-9]+", label.strip().upper())
    return bool(words) and words[0] in OTHER_TYPES


def distinct(leads: Sequence[str]) -> tuple[str, ...]:
    """Names of leads, each once: a nameless one has its number, a second II is "II_"."""
    return tuple(column_names([lead or f"lead{k + 1}" for k, lead in enumerate(leads)], ()))
