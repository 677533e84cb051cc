"""Leads at one rate and band, and a window around every beat, laid on the person's normal beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.filters import lowpass, remove_baseline, resample

FS = 125.0
"""Working rate, Hz."""

HIGH_HZ = 40.0
PRE, POST = 50, 62
"""Samples of a window before and after R: .4 and .5 s."""

QRS = slice(PRE - 10, PRE + 13)
FORM = slice(PRE - 10, PRE + 18)  # of a QRS that may be wide
P = slice(PRE - 34, PRE - 8)
ST_T = slice(PRE + 13, PRE + 52)
WHOLE = slice(PRE - 34, PRE + 52)
"""Parts of a window, around R of a normal beat."""

SHIFT = 6
"""Samples (48 ms) by which a beat may be moved so that it lies on the normal one."""

CLUSTERED = 500
"""Beats of a record that are grouped by form; the others join the nearest group."""

TALL = 0.5
"""Power of a lead's height by which it weighs where forms are compared; small leads are noisy."""

ALIKE, ALIKE_MEANS = 0.9, 0.95
"""Least correlation, on average, of the QRS complexes of a group, and of means of groups."""

EARLY = 0.88
"""RR over the local median below which a beat is no example of the normal rhythm."""


def prepare(signal: NDArray, fs: float) -> NDArray[np.float32]:
    """[lead, sample] at `FS`, 40 Hz at most, without baseline; missing samples are 0."""
    signal = np.asarray(signal, np.float32)
    missing = ~np.isfinite(signal)
    if missing.any():
        signal = _bridged(signal, missing)
    wave = resample(signal, fs, FS)
    wave = remove_baseline(wave, FS)
    wave = lowpass(wave, FS, HIGH_HZ)
    if missing.any():
        at = np.minimum((np.arange(wave.shape[1]) * fs / FS).astype(int), signal.shape[1] - 1)
        wave[missing[:, at]] = 0
    return wave


def _bridged(signal: NDArray[np.float32], missing: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The signal with straight lines over what is missing."""
    at = np.arange(signal.shape[1])
    return np.stack(
        [
            np.interp(at, at[~gap], wave[~gap]) if not gap.all() else np.zeros(len(wave))
            for wave, gap in zip(signal, missing, strict=True)
        ]
    ).astype(np.float32)


def cut(wave: NDArray[np.float32], centre: NDArray[np.int64], margin: int = 0) -> NDArray:
    """[beat, lead, sample] windows; 0 beyond the ends of the recording."""
    pre, post = PRE + margin, POST + margin
    padded = np.pad(wave, [(0, 0), (pre, post)])
    at = np.clip(centre, 0, wave.shape[1] - 1)[:, None] + np.arange(pre + post)
    return padded[:, at].swapaxes(0, 1)


@dataclass(frozen=True)
class Windows:
    """Windows of all beats of a record.

    beat: [beat, lead, sample], in units of the lead's normal QRS height. centre: [beat], at `FS`.
    group: [beat] number of its form, 0 = the person's normal one. normal: [beat] whether it is an
    example of the normal beat. height: [lead] of the normal QRS, mV. template: [lead, sample].
    """

    beat: NDArray[np.float32]
    centre: NDArray[np.int64]
    group: NDArray[np.int64]
    normal: NDArray[np.bool_]
    height: NDArray[np.float64]
    template: NDArray[np.float32]


def normalise(x: NDArray) -> NDArray:
    """Vectors on the last axis without their mean, of length 1 (0 where flat)."""
    x = x - x.mean(-1, keepdims=True)
    return x / np.maximum(np.sqrt((x * x).sum(-1, keepdims=True)), 1e-6)


def windows_of(
    wave: NDArray[np.float32],
    centre: NDArray[np.int64],
    early: NDArray[np.float64],
) -> Windows:
    """Cut all beats and find the person's normal one.

    wave: of `prepare`. centre: [beat], R. early: [beat], RR before over its local median.
    """
    wide = cut(wave, centre, SHIFT)
    height = np.maximum(np.median(np.ptp(wide[..., SHIFT:-SHIFT][..., QRS], -1), 0), 1e-9)
    wide = wide / height[:, None].astype(np.float32)
    for _ in range(2):
        here = wide[..., SHIFT:-SHIFT]
        tall = here[..., FORM] * (height[:, None] / height.max()).astype(np.float32) ** TALL
        group = groups(tall.reshape(len(here), -1), early)
        normal = examples(group, early)
        template = np.median(here[normal], 0)
        moved = lags(wide, template)
        centre = centre + moved
        wide = cut(wave, centre, SHIFT) / height[:, None].astype(np.float32)
    beat = wide[..., SHIFT:-SHIFT]
    template = np.median(beat[normal], 0)
    own = np.maximum(np.ptp(template[:, QRS], axis=-1), 1e-3)
    return Windows(
        beat / own[:, None], centre, group, normal, height * own, template / own[:, None]
    )


def groups(qrs: NDArray, early: NDArray[np.float64]) -> NDArray[np.int64]:
    """[beat] number of its group of QRS forms; 0 is the normal one, the others by size.

    Groups of like beats first; then groups of like means, in which noise is averaged out.
    """
    unit = normalise(qrs)
    some = np.unique(np.linspace(0, len(unit) - 1, CLUSTERED).astype(int))
    if len(some) < 3:
        return np.zeros(len(unit), np.int64)
    name = _linked(unit[some], ALIKE)
    name = _linked(_means(unit[some], name), ALIKE_MEANS)[name]
    middle = _means(unit[some], name)
    nearest = (unit @ middle.T).argmax(1)
    size = np.bincount(nearest, minlength=len(middle)).astype(float)
    late = np.bincount(nearest, early > EARLY, minlength=len(middle)) / np.maximum(size, 1)
    order = np.argsort(-size * (0.1 + late), kind="stable")
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[nearest]


def _linked(unit: NDArray, alike: float) -> NDArray[np.int64]:
    """[vector] number of its group, by average linkage of correlations."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(unit) < 2:
        return np.zeros(len(unit), np.int64)
    apart = 1 - unit @ unit.T
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(np.maximum(apart, 0), checks=False), "average")
    return fcluster(tree, 1 - alike, "distance") - 1


def _means(unit: NDArray, name: NDArray[np.int64]) -> NDArray:
    return normalise(np.stack([unit[name == k].mean(0) for k in range(name.max() + 1)]))


def examples(group: NDArray[np.int64], early: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[beat] whether it has the normal form and comes in time; all of that form if too few do."""
    own = group == 0
    after = np.append(early[1:], 1.0)
    timely = own & (early > EARLY) & (early < 1.15) & (after > EARLY)
    return timely if timely.sum() >= max(5, 0.1 * own.sum()) else own


def lags(wide: NDArray, template: NDArray) -> NDArray[np.int64]:
    """[beat] samples by which a beat must be moved to lie on the template's QRS."""
    span = template[:, QRS]
    unit = normalise(span.reshape(-1))
    best, found = np.full(len(wide), -np.inf), np.zeros(len(wide), np.int64)
    for shift in range(-SHIFT, SHIFT + 1):
        part = wide[..., SHIFT + QRS.start + shift : SHIFT + QRS.stop + shift]
        like = np.abs(normalise(part.reshape(len(part), -1)) @ unit) - 0.004 * abs(shift)
        better = like > best
        best[better], found[better] = like[better], shift
    return found
