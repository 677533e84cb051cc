"""tcwgan: a transformer that grows a beat by pixel shuffle, judged by strided convolutions."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models.layers.blocks import SLOPE, CriticHead, PlainCondition
from ecgsynth.models.layers.transformer import EncoderBlock
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec

DEPTH = 2
"""Blocks at each of the three rates."""
GROWTH = (1, 2, 4, 8, 16, 16)
"""Channels of the critic's layers, in those of the first."""


@MODELS.register("tcwgan")
class TCWGAN(OneStep):
    """Transformer generator, convolutional Wasserstein critic (TCWGAN-GP, after TransGAN).

    Published are the latent of 256, the width of 1024 and one lead of 200 to 1800 samples. So are a
    critic of six layers of stride 2 and no bound at the output. Inferred, after TransGAN (Jiang et
    al. 2021): two pre-norm blocks of four heads at an eighth, a quarter and half of the rate, pixel
    shuffle between them, positions learned once at the start. That makes 39,681,665 parameters at
    200 samples, and 2,184,833 of the critic. A length that eight does not divide is cut from the
    next that it does.

    Changed: `conditional` joins label and context to the latent and to what the critic sees, so
    that one model serves all classes; the published one is trained once per class.
    """

    tiny: dict[str, Any] = {"latent": 8, "width": 16, "heads": 2, "critic_width": 2}

    class Settings(BaseSettings):
        """latent: size of the noise. width: of the generator's first blocks; the next two have
        half and a quarter. heads: of every block. critic_width: channels of the critic's first
        layer; the next have 2, 4, 8, 16 and 16 times as many.
        conditional: whether label and context are given to generator and critic.
        class_head: whether the critic classifies the items; it then does not see the label.
        """

        latent: int = Field(256, ge=1)
        width: int = Field(1024, ge=8, multiple_of=8)
        heads: int = Field(4, ge=1, validate_default=True)
        critic_width: int = Field(32, ge=1)
        conditional: bool = True
        class_head: bool = False

        @field_validator("heads")
        @classmethod
        def _shares_the_width(cls, heads: int, info: ValidationInfo) -> int:
            if "width" in info.data and info.data["width"] // 4 % heads:
                raise ValueError(f"must divide a quarter of width, {info.data['width'] // 4}")
            return heads

    @staticmethod
    def generator(settings: Settings, spec: Spec) -> Generator:
        return Generator(settings, spec)

    @staticmethod
    def critic(settings: Settings, spec: Spec) -> Critic:
        return Critic(settings, spec)


class Generator(nn.Module):
    """([batch, latent], Condition) -> [batch, lead, sample] in scaled units."""

    def __init__(self, settings: TCWGAN.Settings, spec: Spec) -> None:
        super().__init__()
        self.samples = spec.samples
        self.positions = -(-spec.samples // 8)
        self.latent = settings.latent
        asked = settings.conditional
        self.condition = PlainCondition(spec, label=asked, context=asked)
        width = settings.width
        self.start = nn.Linear(self.latent + self.condition.size, self.positions * width)
        self.place = nn.Parameter(0.02 * torch.randn(self.positions, width))
        stages: list[nn.Module] = []
        for fold in (1, 2, 4):
            stages += [EncoderBlock(width // fold, settings.heads) for _ in range(DEPTH)]
            stages.append(Double())
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(width // 8, len(spec.leads))

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        x = self.start(torch.cat([latent, self.condition(condition)], 1))
        x = x.reshape(len(latent), self.positions, -1) + self.place
        return self.head(self.stages(x)).transpose(1, 2)[..., : self.samples]


class Critic(nn.Module):
    """(signal, Condition) -> (logit [batch], class logits [batch, class] or None)."""

    def __init__(self, settings: TCWGAN.Settings, spec: Spec) -> None:
        super().__init__()
        asked = settings.conditional
        self.condition = PlainCondition(spec, asked and not settings.class_head, asked)
        inputs = len(spec.leads) + self.condition.size
        length = spec.samples
        layers: list[nn.Module] = []
        for growth in GROWTH:
            outputs = growth * settings.critic_width
            layers += [nn.Conv1d(inputs, outputs, 5, 2, padding=2), nn.LeakyReLU(SLOPE)]
            inputs, length = outputs, -(-length // 2)
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.verdict = CriticHead(inputs * length, spec, settings.class_head)

    def view(self, signal: Tensor) -> Tensor:
        """The signal itself."""
        return signal

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        return self.verdict(self.layers(self.condition.join_to_signal(view, condition)))


class Double(nn.Module):
    """[batch, position, width] to twice the positions and half the width (pixel shuffle)."""

    def forward(self, x: Tensor) -> Tensor:
        batch, positions, width = x.shape
        # Neighbouring channels go to neighbouring positions, as in Shi et al. 2016.
        x = x.reshape(batch, positions, width // 2, 2).transpose(2, 3)
        return x.reshape(batch, 2 * positions, width // 2)
