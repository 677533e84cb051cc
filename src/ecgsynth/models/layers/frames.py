"""Signals as a renderer sees them: independent leads at a low rate, whitened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ecgsynth.models.layers.blocks import full_precision
from ecgsynth.models.layers.resampling import resample
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, twelve_leads

DECAY_HZ, FLOOR_HZ, WHITENED, LEVEL = 15.5, 40.0, 0.6, 2.04
"""Of the spectrum of ECG records, .5 to 40 Hz (PTB-XL, folds 1-8): by which frequency it falls to a
third, and where it stops falling; the power by which the signal is divided by it; and the level
that makes the variance one. Wholly white, noise between the beats would count as much as they."""


class Frames(nn.Module):
    """From samples to frames and back, by their cosines; nothing in it learns.

    rate: frames a second. multiple: of which the number of frames is one. roll_off: gains of the
    last so many Hz of the frames' band, one a Hz, the last one at half the rate.
    """

    plain: Tensor
    whiten: Tensor
    colour: Tensor
    rolled: Tensor
    derivation: Tensor

    def __init__(
        self, spec: Spec, rate: float, multiple: int, roll_off: Sequence[float] = ()
    ) -> None:
        super().__init__()
        leads, derivation = independent_leads(spec)
        self.leads, self.rows = len(leads), [spec.leads.index(name) for name in leads]
        frames = max(1, round(spec.seconds * rate / multiple)) * multiple
        self.frames, self.seconds = frames, spec.seconds
        hz = np.arange(frames) / (2 * spec.seconds)
        colour = spectrum(hz) ** WHITENED
        fixed: dict[str, NDArray[Any]] = {
            "plain": np.ones(frames),
            "whiten": 1 / colour,
            "colour": colour,
            "rolled": rolled_off(hz, roll_off),
            "derivation": derivation,
        }
        for name, values in fixed.items():
            tensor = torch.from_numpy(values.astype(np.float32))
            self.register_buffer(name, tensor, persistent=False)
        self.samples = spec.samples

    def framed(self, signal: Tensor) -> Tensor:
        """[batch, lead, sample] to [batch, lead, frame], in scaled units, as a known part is."""
        with full_precision(signal):
            return resample(signal[:, self.rows].float(), self.frames, self.plain)

    def whitened(self, framed: Tensor) -> Tensor:
        """What `framed` gave, whitened."""
        with full_precision(framed):
            return resample(framed.float(), self.frames, self.whiten)

    def coloured(self, y: Tensor) -> Tensor:
        """What undoes `whitened`."""
        with full_precision(y):
            return resample(y.float(), self.frames, self.colour)

    def sampled(self, framed: Tensor) -> Tensor:
        """[batch, lead, frame] to [batch, lead, sample], all leads of the spec."""
        with full_precision(framed):
            made = resample(framed.float(), self.samples, self.rolled)
            return torch.einsum("dl,bls->bds", self.derivation, made)


def independent_leads(spec: Spec) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """The leads that the network makes, and the matrix [lead, made] that gives all of them."""
    if spec.leads == LEADS_12:
        made = np.eye(len(INDEPENDENT_LEADS), dtype=np.float32)
        return INDEPENDENT_LEADS, twelve_leads(made).astype(np.float32)
    return spec.leads, np.eye(len(spec.leads), dtype=np.float32)


def spectrum(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitude of ECG at these frequencies."""
    return LEVEL * np.exp(-np.minimum(hz, FLOOR_HZ) / DECAY_HZ)


def rolled_off(hz: NDArray[np.float64], gains: Sequence[float]) -> NDArray[np.float64]:
    """Gain at these frequencies, the last of which is the end of the band.

    gains: of the last so many Hz, one a Hz; 1 below. Where filters leave a millionth of the power,
    a network leaves its error, by which anything made would be known.
    """
    from scipy.interpolate import PchipInterpolator

    if not gains:
        return np.ones(len(hz))
    end = hz[-1] * len(hz) / (len(hz) - 1)
    given = np.log([1.0, *gains])
    first = end - len(gains)
    log = PchipInterpolator(first + np.arange(len(given)), given)(np.clip(hz, first, end))
    return np.asarray(np.exp(log))
