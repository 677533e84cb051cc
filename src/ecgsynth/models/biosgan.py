"""biosgan: a label-guided transformer GAN, its critic with a second head for the class."""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models.layers.blocks import CriticHead, PlainCondition
from ecgsynth.models.layers.transformer import EncoderBlock
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec


@MODELS.register("biosgan")
class BioSGAN(OneStep):
    """Label-guided transformer GAN with a class head (BioSGAN, after TTS-GAN, Li et al. 2022).

    As published, for 187 samples of one lead and 5 classes: generator 211,621 parameters, critic
    102,006. The published text describes neither the pooling nor the heads of the critic. A mean
    over all tokens and a layer norm in each head, as in TTS-GAN, give exactly that count. Here the
    label may hold several classes, and any number of leads and samples is possible. The attention
    divides by the root of a head's width, as Vaswani et al. do, not of the whole width.

    Changed: `positions`. The published generator gives its blocks no position but by the bias
    of its first layer; with the option, every token begins with the sinusoids of its place.
    `patch`: the published tokens are single samples. Tokens of several samples, as in TTS-GAN's
    critic, hold shapes, and their cost falls with the square. 1, as published, is the default.
    Dropout acts in training alone, never in what is generated. The critic has none.
    """

    tiny: dict[str, Any] = {
        "latent": 8, "label_size": 4, "width": 4, "heads": 2, "depth": 1, "dropout": 0.1,
        "critic_width": 4, "critic_heads": 2, "critic_depth": 1,
    }  # fmt: skip

    class Settings(BaseSettings):
        """latent: size of the noise. label_size: size of the label's code.
        patch: samples a token; what is left of the last one is cut off.
        width, heads, depth, dropout: of the generator's blocks. critic_*: of the critic's.
        positions: whether the generator's tokens begin with their place in time.
        class_head: whether the critic also classifies the items.
        """

        latent: int = Field(100, ge=1)
        label_size: int = Field(10, ge=1)
        patch: int = Field(1, ge=1)
        width: int = Field(10, ge=1)
        heads: int = Field(5, ge=1, validate_default=True)
        depth: int = Field(3, ge=1)
        dropout: float = Field(0.5, ge=0, lt=1)
        critic_width: int = Field(50, ge=1)
        critic_heads: int = Field(5, ge=1, validate_default=True)
        critic_depth: int = Field(3, ge=1)
        positions: bool = True
        class_head: bool = True

        @field_validator("heads", "critic_heads")
        @classmethod
        def _shares_the_width(cls, heads: int, info: ValidationInfo) -> int:
            name = str(info.field_name).replace("heads", "width")
            if name in info.data and info.data[name] % heads:
                raise ValueError(f"must divide {name}, which is {info.data[name]}")
            return heads

    @staticmethod
    def generator(settings: Settings, spec: Spec) -> Generator:
        return Generator(settings, spec)

    @staticmethod
    def critic(settings: Settings, spec: Spec) -> Critic:
        return Critic(settings, spec)


class Generator(nn.Module):
    """([batch, latent], Condition) -> [batch, lead, sample] in scaled units."""

    places: Tensor | None

    def __init__(self, settings: BioSGAN.Settings, spec: Spec) -> None:
        super().__init__()
        width = settings.width
        self.samples, self.leads = spec.samples, len(spec.leads)
        self.tokens = -(-spec.samples // settings.patch)
        self.latent = settings.latent
        self.label = None
        inputs = settings.latent + len(spec.context)
        if spec.classes:
            self.label = nn.Linear(len(spec.classes), settings.label_size, bias=False)
            nn.init.normal_(self.label.weight)  # an embedding, but of several classes at once
            inputs += settings.label_size
        self.context = PlainCondition(spec, label=False)
        self.start = nn.Linear(inputs, self.tokens * width)
        places = sinusoids(self.tokens, width) if settings.positions else None
        self.register_buffer("places", places, persistent=False)
        self.blocks = nn.Sequential(
            *(EncoderBlock(width, settings.heads, settings.dropout) for _ in range(settings.depth))
        )
        self.head = nn.Linear(width, settings.patch * len(spec.leads))

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        known = [latent, self.context(condition)]
        if self.label is not None:
            known.append(self.label(condition.label))
        x = self.start(torch.cat(known, 1)).reshape(len(latent), self.tokens, -1)
        if self.places is not None:
            x = x + self.places
        x = self.head(self.blocks(x)).reshape(len(latent), self.tokens, -1, self.leads)
        return x.flatten(1, 2)[:, : self.samples].transpose(1, 2)


class Critic(nn.Module):
    """(signal, Condition) -> (logit [batch], class logits [batch, class] or None).

    It sees the context, but not the label, which it has to predict.
    """

    def __init__(self, settings: BioSGAN.Settings, spec: Spec) -> None:
        super().__init__()
        width = settings.critic_width
        self.context = PlainCondition(spec, label=False)
        self.patch = settings.patch
        self.embed = nn.Linear(self.patch * (len(spec.leads) + self.context.size), width)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.place = nn.Parameter(torch.randn(-(-spec.samples // self.patch) + 1, width))
        self.blocks = nn.Sequential(
            *(EncoderBlock(width, settings.critic_heads) for _ in range(settings.critic_depth))
        )
        self.verdict = CriticHead(width, spec, settings.class_head, norm=True)

    def view(self, signal: Tensor) -> Tensor:
        """The signal itself."""
        return signal

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        x = self.context.join_to_signal(view, condition)
        x = F.pad(x, (0, -x.shape[-1] % self.patch)).unflatten(2, (-1, self.patch))
        x = self.embed(x.transpose(1, 2).flatten(2))  # [batch, token, width]
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.place
        return self.verdict(self.blocks(x).mean(1))


def sinusoids(positions: int, width: int) -> Tensor:
    """[position, width] sines and cosines of every place (Vaswani et al. 2017, 3.5)."""
    place = torch.arange(positions)[:, None]
    index = torch.arange(width)
    angle = place * torch.exp(-math.log(10_000) * (index // 2 * 2) / width)
    return torch.where(index % 2 == 0, angle.sin(), angle.cos())
