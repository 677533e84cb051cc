"""Do copies get a good mark? Do real samples get a bad one?

`python -m benchmarks.adversarial` puts copies of real beats, hidden in eleven ways, into the beats
of the shipped model at 1, 5, 10, 30 and 100 %, and judges whether the set holds copies; then it
judges 40 samples of real beats by every question of the report. It prints both tables and keeps
them in `benchmarks/results/adversarial.json`. Some 30 minutes on one core; `--samples` and
`--shares` make it shorter, `--only copies` or `--only real` runs half of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ecgsynth.datasets import load
from ecgsynth.evaluation import Trial, members, pick
from ecgsynth.evaluation.baselines import statistics
from ecgsynth.evaluation.baselines.real_samples import has_real_samples
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.evaluation.metrics.privacy.copies import (
    ALARM,
    COPIES,
    Distances,
    chance_of_real,
    copy_share,
    copy_share_person,
    real_distances,
    synthetic_distances,
)
from ecgsynth.evaluation.report import Report
from ecgsynth.evaluation.report_rows import measure_all
from ecgsynth.files import atomic_write
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.filters import lowpass
from ecgsynth.signals.joining import concatenate
from ecgsynth.synthesizer import Synthesizer

COUNTS = {"N": 1000, "S": 290, "V": 1000, "F": 190}
"""Beats of a set; of S and F, half of what was recorded."""

PARTS = ("limits", "copies", "real", "real-copies")
"""The least copies that are found; sets with copies; real samples in all questions but that of
copies, and in that one."""

SIZES = (
    (100, 100), (100, 400), (100, 1000), (190, 395), (290, 639), (290, 1000), (1000, 1000),
    (2000, 2000),
)  # fmt: skip
"""Synthetic and real items of a class."""

SHARES = (0.01, 0.05, 0.10, 0.30, 1.0)
MIXTURES = 5
"""Sets of each kind and share, with copies at other places; an alarm is one in all of them."""

HOME = Path(__file__).parent / "results" / "adversarial.json"
FS = 360.0

Hide = Callable[[NDArray, np.random.Generator], NDArray]


def noise(uv: float) -> Hide:
    return lambda x, random: x + uv / 1000 * random.standard_normal(x.shape)


def moved(x: NDArray, random: np.random.Generator) -> NDArray:
    steps = random.choice([-4, -3, -2, 2, 3, 4], len(x))
    return np.stack([np.roll(item, step, -1) for item, step in zip(x, steps, strict=True)])


def scaled(x: NDArray, random: np.random.Generator) -> NDArray:
    gain = 1 + 0.08 * random.choice([-1, 1], (len(x), 1, 1))
    return moved(x, random) * gain + 0.1 * random.standard_normal((len(x), 1, 1))


def everything(x: NDArray, random: np.random.Generator) -> NDArray:
    return noise(15)(scaled(x, random) * 1.02, random)


def stretched(x: NDArray, _: np.random.Generator) -> NDArray:
    time = np.arange(x.shape[-1])
    return np.apply_along_axis(lambda wave: np.interp(96 + (time - 96) * 1.02, time, wave), -1, x)


def drifting(x: NDArray, random: np.random.Generator) -> NDArray:
    phase = random.uniform(0, 2 * np.pi, (len(x), 1, 1))
    return x + 0.05 * np.sin(2 * np.pi * 0.4 * np.arange(x.shape[-1]) / FS + phase)


def smoothed(x: NDArray, _: np.random.Generator) -> NDArray:
    return lowpass(x, FS, 22.0)


def coarse(x: NDArray, _: np.random.Generator) -> NDArray:
    return np.round(x / 0.02) * 0.02


KINDS: dict[str, tuple[str, Hide]] = {
    "trained, 8 uV of noise": ("train", noise(8)),
    "trained, 15 uV of noise": ("train", noise(15)),
    "trained, moved by 2 to 4 samples": ("train", moved),
    "trained, moved, scaled by 8 %, lifted": ("train", scaled),
    "trained, moved, scaled, lifted, 15 uV of noise": ("train", everything),
    "held out, 15 uV of noise": ("test", noise(15)),
    "half trained, half held out, 15 uV of noise": ("both", noise(15)),
    "trained, stretched by 2 %": ("train", stretched),
    "trained, with a drift of 50 uV": ("train", drifting),
    "trained, low-passed at 22 Hz": ("train", smoothed),
    "trained, in steps of 20 uV, under another label": ("train", coarse),
}
OTHER_LABEL = "under another label"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--samples", type=int, default=40)
    options.add_argument("--shares", type=float, nargs="+", default=list(SHARES))
    options.add_argument("--only", choices=PARTS, action="append")
    options.add_argument("--to", type=Path, default=HOME)
    given = options.parse_args()
    found: dict[str, Any] = json.loads(given.to.read_text()) if given.to.is_file() else {}
    given.to.parent.mkdir(exist_ok=True)
    for part in given.only or PARTS:
        if part == "limits":
            states: Iterator[Any] = iter([limits()])
        elif part == "copies":
            states = hidden_copies(given.shares, found.get(part, []))
        else:
            states = real_samples(given.samples, part, found.get(part, {}))
        for found[part] in states:
            with atomic_write(given.to) as temporary:
                temporary.write_text(json.dumps(found, indent=1))
    show(found)


def real_sets() -> tuple[Ecg, Ecg]:
    classes = tuple(COUNTS)
    return load("mitbih", split="train", classes=classes), load(
        "mitbih", split="heldout", classes=classes
    )


def limits() -> list[dict[str, int]]:
    """Least number of perfect copies that are an alarm, by the sizes of both sides.

    The distances of all other items, and of the real ones of twelve people, are equally
    distributed.
    """
    found = []
    for items, real_items in SIZES:
        random = np.random.default_rng(0)
        made, real = (np.exp(0.2 * random.standard_normal(n)) for n in (items, real_items))
        unit = np.sort(random.integers(0, 12, real_items))
        for copies in range(1, items):
            made[copies - 1] = 0.0
            if chance_of_real(made, real, unit, np.random.default_rng(0)) < ALARM:
                break
        found.append({"items": items, "real": real_items, "copies": copies})
    return found


def hidden_copies(
    shares: list[float], known: list[dict[str, Any]]
) -> Iterator[list[dict[str, Any]]]:
    """Kind by kind and share by share, what the two figures of copies are in each class.

    The distance of an item does not depend on the other items, so that each kind is searched once.
    known: what an interrupted run kept; it continues there.
    """
    train, test = real_sets()
    model = Synthesizer.load("mitbih-beats")
    made = concatenate([model.generate(n, label=name, seed=1) for name, n in COUNTS.items()])
    both = concatenate([pick(train, len(test), np.random.default_rng(0)), test])
    sources = {"train": train, "test": test, "both": both}
    trial = Trial(made, test, train, quick=True)
    done = {row["kind"] for row in known}
    found, done = (known, done) if len(done) <= len(KINDS) else ([], set())
    if not found:
        found.append({"kind": "none", "share": 0.0, **answer([trial])})
        yield found
    left = {kind: one for kind, one in KINDS.items() if kind not in done}
    for kind, (source, hide) in track(left.items(), description="kinds of copies"):
        random = np.random.default_rng([*kind.encode()])
        copies = with_real_distances(
            trial, copies_of(made, sources[source], hide, random, OTHER_LABEL in kind)
        )
        for share in shares:
            sets = [mixed(trial, copies, share, random) for _ in range(MIXTURES)]
            found.append({"kind": kind, "share": share, **answer(sets)})
        yield found


def answer(sets: list[Trial]) -> dict[str, Any]:
    """The classes with an alarm in every set, and the figures of the first."""
    figures = [
        {m.name: m.measure(trial) for m in (copy_share, copy_share_person)} for trial in sets
    ]
    alarms = [
        {g for cells in one.values() for g, e in cells.items() if e.note.startswith(COPIES)}
        for one in figures
    ]
    everywhere = sorted(set.intersection(*alarms))
    return {
        "poor": bool(everywhere), "alarm_in": everywhere, "sets": len(sets),
        "figures": {
            name: {g: [round(v, 4) for v in (e.value, e.low or 0, e.high or 0)]
                   for g, e in cells.items()}
            for name, cells in figures[0].items()
        },
    }  # fmt: skip


def with_real_distances(trial: Trial, synthetic: Ecg) -> Trial:
    """The trial with another set, and the distances of its real items, which are known."""
    other = trial.with_synthetic(synthetic)
    other.know(real_distances, real_distances(trial))
    return other


def mixed(made: Trial, copies: Trial, share: float, random: np.random.Generator) -> Trial:
    """A set in which a share of each class is copies."""
    one, other = synthetic_distances(made), synthetic_distances(copies)
    copied = np.zeros(len(one.rows), bool)
    for name in made.classes:
        at = np.flatnonzero(np.isin(one.rows, members(made.synthetic, name)))
        copied[random.permutation(at)[: round(share * len(at))]] = True
    trial = with_real_distances(made, made.synthetic)
    trial.know(
        synthetic_distances,
        Distances(
            one.rows,
            np.where(copied, other.to_second, one.to_second),
            np.where(copied, other.to_person, one.to_person),
        ),
    )
    return trial


def copies_of(made: Ecg, source: Ecg, hide: Hide, random: np.random.Generator, swap: bool) -> Ecg:
    """Copies in the classes and numbers of `made`; of another class's beats with `swap`."""
    signal = made.signal.copy()
    names = made.spec.classes
    for k, name in enumerate(names):
        rows = np.flatnonzero(made.labels_str == name)
        pool = source.of_class(names[(k + 1) % len(names)] if swap else name).signal
        if len(rows):
            signal[rows] = hide(pool[random.choice(len(pool), len(rows))], random)
    return replace(made, signal=signal.astype(np.float32), source="synthetic:copies")


def real_samples(count: int, part: str, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """How often real samples get each mark, question by question; after each sample.

    known: what an interrupted run kept; it continues there.
    """
    train, test = real_sets()
    if part == "real":
        metrics = [METRICS.get(name) for name in METRICS.names()]
        metrics = [m for m in metrics if has_real_samples(m, quick=True) and not m.by_size]
    else:
        metrics = [copy_share, copy_share_person]
    shipped = statistics.shipped("mitbih:heldout", test.spec)
    assert shipped is not None
    measured = replace(
        statistics.Reference.measure(test), calibrations=shipped.calibrations, train=shipped.train
    )
    first = known.get("samples", 0) if known.get("samples", 0) < count else 0
    marks: dict[str, dict[str, int]] = known["marks"] if first else {}
    bad = known["poor"] if first else []
    for k in track(range(first, count), description="real samples"):
        random = np.random.default_rng([k, 2026])
        unit = blocks(train)
        half = np.isin(unit, random.permutation(unit.max() + 1)[: (unit.max() + 1) // 2])
        pool = train[half]
        sample = concatenate([pick(pool.of_class(n), c, random) for n, c in COUNTS.items()])
        sample = replace(sample, source=f"synthetic:real {k}", patient=None, record=None)
        trial = Trial(sample, test, train[~half], reference=measured, quick=True, seed=k)
        rows, left_out, validity = measure_all(trial, metrics, part == "real", lambda *_: None)
        for entry in Report.of(trial, rows, left_out, [], c2st_validity=validity).to_json()[
            "questions"
        ]:
            cells = marks.setdefault(entry["question"], {})
            cells[entry["mark"]] = cells.get(entry["mark"], 0) + 1
            if entry["mark"] == "poor":
                figures = [f for f in entry["figures"] if f["mark"] == "poor"]
                bad.append({"sample": k, "question": entry["question"], "figures": figures})
        yield {"samples": k + 1, "marks": marks, "poor": bad}


def show(found: dict[str, Any]) -> None:
    """Both tables in Markdown."""
    if "copies" in found:
        shares = sorted({row["share"] for row in found["copies"]} - {0.0})
        print("\n| copies | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
        print("|---|" + "---|" * len(shares))
        for kind in dict.fromkeys(row["kind"] for row in found["copies"]):
            cells = {r["share"]: r for r in found["copies"] if r["kind"] == kind}
            if kind == "none":
                print(f"none: {'poor' if cells[0.0]['poor'] else 'no alarm'}")
                continue
            words = ["poor: " + ", ".join(cells[s]["alarm_in"]) if cells[s]["poor"] else "no alarm"
                     for s in shares]  # fmt: skip
            print(f"| {kind} | " + " | ".join(words) + " |")
    names = ("good", "middling", "poor", "unknown")
    print("\n| real samples | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for part in ("real", "real-copies"):
        for question, count in found.get(part, {}).get("marks", {}).items():
            print(f"| {question} | " + " | ".join(str(count.get(n, 0)) for n in names) + " |")


if __name__ == "__main__":
    main()
