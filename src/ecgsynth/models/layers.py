"""Blocks that several families share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.signals.ecg import Spec
from ecgsynth.signals.filters import TRANSITION_HZ, lowpass_taps

SLOPE = 0.2


class Conv(nn.Module):
    """Convolution of odd size over [batch, channel, 1, position], 'same' padding.

    A (1 x k) conv2d in channels-last: on a CPU its forward and its double backward are faster
    than conv1d's at these sizes.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 3, gain: float = 1.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (1, size), padding=(0, size // 2))
        nn.init.normal_(self.conv.weight, std=gain / math.sqrt(inputs * size))
        assert self.conv.bias is not None
        nn.init.zeros_(self.conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Block(nn.Module):
    """Residual block without normalisation; the last convolution starts at zero (Fixup, R3GAN)."""

    def __init__(self, channels: int, size: int = 3) -> None:
        super().__init__()
        gain = math.sqrt(2 / (1 + SLOPE**2))
        self.first = Conv(channels, channels, size, gain)
        self.second = Conv(channels, channels, size, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(F.leaky_relu(x, SLOPE))
        return x + self.second(F.leaky_relu(hidden, SLOPE))


class ConditionEmbedding(nn.Module):
    """Class, context and style as one vector [batch, width]."""

    def __init__(self, spec: Spec, styles: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.label = nn.Linear(len(spec.classes), width, bias=False) if spec.classes else None
        self.style = nn.Embedding(styles, width) if styles else None
        self.context = (
            nn.Sequential(
                nn.Linear(len(spec.context), width), nn.LeakyReLU(SLOPE), nn.Linear(width, width)
            )
            if spec.context
            else None
        )
        self.mix = nn.Sequential(
            nn.Linear(width, width), nn.LeakyReLU(SLOPE), nn.Linear(width, width)
        )
        if self.label is not None:
            nn.init.normal_(self.label.weight)

    def forward(self, condition: Condition) -> Tensor:
        total = torch.zeros((), device=condition.label.device)
        if self.label is not None:
            total = total + self.label(condition.label)
        if self.style is not None:
            total = total + self.style(condition.style)
        if self.context is not None:
            total = total + self.context(condition.context)
        if total.ndim == 0:
            return torch.zeros(len(condition), self.width, device=total.device)
        return total + self.mix(total)


class Upsample(nn.Module):
    """Whole-number upsampling of [batch, lead, sample] that ends in the data's own low-pass.

    The output cannot hold anything above the band, which is how real, filtered beats look; a
    learned layer leaves a tell-tale residue there.

    factor: output samples per frame. fs: output rate, Hz. high: upper edge of the band, Hz.
    """

    taps: Tensor | None

    def __init__(self, factor: int, fs: float, high: float | None) -> None:
        super().__init__()
        self.factor = factor
        taps = torch.tensor(lowpass_taps(fs, high)) * factor if high and factor > 1 else None
        self.register_buffer("taps", None if taps is None else taps[None, None], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.taps is None:
            return x
        batch, leads, samples = x.shape
        delay = self.taps.shape[-1] // 2
        pad = -(-delay // self.factor)
        # The ends go on with the point reflection of what is there: no step, no kink.
        head = 2 * x[..., :1] - x[..., 1 : pad + 1].flip(-1)
        tail = 2 * x[..., -1:] - x[..., -pad - 1 : -1].flip(-1)
        wide = torch.cat([head, x, tail], -1).reshape(batch * leads, 1, -1)
        out = F.conv_transpose1d(wide, self.taps, stride=self.factor)
        start = pad * self.factor + delay
        return out[..., start : start + samples * self.factor].reshape(batch, leads, -1)


def working_factor(spec: Spec) -> int:
    """By how much a generator may work below `spec.fs`: the band must fit with its slope.

    A low-pass at 40 Hz is 60 dB down at 55 Hz, so 120 Hz is enough: a factor of 3 at 360 Hz.
    """
    high = spec.band[1]
    if high is None:
        return 1
    return max(1, int(spec.fs / 2 / (high + TRANSITION_HZ)))
