"""The network of the delineator: a small 1-D U-Net that classifies every sample."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.errors import EcgsynthError
from ecgsynth.files import atomic_write

FS = 250.0
"""Sampling rate at which the network works, Hz."""

WAVES = ("background", "p", "qrs", "t")
WIDTHS = (16, 24, 32, 40, 48, 48, 48)
KERNEL = 5


class UNet1D(nn.Module):
    """Levels at halved rates, kernel 5: six to seven, .15 to .22 M parameters, a receptive field of
    1 to 2 s to either side.

    [batch, sample] mV at 250 Hz, of any length -> logits [batch, 4, sample] (`WAVES`).
    Every item is centred on its median and divided by its own SD: the output does not depend on
    gain.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        """widths: channels at each level, from the full rate to the coarsest."""
        super().__init__()
        self.down = nn.ModuleList(
            Level(before, after) for before, after in zip((1, *widths), widths, strict=False)
        )
        self.up = nn.ModuleList(
            Level(shallow + deep, shallow) for deep, shallow in itertools.pairwise(widths[::-1])
        )
        self.head = nn.Conv1d(widths[0], len(WAVES), 1)

    def forward(self, signal: Tensor) -> Tensor:
        samples = signal.shape[-1]
        x = signal - signal.median(-1, keepdim=True).values
        x = (x / x.std(-1, keepdim=True).clamp_min(1e-3))[:, None]
        multiple = 2 ** (len(self.down) - 1)
        x = F.pad(x, (0, -samples % multiple), mode="replicate")
        kept: list[Tensor] = []
        for number, level in enumerate(self.down):
            x = level(F.avg_pool1d(x, 2) if number else x)
            kept.append(x)
        for level, temporary in zip(self.up, kept[-2::-1], strict=True):
            x = level(torch.cat([F.interpolate(x, scale_factor=2.0), temporary], 1))
        return self.head(x)[..., :samples]


class MeanNetwork(nn.Module):
    """Several networks as one: the mean of their probabilities, that of P raised.

    [batch, sample] mV at 250 Hz -> logits [batch, 4, sample].
    """

    def __init__(self, nets: Sequence[UNet1D], p_raised: float) -> None:
        """p_raised: natural logarithm by which the odds of P are raised."""
        super().__init__()
        self.nets = nn.ModuleList(nets)
        self.p_raised = p_raised

    def forward(self, signal: Tensor) -> Tensor:
        mean = torch.stack([net(signal).softmax(1) for net in self.nets]).mean(0)
        logits = mean.clamp_min(1e-12).log()
        logits[:, WAVES.index("p")] += self.p_raised
        return logits


Network = UNet1D | MeanNetwork


class Level(nn.Module):
    """Two convolutions at one rate."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        half = KERNEL // 2
        self.first = nn.Conv1d(before, after, KERNEL, padding=half)
        self.second = nn.Conv1d(after, after, KERNEL, padding=half)
        self.norms = nn.ModuleList(nn.BatchNorm1d(after) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(x)))


def save_delineator(net: UNet1D, facts: dict[str, Any], path: Path) -> None:
    """Write the network in half precision with its facts as safetensors."""
    from safetensors.torch import save_file

    half = {k: v.half() if v.is_floating_point() else v for k, v in net.state_dict().items()}
    with atomic_write(path) as temporary:
        save_file(half, temporary, {"facts": json.dumps(facts)})


def load_delineator(path: Path) -> tuple[UNet1D, dict[str, Any]]:
    """Read a file of `save_delineator`; `facts["hash"]` is the hash of the file.

    Raises
    ------
    EcgsynthError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        own = re.compile(r"down\.\d+\.first\.weight")
        net = UNet1D([len(tensors[name]) for name in sorted(tensors) if own.fullmatch(name)])
        net.load_state_dict({k: v.float() for k, v in tensors.items()})
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, ValueError) as problem:
        raise EcgsynthError(
            f"the delineator {path} is missing or damaged ({problem}); install ecgsynth again."
        ) from None
    facts["hash"] = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return net.eval(), facts
