"""The network of the fixed instrument for whole records: a residual classifier of any length."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BATCH = 32
WIDTHS = (64, 96, 128, 160)
KERNEL = 5
FEATURES = 2 * WIDTHS[-1]


class XResNet1D(nn.Module):
    """xresnet1d with 4 stages of two blocks, kernel 5, about 1 M parameters, made for 100 Hz.

    ([batch, lead, sample] mV, anything) -> (logits [batch, class], penultimate layer [batch, 320]).
    The second argument is not used; `ResNet1D` takes RR intervals there, but a record contains its
    own.

    leads, classes: sizes.
    scale: the training signals' SD in mV, by which inputs are divided.

    Reference: He et al., CVPR 2019 (ResNet-D); Strodthoff et al., IEEE JBHI 25:1519 (2021).
    """

    scale: Tensor

    def __init__(self, leads: int, classes: int, scale: float) -> None:
        super().__init__()
        self.register_buffer("scale", torch.tensor(scale))
        self.stem = nn.Sequential(
            *_conv(leads, 32, stride=2), nn.ReLU(),
            *_conv(32, 32), nn.ReLU(),
            *_conv(32, WIDTHS[0]), nn.ReLU(),
            nn.MaxPool1d(3, 2, 1),
        )  # fmt: skip
        before = (WIDTHS[0], *WIDTHS[:-1])
        self.stages = nn.Sequential(
            *(
                nn.Sequential(Block(b, after, 1 if b == after else 2), Block(after, after, 1))
                for b, after in zip(before, WIDTHS, strict=True)
            )
        )
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, signal: Tensor, _: Tensor | None = None) -> tuple[Tensor, Tensor]:
        x = self.stages(self.stem(signal / self.scale))
        shape = torch.cat([x.mean(-1), x.amax(-1)], 1)
        return self.head(F.dropout(shape, 0.5, self.training)), shape


class Block(nn.Module):
    """Two convolutions and a shortcut, which averages if the length is halved."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        last, norm = _conv(after, after)
        nn.init.zeros_(norm.weight)  # a block starts as its shortcut
        self.body = nn.Sequential(*_conv(before, after, stride=stride), nn.ReLU(), last, norm)
        short: list[nn.Module] = [nn.AvgPool1d(2, 2, ceil_mode=True)] if stride > 1 else []
        self.short = nn.Sequential(*short, *(_conv(before, after, 1) if before != after else []))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.short(x))


def _conv(
    before: int, after: int, kernel: int = KERNEL, stride: int = 1
) -> tuple[nn.Conv1d, nn.BatchNorm1d]:
    return (
        nn.Conv1d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm1d(after),
    )
