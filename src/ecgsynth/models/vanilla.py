"""vanilla: the fully connected GAN, the plainest there is."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models.layers.blocks import SLOPE, CriticHead, PlainCondition
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec


@MODELS.register("vanilla")
class Vanilla(OneStep):
    """Fully connected GAN (Goodfellow et al. 2014): three hidden layers here, three there.

    As published, for 200 samples of one lead: 100-512-1024-512-200 with batch norm and ReLU,
    1,206,472 parameters; critic 200-1024-512-256-1 with LeakyReLU, 862,209. The published text
    names layers and activations but not the widths; these are the customary ones.

    Changed: `bounded` off leaves out the tanh, at whose ends 11 % of the published samples stood;
    `conditional` joins label and context to the latent and to what the critic sees.
    """

    tiny: dict[str, Any] = {"latent": 8, "width": 8}

    class Settings(BaseSettings):
        """latent: size of the noise. width: units of the generator's first layer; the others
        follow. bounded: whether a tanh ends the generator, as published.
        conditional: whether label and context are given to generator and critic.
        class_head: whether the critic classifies the items; it then does not see the label.
        """

        latent: int = Field(100, ge=1)
        width: int = Field(512, ge=2)
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
    """([batch, latent], Condition) -> [batch, lead, sample] in scaled units."""

    def __init__(self, settings: Vanilla.Settings, spec: Spec) -> None:
        super().__init__()
        self.latent = settings.latent
        self.shape = (len(spec.leads), spec.samples)
        asked = settings.conditional
        self.condition = PlainCondition(spec, label=asked, context=asked)
        sizes = [self.latent + self.condition.size]
        sizes += [settings.width, 2 * settings.width, settings.width]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            # Batch norm takes every mean away, so that a bias before it would do nothing.
            layers += [nn.Linear(inputs, outputs, bias=False), nn.BatchNorm1d(outputs), nn.ReLU()]
        layers.append(nn.Linear(settings.width, len(spec.leads) * spec.samples))
        if settings.bounded:
            layers.append(nn.Tanh())
        self.layers = nn.Sequential(*layers)

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        code = torch.cat([latent, self.condition(condition)], 1)
        return self.layers(code).reshape(-1, *self.shape)


class Critic(nn.Module):
    """(signal, Condition) -> (logit [batch], class logits [batch, class] or None)."""

    def __init__(self, settings: Vanilla.Settings, spec: Spec) -> None:
        super().__init__()
        asked = settings.conditional
        self.condition = PlainCondition(spec, asked and not settings.class_head, asked)
        sizes = [len(spec.leads) * spec.samples + self.condition.size]
        sizes += [2 * settings.width, settings.width, settings.width // 2]
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        self.verdict = CriticHead(sizes[-1], spec, settings.class_head)

    def view(self, signal: Tensor) -> Tensor:
        """The signal itself."""
        return signal

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        code = torch.cat([view.flatten(1), self.condition(condition)], 1)
        return self.verdict(self.layers(code))
