"""renderer-student: the renderer in a single pass, with a critic that finishes it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.models import OneStep
from ecgsynth.models.layers.blocks import SLOPE, Conv
from ecgsynth.models.layers.blocks import Block as CriticBlock
from ecgsynth.models.layers.event_track import CHANNELS, event_track
from ecgsynth.models.layers.frames import Frames
from ecgsynth.models.renderer import DEEPEST, Renderer, RendererNet
from ecgsynth.registry import MODELS
from ecgsynth.signals.spec import Spec


@MODELS.register("renderer-student")
class RendererStudent(OneStep):
    """The network of `renderer`, asked once: noise alone in, the signal out.

    It begins with the weights of a renderer (`training.start`), and a critic finishes it. What the
    critic sees are the leads in scaled units and the events, at the network's rate; it looks at the
    leads as they are and whitened.
    """

    takes: tuple[str, ...] = ("events", "known", "mask")
    block = 32
    any_rate = True
    student = True
    tiny: dict[str, Any] = {**Renderer.tiny, "steps": 1, "critic_widths": (8, 8)}

    class Settings(Renderer.Settings):
        """As `renderer`. critic_widths: channels of the critic from fine to coarse, each level at
        half the rate of the one before. class_head: whether the critic names classes as well.
        """

        steps: int = Field(1, ge=1, le=1)
        class_head: bool = False
        critic_widths: tuple[int, ...] = Field((48, 72, 96, 128, 160), min_length=2)

    @staticmethod
    def generator(settings: Settings, spec: Spec) -> OnePass:
        return OnePass(settings, spec)

    @staticmethod
    def critic(settings: Settings, spec: Spec) -> RecordCritic:
        return RecordCritic(settings, spec)

    fit_weights = staticmethod(Renderer.fit_weights)

    @staticmethod
    def sample(generator: Any, latent: Tensor, condition: Condition) -> Tensor:
        return Renderer.sample(generator, latent, condition)


class OnePass(RendererNet):
    """([batch, latent], Condition) -> [batch, lead, sample], in one pass."""

    def forward(  # type: ignore[override]
        self, y: Tensor, condition: Condition, t: Tensor | None = None, track: Tensor | None = None
    ) -> Tensor:
        if t is not None:
            return super().forward(y, condition, t, track)
        start = torch.zeros(len(y), device=y.device)
        return self.decode(super().forward(self.shaped(y, condition), condition, start))


class RecordCritic(nn.Module):
    """([batch, lead, frame], Condition) -> (logit [batch], class logits [batch, class] or None).

    The features of the two coarsest levels are projected on the condition (Miyato and Koyama, ICLR
    2018).
    """

    def __init__(self, settings: RendererStudent.Settings, spec: Spec) -> None:
        super().__init__()
        self.signal = Frames(spec, settings.frames_per_s, DEEPEST)
        widths = settings.critic_widths
        self.start = Conv(2 * self.signal.leads + CHANNELS, widths[0], 7)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(CriticBlock(width) for _ in range(1 + (k > 0))))
            for k, width in enumerate(widths)
        )
        self.down = nn.ModuleList(Conv(2 * fine, coarse, 1) for fine, coarse in pairwise(widths))
        size = sum(widths[-2:])
        given = len(spec.classes) + len(spec.context)
        self.condition = (
            nn.Sequential(nn.Linear(given, 128), nn.SiLU(), nn.Linear(128, size)) if given else None
        )
        self.logit = nn.Linear(size, 1)
        self.classes = nn.Linear(size, len(spec.classes)) if settings.class_head else None

    def view(self, signal: Tensor) -> Tensor:
        """[batch, lead, frame]: the leads in scaled units."""
        return self.signal.framed(signal)

    def forward(self, view: Tensor, condition: Condition) -> tuple[Tensor, Tensor | None]:
        frames = view.shape[-1]
        track = event_track(condition.more["events"], frames, frames / self.signal.seconds)
        x = torch.cat([view, self.signal.whitened(view), track], 1)[:, :, None].contiguous(
            memory_format=torch.channels_last
        )
        x = self.start(x)[..., ::2]
        features = []
        for k, block in enumerate(self.blocks):
            x = block(x)
            if k >= len(self.blocks) - 2:
                features.append(F.leaky_relu(x, SLOPE).mean((2, 3)))
            if k < len(self.down):
                x = x[..., : x.shape[-1] // 2 * 2]
                x = self.down[k](torch.cat([x[..., 0::2], x[..., 1::2]], 1))
        found = torch.cat(features, 1).float()
        logit = self.logit(found)[:, 0].float()
        if self.condition is not None:
            asked = self.condition(torch.cat([condition.label, condition.context], 1)).float()
            logit = logit + (found * asked).sum(1) / found.shape[1] ** 0.5
        return logit, None if self.classes is None else self.classes(found)
