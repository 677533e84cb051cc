"""Windows of recordings, around R peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cut_windows(
    signal: NDArray[np.float32], centres: NDArray[np.int64], pre: int, post: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Windows [centre - pre, centre + post) of a recording, in one gather.

    signal: [lead, sample]. Returns ([window, lead, pre + post], inside), where `inside` [centre]
    marks the windows that lay wholly in the recording; the others are left out.
    """
    centres = np.asarray(centres, np.int64)
    inside = (centres - pre >= 0) & (centres + post <= signal.shape[-1])
    views = np.lib.stride_tricks.sliding_window_view(signal, pre + post, axis=-1)
    starts = centres[inside] - pre
    if not len(starts):
        return np.zeros((0, len(signal), pre + post), np.float32), inside
    return np.ascontiguousarray(views[:, starts].swapaxes(0, 1)), inside
