"""RR intervals of beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RR = ("rr_before_s", "rr_after_s", "rr_mean_s")
"""What `rr_intervals` gives, by name."""


def with_partial_mean(rr: NDArray[np.float32], record: NDArray[np.generic]) -> NDArray[np.float32]:
    """The RR of beats that are a part of their recordings, with the mean of that part alone.

    rr: [beat, 3], as `rr_intervals` gives it for whole recordings. record: [beat]. The mean is that
    of the intervals before the beats of the part; where none is known it stays unknown.
    """
    rr = np.array(rr)
    code = np.unique(record, return_inverse=True)[1]
    before = rr[:, 0].astype(np.float64)
    known = np.isfinite(before)
    count = np.bincount(code, known, minlength=1)
    total = np.bincount(code, np.where(known, before, 0.0), minlength=1)
    mean = np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)
    rr[:, 2] = mean[code]
    return rr


def rr_intervals(
    samples: NDArray[np.int64], fs: float, known: NDArray[np.bool_] | None = None
) -> NDArray[np.float32]:
    """[beat, 3]: seconds to the beat before and to the beat after (NaN at the ends), and the mean
    of the recording.

    samples: R peaks in order of time. known: [beat - 1], whether the heart beat from one peak to
    the next; where it did not, the interval is NaN and no part of the mean.

    An early beat is early for its own heart: against the mean RR of its recording, as de Chazal et
    al. (IEEE TBME 2004) have it.
    """
    gaps = np.diff(np.asarray(samples, np.float64)) / fs
    counted = gaps if known is None else gaps[known]
    if known is not None:
        gaps = np.where(known, gaps, np.nan)
    nothing = np.array([np.nan])
    mean = np.full(len(samples), counted.mean() if len(counted) else np.nan)
    return np.stack(
        [np.concatenate([nothing, gaps])[: len(samples)],
         np.concatenate([gaps, nothing])[: len(samples)], mean], axis=1,
    ).astype(np.float32)  # fmt: skip
