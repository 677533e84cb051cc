"""Conditional flow matching: a network that finds the clean signal in noise, asked many times."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models import WithoutCritic
from ecgsynth.models.layers.blocks import ConditionEmbedding, Conv, Film
from ecgsynth.models.layers.resampling import cosines
from ecgsynth.registry import MODELS
from ecgsynth.sampling.solvers import heun
from ecgsynth.signals.filters import TRANSITION_HZ, lowpass_taps
from ecgsynth.signals.spec import Spec

BEND = 1.5
"""Steps are shorter towards the end, where detail is decided."""

PATCH = 4
"""Frames of the whitened signal that one position holds."""

CORNER_HZ, LOUDEST, LEAST_GAIN = 18.0, 3.5, 0.08
"""Of the spectrum of ECG of unit variance: its level, flat up to the corner, then falling by the
third power; and the least gain that the data's low-pass is taken to have."""


@MODELS.register("flow")
class Flow(WithoutCritic):
    """Conditional flow matching, linear path (Lipman et al., ICLR 2023).

    Without a critic no mode is dropped; an item takes many passes instead of one.
    """

    tiny = {"embedding": 8, "width": 8, "depth": 1, "coarse_depth": 1, "steps": 2}

    class Settings(BaseSettings):
        """embedding: size of the condition's vector. width: channels. depth, coarse_depth: blocks
        at the full and at half the positions. steps: of Heun's method, two passes each, from noise
        to signal.
        """

        embedding: int = Field(128, ge=1)
        width: int = Field(96, ge=8, multiple_of=8)
        depth: int = Field(2, ge=1)
        coarse_depth: int = Field(3, ge=1)
        steps: int = Field(20, ge=1)

    @staticmethod
    def generator(settings: Settings, spec: Spec) -> Denoiser:
        return Denoiser(settings, spec)

    @staticmethod
    def sample(generator: Any, latent: Tensor, condition: Condition) -> Tensor:
        """[batch, lead, sample]: the path from the latent, followed by Heun's method."""

        def clean(y: Tensor, t: float) -> Tensor:
            return generator(y, condition, torch.full((len(y),), t, device=y.device))

        return generator.decode(
            heun(clean, generator.shaped(latent, condition), generator.steps, BEND)
        )


class Denoiser(nn.Module):
    """(whitened signal y [batch, lead, frame], Condition, t [batch]) -> the clean one, whitened.

    y = t clean + (1 - t) noise. Whitening keeps the cosines of the window up to the band's end,
    each divided by what the spectrum of ECG is there: unit variance and a flat spectrum, and what
    lies above the band cannot be made.
    """

    analysis: Tensor
    synthesis: Tensor

    def __init__(self, settings: Flow.Settings, spec: Spec) -> None:
        super().__init__()
        width, size = settings.width, settings.embedding
        self.steps, self.leads = settings.steps, len(spec.leads)
        analysis, synthesis = whitening(spec)
        self.register_buffer("analysis", torch.tensor(analysis), persistent=False)
        self.register_buffer("synthesis", torch.tensor(synthesis), persistent=False)
        self.frames = len(synthesis)
        self.latent = self.leads * self.frames
        places = self.frames // PATCH
        self.embed = ConditionEmbedding(spec, settings.styles, size)
        self.time = nn.Sequential(nn.Linear(32, size), nn.SiLU(), nn.Linear(size, size))
        self.start = Conv(PATCH * self.leads, width)
        self.place = nn.Parameter(0.5 * torch.randn(1, width, 1, places))
        self.down = nn.ModuleList(Film(width, size) for _ in range(settings.depth))
        self.join = Conv(2 * width, 2 * width, 1)
        self.place_coarse = nn.Parameter(0.5 * torch.randn(1, 2 * width, 1, places // 2))
        self.middle = nn.ModuleList(Film(2 * width, size) for _ in range(settings.coarse_depth))
        self.part = Conv(2 * width, 2 * width, 1)
        self.merge = Conv(2 * width, width, 1)
        self.up = nn.ModuleList(Film(width, size) for _ in range(settings.depth))
        self.head = Conv(width, PATCH * self.leads, 3, 0.0)

    def shaped(self, latent: Tensor, condition: Condition) -> Tensor:
        """[batch, latent] noise as a whitened signal, whatever the condition."""
        return latent.reshape(len(latent), self.leads, self.frames)

    def encode(self, signal: Tensor) -> Tensor:
        """[batch, lead, sample] to [batch, lead, frame], whitened."""
        return signal @ self.analysis

    def decode(self, y: Tensor) -> Tensor:
        """[batch, lead, frame], whitened, to [batch, lead, sample]."""
        return y @ self.synthesis

    def forward(self, y: Tensor, condition: Condition, t: Tensor) -> Tensor:
        batch = len(y)
        code = F.silu(self.embed(condition) + self.time(time_waves(t)))
        x = y.reshape(batch, self.leads, -1, PATCH).permute(0, 1, 3, 2)
        x = x.reshape(batch, -1, 1, self.frames // PATCH)
        x = (self.start(x) + self.place).contiguous(memory_format=torch.channels_last)
        for block in self.down:
            x = block(x, code)
        fine = x
        x = self.join(torch.cat([x[..., 0::2], x[..., 1::2]], 1)) + self.place_coarse
        for block in self.middle:
            x = block(x, code)
        x = self.part(x).reshape(batch, 2, -1, 1, x.shape[-1]).permute(0, 2, 3, 4, 1)
        x = self.merge(torch.cat([x.reshape(fine.shape), fine], 1))
        for block in self.up:
            x = block(x, code)
        x = self.head(F.silu(x)).reshape(batch, self.leads, PATCH, -1).transpose(2, 3)
        # Of unit variance, y alone tells this much; the network gives the rest, of unit scale
        # whatever t (Karras et al., NeurIPS 2022, eq. 7, for this path).
        t = t[:, None, None]
        spread = t.square() + (1 - t).square()
        return t / spread * y + (1 - t) / spread.sqrt() * x.reshape(y.shape)


def whitening(spec: Spec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Matrices [sample, frame] and [frame, sample], each other's inverse within the band."""
    high = spec.band[1]
    edge = spec.fs / 2 if high is None else high + 1.4 * TRANSITION_HZ
    most = spec.samples // (2 * PATCH)
    frames = 2 * PATCH * min(most, math.ceil(spec.samples * edge / spec.fs / PATCH))
    hz = np.arange(frames) * spec.fs / 2 / spec.samples
    sd = LOUDEST / np.sqrt(1 + (hz / CORNER_HZ) ** 6)
    if high is not None:
        taps = lowpass_taps(spec.fs, high)
        turn = np.exp(-2j * np.pi * np.outer(hz / spec.fs, np.arange(len(taps))))
        sd = sd * np.maximum(np.abs(turn @ taps), LEAST_GAIN)
    wide, narrow = cosines(frames, spec.samples), cosines(frames, frames)
    analysis, synthesis = wide.T / sd @ narrow, narrow.T @ (sd[:, None] * wide)
    return analysis.astype(np.float32), synthesis.astype(np.float32)


def time_waves(t: Tensor) -> Tensor:
    """[batch, 32]: the time as sines and cosines."""
    angle = t[:, None] * torch.exp(torch.linspace(0, math.log(200.0), 16, device=t.device))
    return torch.cat([angle.sin(), angle.cos()], 1)
