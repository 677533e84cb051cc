"""Beats of generated records that are missed, and beats beyond those that were asked for, by the
number of steps of the sampler.

    python -m benchmarks.record_steps MODEL [--to benchmarks/results/record-steps.json]

The delineator looks for beats; the ends of the records, where it misses some, do not count.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ecgsynth as es
from ecgsynth.evaluation.reference_models.events import find_events
from ecgsynth.files import atomic_write
from ecgsynth.signals.events import R, events_of

STEPS = (1, 4, 12, 30)
NEAR_S, EDGE_S = 0.075, 0.4


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition(".")[0])
    parser.add_argument("model")
    parser.add_argument("--count", type=int, default=96)
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args(words)
    model = es.Synthesizer.load(asked.model)
    rows = []
    print("| steps | SD of all samples, mV | missed | extra | CPU seconds a record |")
    print("|---|---|---|---|---|")
    for steps in STEPS:
        model.generator.steps = steps  # type: ignore[assignment]
        began = time.process_time()
        ecg = model.generate(asked.count, seed=7)
        cost = (time.process_time() - began) / len(ecg)
        missed, extra = shares(events_of(ecg), find_events(ecg), ecg.spec.seconds)
        rows.append({
            "steps": steps, "sd_mv": round(float(ecg.signal.std()), 4),
            "missed": round(missed, 4), "extra": round(extra, 4), "seconds": round(cost, 4),
        })  # fmt: skip
        print("|", " | ".join(f"{value:g}" for value in rows[-1].values()), "|", flush=True)
    if asked.to:
        facts = {"id": model.card.id, "examples_seen": model.card.examples_seen, "rows": rows}
        with atomic_write(asked.to) as temporary:
            temporary.write_text(json.dumps(facts, indent=1) + "\n")


def shares(asked: NDArray, found: NDArray, seconds: float) -> tuple[float, float]:
    """Beats that are not found, and found ones that were not asked for, as shares of the asked."""
    missed = extra = total = 0
    for one, other in zip(asked[..., R], found[..., R], strict=True):
        truth, seen = one[np.isfinite(one)], other[np.isfinite(other)]
        inner = truth[(truth > EDGE_S) & (truth < seconds - EDGE_S)]
        total += len(inner)
        missed += away(inner, seen)
        extra += away(seen[(seen > EDGE_S) & (seen < seconds - EDGE_S)], truth)
    return missed / max(total, 1), extra / max(total, 1)


def away(these: NDArray, those: NDArray) -> int:
    """How many of these times have none of those within NEAR_S."""
    if not len(these) or not len(those):
        return len(these)
    return int((np.abs(these[:, None] - those).min(1) > NEAR_S).sum())


if __name__ == "__main__":
    main()
