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
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from ecgsynth.datasets import load
from ecgsynth.evaluation import Trial, pick
from ecgsynth.evaluation.baselines import statistics
from ecgsynth.evaluation.baselines.real_samples import has_real_samples
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.evaluation.judge import measure_all
from ecgsynth.evaluation.metrics.privacy.copies import COPIES, copy_share, copy_share_person
from ecgsynth.evaluation.report import Report
from ecgsynth.files import atomic_write
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg, concatenate
from ecgsynth.signals.filters import lowpass
from ecgsynth.synthesizer import Synthesizer

COUNTS = {"N": 1000, "S": 290, "V": 1000, "F": 190}
"""Beats of a set; of S and F, half of what was recorded."""

SHARES = (0.01, 0.05, 0.10, 0.30, 1.0)
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
    options.add_argument("--only", choices=["copies", "real"])
    options.add_argument("--to", type=Path, default=HOME)
    given = options.parse_args()
    found: dict[str, Any] = json.loads(given.to.read_text()) if given.to.is_file() else {}
    if given.only != "real":
        found["copies"] = hidden_copies(given.shares)
    if given.only != "copies":
        found["real"] = real_samples(given.samples)
    given.to.parent.mkdir(exist_ok=True)
    with atomic_write(given.to) as temporary:
        temporary.write_text(json.dumps(found, indent=1))
    show(found)


def real_sets() -> tuple[Ecg, Ecg]:
    classes = tuple(COUNTS)
    return load("mitbih", split="train", classes=classes), load(
        "mitbih", split="heldout", classes=classes
    )


def hidden_copies(shares: list[float]) -> list[dict[str, Any]]:
    """Kind by kind and share by share, what the two figures of copies say of each class."""
    train, test = real_sets()
    model = Synthesizer.load("mitbih-beats")
    made = concatenate([model.generate(n, label=name, seed=1) for name, n in COUNTS.items()])
    both = concatenate([pick(train, len(test), np.random.default_rng(0)), test])
    sources = {"train": train, "test": test, "both": both}
    tasks = [("none", "train", noise(0), 0.0)]
    tasks += [(k, source, hide, s) for k, (source, hide) in KINDS.items() for s in shares]
    found = []
    for kind, source, hide, share in track(tasks, description="sets with copies"):
        random = np.random.default_rng([round(1000 * share), *kind.encode()])
        ecg = with_copies(made, sources[source], hide, share, random, OTHER_LABEL in kind)
        trial = Trial(ecg, test, train, quick=True)
        figures = {m.name: m.measure(trial) for m in (copy_share, copy_share_person)}
        alarms = sorted({
            group for cells in figures.values() for group, e in cells.items()
            if e.note.startswith(COPIES)
        })  # fmt: skip
        found.append({
            "kind": kind, "share": share, "poor": bool(alarms), "alarm_in": alarms,
            "figures": {
                name: {g: [round(v, 4) for v in (e.value, e.low or 0, e.high or 0)]
                       for g, e in cells.items()}
                for name, cells in figures.items()
            },
        })  # fmt: skip
    return found


def with_copies(
    made: Ecg, source: Ecg, hide: Hide, share: float, random: np.random.Generator, swap: bool
) -> Ecg:
    """The set in which a share of each class is copies; of another class's beats with `swap`."""
    signal = made.signal.copy()
    names = made.spec.classes
    for k, name in enumerate(names):
        rows = np.flatnonzero(made.labels_str == name)
        rows = random.permutation(rows)[: round(share * len(rows))]
        pool = source.of_class(names[(k + 1) % len(names)] if swap else name).signal
        if len(rows):
            signal[rows] = hide(pool[random.choice(len(pool), len(rows))], random)
    return replace(made, signal=signal.astype(np.float32), source="synthetic:copies")


def real_samples(count: int) -> dict[str, Any]:
    """How often real samples get each mark, question by question."""
    train, test = real_sets()
    known = statistics.shipped("mitbih:heldout", test.spec)
    assert known is not None
    measured = replace(
        statistics.Reference.measure(test), calibrations=known.calibrations, train=known.train
    )
    metrics = [METRICS.get(name) for name in METRICS.names()]
    metrics = [m for m in metrics if has_real_samples(m, quick=True) and not m.by_size]
    metrics += [copy_share, copy_share_person]
    marks: dict[str, Counter[str]] = {}
    bad = []
    for k in track(range(count), description="real samples"):
        random = np.random.default_rng([k, 2026])
        unit = blocks(train)
        half = np.isin(unit, random.permutation(unit.max() + 1)[: (unit.max() + 1) // 2])
        pool = train[half]
        sample = concatenate([pick(pool.of_class(n), c, random) for n, c in COUNTS.items()])
        sample = replace(sample, source=f"synthetic:real {k}", patient=None, record=None)
        trial = Trial(sample, test, train[~half], reference=measured, quick=True, seed=k)
        rows, left_out, validity = measure_all(trial, metrics, True, lambda *_: None)
        for entry in Report.of(trial, rows, left_out, [], c2st_validity=validity).to_json()[
            "questions"
        ]:
            marks.setdefault(entry["question"], Counter())[entry["mark"]] += 1
            if entry["mark"] == "poor":
                figures = [f for f in entry["figures"] if f["mark"] == "poor"]
                bad.append({"sample": k, "question": entry["question"], "figures": figures})
    return {"samples": count, "marks": marks, "poor": bad}


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
    if "real" in found:
        names = ("good", "middling", "poor", "unknown")
        print(f"\n| {found['real']['samples']} real samples | " + " | ".join(names) + " |")
        print("|---|" + "---|" * len(names))
        for question, count in found["real"]["marks"].items():
            print(f"| {question} | " + " | ".join(str(count.get(n, 0)) for n in names) + " |")


if __name__ == "__main__":
    main()
