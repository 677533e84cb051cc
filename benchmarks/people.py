"""How well people are covered of whom a model did not learn, by how many people it learned from.

    python -m benchmarks.people [POINT ...] [--examples 400000] [--work runs/people]

At each point the recipe `beats` is trained on so many people, in equal shares of the databases, and
on equally many examples. Smaller points are parts of larger ones. The figures: coverage of the
held-out people (a tenth of each database, the same ones at every point), TSTR on them, and
memorisation. All of these of beats in trained styles, and of synthetic people. Coverage is also
compared with that at 18 people, paired by person.

A point that is interrupted continues where its last snapshot is; a point that is kept is not
measured again. `benchmarks/results/people.json` keeps them, `--to` names another file. Nothing of
DS2 is loaded, except with `--ds2`: the largest point that is kept is then tested on it, once.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import ecgsynth as es
from benchmarks.people_tables import curve
from benchmarks.tables import KEPT
from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Trial
from ecgsynth.evaluation.metrics.diversity.coverage import neighbourhoods
from ecgsynth.evaluation.real_sets import load_like
from ecgsynth.evaluation.reference_models.own_beat import names_people
from ecgsynth.files import atomic_write
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.training.loop import train

POINTS = (5, 10, 18, 40, 70, 95)
SNAPSHOTS = 10
"""Of a training, from which it continues."""

MOST = 3000
"""Beats of a class that are generated, and held-out ones that are looked for."""

PEOPLE = 200
"""Synthetic people of a set."""

UTILITY = ("tstr", "trtr", "tstr_ratio")
PRIVACY = ("memorisation",)


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("points", nargs="*", type=int, help=f"people [{POINTS}]")
    parser.add_argument("--examples", type=int, default=400_000, help="of every training")
    parser.add_argument("--work", type=Path, default=Path("runs/people"), help="run folders")
    parser.add_argument("--to", type=Path, default=KEPT / "people.json")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="of the recipe")
    parser.add_argument("--ds2", action="store_true", help="test the largest point on DS2")
    asked = parser.parse_args(words)
    logging.getLogger("ecgsynth").setLevel(logging.ERROR)
    for count in asked.points or POINTS:
        if str(count) in kept(asked.to)["points"]:
            print(f"{count} people: kept", flush=True)
            continue
        model = trained(count, asked.examples, asked.work, asked.set)
        keep(asked.to, "points", str(count), measured(model, count, asked.set))
        print("\n".join(curve(kept(asked.to)) or ()), flush=True)
    if asked.ds2 and not kept(asked.to)["ds2"]:  # it is looked at once
        largest = max(map(int, kept(asked.to)["points"]))
        model = trained(largest, asked.examples, asked.work, asked.set)
        keep(asked.to, "ds2", str(largest), utility(model, largest, asked.set, "beats:test"))


def trained(count: int, examples: int, work: Path, more: Sequence[str] = ()) -> es.Synthesizer:
    """The model of so many people: from its run folder, or trained, or trained on from there."""
    folder = work / f"beats-{count:03d}"
    done = folder / "model.safetensors"
    run = Run.read(
        "beats", f"name=beats-{count:03d}", f"data.people={count}",
        f"training.examples={examples}",
        f"training.snapshot_every={max(1, examples // SNAPSHOTS)}", "training.keep_every=0", *more,
        *classes_of(count, more),
    )  # fmt: skip
    if done.is_file() and es.Synthesizer.load(done).card.examples_seen >= examples:
        return es.Synthesizer.load(done)
    resume = (folder / "resume.safetensors").is_file()
    print(f"{count} people: training{' continues' if resume else ''} in {folder}", flush=True)
    return train(run, folder, resume=resume)


def classes_of(count: int, more: Sequence[str]) -> list[str]:
    """The setting that leaves out classes of which so few people have no beat, as F of five."""
    data = Run.read("beats", f"data.people={count}", *more).data
    counts = es.load(data.name, split=data.split, **data.settings).counts()
    return [f"data.classes=[{', '.join(name for name, beats in counts.items() if beats)}]"]


def measured(model: es.Synthesizer, count: int, more: Sequence[str]) -> dict[str, Any]:
    """Every figure of a point, of beats in trained styles and of synthetic people."""
    found: dict[str, Any] = {
        "id": model.card.id, "examples_seen": model.card.examples_seen,
        "core_seconds": model.card.core_seconds, "people": count,
    }  # fmt: skip
    heldout = some(real(model, "heldout-people", count, more))
    for name, made in sets(model, heldout).items():
        if isinstance(made, str):
            found[name] = {"left_out": made}
            continue
        found[name] = {"coverage": coverage(made, heldout)}
        found[name]["privacy"] = judged(
            made, real(model, "heldout", count, more), real(model, "train", count, more), PRIVACY
        )
    found["utility"] = utility(model, count, more, "beats:heldout-people")
    return found


def sets(model: es.Synthesizer, like: Ecg) -> dict[str, Ecg | str]:
    """Beats in trained styles, and of synthetic people (or why there are none), of the classes that
    both the model and a real set have."""
    counts = {name: MOST for name in model.prior.classes if like.counts().get(name)}
    found: dict[str, Ecg | str] = {"styles": model.generate(counts, seed=5)}
    try:
        found["people"] = model.generate(counts, seed=5, people=PEOPLE)
    except EcgsynthError as problem:
        found["people"] = str(problem)
    return found


def real(model: es.Synthesizer, split: str, count: int, more: Sequence[str]) -> Ecg:
    """The split of the model's own data set."""
    settings = Run.read("beats", f"data.people={count}", *more).data.settings
    return load_like(f"beats:{split}", model.spec, settings)


def some(ecg: Ecg) -> Ecg:
    """At most `MOST` beats of every class, evenly over the set."""
    rows = []
    for name in ecg.spec.classes:
        own = np.flatnonzero(ecg.labels_str == name)
        rows.append(own[np.linspace(0, len(own) - 1, min(MOST, len(own))).astype(int)])
    return ecg[np.sort(np.concatenate(rows))]


def coverage(made: Ecg, heldout: Ecg) -> dict[str, Any]:
    """Class -> person -> held-out beats and how many of them are covered."""
    assert heldout.patient is not None
    found: dict[str, Any] = {}
    for name, one in neighbourhoods(Trial(made, heldout)).items():
        if isinstance(one, Estimate):
            continue
        who, place = np.unique(heldout.patient[one.rows], return_inverse=True)
        sums, sizes = np.bincount(place, one.hits), np.bincount(place)
        found[name] = {
            person: [int(size), round(float(total), 2)]
            for person, size, total in zip(who.tolist(), sizes, sums, strict=True)
        }
    return found


def judged(made: Ecg, test: Ecg, learned: Ecg, names: Sequence[str]) -> dict[str, Any]:
    """Metric and group, as one word -> value, low, high."""
    report = es.evaluate(made, test, learned, metrics=names, quick=True, controls=False)
    return rows_of(report)


def utility(
    model: es.Synthesizer, count: int, more: Sequence[str], source: str
) -> dict[str, dict[str, Any]]:
    """TSTR and TRTR on other people, of both kinds of sets, with networks of fewer steps."""
    learned = real(model, "train", count, more)
    new = real(model, source.partition(":")[2], count, more)
    return {
        name: utility_of(made, learned, new, quick=True)
        for name, made in sets(model, new).items()
        if isinstance(made, Ecg)
    }


def utility_of(made: Ecg, learned: Ecg, new: Ecg, *, quick: bool = False) -> dict[str, Any]:
    """Metric and group, as one word -> value, low, high, of classifiers tested on new people.

    quick: with networks that are trained for fewer steps.
    """
    trial = Trial(made, train=learned, new_patients=new, quick=quick, own_beats=names_people(made))
    return {
        f"{metric} {group}": {"value": one.value, "low": one.low, "high": one.high}
        for metric in UTILITY
        for group, one in METRICS.get(metric).measure(trial).items()
        if np.isfinite(one.value)
    }


def rows_of(report: es.Report) -> dict[str, Any]:
    return {
        f"{row.metric} {row.group}": {"value": row.value, "low": row.low, "high": row.high}
        for row in report.rows
        if row.value is not None
    }


def kept(path: Path) -> dict[str, Any]:
    """What is kept: points and the look at DS2."""
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return {"points": {}, "ds2": {}} | found


def keep(path: Path, part: str, name: str, value: Mapping[str, Any]) -> None:
    content = kept(path)
    content[part][name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
