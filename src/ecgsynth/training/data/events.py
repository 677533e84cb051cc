"""The events of a training set: from its annotations, or found by the delineator."""

from __future__ import annotations

import numpy as np

from ecgsynth.datasets.store import cached_arrays
from ecgsynth.evaluation.reference_models.events import digest, find_events
from ecgsynth.progress import count_bar
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import Events, events_of
from ecgsynth.signals.fingerprint import fingerprint
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL


def known_events(data: Ecg) -> Events:
    """[item, beat, EVENT] of a set: the beats in its annotations, or else by the delineator.

    Those of the delineator are kept next to the parsed recordings.
    """
    if data.marks is not None and any(str(one) in AAMI_OF_SYMBOL for one in data.marks.symbol):
        return events_of(data)
    key = {"set": fingerprint(data), "by": digest()}
    arrays, _ = cached_arrays("events", key, lambda: ({"events": _find(data)}, {}))
    return np.array(arrays["events"])


def _find(data: Ecg) -> Events:
    with count_bar("records") as progress:
        task = progress.add_task("finding beats", total=len(data))
        return find_events(data, lambda done, _: progress.update(task, completed=done))
