"""The table of features of the beats of a recording, relative to the person's own normal beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.classification import morphology
from ecgsynth.classification.rhythm import Columns, earliness, intervals, rhythm
from ecgsynth.classification.windows import FS, windows_of

IRREGULAR, IRREGULAR_RANGE = 0.08, 0.1
"""Median change of log RR from beat to beat from which on a rhythm may be fibrillation; over the
range it becomes so for certain."""

NO_P, NO_P_RANGE = 0.5, 0.3
"""Median correlation of the beats nearby with the normal beat before the QRS, likewise."""


def feature_table(wave: NDArray[np.float32], at_s: NDArray[np.float64]) -> Columns:
    """All features by name, NaN where they are not known.

    Features of form are means over the leads, so that any number of leads will do.

    Parameters
    ----------
    wave: [lead, sample], of `windows.prepare`. at_s: [beat], R, s, in order of time.
    """
    rr = intervals(at_s)
    windows = windows_of(wave, np.round(at_s * FS).astype(np.int64), earliness(rr))
    found = rhythm(rr, windows.normal)
    found |= morphology.shared(windows)
    found |= morphology.context(found, windows.group)
    each = [morphology.of_lead(windows, lead) for lead in range(len(wave))]
    return found | {f"lead:{name}": np.mean([one[name] for one in each], 0) for name in each[0]}


def matrix(columns: Columns, names: tuple[str, ...] | list[str]) -> NDArray[np.float32]:
    """[beat, feature] of the named columns."""
    return np.stack([columns[name] for name in names], 1).astype(np.float32)


def fibrillation(columns: Columns) -> NDArray[np.float64]:
    """[beat] 0 to 1: how irregular the rhythm around it is for certain, and without P waves.

    No beat is premature where none is due: in atrial fibrillation an early beat of normal form is
    of class N. So few people of a training have it that trees do not learn it.
    """
    irregular = (columns["irregular60"] - IRREGULAR) / IRREGULAR_RANGE
    without_p = (NO_P - columns["corr_p_near"]) / NO_P_RANGE
    return np.clip(np.nan_to_num(irregular), 0, 1) * np.clip(np.nan_to_num(without_p), 0, 1)
