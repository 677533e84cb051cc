"""One word for the content of a set, by which it is known again."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from ecgsynth.signals.ecg import Ecg


def fingerprint(ecg: Ecg) -> str:
    """SHA-256 over signals, labels, context and patients: what was given, however it was stored."""
    digest = hashlib.sha256(json.dumps(ecg.spec.to_json()).encode())
    for column in (ecg.signal, ecg.label, ecg.context):
        digest.update(np.ascontiguousarray(column).tobytes())
    if ecg.patient is not None:
        digest.update("\n".join(ecg.patient.tolist()).encode())
    return digest.hexdigest()
