"""Collect small requests for one model for some milliseconds and compute them in one pass."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from ecgsynth.service.api import prometheus

if TYPE_CHECKING:
    from ecgsynth.signals.ecg import Ecg
    from ecgsynth.synthesizer.microbatch import Microbatch, Order


class Batcher:
    """A queue of orders; while one pass is computed, the next one is collected.

    Parameters
    ----------
    microbatch: computes them. wait_s: how long the first order waits for others.
    computing: the executor; None uses that of the event loop.
    """

    def __init__(
        self, microbatch: Microbatch, wait_s: float, computing: Executor | None = None
    ) -> None:
        self.microbatch = microbatch
        self.computing = computing
        self.wait_s = wait_s
        self._waiting: list[tuple[Order, asyncio.Future[Ecg]]] = []
        self._task: asyncio.Task[None] | None = None

    async def make(self, order: Order) -> Ecg:
        """The items of an order."""
        future: asyncio.Future[Ecg] = asyncio.get_running_loop().create_future()
        self._waiting.append((order, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(self.wait_s)
        while batch := self._next():
            prometheus.TOGETHER.observe(len(batch))
            try:
                orders = [order for order, _ in batch]
                made = await loop.run_in_executor(self.computing, self.microbatch.make, orders)
            except Exception as problem:
                for _, future in batch:
                    if not future.done():
                        future.set_exception(problem)
                continue
            for (_, future), ecg in zip(batch, made, strict=True):
                if not future.done():
                    future.set_result(ecg)

    def _next(self) -> list[tuple[Order, asyncio.Future[Ecg]]]:
        """Orders for one pass, oldest first, without cancelled ones."""
        self._waiting = [(order, future) for order, future in self._waiting if not future.done()]
        rows = taken = 0
        for order, _ in self._waiting:
            rows += len(order)
            if taken and rows > self.microbatch.sampler.size:
                break
            taken += 1
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return batch
