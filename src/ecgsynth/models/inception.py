"""inception: whole 12-lead records, judged by inception blocks."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models.layers.blocks import CriticHead, PlainCondition, start_like_keras
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import INDEPENDENT_LEADS, LEADS_12, twelve_leads

KERAS_SLOPE = 0.3


@MODELS.register("inception")
class Inception(OneStep):
    """12-lead GAN with an inception critic, for rare conditions in 10-s records (PTB-XL).

    As published, for 12 leads x 1000 samples: generator 220,864 parameters (245,248 with the
    running means and variances of its batch norms), critic 63,361. Written for Keras, so weights
    start and batch norms run as there. Inferred: the ReLU is each branch's own, before the
    shortcut is added. A transposed convolution of stride 1 is a convolution, and is one here.

    Changed: with `derive` and the standard twelve leads, the network makes I, II and V1-V6 only,
    and the other four are computed (the published ones miss Einthoven's law by 21 %). It needs a
    scaler without offset. `bounded` off leaves out the tanh, which no voltage above the scale's end
    can pass. `conditional` joins label and context to the latent and to what the critic sees.
    """

    tiny: dict[str, Any] = {"latent": 8, "channels": 4, "width": 8}

    class Settings(BaseSettings):
        """latent: size of the noise. channels: of the first layer, at full length.
        width: of the generator's first convolution and of the critic's blocks.
        derive: whether four of the standard twelve leads are computed from the others.
        bounded: whether a tanh ends the generator, as published.
        conditional: whether label and context are given to generator and critic.
        class_head: whether the critic classifies the items; it then does not see the label.
        """

        latent: int = Field(12, ge=1)
        channels: int = Field(12, ge=1)
        width: int = Field(128, ge=4, multiple_of=4)
        derive: bool = True
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

    algebra: Tensor | None

    def __init__(self, settings: Inception.Settings, spec: Spec) -> None:
        super().__init__()
        self.latent = settings.latent
        self.bounded = settings.bounded
        derive = settings.derive and set(spec.leads) == set(LEADS_12)
        self.register_buffer("algebra", _algebra(spec) if derive else None, persistent=False)
        leads = len(INDEPENDENT_LEADS) if derive else len(spec.leads)
        asked = settings.conditional
        self.condition = PlainCondition(spec, label=asked, context=asked)
        size = settings.channels * spec.samples
        self.start = nn.Sequential(
            nn.Linear(self.latent + self.condition.size, size, bias=False),
            _keras_norm(size),
            nn.LeakyReLU(KERAS_SLOPE),
            nn.Unflatten(1, (settings.channels, spec.samples)),
        )
        width = settings.width
        self.refine = nn.Sequential(
            *_refine(settings.channels, width), *_refine(width, width // 2),
            nn.Conv1d(width // 2, leads, 5, padding=2, bias=False),
        )  # fmt: skip
        self.apply(start_like_keras)

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        x = self.refine(self.start(torch.cat([latent, self.condition(condition)], 1)))
        if self.bounded:
            x = x.tanh()
        return x if self.algebra is None else self.algebra @ x


class Critic(nn.Module):
    """(signal, Condition) -> (logit [batch], class logits [batch, class] or None)."""

    def __init__(self, settings: Inception.Settings, spec: Spec) -> None:
        super().__init__()
        asked = settings.conditional
        self.condition = PlainCondition(spec, asked and not settings.class_head, asked)
        width = settings.width
        self.blocks = nn.Sequential(
            Block(len(spec.leads) + self.condition.size, width), Block(width, width)
        )
        self.verdict = CriticHead(width, spec, settings.class_head)
        self.apply(start_like_keras)

    def view(self, signal: Tensor) -> Tensor:
        """The signal itself."""
        return signal

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        return self.verdict(self.blocks(self.condition.join_to_signal(view, condition)).mean(2))


class Block(nn.Module):
    """Three convolutions and a pooling side by side (Szegedy et al. 2015), with a shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv1d(inputs, outputs // 4, size, padding=size // 2) for size in (1, 3, 5)
        )
        self.branches.append(
            nn.Sequential(nn.MaxPool1d(3, 1, padding=1), nn.Conv1d(inputs, outputs // 4, 1))
        )
        self.shortcut = nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(torch.cat([branch(x) for branch in self.branches], 1)) + self.shortcut(x)


def _refine(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv1d(inputs, outputs, 5, padding=2, bias=False),
        _keras_norm(outputs),
        nn.LeakyReLU(KERAS_SLOPE),
    ]


def _keras_norm(channels: int) -> nn.Module:
    """With Keras' defaults; its momentum of .99 is the share kept, PyTorch's that of the new."""
    return nn.BatchNorm1d(channels, eps=1e-3, momentum=0.01)


def _algebra(spec: Spec) -> Tensor:
    """[12, 8]: every lead of the spec, in its order, from I, II and V1-V6."""
    import numpy as np

    rows = twelve_leads(np.eye(len(INDEPENDENT_LEADS), dtype=np.float32))
    return torch.from_numpy(rows[[LEADS_12.index(lead) for lead in spec.leads]])
