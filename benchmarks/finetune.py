"""Finetuning by people: what a model gains on a new hospital's people, and what it memorises.

    python -m benchmarks.finetune [PEOPLE ...] [--examples 400000] [--work runs/finetune]

The recipe `beats` is trained without SVDB (databases MIT-BIH and QTDB), and finetuned on so many
people of SVDB, the first nine tenths of their recordings, as `ecgsynth finetune` does it. The
figures, of the model before and after: coverage of the same people's last minutes, by person;
memorisation and copies, each next to those of real beats; coverage of people of SVDB who are left
out. The cost is the CPU time of the finetuning alone. Smaller points are parts of larger ones.

What is interrupted continues where its last snapshot is; a point that is kept is not measured
again. `benchmarks/results/finetune.json` keeps them, `--to` names another file. Nothing of DS2, and
nobody of SVDB's other half, is loaded.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ecgsynth as es
from benchmarks import people
from benchmarks.finetune_tables import curve
from benchmarks.tables import KEPT
from ecgsynth.config import Run
from ecgsynth.evaluation.real_sets import load_like
from ecgsynth.signals.ecg import Ecg
from ecgsynth.training.finetune import finetuning_run, resumed_run
from ecgsynth.training.loop import train

POINTS = (2, 5, 10, 20, 30)
CLASSES = ("N", "S", "V")
"""F has less than one beat a person in SVDB."""

SNAPSHOTS = 10
MOST = 3000
"""Beats of a class that are generated."""

PRIVACY = ("memorisation", "copy_share")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("points", nargs="*", type=int, help=f"people [{POINTS}]")
    parser.add_argument("--examples", type=int, default=400_000, help="of the first training")
    parser.add_argument("--work", type=Path, default=Path("runs/finetune"), help="run folders")
    parser.add_argument("--to", type=Path, default=KEPT / "finetune.json")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of finetuning")
    parser.add_argument("--start-only", action="store_true", help="train the first model alone")
    asked = parser.parse_args(words)
    logging.getLogger("ecgsynth").setLevel(logging.ERROR)
    start = first_model(asked.work, asked.examples)
    for count in () if asked.start_only else asked.points or POINTS:
        if str(count) not in people.kept(asked.to)["points"]:
            model = finetuned(start, count, asked.work, asked.set)
            people.keep(asked.to, "points", str(count), measured(start, model, count))
        print("\n".join(curve(people.kept(asked.to)) or ()), flush=True)


def first_model(work: Path, examples: int) -> Path:
    """The run folder of the model that has not seen SVDB: trained, or trained on from there."""
    folder = work / "beats-without-svdb"
    run = Run.read(
        "beats", "name=beats-without-svdb", "data.databases=[mitbih, qtdb]",
        f"training.examples={examples}",
        f"training.snapshot_every={max(1, examples // SNAPSHOTS)}", "training.keep_every=0",
    )  # fmt: skip
    whole = (folder / "model.safetensors").is_file()
    if not whole or es.Synthesizer.load(folder).card.examples_seen < examples:
        train(run, folder, resume=(folder / "resume.safetensors").is_file())
    return folder


def finetuned(start: Path, count: int, work: Path, more: Sequence[str]) -> es.Synthesizer:
    """The model of so many people of SVDB, from its run folder where it is whole."""
    folder = work / f"svdb-{count:02d}"
    resume = (folder / "resume.safetensors").is_file()
    words = [
        "data=beats", "data.databases=[svdb]", f"data.people={count}",
        f"data.classes=[{', '.join(CLASSES)}]", *more,
    ]  # fmt: skip
    run = resumed_run(folder) if resume else finetuning_run(start, words)
    print(f"{count} people: finetuning{' continues' if resume else ''} in {folder}", flush=True)
    return train(run, folder, resume=resume)


def measured(start: Path, model: es.Synthesizer, count: int) -> dict[str, Any]:
    """Every figure of a point, of the model before and after."""
    first = es.Synthesizer.load(start)
    own, card = first.card, model.card
    found: dict[str, Any] = {
        "people": count, "start": own.id, "id": card.id, "alarms": card.alarms,
        "examples": card.examples_seen - own.examples_seen,
        "core_seconds": round(card.core_seconds - own.core_seconds),
        "stop": card.metrics.get("early_stop", {}),
    }  # fmt: skip
    later, learned = real(model, "heldout", count), real(model, "train", count)
    others = real(model, "heldout-people", count)
    for name, one in (("before", first), ("after", model)):
        made = one.generate(dict.fromkeys(CLASSES, MOST), seed=5)
        found[name] = {
            "later": people.coverage(made, later),
            "others": people.coverage(made, people.some(others)),
            "privacy": privacy(made, later, learned),
        }
    return found


def real(model: es.Synthesizer, split: str, count: int) -> Ecg:
    """A split of the people whom a model was finetuned on, or of those of SVDB who are left out."""
    settings = {"databases": ["svdb"], "people": count, "classes": [*CLASSES]}
    return load_like(f"beats:{split}", model.spec, settings).with_classes([*CLASSES])


def privacy(made: Ecg, test: Ecg, learned: Ecg) -> dict[str, Any]:
    """Metric and group, as one word -> value, low, high, and the range of real samples."""
    report = es.evaluate(made, test, learned, metrics=PRIVACY, quick=True)
    return {
        f"{row.metric} {row.group}": {
            "value": row.value, "low": row.low, "high": row.high, "real": row.real,
            "ceiling": row.controls.get("real"),
        }
        for row in report.rows if row.value is not None
    }  # fmt: skip


if __name__ == "__main__":
    main()
