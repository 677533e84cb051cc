"""The table of features of the beats of a recording, relative to the person's own normal beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.classification import morphology
from ecgsynth.classification.rhythm import earliness, intervals, local, mean, rhythm, shifted
from ecgsynth.classification.windows import FS, Windows, prepare, windows_of


def table(signal: NDArray, fs: float, at: NDArray[np.int64], belief=None) -> tuple[dict[str, NDArray], Windows]:
    """Features [beat] by name. signal: [lead, sample], mV. at: [beat] R, in order, in samples."""
    rr = intervals(at, fs)
    early = earliness(rr)
    wave = prepare(signal, fs)
    centre = np.round(at * (FS / fs)).astype(np.int64)
    windows = windows_of(wave, centre, early, belief)
    found = rhythm(rr, windows.normal)
    form = morphology.shared(windows)
    form |= morphology.context(form, found["rr/20"], windows.group)
    one = [morphology.of_lead(windows, k) | morphology.behind_t(windows, k, rr) for k in range(len(wave))]
    form |= {f"lead:{name}": np.mean([x[name] for x in one], 0) for name in one[0]}
    if belief is not None:
        found |= beliefs(rr, belief)
    return found | form, windows


def beliefs(rr: NDArray[np.float64], belief: NDArray[np.floating]) -> dict[str, NDArray]:
    """Features [beat] of what a first look at the record made of the beats."""
    found = {}
    for k, name in enumerate("NSV"):
        for by in range(-3, 4):
            if name != "N" or by == 0:
                found[f"p{name}{by:+d}"] = shifted(belief[:, k], by)
        for around in (8, 40):
            found[f"p{name}_near{around}"] = mean(belief[:, k], around)
        found[f"p{name}_record"] = np.full(len(rr), belief[:, k].mean())
    own = (belief[:, 0] > 0.5) & (shifted(belief[:, 0], -1) > 0.5)
    normal = np.where(own, rr, np.nan)
    whole = np.nanmedian(normal) if own.any() else np.nan
    base = local(normal, 15, 15)
    base = np.where(np.isfinite(base), base, whole)
    found["rr/nn"], found["rr_next/nn"] = rr / base, shifted(rr, 1) / base
    found["rr/nn_record"] = rr / whole
    found["pair/nn"] = (rr + shifted(rr, 1)) / (2 * base)
    spread = local(np.where(own, np.abs(np.log(rr / base)), np.nan), 30, 30) * 1.48 + 0.02
    found["z_nn"] = np.log(rr / base) / spread
    return found
