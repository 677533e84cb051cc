"""Cosines of a window, and a window at another rate by them."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def cosines(rows: int, samples: int) -> NDArray[np.float64]:
    """[row, sample], the first cosines of a window, orthonormal (DCT-II)."""
    k, n = np.arange(rows)[:, None], np.arange(samples)
    found = np.sqrt(2 / samples) * np.cos(np.pi * (n + 0.5) * k / samples)
    found[0] /= np.sqrt(2)
    return np.asarray(found)


def resample(x: Tensor, to: int, gain: Tensor) -> Tensor:
    """[..., sample] to [..., to]: the same window at another rate, its cosines multiplied.

    gain: [cosine], by which each is multiplied; those beyond the shorter window are not used.
    """
    samples = x.shape[-1]
    shared = min(samples, to)
    size = torch.zeros(*x.shape[:-1], to, device=x.device, dtype=x.dtype)
    size[..., :shared] = transform(x)[..., :shared] * (gain[:shared] * (to / samples))
    return invert(size)


def transform(x: Tensor) -> Tensor:
    """[..., sample] to [..., cosine]: sums of x cos(pi (n + 1/2) k / N), by an FFT of N real
    numbers (Makhoul, IEEE Trans. ASSP 1980)."""
    samples = x.shape[-1]
    turned = torch.fft.rfft(torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], -1))
    turned = turned * _phases(samples, -1, x)
    rest = samples - turned.shape[-1]
    return torch.cat([turned.real, -turned.imag[..., 1 : rest + 1].flip(-1)], -1)


def invert(sums: Tensor) -> Tensor:
    """[..., cosine] to [..., sample]: what `transform` was given."""
    samples = sums.shape[-1]
    half = samples // 2 + 1
    mirrored = torch.cat([torch.zeros_like(sums[..., :1]), sums.flip(-1)], -1)[..., :half]
    turned = torch.complex(sums[..., :half].contiguous(), -mirrored) * _phases(samples, 1, sums)
    order = torch.fft.irfft(turned, samples)
    x = torch.empty_like(order)
    even = (samples + 1) // 2
    x[..., ::2], x[..., 1::2] = order[..., :even], order[..., even:].flip(-1)
    return x


def _phases(samples: int, sign: int, like: Tensor) -> Tensor:
    """[cosine] exp(sign i pi k / 2 N), of the first half and the middle."""
    angle = torch.arange(samples // 2 + 1, device=like.device, dtype=torch.float64)
    angle = sign * math.pi / (2 * samples) * angle
    return torch.polar(torch.ones_like(angle), angle).to(torch.complex64)
