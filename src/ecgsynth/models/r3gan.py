"""r3gan: the main family, a class-, rhythm- and style-conditional 1-D GAN after R3GAN."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models.layers.blocks import (
    SLOPE,
    Block,
    ConditionEmbedding,
    Conv,
    Upsample,
    full_precision,
    working_factor,
)
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec

PATCH = 4
"""Frames that the head emits per position."""
MARGIN = 2
"""Positions beyond the window, so that the filter has neighbours at both ends."""


@MODELS.register("r3gan")
class R3GAN(OneStep):
    """Class-, rhythm- and style-conditional 1-D GAN after R3GAN (Huang et al., NeurIPS 2024).

    No normalisation layers, residual blocks that start as identity, projection conditioning.
    Made for the CPU: the trunk works at a quarter of a rate that just holds the signals' band,
    a head emits patches, and a fixed filter upsamples to `spec.fs`, so that nothing above the
    band can appear.
    """

    tiny = {"latent": 8, "embedding": 8, "width": 8, "depth": 1, "critic_width": 8, "pairs": True}

    class Settings(BaseSettings):
        """latent: size of the noise. embedding: size of the condition code.
        width: channels at the fine stage (twice that at the coarse). depth: blocks a stage.
        critic_width, critic_depth: likewise for the critic.
        """

        latent: int = Field(128, ge=1)
        embedding: int = Field(64, ge=1)
        width: int = Field(96, ge=1)
        depth: int = Field(2, ge=1)
        critic_width: int = Field(64, ge=1)
        critic_depth: int = Field(1, ge=1)

    @staticmethod
    def generator(settings: Settings, spec: Spec) -> Generator:
        return Generator(settings, spec)

    @staticmethod
    def critic(settings: Settings, spec: Spec) -> Critic:
        return Critic(settings, spec)


class Generator(nn.Module):
    """([batch, latent], Condition) -> [batch, lead, sample] at `spec.fs`, in scaled units.

    The first `settings.latent` numbers make the beat's shape, the rest its noise.
    """

    def __init__(self, settings: R3GAN.Settings, spec: Spec) -> None:
        super().__init__()
        self.samples = spec.samples
        self.leads = len(spec.leads)
        self.factor = working_factor(spec)
        frames = -(-spec.samples // self.factor)
        positions = -(-frames // PATCH) + 2 * MARGIN
        self.coarse = -(-positions // 2)
        wide, fine = 2 * settings.width, settings.width
        self.shape = settings.latent
        self.latent = settings.latent + PATCH * 2 * self.coarse
        self.embed = ConditionEmbedding(spec, settings.styles, settings.embedding)
        self.start = nn.Linear(settings.latent + settings.embedding, wide * self.coarse)
        self.place = nn.Parameter(torch.randn(1, wide, 1, self.coarse))
        self.coarse_blocks = nn.Sequential(*(Block(wide) for _ in range(settings.depth)))
        self.split = Conv(wide, 2 * fine, 1)
        self.place_fine = nn.Parameter(torch.zeros(1, fine, 1, 2 * self.coarse))
        self.texture = Conv(PATCH, fine)
        self.loudness = Conv(fine, fine, 1, 0.1)
        self.fine_blocks = nn.Sequential(*(Block(fine) for _ in range(settings.depth)))
        self.head = Conv(fine, PATCH * self.leads)
        self.smooth = nn.Conv1d(self.leads, self.leads, 5, padding=2, bias=False)
        nn.init.dirac_(self.smooth.weight)  # starts as nothing; learns to mend patch edges
        self.upsample = Upsample(self.factor, spec.fs, spec.band[1])

    def forward(self, latent: Tensor, condition: Condition) -> Tensor:
        batch = len(latent)
        shape, grain = latent[:, : self.shape], latent[:, self.shape :]
        code = torch.cat([shape, self.embed(condition)], 1)
        x = self.start(code).reshape(batch, -1, 1, self.coarse) + self.place
        x = x.contiguous(memory_format=torch.channels_last)
        x = self.split(self.coarse_blocks(x))
        x = x.reshape(batch, 2, -1, self.coarse).permute(0, 2, 3, 1)  # position pairs
        x = x.reshape(batch, -1, 1, 2 * self.coarse) + self.place_fine
        # Muscle noise is not a shape: it has numbers of its own, one per frame, as loud as the
        # beat's features set. Without them the beats have less noise than real ones.
        x = x + self.texture(grain.reshape(batch, PATCH, 1, -1)) * self.loudness(x)
        x = self.fine_blocks(x.contiguous(memory_format=torch.channels_last))
        with full_precision(x):  # rounded samples have a slope that no real ones have
            x = self.head(F.leaky_relu(x.float(), SLOPE))
            x = x.reshape(batch, self.leads, PATCH, -1).transpose(2, 3)
            x = self.upsample(self.smooth(x.reshape(batch, self.leads, -1)))
        first = MARGIN * PATCH * self.factor
        return x[..., first : first + self.samples]


class Critic(nn.Module):
    """(view(signal), Condition) -> (logit [batch], None)."""

    def __init__(self, settings: R3GAN.Settings, spec: Spec) -> None:
        super().__init__()
        width = settings.critic_width
        self.gain = float(working_factor(spec))
        self.stride = 2 * working_factor(spec)
        self.positions = -(-spec.samples // self.stride)
        self.patch = Conv(3 * len(spec.leads) * self.stride, width)
        self.place = nn.Parameter(torch.zeros(1, width, 1, self.positions))
        stages: list[nn.Module] = []
        length = self.positions
        for inputs, outputs in ((width, width * 3 // 2), (width * 3 // 2, width * 2)):
            stages += [Block(inputs) for _ in range(settings.critic_depth)]
            stages += [Halve(), Conv(2 * inputs, outputs, 1)]
            length = -(-length // 2)
        stages += [Block(width * 2) for _ in range(settings.critic_depth)]
        self.stages = nn.Sequential(*stages)
        self.features = nn.Linear(width * 2 * length, 4 * width)
        self.embed = ConditionEmbedding(spec, settings.styles, settings.embedding)
        self.project = nn.Linear(settings.embedding, 4 * width, bias=False)
        self.logit = nn.Linear(4 * width, 1)
        self.difference = nn.Linear(4 * width, 1, bias=False) if settings.pairs else None

    def view(self, signal: Tensor) -> Tensor:
        """The signal with its slope and curvature, [batch, 3 lead, sample].

        Fast detail is a thousandth of a QRS complex, and a penalty on the gradient with respect
        to the signal forbids the critic to look at it. With respect to this view it does not.
        """
        slope = F.pad(signal[..., 1:] - signal[..., :-1], (1, 0)) * self.gain
        curvature = F.pad(slope[..., 1:] - slope[..., :-1], (1, 0)) * self.gain
        return torch.cat([signal, slope, curvature], 1)

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, None]:
        batch = len(view)
        x = F.pad(view, (0, self.positions * self.stride - view.shape[-1]))
        x = x.reshape(batch, x.shape[1], self.positions, self.stride).permute(0, 1, 3, 2)
        x = x.reshape(batch, -1, 1, self.positions).contiguous(memory_format=torch.channels_last)
        x = self.stages(self.patch(x) + self.place)
        x = F.leaky_relu(self.features(F.leaky_relu(x, SLOPE).flatten(1)), SLOPE)
        with full_precision(x):
            return self._verdict(x.float(), condition), None

    def _verdict(self, x: Tensor, condition: Condition) -> Tensor:
        """[batch, feature] -> logit [batch]."""
        # Projection discriminator (Miyato & Koyama 2018): the condition as a direction.
        agreement = (self.project(self.embed(condition)) * x).sum(1) / x.shape[1] ** 0.5
        logit = self.logit(x).squeeze(1) + agreement
        if self.difference is not None:
            # Neighbours in the batch are two beats of one class and person: do they differ enough?
            two = x.reshape(len(x) // 2, 2, -1)
            apart = self.difference((two[:, 0] - two[:, 1]).abs())
            logit = logit + apart.repeat_interleave(2, 0).squeeze(1)
        return logit


class Halve(nn.Module):
    """[batch, channel, 1, position] to half the positions and twice the channels."""

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] % 2:
            x = F.pad(x, (0, 1))
        return torch.cat([x[..., 0::2], x[..., 1::2]], 1)
