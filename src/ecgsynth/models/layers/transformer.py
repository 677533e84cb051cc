"""Pre-norm transformer encoder blocks, and an attention that a critic can be penalised through."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHUNK = 1 << 18
"""Attention weights that a CPU computes together: 1 MB, what a core's cache holds."""
LANES = 16
"""Widths that a matrix product likes are multiples of this; heads are filled up with zeros."""


class Attention(nn.Module):
    """Multi-head self-attention over [batch, position, width] (Vaswani et al. 2017).

    A gradient penalty differentiates twice, which `scaled_dot_product_attention` cannot; so where
    gradients are taken, `Attend` below does the same.
    """

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, positions, width = x.shape
        qkv = self.qkv(x).reshape(batch, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        dropping = self.dropout if self.training else 0.0
        if dropping or torch.is_grad_enabled():
            mixed = attend(qkv, dropping)
        else:
            mixed = F.scaled_dot_product_attention(*qkv)
        return self.out(mixed.transpose(1, 2).reshape(batch, positions, width))


class EncoderBlock(nn.Module):
    """Attention, then two linear layers, each after a layer norm, with a shortcut."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attend_norm = nn.LayerNorm(width)
        self.attend = Attention(width, heads, dropout)
        self.think_norm = nn.LayerNorm(width)
        self.think = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attend(self.attend_norm(x)))
        return x + self.dropout(self.think(self.think_norm(x)))


def attend(qkv: Tensor, dropout: float = 0.0) -> Tensor:
    """Scaled dot-product attention, [batch, head, position, width of a head].

    qkv: [3, batch, head, position, width of a head], queries, keys and values.
    dropout: share of the weights left out, at random; the others grow accordingly.
    """
    _, batch, heads, positions, width = qkv.shape
    query, key, value = F.pad(qkv, (0, -width % LANES)).flatten(1, 2)
    keep = None
    if dropout:
        keep = _dropout_mask((batch * heads, positions, positions), 1 - dropout, qkv.device)
        value = value / (1 - dropout)
    mixed: Tensor = Attend.apply(query * width**-0.5, key, value, keep)
    return mixed[..., :width].reshape(batch, heads, positions, width)


class Attend(torch.autograd.Function):
    """softmax(Q K') V, twice differentiable, without ever holding all attention weights.

    They are computed anew in each pass, some items at a time and always in the same place, which
    stays in a core's cache: tens of MB of them a layer, kept and fetched again, cost more than
    the arithmetic does.

    query, key, value: [item, position, width]. keep: which weights count, or None for all.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, keep: Tensor | None) -> Tensor:
        ctx.save_for_backward(query, key, value, keep)
        mixed = torch.empty_like(value)
        for rows, weight, room in _chunks(query, 2):
            _weigh(query[rows], key[rows], weight, room)
            torch.bmm(_apply_mask(weight, keep, rows), value[rows], out=mixed[rows])
        return mixed

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, keep = ctx.saved_tensors
        return (*AttendSlope.apply(query, key, value, slope, keep), None)


class AttendSlope(torch.autograd.Function):
    """The gradients of `Attend`, differentiable once more.

    With the weights W, the kept ones M, a gradient G of the mixed values, and
    E = M o (G V') less its mean under W: dS = W o E, dQ = dS K, dK = dS' Q, dV = (M o W)' G.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, slope: Tensor, keep: Tensor | None
    ) -> tuple[Tensor, ...]:
        ctx.save_for_backward(query, key, value, slope, keep)
        found = tuple(torch.empty_like(query) for _ in range(3))
        for rows, weight, through, room in _chunks(query, 3):
            q, k, v, g = query[rows], key[rows], value[rows], slope[rows]
            _weigh(q, k, weight, room)
            _apply_mask(torch.bmm(g, v.mT, out=through), keep, rows)
            score = _subtract_mean(through, weight, room).mul_(weight)
            torch.bmm(score, k, out=found[0][rows])
            torch.bmm(score.mT, q, out=found[1][rows])
            torch.bmm(_apply_mask(weight, keep, rows).mT, g, out=found[2][rows])
        return found

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(
        ctx: Any, by_query: Tensor, by_key: Tensor, by_value: Tensor
    ) -> tuple[Tensor | None, ...]:
        query, key, value, slope, keep = ctx.saved_tensors
        found = tuple(torch.empty_like(query) for _ in range(4))
        for rows, weight, through, to_score, room in _chunks(query, 4):
            q, k, v, g = query[rows], key[rows], value[rows], slope[rows]
            to_q, to_k, to_v = by_query[rows], by_key[rows], by_value[rows]
            _weigh(q, k, weight, room)
            _apply_mask(torch.bmm(g, v.mT, out=through), keep, rows)
            _subtract_mean(through, weight, room)
            torch.bmm(to_q, k.mT, out=to_score).baddbmm_(q, to_k.mT)
            _subtract_mean(to_score, weight, room)
            score = torch.mul(weight, through, out=room)
            torch.bmm(score, to_k, out=found[0][rows])
            torch.bmm(score.mT, to_q, out=found[1][rows])
            to_through = _apply_mask(torch.mul(weight, to_score, out=room), keep, rows)
            torch.bmm(to_through.mT, g, out=found[2][rows])
            torch.bmm(to_through, v, out=found[3][rows])
            # What reaches the weights; a softmax does not feel what is the same for a whole row,
            # so that the means, which both factors lack, do not matter.
            to_weight = through.mul_(to_score)
            to_weight += _apply_mask(torch.bmm(g, to_v.mT, out=room), keep, rows)
            again = _subtract_mean(to_weight, weight, room).mul_(weight)
            found[0][rows].baddbmm_(again, k)
            found[1][rows].baddbmm_(again.mT, q)
            found[3][rows].baddbmm_(_apply_mask(weight, keep, rows), to_v)
        return (*found, None)


def _weigh(query: Tensor, key: Tensor, weight: Tensor, room: Tensor) -> None:
    """Write the attention weights of some items into `weight`."""
    torch.softmax(torch.bmm(query, key.mT, out=room), -1, out=weight)


def _subtract_mean(x: Tensor, weight: Tensor, room: Tensor) -> Tensor:
    """x less its mean under the weights, row by row; in place."""
    return x.sub_(torch.mul(x, weight, out=room).sum(-1, keepdim=True))


def _apply_mask(x: Tensor, keep: Tensor | None, rows: slice) -> Tensor:
    """x with nothing where it does not count; in place."""
    return x if keep is None else x.mul_(keep[rows])


def _chunks(query: Tensor, rooms: int) -> Iterator[tuple[Any, ...]]:
    """Slices of the items, each with so many rooms for its attention weights.

    On other devices than a CPU, all items at once.
    """
    items, positions, _ = query.shape
    together = max(1, CHUNK // positions**2) if query.device.type == "cpu" else items
    space = query.new_empty(rooms, min(together, items), positions, positions)
    for first in range(0, items, together):
        rows = slice(first, min(first + together, items))
        yield (rows, *space[:, : rows.stop - first])


def _dropout_mask(shape: tuple[int, ...], share: float, device: torch.device) -> Tensor:
    """True with the chance `share`, in steps of 1/65536.

    Four to a random number of 64 bits: six times as fast as `bernoulli_`.
    """
    count = math.prod(shape)
    random = torch.randint(-(2**63), 2**63 - 1, (-(-count // 4),), device=device)
    coins = random.view(torch.int16)[:count].reshape(shape)
    return coins < round(share * 2**16) - 2**15
