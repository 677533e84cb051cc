"""Do alarms ring where they should, and only there? `python -m benchmarks.alarms [WORD...]`.

Trains the quick recipe of every model family for 500 steps (50 where a slow critic makes 50 a
step), whole and broken, with five looks each, and prints a Markdown table of the alarms; words
choose rows by their names, and a number among them shortens them to so many steps. A broken
training ends with its first alarm. Needs MIT-BIH (and its heartbeat CSV, built from it), LUDB and
PTB-XL.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

LOOKS = 5


@dataclass(frozen=True)
class Case:
    """A training of so many steps; alarm: what should ring, "" for silence. unseen: a class never
    drawn. spoilt: whether one sample of the set is NaN."""

    name: str
    recipe: str
    alarm: str = ""
    overrides: tuple[str, ...] = ()
    times: float = 1.0
    unseen: str = ""
    spoilt: bool = False
    steps: int = 500


REFUSED = "refused at the door"
NARROW = ("model.width=24", "model.critic_width=24")
WHOLE = [
    Case("r3gan, simulated", "simulated-beats", overrides=NARROW),
    Case("r3gan", "mitbih-beats", overrides=NARROW),
    Case("vanilla", "vanilla-mitbih"),
    Case("vanilla, tuned", "vanilla-mitbih-tuned"),
    Case("tcwgan", "tcwgan-v"),
    Case("tcwgan, tuned", "tcwgan-tuned"),
    Case("inception", "inception-ptbxl"),
    Case("inception, tuned", "inception-ptbxl-tuned"),
    Case("biosgan", "biosgan-heartbeat"),
    Case("bilstm", "bilstm-ludb"),
]
SURE, IDLE, LOST, AWAY = "dominating-critic", "idle-generator", "lost-critic", "moving-away"
TOO_FAST = f"divergence, {LOST}, {AWAY} or {SURE}"
BROKEN = [
    case
    # idle: what tells that the generator stands still. Of batch normalisation the averages go on
    # moving, so that there its critic does.
    for name, recipe, more, sure, idle, unseen, many in (
        ("r3gan, simulated", "simulated-beats", NARROW, SURE, IDLE, "V", 500),
        ("r3gan", "mitbih-beats", NARROW, SURE, IDLE, "V", 500),
        ("vanilla", "vanilla-mitbih", (), SURE, SURE, "", 500),  # healthy it tells no class yet
        ("vanilla, tuned", "vanilla-mitbih-tuned", (), SURE, SURE, "V", 500),
        ("tcwgan, tuned", "tcwgan-tuned", (), SURE, IDLE, "V", 50),
        # A Wasserstein critic cannot be too good: nothing to ring. The rest has one class, or none,
        # or sees too few items of each in so many steps for a verdict.
        ("tcwgan", "tcwgan-v", (), "", IDLE, "", 0),
        ("biosgan", "biosgan-heartbeat", (), "", IDLE, "", 0),
        ("inception", "inception-ptbxl", ("model.channels=4", "model.width=32"), SURE, SURE, "",
         50),
        ("bilstm", "bilstm-ludb", ("model.width=32", "model.critic_width=8"), SURE, IDLE, "", 50),
    )
    for case in (
        Case(f"{name}: NaN in the data", recipe, REFUSED, more, spoilt=True),
        Case(f"{name}: generator frozen", recipe, idle, (*more, "training.rate_generator=1e-12")),
        Case(f"{name}: rates x 100", recipe, TOO_FAST, more, times=100),
        Case(f"{name}: {unseen} never drawn", recipe, "dead-class", more, unseen=unseen),
        Case(f"{name}: 50 critic steps", recipe, sure,
             (*more, "training.critic_steps=50", "training.batch=16"), steps=many),
    )
    if case.steps and (unseen or case.alarm != "dead-class")
]  # fmt: skip
# Their published rates are so low that a hundred times as much is a usual one.
BROKEN += [
    Case(f"{name}: rates x 10,000", recipe, TOO_FAST, times=1e4)
    for name, recipe in (("vanilla", "vanilla-mitbih"), ("tcwgan", "tcwgan-v"))
]


def main(words: list[str]) -> None:
    logging.disable(logging.WARNING)
    most = min([int(word) for word in words if word.isdigit()], default=500)
    words = [word for word in words if not word.isdigit()]
    print("| training | steps | expected | alarms (step) |\n|---|---|---|---|")
    for case in WHOLE + BROKEN:
        if not words or any(word in case.name for word in words):
            steps, alarms = train_case(replace(case, steps=min(case.steps, most)))
            listed = ", ".join(f"{name} ({step})" for name, step in alarms) or "none"
            print(f"| {case.name} | {steps} | {case.alarm or 'none'} | {listed} |", flush=True)


def train_case(case: Case) -> tuple[int, list[tuple[str, int]]]:
    """Steps made, and the alarms with the step at which each began."""
    from ecgsynth.config import Run
    from ecgsynth.errors import EcgsynthError
    from ecgsynth.recipes import put
    from ecgsynth.training.loop import train
    from ecgsynth.training.monitoring.tracking import read_metrics

    content = Run.read(case.recipe, *case.overrides).quickened().to_dict()
    rates = {f"training.{k}": content["training"][k] for k in ("rate_generator", "rate_critic")}
    changed = {k: rate * case.times for k, rate in rates.items() if case.times != 1}
    for override in case.overrides:  # the recipe's quick settings do not win over the case's
        key, _, value = override.partition("=")
        changed[key] = float(value) if "rate" in key else int(value)
    changed |= {"training.samples": 0, "training.epochs": 0}
    changed["training.on_alarm"] = "stop" if case.alarm else "log"  # the first one answers
    for key, value in changed.items():
        put(content, key, value)
    run = Run.from_dict(content)
    per_step = run.training.per_step
    run.training.examples = case.steps * per_step
    run.training.health_every = case.steps // LOOKS
    spoils = spoilt() if case.spoilt else nullcontext()
    with tempfile.TemporaryDirectory() as place, never_drawn(case.unseen), spoils:
        folder, ended = Path(place) / "run", ""
        try:
            train(run, folder)
        except EcgsynthError as problem:
            ended = REFUSED if "NaN" in str(problem) else str(problem).partition(" (")[0]
        lines = read_metrics(folder / "metrics.jsonl")
    last = max((line["examples"] for line in lines), default=0) // per_step
    alarms = [(line["alarm"], line["examples"] // per_step) for line in lines if "alarm" in line]
    return last, alarms or ([(ended, last)] if ended else [])


@contextmanager
def spoilt() -> Iterator[None]:
    """A training whose set holds one sample that is NaN."""
    from ecgsynth import datasets
    from ecgsynth.training import loop

    healthy = datasets.load

    def load(*args: Any, **settings: Any) -> Any:
        data = healthy(*args, **settings)
        signal = data.signal.copy()
        signal[0, 0, 0] = np.nan
        return replace(data, signal=signal)

    vars(loop)["load"] = load
    try:
        yield
    finally:
        vars(loop)["load"] = healthy


@contextmanager
def never_drawn(name: str) -> Iterator[None]:
    """A training in which the items of a class are never drawn, though the set has them."""
    import torch

    from ecgsynth.training.data import batches

    healthy = batches.Batches.draw

    def draw(self: Any, *args: Any) -> Any:
        if not hasattr(self, "whole"):
            mine = np.array(list(self.shares)) == name
            chance = np.diff(self.edges.numpy(), prepend=0.0)
            chance *= 1 - self.condition.label.numpy() @ mine
            self.edges = self.whole = torch.from_numpy(np.cumsum(chance / chance.sum()))
        return healthy(self, *args)

    if name:
        batches.Batches.draw = draw  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        batches.Batches.draw = healthy  # type: ignore[method-assign]


if __name__ == "__main__":
    main(sys.argv[1:])
