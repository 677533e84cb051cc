"""Morlet wavelet coherence: where in time and frequency two signals go together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecgsynth.errors import EcgsynthError

OMEGA = 6.0
"""Wave number of the Morlet wavelet."""

PERIOD = 4 * np.pi / (OMEGA + np.sqrt(2 + OMEGA**2))
"""Fourier period of a scale of 1 (Torrence & Compo 1998, table 1)."""

SMOOTHING_OCTAVES = 0.6
"""Decorrelation length of the Morlet wavelet across scales (Torrence & Compo 1998, table 2)."""

VOICES = 12
"""Scales per octave."""

CHUNK_BYTES = 64_000_000
"""Of working memory."""


def coherence(
    x: ArrayLike,
    y: ArrayLike,
    fs: float,
    *,
    highest_hz: float | None = None,
    voices: int = VOICES,
) -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.bool_]]:
    """Wavelet coherence of pairs of signals.

    R^2 = |S(Wxy / s)|^2 / (S(|Wx|^2 / s) S(|Wy|^2 / s)), 0 to 1, with W the Morlet transform at
    scale s and S the smoothing of Torrence & Webster: a Gaussian of the wavelet's own width in
    time, a box of 1.2 octaves across scales. Signals lose their mean and are followed by zeros,
    so that the end does not meet the beginning. A signal that is constant coheres with nothing: 0.

    Parameters
    ----------
    x, y: [pair, sample], at fs Hz, in any unit. highest_hz: highest frequency (fs / 2 when left
        out). voices: scales per octave.

    Returns
    -------
    map: [pair, scale, sample]. hz: [scale], from the highest to the lowest of which a moment lies
    inside the cone. inside: [scale, sample], the cone of influence: where the ends of the signal
    do not matter.

    Raises
    ------
    EcgsynthError: shapes differ, or the signals are too short for one octave.

    References
    ----------
    Torrence & Webster, J. Climate 1999; Grinsted et al., Nonlin. Processes Geophys. 2004.
    """
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    if x.ndim != 2 or x.shape != y.shape:
        raise EcgsynthError(
            f"coherence is measured between two arrays [pair, sample] of one shape; got {x.shape} "
            f"and {y.shape}."
        )
    scales, inside = _scales(x.shape[1], fs, min(highest_hz or fs / 2, fs / 2), voices)
    length = 1 << (2 * x.shape[1] - 1).bit_length()
    step = max(1, CHUNK_BYTES // (8 * 8 * len(scales) * length))
    wavelet, blur = _filters(scales, length)
    found = np.empty((len(x), *inside.shape), np.float32)
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        found[part] = _coherence(x[part], y[part], scales, wavelet, blur, voices)
    return found, fs / (PERIOD * scales), inside


def _scales(
    samples: int, fs: float, highest_hz: float, voices: int
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scales in samples, and the cone [scale, sample]: sqrt(2) scales from either end."""
    shortest, longest = fs / (PERIOD * highest_hz), samples / (2 * np.sqrt(2))
    if longest < 2 * shortest:
        raise EcgsynthError(
            f"{samples / fs:.2f} s are too short for wavelets of {highest_hz:g} Hz and an octave "
            f"below; give items of {4 * np.sqrt(2) * shortest / fs:.2f} s or more."
        )
    octaves = np.log2(longest / shortest)
    scales = shortest * 2 ** (np.arange(int(octaves * voices + 1e-9) + 1) / voices)
    to_end = samples / 2 - np.abs(np.arange(samples) - (samples - 1) / 2)
    inside = to_end >= np.sqrt(2) * scales[:, None]
    kept = inside.any(1)
    return scales[kept], inside[kept]


def _filters(
    scales: NDArray[np.float64], length: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[scale, frequency] in the Fourier domain: the wavelets (analytic) and their smoothing."""
    omega = 2 * np.pi * np.fft.fftfreq(length)
    wide = scales[:, None] * omega
    wavelet = np.sqrt(scales)[:, None] * np.exp(-0.5 * (wide - OMEGA) ** 2)
    # float32 underflows below e^-80, and denormal numbers are slow.
    return (
        np.where(wide > 0, wavelet, 0).astype(np.float32),
        np.exp(-np.minimum(0.5 * wide**2, 80)).astype(np.float32),
    )


def _coherence(
    x: NDArray[np.float32],
    y: NDArray[np.float32],
    scales: NDArray[np.float64],
    wavelet: NDArray[np.float32],
    blur: NDArray[np.float32],
    voices: int,
) -> NDArray[np.float32]:
    from scipy.fft import fft, ifft

    samples, length = x.shape[1], wavelet.shape[1]

    def transform(signal: NDArray[np.float32]) -> NDArray[np.complex64]:
        centred = signal - signal.mean(1, keepdims=True)
        # On one scale of height: coherence asks for shape alone, and float32 has little room.
        centred /= np.maximum(centred.std(1, keepdims=True), 1e-6)
        return ifft(fft(centred, length)[:, None] * wavelet)

    def smooth(power: NDArray) -> NDArray:
        wide = power / scales[:, None].astype(np.float32)
        return _box(ifft(fft(wide) * blur)[..., :samples], voices)

    wx, wy = transform(x), transform(y)
    cross = smooth(wx * wy.conj())
    # |Wx|^2 and |Wy|^2 are real: they share one complex transform.
    both = smooth(np.abs(wx) ** 2 + 1j * np.abs(wy) ** 2)
    power = both.real * both.imag
    return np.divide(
        np.abs(cross) ** 2, power, out=np.zeros(cross.shape, np.float32), where=power > 1e-12
    ).clip(0, 1)


def _box(values: NDArray, voices: int) -> NDArray:
    """The box across scales, zero beyond the last one; its two outer scales count by half."""
    size = round(2 * SMOOTHING_OCTAVES * voices)
    box = np.ones(size, np.float32)
    box[[0, -1]] = 0.5
    box /= box.sum()
    scales = values.shape[1]
    # Output k gathers the inputs k + (size - 1) // 2 - j for every box entry j, as np.convolve.
    offset = np.arange(scales)[:, None] + (size - 1) // 2 - np.arange(scales)
    matrix = np.where((offset >= 0) & (offset < size), box[np.clip(offset, 0, size - 1)], 0)
    return np.einsum("kj,pjt->pkt", matrix.astype(np.float32), values, optimize=True)
