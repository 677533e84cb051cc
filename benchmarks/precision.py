"""A training's step in float32 and where networks count in bfloat16, recipe by recipe.

`python -m benchmarks.precision mitbih-beats heartbeat-beats` prints a Markdown row for each: CPU
seconds of a step, of the processes' own threads, and how many times as fast. Both are measured in
turns in one process; a step is the difference between a short training and a longer one.
"""

from __future__ import annotations

import argparse
import logging
import time

from ecgsynth import Ecg, Run, load, train

SHORT, LONG, TURNS = 2, 10, 3
"""Steps of the two trainings, and how often they are measured."""

WORDS = ("training.health_every=0", "training.sheets=false", "training.samples=0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipes", nargs="+", metavar="RECIPE")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.WARNING)  # what is doubtful of the sets stands in the models' cards
    print("| recipe | 32-true, s | bf16-mixed, s | times as fast |\n|---|---|---|---|")
    for recipe in given.recipes:
        described = Run.read(recipe).data
        data = load(described.name, described.split, **described.settings)
        exact, rounded = (
            min(found)
            for found in zip(
                *(
                    [step(recipe, word, given.threads, data) for word in ("32-true", "bf16-mixed")]
                    for _ in range(TURNS)
                ),
                strict=True,
            )
        )
        print(f"| `{recipe}` | {exact:.3f} | {rounded:.3f} | {exact / rounded:.2f} |", flush=True)


def step(recipe: str, precision: str, threads: int, data: Ecg) -> float:
    """CPU seconds of a step."""
    run = Run.read(recipe, *WORDS, f"training.precision={precision}", f"training.threads={threads}")

    def seconds(steps: int) -> float:
        content = run.to_dict()
        content["training"].pop("epochs", None)
        content["training"]["examples"] = steps * run.training.per_step
        began = time.process_time()
        train(Run.from_dict(content), data=data)
        return time.process_time() - began

    return (seconds(LONG) - seconds(SHORT)) / (LONG - SHORT)


if __name__ == "__main__":
    main()
