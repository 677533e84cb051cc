"""A run that trains in a second, and what it trains on; shared by several test files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ecgsynth.config import Run
from ecgsynth.models.renderer import Renderer
from ecgsynth.registry import MODELS
from ecgsynth.rhythm.prior import RecordPrior
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import EVENT, events_of
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.rates import at_rate
from ecgsynth.simulator.records import simulate_record
from ecgsynth.synthesizer import Card, Synthesizer

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


def tiny_renderer(seconds: float) -> Synthesizer:
    """A renderer at 100 Hz that has learned nothing: its laws are those of a good one."""
    people = 12
    parts = [simulate_record(seconds, 500.0, seed=k, patient=k) for k in range(people)]
    whole = at_rate(concatenate(parts), 100.0)
    spec = replace(
        whole.spec, classes=("NORM", "AFIB"), multilabel=True, context=("age", "sex"),
        band=(0.5, 40.0),
    )  # fmt: skip
    first = np.arange(people) % 2
    data = Ecg(
        whole.signal, spec, np.column_stack([first, 1 - first]),
        np.column_stack([40.0 + np.arange(people), first]), patient=np.arange(people).astype(str),
        marks=whole.marks, source="simulated:train",
    )  # fmt: skip
    torch.manual_seed(0)
    net = Renderer.generator(Renderer.Settings(**Renderer.tiny), spec)
    for weights in net.head.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    run = {
        "name": "tiny",
        "data": {"name": "simulated"},
        "objective": {"name": "flow", "show": 0.5},
    }
    card = Card(
        name="tiny-records", spec=spec.to_json(), scaler={"kind": "global", "scale": 0.2},
        prior=RecordPrior.fit(data, events_of(data)).to_json(),
        run=Run.from_dict({**run, "model": {"name": "renderer", **Renderer.tiny}}).model_dump(),
    )  # fmt: skip
    return Synthesizer(net, card)


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
