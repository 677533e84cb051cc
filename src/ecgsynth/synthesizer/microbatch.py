"""Small orders of many callers computed in one pass, each to the bit what it is by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, concatenate
from ecgsynth.synthesizer import BLOCK, Synthesizer
from ecgsynth.synthesizer.ensemble import Joined
from ecgsynth.synthesizer.inputs import Drawn, checked_seed

SIZES = (8, 32, 64, BLOCK)
"""Batches that are tried; below 8 rows PyTorch takes other routines, which round otherwise."""


@dataclass(frozen=True)
class Order:
    """What one caller asked for, checked.

    labels: [BLOCK], class of every item of the first block. rows: which of them are wanted.
    """

    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    seed: int
    fixed: dict[str, float]

    def __len__(self) -> int:
        return len(self.rows)


class Together:
    """Makes orders of one synthesizer together.

    All that is random in an item depends on (seed, item) alone, so only the network could make a
    difference: a batch of another size may be summed in another order. Which sizes give the very
    numbers of a whole block, in whatever rows, is measured here once; where none does, every
    order is made by itself.
    """

    def __init__(self, model: Synthesizer) -> None:
        self.model = model
        self.members: dict[str, Together] = {}
        self.sizes: tuple[int, ...] = ()
        if isinstance(model, Joined):
            self.members = {name: Together(member) for name, member in model.members.items()}
        else:
            self.sizes = _agreeing_sizes(model)

    def order(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float] | None = None,
    ) -> Order:
        """An order of at most BLOCK items; parameters and errors are those of `stream`."""
        plan = self.model._plan(count, label)
        if plan.total > BLOCK:
            raise EcgsynthError(f"a small order has {BLOCK} items at most; got {plan.total}.")
        fixed = self.model._checked_context(context or {})
        every = np.arange(BLOCK)
        return Order(plan.labels(every), every[: plan.total], checked_seed(seed), fixed)

    def make(self, orders: Sequence[Order]) -> list[Ecg]:
        """The items of every order, each as `generate` would give them."""
        if self.members:
            return self._by_members(orders)
        if not self.sizes:
            return [self.model._block(0, o.labels, o.seed, o.fixed)[o.rows] for o in orders]
        drawn = Drawn.cat([
            self.model._drawn(0, o.labels, o.seed, o.fixed)[o.rows] for o in orders
        ])  # fmt: skip
        ends = np.cumsum([len(order) for order in orders])
        starts = range(0, int(ends[-1]), BLOCK)
        made = concatenate([self._pass(drawn[start : start + BLOCK]) for start in starts])
        return [made[end - len(o) : end] for o, end in zip(orders, ends, strict=True)]

    def _pass(self, drawn: Drawn) -> Ecg:
        """At most BLOCK items in the smallest batch that holds them; rows left over repeat."""
        size = next(size for size in self.sizes if size >= len(drawn.style))
        scaled = self.model._scaled(drawn[np.arange(size) % len(drawn.style)])
        return self.model._made(drawn, scaled[: len(drawn.style)])

    def _by_members(self, orders: Sequence[Order]) -> list[Ecg]:
        """Each member makes the items of its class of all orders, which are then put in place."""
        assert isinstance(self.model, Joined)
        parts: list[list[tuple[str, NDArray[np.int64], Ecg]]] = [[] for _ in orders]
        for name, member in self.members.items():
            k = self.model.spec.class_index(name)
            own = np.full(BLOCK, member.model.spec.class_index(name))
            rows = [o.rows[o.labels[o.rows] == k] for o in orders]
            asked = [number for number, places in enumerate(rows) if len(places)]
            if not asked:
                continue
            made = member.make([replace(orders[n], labels=own, rows=rows[n]) for n in asked])
            for number, items in zip(asked, made, strict=True):
                parts[number].append((name, rows[number], items))
        return [self.model.assembled(part) for part in parts]


def _agreeing_sizes(model: Synthesizer) -> tuple[int, ...]:
    """The batch sizes whose rows equal those of a whole block wherever they stand; () if its own
    rows already depend on their place."""
    probe = model._drawn(0, model._plan(BLOCK, None).labels(np.arange(BLOCK)), 1, {})
    whole = model._scaled(probe)
    mixed = np.random.default_rng(0).permutation(BLOCK)

    def agrees(size: int) -> bool:
        rows = mixed[-size:]
        return bool(np.array_equal(model._scaled(probe[rows]), whole[rows]))

    agreeing = tuple(size for size in SIZES if agrees(size))
    return agreeing if BLOCK in agreeing else ()
