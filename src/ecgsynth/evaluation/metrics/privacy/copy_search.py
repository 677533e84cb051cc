"""Search for the nearest real items of an item, robust to changes that hide a copy.

A copy is still a copy if it is shifted by some milliseconds, stretched, scaled, inverted, offset,
smoothed, or has a slow drift or a little noise. The search has two steps. The first correlates
every item with every real one at every shift, at a low rate, and keeps a few candidates. The second
fits each candidate to the item by least squares, with these changes as free terms, and measures the
residual.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.filters import lowpass
from ecgsynth.signals.spec import Spec

SHIFT_S = 0.015
"""Largest shift of a copy, s."""

EDGE_S = 0.015
"""Length at both ends that is not compared, s: a moved copy has other ends, and the low-pass
carries them inwards."""

STEP_S = 0.003
"""Step between the shifts, s; the least-squares fit interpolates."""

HIGHEST_HZ = 20.0
"""Items are compared below this frequency, Hz: noise and smoothing hide a copy above."""

OVERSAMPLING = 2.8
"""Sampling rate of the comparison, in multiples of the highest frequency."""

DRIFTS = 3
"""Number of polynomials that remove level and drift, plus one for every whole second."""

CANDIDATES = 128
"""Candidates of the second step: among beats of one person, the original of a copy that was
stretched by 2 % can be the 70th by correlation."""

CHUNK, BLOCK = 512, 2048
"""Items and real items per block of the search, for the CPU cache."""

FITTED = 4_000_000
"""Most samples of candidates that are fitted at once, for the memory."""

Excluded = Callable[[slice], NDArray[np.bool_]]
"""[item of the slice, real item]: whether a real item is excluded for an item."""


def nearest_two(
    items: NDArray[np.float32],
    real: NDArray[np.float32],
    spec: Spec,
    excluded: Excluded | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distances to the two nearest real items, and their rows.

    items, real: [item, lead, sample], in `spec.unit`, at `spec.fs` Hz.
    excluded: real items to leave out for an item, such as itself and its neighbours in time.

    Returns
    -------
    distance: [item, 2] RMS residual of the fit, ascending; infinite if fewer than two real items
    are allowed.
    which: [item, 2] rows of `real`.
    """
    item_windows, real_windows = _Windows(items, spec), _Windows(real, spec)
    kept = min(CANDIDATES, len(real))
    distance = np.full((len(items), max(kept, 2)), np.inf)
    which = np.zeros((len(items), max(kept, 2)), np.int64)
    target = _normalise(real_windows.at(0))
    for start in range(0, len(items), CHUNK):
        part = slice(start, min(start + CHUNK, len(items)))
        alike = item_windows.correlation(part, target)
        if excluded is not None:
            alike[excluded(part)] = -np.inf
        rows = np.argpartition(alike, len(real) - kept, axis=1)[:, len(real) - kept :]
        fitted = _fit_all(item_windows, real_windows, part, rows)
        fitted[np.isneginf(np.take_along_axis(alike, rows, 1))] = np.inf
        order = fitted.argsort(1)
        distance[part, :kept] = np.take_along_axis(fitted, order, 1)
        which[part, :kept] = np.take_along_axis(rows, order, 1)
    return distance[:, :2], which[:, :2]


def _normalise(flat: NDArray[np.float32]) -> NDArray[np.float32]:
    return flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-6)


class _Windows:
    """Band-limited items, cut into windows at several shifts."""

    def __init__(self, signal: NDArray[np.float32], spec: Spec) -> None:
        high = min(spec.band[1] or HIGHEST_HZ, HIGHEST_HZ)
        self.signal = np.asarray(signal, np.float32)
        if high < spec.fs / 2:
            self.signal = lowpass(self.signal, spec.fs, high)
        samples = spec.samples
        self.every = max(1, int(spec.fs // (OVERSAMPLING * high)))
        most = min(max(1, round(SHIFT_S * spec.fs)), (samples - 8) // 2)
        step = max(1, round(STEP_S * spec.fs))
        self.shifts = sorted({0, *range(-most, most + 1, step)})
        self.margin = min(most + round(EDGE_S * spec.fs), (samples - 8) // 2)
        self.length = samples - 2 * self.margin
        time = np.linspace(-1, 1, len(range(0, self.length, self.every)))
        terms = min(DRIFTS + int(samples / spec.fs), len(time) // 4)
        powers = np.polynomial.chebyshev.chebvander(time, max(terms - 1, 0))
        self.drift = np.linalg.qr(powers)[0].astype(np.float32)
        self.time = time

    def cut(self, signal: NDArray, shift: int) -> NDArray[np.float32]:
        """[..., lead, sample] at the low rate, shifted by `shift` samples, without drift."""
        start = self.margin + shift
        window = signal[..., start : start + self.length : self.every]
        return np.asarray(window - (window @ self.drift) @ self.drift.T, np.float32)

    def at(self, shift: int, rows: slice | NDArray = slice(None)) -> NDArray[np.float32]:
        """[item, lead x sample] of these items."""
        window = self.cut(self.signal[rows], shift)
        return window.reshape(len(window), -1)

    def correlation(self, part: slice, target: NDArray[np.float32]) -> NDArray[np.float32]:
        """[item, real item] absolute correlation at the best shift: a copy may be inverted.

        target: [real item, lead x sample] of length 1.
        """
        moved = [_normalise(self.at(shift, part)) for shift in self.shifts]
        best = np.empty((len(moved[0]), len(target)), np.float32)
        for start in range(0, len(target), BLOCK):
            block = slice(start, start + BLOCK)
            real = np.ascontiguousarray(target[block].T)
            most = np.abs(moved[0] @ real)
            for window in moved[1:]:
                here = window @ real
                np.maximum(most, np.abs(here, out=here), out=most)
            best[:, block] = most
        return best


def _fit_all(
    item_windows: _Windows, real_windows: _Windows, part: slice, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """As `_fit`, a few items at a time."""
    size = rows.shape[1] * real_windows.signal[0].size
    step = max(1, FITTED // max(size, 1))
    starts = range(0, len(rows), step)
    return np.concatenate(
        [
            _fit(
                item_windows,
                real_windows,
                slice(part.start + k, min(part.start + k + step, part.stop)),
                rows[k : k + step],
            )
            for k in starts
        ]
    )


def _fit(
    item_windows: _Windows, real_windows: _Windows, part: slice, rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """[item, candidate] RMS residual of an item after the best fit of a candidate.

    The terms of the fit are first-order changes of a copy: gain, a shift within a sample (slope), a
    stretch (slope times time) and smoothing (curvature); level and drift are removed before.
    rows: [item, candidate].
    """
    count, kept = rows.shape
    moved = np.stack(
        [item_windows.at(shift, part) for shift in item_windows.shifts], 1
    )  # [item, shift, n]
    picked = real_windows.signal[rows.ravel()]
    slope = np.gradient(picked, axis=-1)
    bent = np.gradient(slope, axis=-1)
    terms = [real_windows.cut(wave, 0) for wave in (picked, slope, bent)]
    stretch = (
        slope[..., real_windows.margin :][..., : real_windows.length : real_windows.every]
        * real_windows.time
    )
    terms.append(stretch - (stretch @ real_windows.drift) @ real_windows.drift.T)
    basis = np.stack([term.reshape(count, kept, -1) for term in terms], 2).astype(np.float64)
    basis /= np.maximum(np.linalg.norm(basis, axis=-1, keepdims=True), 1e-9)
    first = basis[:, :, 0].astype(np.float32)
    alike = np.einsum("ksn,kcn->kcs", moved, first, optimize=True) ** 2
    best = ((moved**2).sum(2)[:, None] - alike).argmin(2)  # [item, candidate]
    target = np.take_along_axis(moved, best[..., None], 1).astype(np.float64)
    normal = basis @ basis.swapaxes(2, 3) + 1e-8 * np.eye(len(terms))
    right = (basis @ target[..., None])[..., 0]
    weight = np.linalg.solve(normal, right[..., None])[..., 0]
    left = (target**2).sum(-1) - (weight * right).sum(-1)
    return np.sqrt(np.maximum(left, 0) / target.shape[-1])
