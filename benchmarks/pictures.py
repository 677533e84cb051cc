"""Where to look at a beat generator: its nearest neighbours and its failures.

`python -m benchmarks.pictures MODEL --to FOLDER` draws, per class, synthetic beats over the trained
beat they lie nearest to (root mean square of all samples): the closest of all, as a copy would lie,
typical ones, and the farthest, which no trained beat is like. `beats.png` shows eight
held-out beats of each class over eight synthetic ones, taken evenly, none picked by hand.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

import ecgsynth as es
from ecgsynth.evaluation.real_sets import load_like
from ecgsynth.signals.paper import beats_sheet

MADE = 500
"""Beats of a class that are made."""

PLACES = {"closest": [0, 1, 2], "typical": [150, 250, 350], "farthest": [-3, -2, -1]}
"""Which of them, in the order of their distance, are drawn."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", help="of beats, that learned from mitbih:train")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, required=True, help="folder of the pictures")
    given = parser.parse_args()
    model = es.Synthesizer.load(given.model)
    train = load_like("mitbih:train", model.spec)
    heldout = load_like("mitbih:heldout", model.spec)
    made = model.generate(dict.fromkeys(model.spec.classes, MADE), seed=given.seed)
    given.to.mkdir(parents=True, exist_ok=True)
    beats_sheet({"real, held out": heldout, "synthetic": made}, given.to / "beats.png")
    neighbours(made, train).savefig(given.to / "neighbours.png", dpi=90)


def neighbours(made: es.Ecg, train: es.Ecg) -> Figure:
    """A row a class, a column a place in the order of distances."""
    columns = sum(len(places) for places in PLACES.values())
    classes = made.spec.classes
    figure = Figure(figsize=(1.7 * columns, 1.7 * len(classes)), layout="constrained")
    panels = figure.subplots(len(classes), columns, sharex=True, squeeze=False)
    for row, label in enumerate(classes):
        ours, theirs = (ecg.with_classes([label]).signal[:, 0] for ecg in (made, train))
        distance, nearest = NearestNeighbors(n_neighbors=1).fit(theirs).kneighbors(ours)
        order = np.argsort(distance[:, 0])
        cells = iter(panels[row])
        for name, places in PLACES.items():
            for place in places:
                item, axes = order[place], next(cells)
                pair(axes, ours[item], theirs[nearest[item, 0]], made.spec.fs)
                rms = distance[item, 0] / ours.shape[1] ** 0.5
                axes.set_title(f"{name}, {1000 * rms:.0f} uV", fontsize=8)
        panels[row][0].set_ylabel(f"{label}, mV")
    figure.legend(["nearest trained beat", "synthetic"], loc="outside lower center", ncols=2)
    return figure


def pair(axes: Axes, ours: NDArray, theirs: NDArray, fs: float) -> None:
    """One beat over the other, in s and mV."""
    time = np.arange(len(ours)) / fs
    axes.plot(time, theirs, color="0.6", lw=2)
    axes.plot(time, ours, color="tab:red", lw=0.8)
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)


if __name__ == "__main__":
    main()
