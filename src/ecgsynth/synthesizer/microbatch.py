"""Small orders of many callers computed in one pass, each to the bit what it is by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.synthesizer.ensemble import EnsembleSampler, Sampler
from ecgsynth.synthesizer.inputs import Inputs
from ecgsynth.synthesizer.request import check_context, check_seed, plan_classes
from ecgsynth.synthesizer.sampler import NetworkSampler

SIZES = (8, 32, 64)
"""Batches that are tried besides a whole block; below 8 rows PyTorch takes other routines, which
round otherwise."""


@dataclass(frozen=True)
class Order:
    """What one caller asked for, checked.

    asked: [size], class of every item of the first block. rows: which of them are wanted.
    """

    asked: NDArray[np.str_]
    rows: NDArray[np.int64]
    seed: int
    fixed: dict[str, float]

    def __len__(self) -> int:
        return len(self.rows)


class Microbatch:
    """Makes small orders of one model together.

    All that is random in an item depends on (seed, item) alone, so only the network could make a
    difference: a batch of another size may be summed in another order. Which sizes give the very
    numbers of a whole block, in whatever rows, is measured here once; where none does, every
    order is made by itself.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self._networks: dict[str, _Network] = {}
        if isinstance(sampler, EnsembleSampler):
            for name, member in sampler.members.items():
                self._networks[name] = _Network(member)
        else:
            self._networks[""] = _Network(sampler)

    def order(
        self,
        count: int | Mapping[str, int],
        label: str | list[str] | None = None,
        seed: int = 0,
        context: Mapping[str, float | str] | None = None,
    ) -> Order:
        """An order of at most a block of items; parameters and errors are those of `stream`."""
        plan = plan_classes(self.sampler, count, label)
        size = self.sampler.size
        if plan.total > size:
            raise EcgsynthError(f"a small order has {size} items at most; got {plan.total}.")
        fixed = check_context(self.sampler, context)
        every = np.arange(size)
        return Order(plan.asked(every), every[: plan.total], check_seed(seed), fixed)

    def make(self, orders: Sequence[Order]) -> list[Ecg]:
        """The items of every order, each as `generate` would give them."""
        if not isinstance(self.sampler, EnsembleSampler):
            return self._networks[""].make(orders)
        # Each member makes the items of its class of all orders, which are then put in place.
        parts: list[list[tuple[str, NDArray[np.int64], Ecg]]] = [[] for _ in orders]
        for name, network in self._networks.items():
            own = np.full(network.sampler.size, name)
            rows = [o.rows[o.asked[o.rows] == name] for o in orders]
            wanted = [number for number, places in enumerate(rows) if len(places)]
            if not wanted:
                continue
            made = network.make([replace(orders[n], asked=own, rows=rows[n]) for n in wanted])
            for number, items in zip(wanted, made, strict=True):
                parts[number].append((name, rows[number], items))
        return [self.sampler.assemble(part) for part in parts]

    @property
    def sizes(self) -> tuple[int, ...]:
        """The batch sizes that all networks agree on."""
        common = set.intersection(*(set(one.sizes) for one in self._networks.values()))
        return tuple(sorted(common))


class _Network:
    """The orders of one network, computed in batches whose numbers are those of a block.

    sizes: such batches; () if the rows of a block depend on their own place.
    """

    def __init__(self, sampler: NetworkSampler) -> None:
        self.sampler = sampler
        block = self.block = sampler.size
        asked = plan_classes(sampler, block, None).asked(np.arange(block))
        probe = sampler.draw(0, asked, 1, {})
        whole = sampler.scaled(probe)
        mixed = np.random.default_rng(0).permutation(block)

        def has_same_numbers(size: int) -> bool:
            rows = mixed[-size:]
            return bool(np.array_equal(sampler.scaled(probe[rows]), whole[rows]))

        tried = (*(size for size in SIZES if size < block), block)
        agreeing = tuple(size for size in tried if has_same_numbers(size))
        self.sizes: tuple[int, ...] = agreeing if block in agreeing else ()

    def make(self, orders: Sequence[Order]) -> list[Ecg]:
        if not self.sizes:
            return [self.sampler.block(0, o.asked, o.seed, o.fixed)[o.rows] for o in orders]
        inputs = Inputs.cat([
            self.sampler.draw(0, o.asked, o.seed, o.fixed)[o.rows] for o in orders
        ])  # fmt: skip
        ends = np.cumsum([len(order) for order in orders])
        starts = range(0, int(ends[-1]), self.block)
        made = concatenate([self._pass(inputs[start : start + self.block]) for start in starts])
        return [made[end - len(o) : end] for o, end in zip(orders, ends, strict=True)]

    def _pass(self, inputs: Inputs) -> Ecg:
        """At most a block of items in the smallest batch that holds them; rows left over repeat."""
        size = next(size for size in self.sizes if size >= len(inputs))
        scaled = self.sampler.scaled(inputs[np.arange(size) % len(inputs)])
        return self.sampler.items(inputs, scaled[: len(inputs)])
