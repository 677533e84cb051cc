"""The speed of biosgan against the same network written the usual way: `... attention.py`.

The peer splits heads by four linear layers and einsum, over all items at once. Both hold the same
weights and are checked to give the same numbers; they take turns, on one thread, in CPU seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ecgsynth.condition import Condition
from ecgsynth.models.biosgan import BioSGAN
from ecgsynth.models.layers.transformer import Attention
from ecgsynth.signals.spec import Spec

BATCH = 64
ROUNDS = 5


class UsualAttention(nn.Module):
    """Multi-head self-attention as TTS-GAN, the ancestor, and many others write it."""

    def __init__(self, ours: Attention) -> None:
        super().__init__()
        width = ours.out.in_features
        self.heads, self.scaling = ours.heads, (width // ours.heads) ** 0.5
        self.queries, self.keys, self.values = (nn.Linear(width, width) for _ in range(3))
        self.projection, self.dropout = ours.out, nn.Dropout(ours.dropout)
        for layer, weight, bias in zip(
            (self.queries, self.keys, self.values),
            ours.qkv.weight.chunk(3), ours.qkv.bias.chunk(3), strict=True,
        ):  # fmt: skip
            layer.weight, layer.bias = nn.Parameter(weight.detach()), nn.Parameter(bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        batch, positions, width = x.shape

        def heads(y: Tensor) -> Tensor:
            return y.reshape(batch, positions, self.heads, -1).permute(0, 2, 1, 3)

        queries, keys, values = heads(self.queries(x)), heads(self.keys(x)), heads(self.values(x))
        energy = torch.einsum("bhqd, bhkd -> bhqk", queries, keys)
        weight = self.dropout(F.softmax(energy / self.scaling, dim=-1))
        mixed = torch.einsum("bhal, bhlv -> bhav", weight, values)
        return self.projection(mixed.permute(0, 2, 1, 3).reshape(batch, positions, width))


def usual(network: nn.Module) -> nn.Module:
    """A copy of the network in which every attention is the usual one."""
    network = deepcopy(network)
    for module in network.modules():
        if isinstance(attend := getattr(module, "attend", None), Attention):
            module.attend = UsualAttention(attend)
    return network


def generate(
    generator: nn.Module, latent: Tensor, condition: Condition, dropout: bool = False
) -> Tensor:
    """Without gradients; with dropout as published, without it as here."""
    generator.train(dropout)
    with torch.inference_mode():
        made: Tensor = generator(latent, condition)
    generator.train()
    return made


def step(
    generator: nn.Module, critic: nn.Module, real: Tensor, latent: Tensor, condition: Condition
) -> None:
    """The gradients of one critic and one generator step, as published (WGAN-GP with classes)."""
    with torch.no_grad():
        synthetic = generator(latent, condition)
    between = torch.lerp(real, synthetic, torch.rand(len(real), 1, 1)).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between, condition)[0].sum(), between, create_graph=True)
    logit, classes = critic(real, condition)
    loss = critic(synthetic, condition)[0].mean() - logit.mean()
    loss = loss + F.cross_entropy(classes, condition.label)
    (loss + 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()).backward()
    critic.requires_grad_(False)
    logit, classes = critic(generator(latent, condition), condition)
    (F.cross_entropy(classes, condition.label) - logit.mean()).backward()
    critic.requires_grad_(True)


def ratio(name: str, peer: Callable[[], object], ours: Callable[[], object]) -> None:
    seconds: dict[str, list[float]] = {"peer": [], "ours": []}
    for _ in range(ROUNDS):
        for who, work in (("peer", peer), ("ours", ours)):
            start = time.process_time()
            work()
            seconds[who].append(time.process_time() - start)
    slow, fast = min(seconds["peer"]), min(seconds["ours"])
    print(f"{name}: usual {slow:.3f} s, ours {fast:.3f} s; {slow / fast:.1f} times as fast")


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    spec = Spec(("MLII",), 125.0, 187, ("N", "S", "V", "F", "Q"), unit="normalised")
    settings = BioSGAN.Settings()
    generator, critic = BioSGAN.generator(settings, spec), BioSGAN.critic(settings, spec)
    their_generator, their_critic = usual(generator), usual(critic)
    latent, real = torch.randn(BATCH, generator.latent), torch.randn(BATCH, 1, spec.samples)
    label = torch.eye(5)[torch.arange(BATCH) % 5]
    condition = Condition(label, torch.zeros(BATCH, 0), torch.zeros(BATCH, dtype=torch.int64))

    made, theirs = (generate(each, latent, condition) for each in (generator, their_generator))
    torch.testing.assert_close(made, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        critic(real, condition), their_critic(real, condition), rtol=1e-4, atol=1e-5
    )
    for title, dropout in (("as published, with dropout", True), ("without dropout", False)):
        ratio(
            f"generation of {BATCH}, the usual one {title}",
            partial(generate, their_generator, latent, condition, dropout),
            partial(generate, generator, latent, condition),
        )
    ratio(
        f"critic and generator step at {BATCH}",
        partial(step, their_generator, their_critic, real, latent, condition),
        partial(step, generator, critic, real, latent, condition),
    )


if __name__ == "__main__":
    main()
