"""Quality of 12-lead records against the passes through the network that each takes.

    python -m benchmarks.record_steps TEACHER [--also NAME=STUDENT ...] [--to JSON]

Heun's method takes 2 n - 1 passes for n steps, and one pass for one. A student takes one. The
figures are those of `python -m benchmarks.records`, with as many records as were trained on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

import ecgsynth as es
from benchmarks.delineator_tables import table
from benchmarks.records.figures import Cells, Figures
from benchmarks.records.systems import FS, sets_of
from ecgsynth.files import atomic_write
from ecgsynth.synthesizer.ensemble import build_sampler

KEPT = Path("benchmarks/results/record-steps.json")
STEPS = (1, 2, 4, 8)
TIMED = 64
"""Records that are timed."""

COLUMNS = {
    "passes": "passes", "tstr_ratio": "TSTR / TRTR", "coverage": "coverage", "spread": "spread",
    "c2st": "C2ST", "beats_extra": "beats extra", "beat_variation": "variation of beats, V5",
    "ms": "CPU-ms a record",
}  # fmt: skip


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("teacher", metavar="TEACHER")
    parser.add_argument("--also", nargs="*", default=[], metavar="NAME=STUDENT")
    parser.add_argument("--count", type=int, default=0, help="records; as many as trained")
    parser.add_argument("--to", type=Path, default=KEPT)
    asked = parser.parse_args(words)
    teacher = es.Synthesizer.load(asked.teacher)
    models = {f"teacher, {steps} steps": with_steps(teacher, steps) for steps in STEPS}
    models |= {name: es.Synthesizer.load(file) for name, _, file in
               (text.rpartition("=") for text in asked.also)}  # fmt: skip
    rows: dict[str, dict[str, float]] = {}
    for name, model in models.items():
        rows[name] = row_of(model, asked.count)
        print(name, rows[name], flush=True)
        with atomic_write(asked.to) as temporary:
            facts = {"id": teacher.card.id, "rows": rows}
            temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print("\n".join(rendered({"rows": rows})))


def with_steps(model: es.Synthesizer, steps: int) -> es.Synthesizer:
    """The same model with another number of steps."""
    card = model.card.model_copy(deep=True)
    card.run["model"]["steps"] = steps
    return es.Synthesizer.of(build_sampler(card, model.weights()))


def row_of(model: es.Synthesizer, count: int) -> dict[str, float]:
    steps = model.card.run["model"].get("steps", 1)
    slow = model.with_rate(FS)
    slow.generate(1, seed=0)  # what is loaded at first does not count
    began = time.process_time()
    slow.generate(TIMED, seed=1)
    cost = (time.process_time() - began) / TIMED
    figures = Figures("steps", sets_of(model, "validation", count, 1), 1)
    parts = figures.utility() | figures.coverage() | figures.c2st() | figures.beats()
    row = {"passes": float(2 * steps - 1), "ms": round(1000 * cost, 1)}
    for name in ("tstr_ratio", "coverage", "spread", "c2st", "beats_extra"):
        row[name] = round(mean_of(parts[name]), 4)
    return row | {"beat_variation": parts["beat_variation"]["V5"]["value"]}


def mean_of(cells: Cells) -> float:
    """The figure of all records, or the mean over its groups."""
    if "all" in cells:
        return float(cells["all"]["value"])
    return float(np.mean([one["value"] for one in cells.values() if one["value"] is not None]))


def rendered(content: dict[str, dict[str, dict[str, float]]]) -> list[str]:
    """The table of the docs."""
    rows = [
        [name, *(f"{row[key]:.3g}" for key in COLUMNS)] for name, row in content["rows"].items()
    ]
    return table(["", *COLUMNS.values()], rows)


if __name__ == "__main__":
    main()
