"""What watching costs: `python -m benchmarks.tracking [RECIPE...]`.

Of one training, with its own settings, the processor time spent on looks, alarms and the log as a
share of the time of the steps between which it is spent; the first look, which loads the held-out
items, stands apart. Needs MIT-BIH for the two recipes that it takes by itself.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOKS = 4


def main(recipes: list[str]) -> None:
    from ecgsynth.config import Run

    print("| recipe | ms a step | ms a look | first look, s | share of all watching |")
    print("|---|---|---|---|---|")
    for recipe in recipes or ["mitbih-beats", "vanilla-mitbih"]:
        run = Run.read(recipe, "training.samples=0", "training.threads=1")
        every = run.training.health_every
        run.training.epochs = 0
        run.training.examples = (LOOKS + 1) * every * run.training.per_step
        run.training.snapshot_every = 10**9
        spent, first, total = measure(run, every)
        steps = LOOKS * every
        print(
            f"| {recipe} | {(total - spent['all']) / steps * 1e3:.1f} | "
            f"{spent['look'] / LOOKS * 1e3:.0f} | {first:.2f} | "
            f"{spent['all'] / (total - spent['all']):.1%} |",
            flush=True,
        )


def measure(run: Any, every: int) -> tuple[dict[str, float], float, float]:
    """Seconds of watching after the first look, by kind; of the first; of all steps after it."""
    from ecgsynth.training.loop import train
    from ecgsynth.training.monitoring import monitor, tracking

    spent = {"look": 0.0, "all": 0.0}
    marks: dict[int, tuple[float, float]] = {}

    def timed(work: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            start = time.process_time()
            result = work(*args)
            seconds = time.process_time() - start
            spent["all"] += seconds
            if kind == "look":
                spent["look"] += seconds
            return result

        return call

    def report(examples: int, _total: int, _values: dict[str, float]) -> None:
        marks[examples // run.training.per_step] = (time.process_time(), spent["all"])
        if examples == every * run.training.per_step:
            marks[0] = (spent["look"], spent["all"])
            spent.update(look=0.0, all=0.0)

    monitor.TrainingMonitor.look = timed(monitor.TrainingMonitor.look, "look")  # type: ignore[method-assign]
    monitor.TrainingMonitor.respond = timed(monitor.TrainingMonitor.respond, "")  # type: ignore[method-assign]
    tracking.Tracker.write = timed(tracking.Tracker.write, "")  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as place:
        train(run, Path(place) / "run", report=report)
    return spent, marks[0][0], marks[max(marks)][0] - marks[every][0]


if __name__ == "__main__":
    main(sys.argv[1:])
