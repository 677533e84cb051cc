"""Blocks that several families share."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.signals.filters import TRANSITION_HZ, lowpass_taps
from ecgsynth.signals.spec import Spec

SLOPE = 0.2


class Conv(nn.Module):
    """Convolution of odd size over [batch, channel, 1, position], 'same' padding.

    A (1 x k) conv2d in channels-last: on a CPU its forward and its double backward are faster
    than conv1d's at these sizes.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, gain: float = 1.0, dilation: int = 1
    ) -> None:
        super().__init__()
        padding = (0, dilation * (size // 2))
        self.conv = nn.Conv2d(inputs, outputs, (1, size), padding=padding, dilation=(1, dilation))
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


class Film(nn.Module):
    """Residual block whose features the condition scales and shifts (Perez et al. 2018)."""

    def __init__(self, width: int, size: int, dilation: int = 1) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = Conv(width, width, 3, 1.4, dilation)
        self.second = Conv(width, width, 3, 0.0)
        self.film = nn.Linear(size, 2 * width)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.film(code)[..., None, None].chunk(2, 1)
        hidden = self.first(F.silu(self.norm(x))) * (1 + scale) + shift
        return x + self.second(F.silu(hidden))


@cache
def multiplies_bfloat16() -> bool:
    """Whether this processor has instructions for products of bfloat16 numbers; on others these
    are slower than float32."""
    asked = (
        getattr(torch.cpu, f"_is_{name}_supported", None) for name in ("avx512_bf16", "amx_tile")
    )
    return any(ask is not None and ask() for ask in asked)


def full_precision(x: Tensor) -> torch.autocast:
    """What is done with `x` counts in float32, whatever the network around it does."""
    return torch.autocast(x.device.type, enabled=False)


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
            codes = condition.style
            one = codes.ndim == 1  # else shares of several people's styles
            total = total + (self.style(codes) if one else codes @ self.style.weight)
        if self.context is not None:
            total = total + self.context(condition.context)
        if total.ndim == 0:
            return torch.zeros(len(condition), self.width, device=total.device)
        return total + self.mix(total)


class PlainCondition(nn.Module):
    """Label and context as they stand, [batch, size], to join to a latent or a signal.

    label, context: which of the two to give; what the spec lacks has no numbers here.
    """

    def __init__(self, spec: Spec, label: bool = True, context: bool = True) -> None:
        super().__init__()
        self.classes = len(spec.classes) if label else 0
        self.contexts = len(spec.context) if context else 0
        self.size = self.classes + self.contexts

    def forward(self, condition: Condition) -> Tensor:
        label, context = condition.label, condition.context
        return torch.cat([label[:, : self.classes], context[:, : self.contexts]], 1)

    def join_to_signal(self, signal: Tensor, condition: Condition) -> Tensor:
        """[batch, channel, sample] with every number as one more, constant channel."""
        constant = self(condition)[..., None].expand(-1, -1, signal.shape[-1])
        return torch.cat([signal, constant], 1)


class CriticHead(nn.Module):
    """Features [batch, width] -> (logit [batch], class logits [batch, class] or None).

    classes: whether to classify too (auxiliary classifier, Odena et al. 2017).
    norm: whether each of the two normalises its features first.
    """

    def __init__(self, width: int, spec: Spec, classes: bool, norm: bool = False) -> None:
        super().__init__()

        def head(outputs: int) -> nn.Module:
            linear = nn.Linear(width, outputs)
            return nn.Sequential(nn.LayerNorm(width), linear) if norm else linear

        self.logit = head(1)
        self.classes = head(len(spec.classes)) if classes and spec.classes else None

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        classes = None if self.classes is None else self.classes(features)
        return self.logit(features).squeeze(1), classes


def start_like_keras(module: nn.Module) -> None:
    """Keras' first weights, for `module.apply`; PyTorch's are much smaller.

    Glorot-uniform weights and zero biases; in an LSTM, orthogonal recurrent weights and a forget
    gate that starts at one.
    """
    if isinstance(module, nn.Linear | nn.Conv1d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, nn.LSTM):
        for name, weight in module.named_parameters():
            if "weight" in name:
                start = nn.init.orthogonal_ if "_hh_" in name else nn.init.xavier_uniform_
                start(weight)
            else:
                nn.init.zeros_(weight)
                if "_ih_" in name:
                    nn.init.ones_(weight.data.chunk(4)[1])  # order: input, forget, cell, output


class Upsample(nn.Module):
    """Whole-number upsampling of [batch, lead, sample] that ends in the data's own low-pass.

    The output cannot hold anything above the band, which is how real, filtered beats look; a
    learned layer leaves a residue there.

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
