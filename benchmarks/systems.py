"""Beat generators side by side: one protocol, one size of set, examples and core-minutes beside.

`python -m benchmarks.systems flagship=runs/beats tcwgan=runs/tcwgan/kept/000225024.safetensors
--to FOLDER` judges each against `mitbih:heldout` and trains a classifier on it for people never
seen, those of `mitbih:validation` (`--final`: DS2, once a version), and prints a table in Markdown
with a PCA-Gaussian and real beats at its ends. Reports are kept in the folder by the identity of
the model, so that the same command goes on where it was stopped.

Core-minutes are those of the card; `NAME=MODEL=MINUTES` gives them where a card has none. A system
may be several files, joined by commas, that make a class each: it is judged by those classes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ecgsynth as es
from benchmarks.claims import estimate, number, table
from ecgsynth.evaluation.real_sets import load_like
from ecgsynth.signals.paper import beats_sheet
from ecgsynth.synthesizer import Synthesizer

METRICS = ("c2st", "coverage", "density", "memorisation", "tstr")
ENDS = {"floor: Gaussian": "gaussian", "ceiling: real": "real"}
SHOWN = 100
"""Beats of a model that are made to be drawn."""
MOST = 2000
"""Items of a class that are made, where `SIZES` says nothing else."""
SIZES = {"mitbih:heldout": {"N": 5000, "S": 579, "V": 2748, "F": 379}}
"""As many as in the results of `mitbih-beats`: of the rare classes all that it was trained on."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("systems", nargs="+", metavar="NAME=MODEL[,MODEL...][=MINUTES]")
    parser.add_argument("--against", default="mitbih:heldout")
    parser.add_argument("--train", default="mitbih:train")
    parser.add_argument("--new-patients", help="mitbih:validation where it learned from mitbih")
    parser.add_argument("--final", action="store_true", help="new patients are those of the test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--draw", metavar="CLASS", help="beats of it by all, as CLASS.png")
    parser.add_argument("--to", type=Path, required=True, help="folder of the reports")
    given = parser.parse_args()
    learned = given.train.partition(":")[0]
    people = given.new_patients or ("mitbih:validation" if learned == "mitbih" else None)
    people = f"{learned}:test" if given.final and people else people
    found: dict[str, tuple[Synthesizer, float, dict[str, Any]]] = {}
    for words in given.systems:
        name, model, minutes = parts_of(words)
        spent = minutes or model.card.core_seconds / 60
        found[name] = model, spent, judge(model, given, people)
    last = f"; new patients: {people}" if people else ""
    print(f"Against {given.against}, learned from {given.train}{last}.\n")
    show(found)
    if given.draw:
        models = {name: model for name, (model, *_) in found.items()}
        draw(models, given.against, given.draw, given.to / f"{given.draw}.png")


def draw(models: Mapping[str, Synthesizer], against: str, label: str, target: Path) -> None:
    """Real beats of a class above those of every model that makes it, taken evenly."""
    real = load_like(against, next(iter(models.values())).spec)
    sets = {f"real, {against}": real} | {
        name: model.generate(SHOWN, label, seed=1)
        for name, model in models.items() if label in model.prior.classes
    }  # fmt: skip
    beats_sheet({name: ecg.with_classes([label]) for name, ecg in sets.items()}, target)


def parts_of(words: str) -> tuple[str, Synthesizer, float]:
    """Name, model and core-minutes of one argument."""
    name, where, *minutes = words.split("=")
    loaded = [Synthesizer.load(path) for path in where.split(",")]
    model = loaded[0]
    if len(loaded) > 1:
        model = Synthesizer.join({one.spec.classes[0]: one for one in loaded}, name)
    return name, model, float(minutes[0]) if minutes else 0.0


def judge(model: Synthesizer, given: argparse.Namespace, people: str | None) -> dict[str, Any]:
    """The judge's report as it stands in JSON; one that was kept is read."""
    sides = "-".join(part.replace(":", "-") for part in (given.against, people) if part)
    path = given.to / f"{model.card.id or model.card.name}-{sides}-{given.seed}.json"
    if not path.is_file():
        sizes = SIZES.get(given.against, {})
        made = model.generate(
            {label: sizes.get(label, MOST) for label in model.prior.classes}, seed=given.seed
        )
        useful = people and len(model.prior.classes) > 1
        metrics = list(METRICS) if useful else list(METRICS[:-1])
        given.to.mkdir(parents=True, exist_ok=True)
        es.evaluate(made, given.against, given.train, people, metrics=metrics).save(path)
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def show(found: Mapping[str, tuple[Synthesizer, float, dict[str, Any]]]) -> None:
    """A row a system; the floor and the ceiling are those of the first one that has each figure."""
    reports = [report for _, _, report in found.values()]
    columns = list(dict.fromkeys(
        (row["metric"], row["group"])
        for report in reports for row in report["rows"] if row["value"] is not None
    ))  # fmt: skip
    ends = {
        end: [
            number(next((v for r in reports if (v := _control(r, column, name)) is not None), None))
            for column in columns
        ]
        for end, name in ENDS.items()
    }
    lines = []
    for name, (model, minutes, report) in found.items():
        cells = [_cell(report, column) for column in columns]
        million = sum(weight.numel() for weight in model.weights().values()) / 1e6
        lines.append([
            name, f"{model.card.examples_seen:,}", f"{minutes:.0f}" if minutes else "",
            f"{million:.1f} M", *cells,
        ])  # fmt: skip
    heads = [f"{metric} {group}".replace(" all", "") for metric, group in columns]
    low, high = ([end, "", "", "", *cells] for end, cells in ends.items())
    table(["system", "examples", "core-min", "weights", *heads], [low, *lines, high])


def _row(report: Mapping[str, Any], column: Sequence[str]) -> dict[str, Any] | None:
    rows = (row for row in report["rows"] if (row["metric"], row["group"]) == tuple(column))
    return next(rows, None)


def _cell(report: Mapping[str, Any], column: Sequence[str]) -> str:
    row = _row(report, column)
    return "" if row is None else estimate(row["value"], row["low"], row["high"])


def _control(report: Mapping[str, Any], column: Sequence[str], name: str) -> float | None:
    row = _row(report, column)
    return None if row is None else row["controls"].get(name)


if __name__ == "__main__":
    main()
