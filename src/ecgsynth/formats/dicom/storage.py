"""Which ECG object of DICOM holds an item (PS3.3, A.34.3 to A.34.5)."""

from __future__ import annotations

from typing import NamedTuple

from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import LEADS_12

BITS, STEP_MV = 16, 0.001
"""Of a sample; 1 uV."""

MISSING = -32768
"""The padding value, of a sample that is not there."""

MOST_SAMPLES = 16384
"""Of a 12-Lead ECG."""

CHANNELS = 24
"""Of a group of a General ECG, which has up to 4."""


class Storage(NamedTuple):
    """A SOP class: its UID, and how many channels a group has at most."""

    uid: str
    channels: int


def storage_of(spec: Spec) -> Storage | None:
    """The class that holds signals of a spec; None where none does."""
    ecg, count = "1.2.840.10008.5.1.4.1.1.9.1", len(spec.leads)
    if 200 <= spec.fs <= 1000:
        if {*spec.leads} == {*LEADS_12} and spec.samples <= MOST_SAMPLES:
            return Storage(f"{ecg}.1", 12)
        return Storage(f"{ecg}.2", CHANNELS) if count <= 4 * CHANNELS else None
    return Storage(f"{ecg}.3", 12) if 50 <= spec.fs < 200 and count <= 12 else None
