"""A run that trains in a second, and what it trains on; shared by several test files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ecgsynth.config import Run
from ecgsynth.registry import MODELS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import EVENT
from ecgsynth.synthesizer import Synthesizer

BATCH = 16


def tiny_run(steps: int = 6, *, objective: dict[str, Any] | None = None, **training: Any) -> Run:
    """Some steps of the smallest r3gan on a few simulated people."""
    return Run.from_dict({
        "name": "tiny",
        "seed": 3,
        "data": {"name": "simulated", "patients": 5, "beats": 40},
        "model": {"name": "r3gan", **MODELS.get("r3gan").tiny},
        "objective": objective or {"name": "rpgan", "gamma": 0.1, "gamma_end": 0.01},
        "training": {
            "examples": steps * BATCH, "batch": BATCH, "ema_half_life": 20,
            "snapshot_every": 2 * BATCH, "log_every": 1, "accelerator": "cpu", **training,
        },
    })  # fmt: skip


def some_events(batch: int) -> dict[str, Tensor]:
    """What families that draw beats in time are given besides: an item has one or two beats."""
    events = np.full((batch, 2, len(EVENT)), np.nan, np.float32)
    events[:, 0] = [0.2, 0, 0.1, 0.4]
    events[1::2, 1] = [0.45, 2, np.nan, np.nan]
    return {"events": torch.from_numpy(events)}


def tiny_synthesizer(data: Ecg) -> Synthesizer:
    """A synthesizer with every class of `data`, untrained but for one step."""
    from ecgsynth.training.loop import train

    return train(tiny_run(1), data=data)


def stop_after(step: int) -> Callable[[int, int, dict[str, float]], None]:
    """A report that presses Ctrl-C after so many steps."""

    def report(examples: int, total: int, values: dict[str, float]) -> None:
        if examples == step * BATCH:
            raise KeyboardInterrupt

    return report
