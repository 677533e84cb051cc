"""Where to look at a model of 12-lead records: each statement beside real ones, and its failures.

    python -m benchmarks.record_pictures MODEL --to FOLDER [--labels AFIB PVC ...]

A picture a statement: a real record of fold 9, a synthetic one, and the trained record that the
synthetic one lies nearest to (root mean square of their median beats, all leads). `failures.png`
shows synthetic records that no trained record is like. None is picked by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

import ecgsynth as es
from ecgsynth.datasets import load
from ecgsynth.progress import count_bar
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.events import KIND, Events, R, events_of
from ecgsynth.training.data.events import known_events

LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
SHOWN_S = 2.5
BEFORE_S, AFTER_S = 0.3, 0.5
FAILURES = 6


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("--labels", nargs="*", help="statements; all of the model by default")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, required=True, help="folder of the pictures")
    asked = parser.parse_args(words)
    model = es.Synthesizer.load(asked.model)
    spec = model.spec
    given = {"classes": spec.classes, "fs": spec.fs, "band": spec.band}
    train, real = (load("ptbxl", split, **given) for split in ("train", "validation"))
    labels = asked.labels or spec.classes
    each = 2 if not asked.labels else 4
    made = model.generate(dict.fromkeys(labels, each), seed=asked.seed)
    ours, theirs = median_beats(made, events_of(made)), median_beats(train, known_events(train))
    distance, nearest = (
        found[:, 0] for found in NearestNeighbors(n_neighbors=1).fit(theirs).kneighbors(ours)
    )
    rms = distance / ours.shape[1] ** 0.5
    asked.to.mkdir(parents=True, exist_ok=True)
    with count_bar("pictures") as progress:
        task = progress.add_task("pictures", total=len(labels) + 1)
        for number, label in enumerate(labels):
            row = number * each
            column = spec.classes.index(label)
            example = int(np.flatnonzero(np.asarray(real.label)[:, column] > 0)[0])
            trained = f"nearest trained record, {1000 * rms[row]:.0f} uV"
            figure = row_of({
                f"{label}, real": (real, example), f"{label}, synthetic": (made, row),
                trained: (train, int(nearest[row])),
            })  # fmt: skip
            figure.savefig(asked.to / f"{label.replace('/', '-')}.png", dpi=60)
            progress.update(task, advance=1)
        worst = np.argsort(-rms)[:FAILURES]
        for k, part in enumerate(np.array_split(worst, 2)):
            figure = row_of({
                f"{'+'.join(names_of(made, int(row)))}, {1000 * rms[row]:.0f} uV": (made, int(row))
                for row in part
            })  # fmt: skip
            figure.savefig(asked.to / f"failures-{k + 1}.png", dpi=60)
        progress.update(task, advance=1)


def names_of(ecg: Ecg, row: int) -> list[str]:
    assert ecg.label is not None
    return [name for name, value in zip(ecg.spec.classes, ecg.label[row], strict=True) if value > 0]


def median_beats(ecg: Ecg, events: Events) -> NDArray[np.float32]:
    """[item, number] the median beat of every lead, mV; of normal beats where there are any."""
    step = max(1, round(ecg.spec.fs / 100))
    window = np.arange(round(-BEFORE_S * ecg.spec.fs), round(AFTER_S * ecg.spec.fs), step)
    rows = []
    for signal, beats in zip(ecg.signal, events, strict=True):
        there = beats[np.isfinite(beats[:, R])]
        normal = there[there[:, KIND] == 0]
        at = np.rint((normal if len(normal) else there)[:, R] * ecg.spec.fs).astype(int)
        at = at[(at + window[0] >= 0) & (at + window[-1] < signal.shape[-1])]
        cut = (
            signal[:, at[:, None] + window] if len(at) else np.zeros((len(signal), 1, len(window)))
        )
        rows.append(np.median(cut, axis=1).ravel())
    return np.array(rows, np.float32)


def row_of(records: dict[str, tuple[Ecg, int]]) -> Figure:
    """Records beside each other, each as 3 x 4 leads of 2.5 s."""
    figure = Figure(figsize=(7 * len(records), 4.6), layout="constrained")
    parts = figure.subfigures(1, len(records), squeeze=False)[0]
    for part, (title, (ecg, row)) in zip(parts, records.items(), strict=True):
        sheet(part, title, ecg, row)
    return figure


def sheet(part: SubFigure, title: str, ecg: Ecg, row: int) -> None:
    axes = part.subplots()
    shown = round(SHOWN_S * ecg.spec.fs)
    time = np.arange(shown) / ecg.spec.fs
    for line, names in enumerate(LAYOUT):
        for column, name in enumerate(names):
            piece = slice(column * shown, (column + 1) * shown)
            signal = ecg.signal[row, ecg.spec.leads.index(name), piece]
            x, y = time + column * SHOWN_S, signal - 2.5 * line
            axes.plot(x, y, lw=0.8, color="0.1")
            axes.text(x[0] + 0.05, 0.75 - 2.5 * line, name, fontsize=9)
    axes.set(xlim=(0, 4 * SHOWN_S), ylim=(-6.5, 1.6))
    axes.set_xticks(np.arange(0, 4 * SHOWN_S + 0.1, 0.2), minor=True)
    axes.set_yticks(np.arange(-6.5, 1.6, 0.5), minor=True)
    axes.grid(which="both", color="#f4c2c2", lw=0.5)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=12)


if __name__ == "__main__":
    main()
