"""bilstm: a bidirectional LSTM with convolutions makes the signal, convolutions judge it."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models.layers.blocks import CriticHead, PlainCondition, start_like_keras
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec

KERAS_SLOPE = 0.3
SIZE = 16
"""Samples that a convolution spans."""


@MODELS.register("bilstm")
class BiLSTM(OneStep):
    """BiLSTM-CNN GAN for single beats (LSTM-GAN on LUDB, after Zhu et al. 2019).

    As published, for 400 samples of one lead: generator 474,097 parameters, 474,609 here, where
    PyTorch's LSTM has a second bias; critic 714,721. Written for Keras, so weights start and
    LeakyReLU slopes (.3) as there. Inferred: the slope. The noise is a series, 12 numbers for
    every four samples; a length that four does not divide is cut from the next that it does.

    Changed: `bounded` off leaves out the tanh, which no voltage above the scale's end can pass;
    `conditional` joins label and context to every moment of the noise and of what the critic sees.
    """

    tiny: dict[str, Any] = {"latent": 2, "width": 16, "critic_width": 4}

    class Settings(BaseSettings):
        """latent: noise per moment (four samples). width: channels after the LSTM, half of them
        per direction. critic_width: channels of the critic's first layer.
        bounded: whether a tanh ends the generator, as published.
        conditional: whether label and context are given to generator and critic.
        class_head: whether the critic classifies the items; it then does not see the label.
        """

        latent: int = Field(12, ge=1)
        width: int = Field(128, ge=8, multiple_of=8)
        critic_width: int = Field(32, ge=1)
        bounded: bool = False
        conditional: bool = True
        class_head: bool = False

    @staticmethod
    def generator(settings: Settings, spec: Spec) -> Generator:
        return Generator(settings, spec)

    @staticmethod
    def critic(settings: Settings, spec: Spec) -> Critic:
        return Critic(settings, spec)


class Generator(nn.Module):
    """([batch, latent], Condition) -> [batch, lead, sample] in scaled units.

    The latent is a series: `latent` is 12 numbers a moment times a quarter of the samples.
    """

    def __init__(self, settings: BiLSTM.Settings, spec: Spec) -> None:
        super().__init__()
        self.samples = spec.samples
        self.moments = -(-spec.samples // 4)
        self.latent = settings.latent * self.moments
        asked = settings.conditional
        self.condition = PlainCondition(spec, label=asked, context=asked)
        width = settings.width
        self.lstm = nn.LSTM(
            settings.latent + self.condition.size, width // 2, batch_first=True, bidirectional=True
        )
        self.refine = nn.Sequential(
            *_conv(width, width), *_conv(width, width // 2), nn.Upsample(scale_factor=2),
            *_conv(width // 2, width // 4), *_conv(width // 4, width // 8),
            nn.Upsample(scale_factor=2), *_conv(width // 8, len(spec.leads))[:2],
        )  # fmt: skip
        if settings.bounded:
            self.refine.append(nn.Tanh())
        self.apply(start_like_keras)

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        noise = latent.reshape(len(latent), -1, self.moments)
        x, _ = self.lstm(self.condition.join_to_signal(noise, condition).transpose(1, 2))
        return self.refine(x.transpose(1, 2))[..., : self.samples]


class Critic(nn.Module):
    """(signal, Condition) -> (logit [batch], class logits [batch, class] or None)."""

    def __init__(self, settings: BiLSTM.Settings, spec: Spec) -> None:
        super().__init__()
        asked = settings.conditional
        self.condition = PlainCondition(spec, asked and not settings.class_head, asked)
        width = settings.critic_width
        self.layers = nn.Sequential(
            *_conv(len(spec.leads) + self.condition.size, width), *_conv(width, 2 * width),
            nn.MaxPool1d(2, ceil_mode=True),
            *_conv(2 * width, 4 * width), *_conv(4 * width, 8 * width),
            nn.MaxPool1d(2, ceil_mode=True), nn.Flatten(),
        )  # fmt: skip
        self.verdict = CriticHead(8 * width * -(-spec.samples // 4), spec, settings.class_head)
        self.apply(start_like_keras)

    def view(self, signal: Tensor) -> Tensor:
        """The signal itself."""
        return signal

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        return self.verdict(self.layers(self.condition.join_to_signal(view, condition)))


def _conv(inputs: int, outputs: int) -> list[nn.Module]:
    """A convolution of even size that keeps the length: one sample more after than before."""
    pad = nn.ConstantPad1d(((SIZE - 1) // 2, SIZE // 2), 0.0)
    return [pad, nn.Conv1d(inputs, outputs, SIZE), nn.LeakyReLU(KERAS_SLOPE)]
