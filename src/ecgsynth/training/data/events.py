"""The events of a training set: from its annotations, or found by the delineator."""

from __future__ import annotations

import numpy as np

from ecgsynth.datasets.store import cached_arrays
from ecgsynth.evaluation.reference_models.events import digest, find_events
from ecgsynth.progress import count_bar
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import Events, P, R, T, add_waves, events_of, stack_events
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL


def known_events(data: Ecg) -> Events:
    """[item, beat, EVENT] of a set: the beats in its annotations, or else by the delineator.

    Where annotations hold beats alone, the delineator adds P and T, and moves R to where the leads
    are furthest from the baseline. Items without an annotated beat have those that it detects.
    What it detects is kept next to the parsed recordings.
    """
    events = None
    if data.marks is not None and any(str(one) in AAMI_OF_SYMBOL for one in data.marks.symbol):
        events = events_of(data)
        if np.isfinite(events[..., [P, T]]).any():
            return events
    key = {"set": fingerprint(data), "by": digest()}
    arrays, _ = cached_arrays("events", key, lambda: ({"events": _find(data)}, {}))
    detected = np.array(arrays["events"])
    return detected if events is None else _joined(events, detected)


def _joined(annotated: Events, detected: Events) -> Events:
    """Annotated beats with the waves of those that were detected."""
    parts = []
    for own, other in zip(annotated, detected, strict=True):
        beats, others = (one[np.isfinite(one[:, R])] for one in (own, other))
        add_waves(beats, others, move=True)
        parts.append(beats if len(beats) else others)
    return stack_events(parts)


def _find(data: Ecg) -> Events:
    with count_bar("records") as progress:
        task = progress.add_task("finding beats", total=len(data))
        return find_events(data, lambda done, _: progress.update(task, completed=done))
