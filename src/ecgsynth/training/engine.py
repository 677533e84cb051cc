"""Device, precision and processes of a training."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import nn
from torch.distributed import DistError
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ecgsynth.config import Run, Training
from ecgsynth.errors import EcgsynthError

logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets every process

PROBE = 16
"""Items and places by which a layer's arithmetic is tried."""
WRONG = 0.1
"""Share of a layer's output; rounding to bfloat16 changes less than a hundredth of it."""


def make_fabric(settings: Training) -> Fabric:
    """Device and processes, started where the settings ask for several or found where a launcher
    such as `torchrun` has started them.

    Raises
    ------
    EcgsynthError: this machine has no such device; another process did not come.
    """
    launched = "RANK" in os.environ  # Fabric's own processes have other words
    together = int(os.environ.get("WORLD_SIZE", "1")) if launched else 1
    here = int(os.environ.get("LOCAL_WORLD_SIZE", str(together)))
    try:
        fabric = Fabric(
            accelerator=settings.accelerator,
            devices=here if together > 1 else settings.devices,
            num_nodes=together // here,
            precision="32-true",  # Fabric's mixed ones refuse gradient penalties: see `mixed`
            plugins=TorchElasticEnvironment() if together > 1 else None,
        )
    except (ValueError, TypeError, RuntimeError) as problem:  # what Fabric raises derives from them
        reason = " ".join(str(problem).split())[:200].rstrip(".")
        raise EcgsynthError(
            f"this machine cannot train with training.accelerator={settings.accelerator} "
            f"training.devices={settings.devices} ({reason}); leave both out."
        ) from None
    with stop_with_other_processes():
        fabric.launch()
    return fabric


@contextmanager
def stop_with_other_processes() -> Iterator[None]:
    """One process alone cannot go on.

    Raises
    ------
    EcgsynthError: another process of this training has ended.
    """
    try:
        yield
    except RuntimeError as problem:  # that of gloo has no class of its own
        if not isinstance(problem, DistError) and "gloo" not in str(problem):
            raise
        raise EcgsynthError(
            "another process of this training has ended; mend what it reports, then the same "
            "command with --resume goes on from the last snapshot."
        ) from None


def check_even_shares(fabric: Fabric, run: Run, nets: tuple[nn.Module, ...], pairs: bool) -> None:
    """Several processes must come to what one alone would.

    Raises
    ------
    EcgsynthError: the model mixes the items of a batch; the batch cannot be shared evenly.
    """
    many = fabric.world_size
    if many == 1:
        return
    if any(isinstance(part, _BatchNorm) for net in nets for part in net.modules()):
        raise EcgsynthError(
            f"model '{run.model.name}' has batch normalisation, and {many} processes see {many} "
            "batches; train it in one process, or take a family without, such as r3gan."
        )
    share = many * (2 if pairs else 1)
    if run.training.batch % share:
        raise EcgsynthError(
            f"training.batch={run.training.batch} cannot be shared evenly by {many} processes"
            f"{' in pairs' * pairs}; take a multiple of {share}."
        )


def average_gradients(fabric: Fabric, net: nn.Module) -> None:
    """The gradient of the whole batch, of those of each process's share of it.

    By hand: DistributedDataParallel averages while a backward pass runs, and a gradient penalty
    has two of them.
    """
    if fabric.world_size == 1:
        return
    gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
    mean = fabric.all_reduce(parameters_to_vector(gradients), reduce_op="mean")
    vector_to_parameters(mean, gradients)  # type: ignore[arg-type]


def reduce_losses(
    fabric: Fabric, losses: dict[str, float], asked: bool
) -> tuple[dict[str, float], bool]:
    """Losses over the whole batch, and whether any process was asked to stop."""
    if fabric.world_size == 1:
        return losses, asked
    numbers = torch.tensor([*losses.values(), asked], dtype=torch.float64)
    *means, share = fabric.all_reduce(numbers, reduce_op="mean").tolist()  # type: ignore[union-attr]
    return dict(zip(losses, means, strict=True)), share > 0


def autocast(fabric: Fabric, precision: str) -> torch.autocast:
    """Where networks count in bfloat16, when `precision` is "bf16-mixed".

    Weights, losses, penalties' squares and averages stay float32, and so does what a network does
    outside its training (Micikevicius et al., ICLR 2018; bfloat16 needs no loss scaling).
    """
    kind = fabric.device.type
    return torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16-mixed")


def check_bfloat16(fabric: Fabric, precision: str, *nets: nn.Module | None) -> None:
    """Some machines' bfloat16 convolutions are not rounded but wrong: oneDNN's of 4 to 12 channels
    and kernels of 8 or 16 samples on CPUs with AMX (PyTorch 2.13).

    Raises
    ------
    EcgsynthError: a convolution of these nets gives other numbers than in float32.
    """
    if precision != "bf16-mixed":
        return
    random = torch.Generator().manual_seed(0)  # of its own: the training's draws stay as they are
    layers = [m for net in nets if net is not None for m in net.modules()]
    for layer in layers:
        if not isinstance(layer, nn.Conv1d | nn.Conv2d):
            continue
        size = [1 if k == 1 else PROBE + k for k in layer.kernel_size]
        x = torch.randn(PROBE, layer.in_channels, *size, generator=random).to(fabric.device)
        with torch.no_grad():
            exact = layer(x)
            with autocast(fabric, precision):
                rounded = layer(x).float()
        if (rounded - exact).norm() > WRONG * exact.norm():
            raise EcgsynthError(
                f"bfloat16 convolutions of {layer.in_channels} channels and "
                f"{layer.kernel_size[-1]} samples come out wrong on this machine; set "
                "the precision to 32-true."
            )


@contextmanager
def matmul_precision(precision: str) -> Iterator[None]:
    """PyTorch's word, for the training alone: "medium" multiplies in bfloat16 where that is faster.

    Weights, sums and everything that is stored stay float32; convolutions are not touched.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
