"""The network of the fixed instruments: a residual 1-D convolutional classifier of beats."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 128
WIDTHS = (32, 64, 128, 128)
KERNEL = 7
RR_FEATURES, RR_WIDTH = 5, 32


class ResNet1D(nn.Module):
    """4 stages 32-64-128-128, kernel 7, about .5 M parameters; RR features enter at the last layer,
    through two small layers of their own: whether a beat is early depends on several intervals
    together.

    ([batch, lead, sample] mV, [batch, 5] RR features) -> (logits [batch, class],
    penultimate layer [batch, 128]).

    leads, classes: sizes.
    scale: the training signals' SD in mV, by which inputs are divided.
    """

    scale: Tensor

    def __init__(self, leads: int, classes: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))
        self.stem = nn.Conv1d(leads, WIDTHS[0], KERNEL, stride=2, padding=KERNEL // 2)
        self.stages = nn.ModuleList(
            Stage(before, after)
            for before, after in zip((WIDTHS[0], *WIDTHS[:-1]), WIDTHS, strict=True)
        )
        self.rhythm = nn.Sequential(
            nn.Linear(RR_FEATURES, RR_WIDTH), nn.ReLU(), nn.Linear(RR_WIDTH, RR_WIDTH), nn.ReLU()
        )
        self.head = nn.Linear(WIDTHS[-1] + RR_WIDTH, classes)

    def forward(self, signal: Tensor, rr: Tensor) -> tuple[Tensor, Tensor]:
        x = self.stem(signal / self.scale)
        for stage in self.stages:
            x = stage(x)
        shape = F.relu(x).mean(-1)
        return self.head(torch.cat([shape, self.rhythm(rr)], 1)), shape


class Stage(nn.Module):
    """One residual block that halves the length."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(before, after, KERNEL, stride=2, padding=KERNEL // 2, bias=False)
        self.norm = nn.BatchNorm1d(after)
        self.second = nn.Conv1d(after, after, KERNEL, padding=KERNEL // 2, bias=False)
        self.norm_second = nn.BatchNorm1d(after)
        self.short = nn.Conv1d(before, after, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.relu(self.norm(self.first(x)))
        return F.relu(self.norm_second(self.second(hidden)) + self.short(x))
