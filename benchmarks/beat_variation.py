"""How much the QRS of normal beats varies within a record, synthetic beside real.

    python -m benchmarks.beat_variation MODEL [MODEL ...] [--shared 0] [--to ...json]

The height of the QRS is its range within 50 ms of R, at the beats that were asked for or, in real
records, found. Of every record with five normal beats the SD is divided by the mean; the table has
the medians over records, by lead. Real ones are of the models' data set. A model may be written
NAME=FILE. `--shared` sets the share of
the noise that beats have in common. Rows that the JSON has already stay.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

import ecgsynth as es
from ecgsynth.datasets import load
from ecgsynth.evaluation.metrics.beat_variation import LEADS, variation
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import Events, events_of
from ecgsynth.training.data.events import known_events

UNSEEN = {"ptbxl": ("validation", "real, fold 9"), "strips": ("heldout", "real, held-out part")}
"""Data set -> its split that stands beside, and the name of that row."""

FS = 100.0


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--count", type=int, default=96, help="records of each model")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--shared", type=float, help="as the model has it by default")
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args(words)
    kept = asked.to is not None and asked.to.is_file()
    rows = json.loads(asked.to.read_text())["rows"] if kept else {}
    for text in asked.models:
        name, _, file = text.rpartition("=")
        model = es.Synthesizer.load(file).with_rate(FS)
        if asked.shared is not None:
            model.generator.shared = asked.shared
        made = model.generate(asked.count, seed=asked.seed)
        rows[name or Path(file).stem] = row_of(name or Path(file).stem, made, events_of(made))
    spec, of = model.spec, model.card.run["data"]["name"]
    split, title = UNSEEN[of]
    classes = {"classes": spec.classes} if of == "ptbxl" else {}
    real = load(of, split, fs=FS, band=spec.band, **classes)
    rows[title] = row_of(title, real, known_events(real))
    if asked.to:
        with atomic_write(asked.to) as temporary:
            temporary.write_text(json.dumps({"count": asked.count, "rows": rows}, indent=1) + "\n")


def row_of(name: str, ecg: Ecg, events: Events) -> dict[str, float]:
    leads = [lead for lead in LEADS if lead in ecg.spec.leads] or ecg.spec.leads
    row = {lead: round(float(np.nanmedian(variation(ecg, events, lead))), 4) for lead in leads}
    print(f"{name}:", ", ".join(f"{lead} {value:.1%}" for lead, value in row.items()), flush=True)
    return row


if __name__ == "__main__":
    main()
