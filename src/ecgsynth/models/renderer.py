"""renderer: beats in time become leads; flow matching on a low frame rate, any length."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.models import Settings as BaseSettings
from ecgsynth.models import WithoutCritic
from ecgsynth.models.flow import time_waves
from ecgsynth.models.layers.blocks import ConditionEmbedding, Conv, Film, multiplies_bfloat16
from ecgsynth.models.layers.event_track import (
    CHANNELS,
    PLACES,
    beat_places,
    event_track,
    place_count,
)
from ecgsynth.models.layers.frames import Frames
from ecgsynth.models.layers.joints import join_known
from ecgsynth.models.layers.renderer_weights import fit_weights
from ecgsynth.registry import MODELS
from ecgsynth.sampling.solvers import heun
from ecgsynth.signals.spec import Spec

PATCH = 5
"""Frames that one position of the network holds."""

DEEPEST = 4 * PATCH
"""Frames of a position at the coarsest level; lengths are multiples of it."""

WIDE = 32
"""Channels from which bfloat16 convolutions are right everywhere."""

JOINT_S = 0.08
"""A third of the network's error at the end of a known part is left after so long, s."""


COMMON_STEP_S = 0.01
"""Steps of time by which beats have noise in common."""


@MODELS.register("renderer")
class Renderer(WithoutCritic):
    """Beats in time become leads: (noise, events, known part, condition) -> signal of any length.

    Conditional flow matching with a one-dimensional U-Net. The events are the beats
    of an item, with their kinds and their P and T waves. So its rhythm and its annotations are true
    by construction. A known part, leads or stretches of time, is kept as it is: that
    completes leads, fills gaps, prolongs a recording and carries a person's own look.

    Of the standard twelve leads the network makes I, II and V1-V6; the others are computed.
    """

    takes: tuple[str, ...] = ("events", "known", "mask")
    block = 32
    any_rate = True
    tiny = {"widths": (8, 8, 16), "embedding": 8, "depths": (1, 1, 1), "steps": 2}

    class Settings(BaseSettings):
        """widths, depths: channels and blocks at 20, 10 and 5 positions a second (with 100 frames a
        second). embedding: size of the condition's vector. frames_per_s: the network's own rate,
        Hz, whatever the rate of the signals. steps: from noise to signal; 1 is a single pass.
        bend: above 1 the steps are shorter towards the end. shared: share of the noise that the
        beats of a record have in common. roll_off: gains of the last so many Hz below half of
        frames_per_s, one a Hz: there the filters of the recordings leave next to nothing.
        guidance: how far labels and contexts are followed, 1 = as learned (Ho and Salimans 2022),
        in the first half of the steps, which decides the size (Kynkaanniemi et al. 2024).
        """

        widths: tuple[int, int, int] = (96, 160, 224)
        depths: tuple[int, int, int] = (2, 2, 3)
        embedding: int = Field(192, ge=1)
        frames_per_s: float = Field(100.0, gt=0)
        steps: int = Field(12, ge=1)
        bend: float = Field(1.0, gt=0)
        shared: float = Field(0.9, ge=0, le=1)
        guidance: float = Field(1.0, ge=1, le=4)
        roll_off: tuple[Annotated[float, Field(gt=0, le=2)], ...] = Field((), max_length=20)

    @staticmethod
    def generator(settings: Settings, spec: Spec) -> RendererNet:
        return RendererNet(settings, spec)

    @staticmethod
    def fit_weights(weights: dict[str, Tensor], before: Spec, after: Spec) -> dict[str, Tensor]:
        """Weights for signals of other leads, labels or contexts, to begin a training with."""
        return fit_weights(weights, before, after, PATCH)

    @staticmethod
    def sample(generator: Any, latent: Tensor, condition: Condition) -> Tensor:
        """[batch, lead, sample]; where something is known, that is what is there."""
        track, weight = generator.track(condition), generator.guidance
        everywhere = torch.ones(len(latent), dtype=torch.bool, device=latent.device)
        nameless = condition.hidden(everywhere)
        middle = 1 - 0.5**generator.bend

        def clean(y: Tensor, t: float) -> Tensor:
            at = torch.full((len(y),), t, device=y.device)
            with torch.autocast("cpu", torch.bfloat16, enabled=counts_in_bfloat16(generator)):
                asked = generator(y, condition, at, track)
                if weight == 1 or t >= middle:
                    return asked
                return torch.lerp(generator(y, nameless, at, track), asked, weight)

        y = heun(clean, generator.shaped(latent, condition), generator.steps, generator.bend)
        framed = generator.signal.coloured(y)
        if "known" in condition.more:
            known, mask = condition.more["known"], condition.more["mask"]
            framed = join_known(framed, known, mask, JOINT_S * generator.frames / generator.seconds)
        return generator.signal.sampled(framed)


class RendererNet(nn.Module):
    """(whitened signal y [batch, lead, frame], Condition, t [batch]) -> the clean one, whitened.

    y = t clean + (1 - t) noise. Of `Condition.more` it takes `events` [batch, beat, EVENT], seconds
    from the start, and, both or none, `known` [batch, lead, frame], the known signal in scaled
    units, and `mask` [batch, lead, frame], 1 where it is known.
    """

    def __init__(self, settings: Renderer.Settings, spec: Spec) -> None:
        super().__init__()
        self.steps, self.bend = settings.steps, settings.bend
        self.guidance = settings.guidance
        self.signal = Frames(spec, settings.frames_per_s, DEEPEST, settings.roll_off)
        self.leads, self.frames = self.signal.leads, self.signal.frames
        self.seconds = spec.seconds
        self.shared, self.common = settings.shared, place_count(COMMON_STEP_S)
        self.latent = self.leads * (self.frames + self.common)
        size = settings.embedding
        (fine, mid, coarse), (n_fine, n_mid, n_coarse) = settings.widths, settings.depths
        self.embed = ConditionEmbedding(spec, settings.styles, size)
        self.time = nn.Sequential(nn.Linear(32, size), nn.SiLU(), nn.Linear(size, size))
        self.start = Conv((3 * self.leads + CHANNELS) * PATCH, fine)
        self.down_fine = nn.ModuleList(Film(fine, size) for _ in range(n_fine))
        self.to_mid = Conv(2 * fine, mid, 1)
        self.down_mid = nn.ModuleList(Film(mid, size) for _ in range(n_mid))
        self.to_coarse = Conv(2 * mid, coarse, 1)
        self.middle = nn.ModuleList(Film(coarse, size, 2**k) for k in range(n_coarse))
        self.attention = nn.ModuleList(Attention(coarse) for _ in range(n_coarse))
        self.from_coarse, self.join_mid = Conv(coarse, 2 * mid, 1), Conv(2 * mid, mid, 1)
        self.up_mid = nn.ModuleList(Film(mid, size) for _ in range(n_mid))
        self.from_mid, self.join_fine = Conv(mid, 2 * fine, 1), Conv(2 * fine, fine, 1)
        self.up_fine = nn.ModuleList(Film(fine, size) for _ in range(n_fine))
        self.beats = nn.ModuleList(BeatMean(fine) for _ in range(2))
        self.head = Conv(fine, self.leads * PATCH, 3, 0.0)
        self.smooth = nn.Conv1d(self.leads, self.leads, 5, padding=2, groups=self.leads, bias=False)
        nn.init.zeros_(self.smooth.weight)
        self.smooth.weight.data[:, :, 2] = 1

    def shaped(self, latent: Tensor, condition: Condition) -> Tensor:
        """[batch, latent] noise as a whitened signal, of unit variance.

        Beats of a record have a share of it in common, place by place from P to T: what is made of
        the same noise is nearly the same. Of independent noise each beat gets a form of its own.
        """
        own, common = latent.split([self.leads * self.frames, self.leads * self.common], 1)
        y = own.reshape(len(latent), self.leads, self.frames)
        if not self.shared:
            return y
        events = condition.more["events"]
        places = beat_places(events, self.frames, self.frames / self.seconds, COMMON_STEP_S)
        index = places[:, None].expand_as(y)
        table = common.reshape(len(latent), self.leads, self.common)
        share = torch.where(index < self.common - 1, self.shared, 0.0)
        return share.sqrt() * table.gather(2, index) + (1 - share).sqrt() * y

    def framed(self, signal: Tensor) -> Tensor:
        """[batch, lead, sample] to [batch, lead, frame], in scaled units, as a known part is."""
        return self.signal.framed(signal)

    def whitened(self, framed: Tensor) -> Tensor:
        """What `framed` gave, whitened."""
        return self.signal.whitened(framed)

    def encode(self, signal: Tensor) -> Tensor:
        """[batch, lead, sample] to [batch, lead, frame], whitened."""
        return self.whitened(self.framed(signal))

    def decode(self, y: Tensor) -> Tensor:
        """[batch, lead, frame], whitened, to [batch, lead, sample]."""
        return self.signal.sampled(self.signal.coloured(y))

    def track(self, condition: Condition) -> Tensor:
        """[batch, channel, frame]: events, known part and where it is known."""
        events = condition.more["events"]
        track = event_track(events, self.frames, self.frames / self.seconds)
        known = condition.more.get("known")
        if known is None:
            nothing = track.new_zeros(len(track), 2 * self.leads, self.frames)
            return torch.cat([track, nothing], 1)
        mask = condition.more["mask"]
        return torch.cat([track, known * mask, mask], 1)

    def forward(
        self, y: Tensor, condition: Condition, t: Tensor, track: Tensor | None = None
    ) -> Tensor:
        track = self.track(condition) if track is None else track
        code = F.silu(self.embed(condition) + self.time(time_waves(t)))
        t = t[:, None, None]
        spread = t.square() + (1 - t).square()
        x = torch.cat([y / spread.sqrt(), track], 1)
        batch, channels, frames = x.shape
        x = x.reshape(batch, channels, -1, PATCH).permute(0, 1, 3, 2)
        x = x.reshape(batch, -1, 1, frames // PATCH).contiguous(memory_format=torch.channels_last)
        x = self.start(x)
        places = beat_places(condition.more["events"], x.shape[-1], x.shape[-1] / self.seconds)
        for block in self.down_fine:
            x = block(x, code)
        x = self.beats[0](x, places)
        fine, x = x, self.to_mid(_halved(x))
        for block in self.down_mid:
            x = block(x, code)
        mid, x = x, self.to_coarse(_halved(x))
        for block, attention in zip(self.middle, self.attention, strict=True):
            x = attention(block(x, code))
        x = self.join_mid(torch.cat([_doubled(self.from_coarse(x)), mid], 1))
        for block in self.up_mid:
            x = block(x, code)
        x = self.join_fine(torch.cat([_doubled(self.from_mid(x)), fine], 1))
        x = self.beats[1](x, places)
        for block in self.up_fine:
            x = block(x, code)
        x = self.head(F.silu(x)).float().reshape(batch, self.leads, PATCH, -1)
        x = self.smooth(x.transpose(2, 3).reshape(y.shape))
        # Of unit variance, y alone tells this much; the network gives the rest, of unit scale
        # whatever t (Karras et al., NeurIPS 2022, eq. 7, for this path).
        return t / spread * y + (1 - t) / spread.sqrt() * x


def counts_in_bfloat16(generator: RendererNet) -> bool:
    """Whether items are made with the network in bfloat16: where the processor multiplies such
    numbers itself, which takes two thirds of the time and changes a signal by 2 uV (RMS).

    Narrow networks stay in float32: see `ecgsynth.training.engine.check_bfloat16`.
    """
    weight = generator.head.conv.weight
    return weight.device.type == "cpu" and weight.shape[1] >= WIDE and multiplies_bfloat16()


class BeatMean(nn.Module):
    """What the beats of an item have in common: the mean of the features at every place of a beat.

    It takes what the beats of a recording share beyond their noise; the last convolution starts at
    zero.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, width)
        self.first = Conv(width, width, 1)
        self.second = Conv(width, width, 1, 0.0)

    def forward(self, x: Tensor, places: Tensor) -> Tensor:
        """x: [batch, width, 1, position]. places: [batch, position], see `beat_places`."""
        hidden = self.first(self.norm(x))[:, :, 0].float()
        index = places[:, None].expand_as(hidden)
        sums = hidden.new_zeros(*hidden.shape[:2], PLACES).scatter_add_(2, index, hidden)
        counts = hidden.new_zeros(len(x), 1, PLACES)
        counts.scatter_add_(2, places[:, None], torch.ones_like(hidden[:, :1]))
        mean = (sums / counts.clamp(min=1)).gather(2, index)
        return x + self.second(F.silu(mean)[:, :, None].to(x.dtype))


class Attention(nn.Module):
    """Self-attention over positions, without their numbers: the events distinguish them."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(8, width)
        self.ask = Conv(width, 3 * width, 1)
        self.answer = Conv(width, width, 1, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        batch, width, _, places = x.shape
        parts = self.ask(self.norm(x)).reshape(batch, 3, self.heads, width // self.heads, places)
        query, key, value = parts.transpose(-1, -2).unbind(1)
        seen = F.scaled_dot_product_attention(query, key, value)
        return x + self.answer(seen.transpose(-1, -2).reshape(batch, width, 1, places))


def _halved(x: Tensor) -> Tensor:
    """Half as many positions, twice as many channels."""
    return torch.cat([x[..., 0::2], x[..., 1::2]], 1)


def _doubled(x: Tensor) -> Tensor:
    """Twice as many positions, half as many channels."""
    batch, channels, _, places = x.shape
    return (
        x.reshape(batch, 2, -1, 1, places)
        .permute(0, 2, 3, 4, 1)
        .reshape(batch, channels // 2, 1, 2 * places)
    )
