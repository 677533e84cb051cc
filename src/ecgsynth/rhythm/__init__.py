"""Rhythms: beats in time, without signals and without torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.events import EVENT, KIND, Events, P, R


@dataclass(frozen=True)
class Rhythm:
    """The beats of a recording in time.

    Attributes
    ----------
    time_s: [beat], of R, in order. kind: [beat], index into `vocabulary.AAMI_CLASSES`.
    p_s: [beat], of the peak of P, NaN where there is none. seconds: length of the recording.
    """

    time_s: NDArray[np.float64]
    kind: NDArray[np.int64]
    p_s: NDArray[np.float64]
    seconds: float

    def __len__(self) -> int:
        return len(self.time_s)

    def events(self) -> Events:
        """[beat, EVENT], with the peaks of T unknown."""
        events = np.full((len(self), len(EVENT)), np.nan, np.float32)
        events[:, R], events[:, KIND], events[:, P] = self.time_s, self.kind, self.p_s
        events[events[:, P] < 0, P] = np.nan  # before the recording begins
        return events
