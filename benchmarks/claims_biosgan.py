"""What synthetic heartbeats are worth as training data: BioSGAN's table, measured again.

`python -m benchmarks.claims_biosgan MODEL [MODEL...]` trains its classifier on synthetic beats, on
real ones and on both, and prints tables in Markdown: as published with everybody's beats on both
sides, or with `--interpatient` on people never seen (`--final`: those of DS2, once a version). The
folder `--to` keeps what every classifier predictions, so that the same command goes on where it was
stopped (delete it to begin anew), and the pictures: PCA and t-SNE of every model, and the label
codes of biosgan.

The classifier: [Conv 64 k6, ReLU] twice, dropout .5, max-pool 3; the same again; dense 100, ReLU;
dense to the classes. Adam 1e-3, batches of 64 with all classes equally often, at most 3,000 steps.
Every 100 steps it is looked at by its loss, all classes counting alike, on beats that were held
out of its training set, real or synthetic: a fifth of each class, at most 500. It stops after five
looks without a better one and keeps its best weights. Three seeds: of the classifier, of the beats
drawn and of those generated.
"""

from __future__ import annotations

import argparse
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import ecgsynth as es
from benchmarks.claims import estimate, judged, kept, number, side_by_side, table
from ecgsynth.datasets.heartbeat_csv import INTERPATIENT
from ecgsynth.evaluation import Estimate, Trial
from ecgsynth.evaluation.baselines.samplers import gaussian
from ecgsynth.evaluation.reference_models.classifiers import merit
from ecgsynth.evaluation.scores import scores
from ecgsynth.progress import share_bar

TESTED, FEW, MADE = 500, 200, 800
"""Beats of a class: real ones to test with, real ones where they are few, synthetic ones."""

BATCH, RATE, STEPS, LOOK, PATIENCE, SEEDS = 64, 1e-3, 3000, 100, 5, 3

HELD, MOST_HELD = 0.2, 500
"""Of each class of a training set that is held out to choose the weights: share, and at most."""

ALONE, ALL, FEW_REAL, BOTH = (
    f"{MADE} synthetic a class", "all real", f"{FEW} real a class",
    f"{FEW} real + {MADE} synthetic a class",
)  # fmt: skip
PUBLISHED = {ALONE: 0.75, ALL: 0.84, FEW_REAL: 0.69, BOTH: 0.80}
FLOOR, CEILING = "Gaussian", "real"
METRICS = ("wavelet_coherence", "discriminative_score", "predictive_score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--to", type=Path, default=Path("runs/claims-biosgan"), help="folder")
    parser.add_argument("--interpatient", action="store_true", help="test on people never seen")
    parser.add_argument("--final", action="store_true", help="those of DS2, not of validation")
    parser.add_argument("--quick", action="store_true", help="one short training each: a try-out")
    given = parser.parse_args()
    between = INTERPATIENT if given.interpatient else ""
    side = "test" if given.final or not between else "validation"
    train = es.load("heartbeat_csv", f"train{between}")
    test = split(es.load("heartbeat_csv", f"{side}{between}"), TESTED, seed=0)[0]
    models = {model.card.id: model for model in map(es.Synthesizer.load, given.models)}
    for name, model in models.items():
        source = model.card.data.get("source")
        if source != train.source:
            raise SystemExit(
                f"{name} learned from {source}, but this table is of {train.source}; train it with "
                f"data.name=heartbeat_csv data.split=train{between}."
            )
    print(
        f"Real: {count_text(train)} of {train.source}; "
        f"tested on {count_text(test)} of {test.source}.\n"
    )
    claims(models, train, test, given.to / f"{side}{between}", given.quick)
    counts = dict.fromkeys(train.spec.classes, MADE)
    made = {name: model.generate(counts, seed=0) for name, model in models.items()}
    judged(
        made, test, train, METRICS, {"discriminative_score": "all", "predictive_score": "all"},
        quick=given.quick,
    )  # fmt: skip
    for name, beats in made.items():
        side_by_side(beats, test, f"{name} beside {test.source}", given.to / f"{name}-maps.png")
    for name, model in models.items():
        if model.card.run["model"]["name"] == "biosgan":
            label_codes(model, given.to / f"{name}-labels.png")


def claims(
    models: dict[str, es.Synthesizer], train: es.Ecg, test: es.Ecg, folder: Path, quick: bool
) -> None:
    """Train the classifiers and print what they reach: macro F1, then class by class."""
    seeds, steps = (1, LOOK) if quick else (SEEDS, STEPS)
    columns = [*models, FLOOR, CEILING]
    jobs = [(r, c) for r in PUBLISHED for c in (columns if r in (ALONE, BOTH) else [CEILING])]
    predictions: dict[tuple[str, str], list[NDArray[np.float32]]] = {job: [] for job in jobs}
    with share_bar("training classifiers") as advance:
        for seed in range(seeds):
            for k, (row, column) in enumerate(jobs):
                advance(f"{row}, {column}, seed {seed}", (seed + k / len(jobs)) / seeds)
                file = folder / f"{row}, {column}, {steps} steps, seed {seed}.npy"
                source = models.get(column, column)
                predictions[row, column].append(
                    kept(file, partial(answers_of, row, source, train, test, seed, steps))
                )
    cells, details = {}, []
    for (row, column), each in predictions.items():
        found = scores(test, np.stack(each))
        sd = float(np.std([merit(test, one) for one in each], ddof=1)) if seeds > 1 else None
        cells[row, column] = shown(found["all"]) + (f", SD {number(sd)}" if sd is not None else "")
        details.append([row, column, *(shown(found[name]) for name in test.spec.classes)])
    lines = [
        [row, number(published), *(cells.get((row, column), "") for column in columns)]
        for row, published in PUBLISHED.items()
    ]
    print(
        f"Macro F1 (95 % over people and seeds) and its SD over "
        f"{seeds} seeds; published with everybody's beats on both sides:\n"
    )
    table(["trained on", "published", *models, f"floor: {FLOOR}", f"ceiling: {CEILING}"], lines)
    print("F1, class by class:\n")
    table(["trained on", "synthetic ones by", *test.spec.classes], details)


def answers_of(
    row: str, source: es.Synthesizer | str, train: es.Ecg, test: es.Ecg, seed: int, steps: int
) -> NDArray[np.float32]:
    """[item, class] predictions for the test beats by a classifier trained on a row's beats."""
    return answers(training_set(row, source, train, seed), test, seed, steps)


def training_set(row: str, source: es.Synthesizer | str, train: es.Ecg, seed: int) -> es.Ecg:
    """The beats of a row of the table; for its ceiling real beats stand in for synthetic ones."""
    few, others = split(train, FEW, seed)
    if row in (ALL, FEW_REAL):
        return train if row == ALL else few
    if isinstance(source, es.Synthesizer):
        made = source.generate(dict.fromkeys(train.spec.classes, MADE), seed=seed)
    elif source == CEILING:
        made = split(train if row == ALONE else others, MADE, seed)[0]
    else:
        made = floor(train, seed)
    return made if row == ALONE else es.concatenate([few, made])


def floor(train: es.Ecg, seed: int) -> es.Ecg:
    """As many beats of each class, drawn from a Gaussian in its principal components."""
    first = [np.flatnonzero(train.labels_str == name)[:1] for name in train.spec.classes]
    asked = train[np.repeat(np.concatenate(first), MADE)]  # the control reads no more than counts
    return gaussian(Trial(asked, train=train, seed=seed)).synthetic


def split(ecg: es.Ecg, count: int, seed: int) -> tuple[es.Ecg, es.Ecg]:
    """So many beats of each class at random (all there are of a rare one), and the others."""
    random = np.random.default_rng(seed)
    rows = [random.permutation(np.flatnonzero(ecg.labels_str == c)) for c in ecg.spec.classes]
    one, other = ([r[part] for r in rows] for part in (slice(count), slice(count, None)))
    return ecg[np.concatenate(one)], ecg[np.concatenate(other)]


def answers(learned: es.Ecg, test: es.Ecg, seed: int, steps: int) -> NDArray[np.float32]:
    """[item, class] probabilities, by the classifier of this file's head, for the test beats."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    signal, label = torch.from_numpy(learned.signal), torch.from_numpy(learned.labels_id)
    rows = [
        random.permutation(np.flatnonzero(learned.labels_id == k))
        for k in range(len(learned.spec.classes))
    ]
    cuts = [min(round(HELD * len(r)), MOST_HELD) for r in rows]
    held = np.concatenate([r[:cut] for r, cut in zip(rows, cuts, strict=True)])
    rest = [r[cut:] for r, cut in zip(rows, cuts, strict=True)]
    net = classifier(learned.spec.samples, len(rows))
    optimiser = torch.optim.Adam(net.parameters(), RATE)
    least, best, since = np.inf, net.state_dict(), 0
    for step in range(1, steps + 1):
        batch = np.array([random.choice(rest[k]) for k in random.integers(len(rest), size=BATCH)])
        optimiser.zero_grad()
        cross_entropy(net.train()(signal[batch]), label[batch]).backward()
        optimiser.step()
        if step % LOOK:
            continue
        weight = 1 / torch.tensor(cuts, dtype=torch.float32)
        loss = cross_entropy(logits(net, signal[held]), label[held], weight).item()
        since += 1
        if loss < least:
            least, best, since = loss, deepcopy(net.state_dict()), 0
        if since == PATIENCE:
            break
    net.load_state_dict(best)
    return logits(net, torch.from_numpy(test.signal)).softmax(1).numpy()


def classifier(samples: int, classes: int) -> nn.Sequential:
    """The published network."""

    def stage(inputs: int) -> list[nn.Module]:
        convolutions = [nn.Conv1d(inputs, 64, 6), nn.ReLU(), nn.Conv1d(64, 64, 6), nn.ReLU()]
        return [*convolutions, nn.Dropout(0.5), nn.MaxPool1d(3)]

    left = ((samples - 10) // 3 - 10) // 3
    return nn.Sequential(
        *stage(1), *stage(64), nn.Flatten(),
        nn.Linear(64 * left, 100), nn.ReLU(), nn.Linear(100, classes),
    )  # fmt: skip


def logits(net: nn.Sequential, signal: Tensor) -> Tensor:
    """[item, class], without dropout and a few at a time."""
    net.eval()
    with torch.inference_mode():
        return torch.cat([net(part) for part in signal.split(512)])


def label_codes(model: es.Synthesizer, target: Path) -> None:
    """Draw how far apart the generator's codes of the classes lie, its first layer's weights."""
    from sklearn.metrics import pairwise_distances

    codes = model.weights()["label.weight"].T.numpy()  # [class, number]
    apart, names = pairwise_distances(codes), model.spec.classes
    figure = Figure(figsize=(4.4, 3.8), layout="constrained")
    axes = figure.subplots()
    figure.colorbar(axes.imshow(apart, "Blues", vmin=0), label="Euclidean distance")
    for (i, j), value in np.ndenumerate(apart):
        colour = "white" if value > apart.max() / 2 else "black"
        axes.text(j, i, number(float(value)), ha="center", va="center", color=colour)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_title(f"label codes of {model.card.id}", fontsize=10)
    figure.savefig(target, dpi=110)


def shown(one: Estimate) -> str:
    return estimate(one.value, one.low, one.high)


def count_text(ecg: es.Ecg) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in ecg.counts().items())


if __name__ == "__main__":
    main()
