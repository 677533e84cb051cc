"""Train the shipped classifiers of beats: `python -m benchmarks.classifier.train [ds1|beats ...]`.

Gradient boosting on features relative to the person's own normal beat. The calibration learns from
scores of trees that did not have the beat's person (seven parts of the people). Each part is kept
in the folder of `--work`, so that an interrupted training continues. Some six core-minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.classifier.people import GIVEN, Beats, beats_of, given_records
from ecgsynth.classification.calibration import f1_of, fit_calibration
from ecgsynth.classification.classifier import CLASSES, FOLDER, BeatClassifier
from ecgsynth.classification.trees import Trees
from ecgsynth.datasets import store
from ecgsynth.files import atomic_write
from ecgsynth.threads import limit_threads

DATABASES = {"ds1": ("mitbih",), "beats": tuple(GIVEN)}
"""Classifier -> the databases of whose given people it learns."""

PARTS = 7
"""Of the people, each left out once."""

NORMAL_ROWS = 15_000
"""Beats of class N that are drawn for a training; they weigh as much as all."""

SEEDS = {"ds1": 2, "beats": 1}
"""Trainings, of other draws, whose mean is a classifier."""

SETTINGS = {
    "max_iter": 80, "learning_rate": 0.1, "max_leaf_nodes": 12, "min_samples_leaf": 60,
    "l2_regularization": 10.0, "max_features": 0.3, "max_bins": 63, "early_stopping": False,
}  # fmt: skip

CALIBRATED_SHARE = 0.5
"""Power of a person's number of beats in the calibration: 0 = people weigh alike, 1 = beats do."""


def weights(label: NDArray[np.int64], person: NDArray[np.str_]) -> NDArray[np.float64]:
    """[beat] a rare class weighs by the root of its rarity, and so does a person within a class."""
    count = np.bincount(label, minlength=len(CLASSES))
    found = np.sqrt(len(label) / np.maximum(count, 1))[label]
    for k in range(len(CLASSES)):
        rows = label == k
        _, number, size = np.unique(person[rows], return_inverse=True, return_counts=True)
        share = np.sqrt(1 / size)[number]
        found[rows] *= share / share.mean() if rows.any() else 1
    return found / found.mean()


@limit_threads()
def fit(beats: Beats, rows: NDArray[np.bool_], seeds: int) -> Trees:
    """Trees of the beats of `rows` of one of the four classes: the mean of some trainings."""
    rows = rows & (beats.label < len(CLASSES))
    weight = np.zeros(len(rows))
    weight[rows] = weights(beats.label[rows], beats.person[rows])
    normal, parts = np.flatnonzero(rows & (beats.label == 0)), []
    for seed in range(seeds):
        random = np.random.default_rng(seed)
        some = random.choice(normal, min(NORMAL_ROWS, len(normal)), replace=False)
        kept = np.concatenate([np.sort(some), np.flatnonzero(rows & (beats.label > 0))])
        own = weight[kept] * np.where(beats.label[kept] == 0, len(normal) / len(some), 1)
        boosting = HistGradientBoostingClassifier(random_state=seed, **SETTINGS)
        fitted = boosting.fit(beats.x[kept], beats.label[kept], sample_weight=own)
        parts.append(Trees.of_scikit(fitted))
    return Trees.mean(parts)


def parts_of(beats: Beats) -> dict[str, int]:
    """Person -> the part of the people that he is in, even in S beats, then in V beats."""
    people = np.unique(beats.person)
    rare = {
        one: tuple(int(((beats.person == one) & (beats.label == k)).sum()) for k in (1, 2))
        for one in people.tolist()
    }
    order = sorted(rare, key=lambda one: (*(-n for n in rare[one]), one))
    return {one: k % PARTS for k, one in enumerate(order)}


def part_of_beats(beats: Beats) -> NDArray[np.int64]:
    """[beat] the part of the people that its person is in."""
    part_of = parts_of(beats)
    return np.array([part_of[one] for one in beats.person.tolist()])


def trees_without(beats: Beats, kept: Path, seeds: int) -> list[Trees]:
    """The trees of each part, which did not have its people; kept in files, `kept`-PART.npz."""
    part, found = part_of_beats(beats), []
    for k in range(PARTS):
        path = kept.with_name(f"{kept.name}-{k}.npz")
        found.append(trees_of(beats, part != k, seeds, path))
        print(f"{kept.name}: part {k + 1} of {PARTS}", flush=True)
    return found


def trees_of(beats: Beats, rows: NDArray[np.bool_], seeds: int, path: Path) -> Trees:
    """The trees of the beats of `rows`, from a file where they were kept."""
    if not path.is_file():
        trees = fit(beats, rows, seeds)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            arrays: dict[str, Any] = trees.arrays()
            np.savez(file, **arrays)
    return read_trees(path)


def read_trees(path: Path) -> Trees:
    """The trees that were kept in a file."""
    with np.load(path) as arrays:
        return Trees.of_arrays(arrays)


def out_of_fold(beats: Beats, trees: Sequence[Trees], part: NDArray) -> NDArray[np.float64]:
    """[beat, class] scores by trees that did not have the beat's person."""
    scores = np.zeros((len(part), len(CLASSES)))
    for k, one in enumerate(trees):
        scores[part == k] = one.logits(beats.x[part == k])
    return scores


def train(name: str, work: Path) -> None:
    """Train one classifier into the package; what the figures need of it stays in `work`."""
    beats = beats_of(given_records(DATABASES[name]))
    seeds = SEEDS[name]
    kept = work / f"{name}-{stamp(beats, seeds)}"
    without, part = trees_without(beats, kept, seeds), part_of_beats(beats)
    scores = out_of_fold(beats, without, part)
    show(f"{name}, as trained", beats, scores.argmax(1))
    known = beats.label < len(CLASSES)
    _, person = np.unique(beats.person, return_inverse=True)
    weight = np.bincount(person)[person].astype(float) ** (CALIBRATED_SHARE - 1)
    calibration = fit_calibration(
        scores[known], beats.fibrillation[known], beats.label[known], weight[known]
    )
    probability = calibration.probability(scores, beats.fibrillation)
    called = calibration.classes(probability)
    show(f"{name}, calibrated", beats, called)
    print({field: value.round(2).tolist() for field, value in vars(calibration).items()})
    facts = {
        "databases": DATABASES[name],
        "people": sorted(set(beats.person.tolist())),
        "beats": {c: int((beats.label == k).sum()) for k, c in enumerate(CLASSES)},
        "settings": SETTINGS | {"normal_rows": NORMAL_ROWS, "seeds": seeds},
    }
    trees = trees_of(
        beats, np.ones(len(known), bool), seeds, kept.with_name(f"{kept.name}-all.npz")
    )
    classifier = BeatClassifier(trees, beats.columns, calibration, facts)
    classifier.save(FOLDER / f"{name}.safetensors")
    with atomic_write(work / f"{name}.npz") as temporary, temporary.open("wb") as file:
        np.savez(
            file, probability=probability, called=called, label=beats.label, person=beats.person,
            record=beats.record, database=beats.database, part=part, kept=kept.name,
        )  # fmt: skip


def stamp(beats: Beats, seeds: int) -> str:
    """Of the features and the settings: kept parts of others are not taken up."""
    text = json.dumps([SETTINGS, NORMAL_ROWS, seeds, PARTS, beats.columns])
    content = hashlib.sha256(text.encode() + np.nan_to_num(beats.x).tobytes())
    return content.hexdigest()[:12]


def show(title: str, beats: Beats, called: NDArray[np.int64]) -> None:
    """F1 by people-wise cross-validation, over all and by database."""
    for name in ("", *dict.fromkeys(beats.database.tolist())):
        rows = beats.database == name if name else np.ones(len(called), bool)
        f1 = f1_of(beats.label[rows], called[rows])
        cells = " ".join(f"{c} {value:.3f}" for c, value in zip(CLASSES, f1, strict=True))
        print(f"{title} {name or 'all'}: {cells}, macro N S V {f1[:3].mean():.3f}", flush=True)


def main() -> None:
    logging.getLogger("ecgsynth").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[[], *DATABASES], default=[])
    parser.add_argument("--work", type=Path, default=store.data_root() / "cache" / "classifier")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or DATABASES:
        train(name, chosen.work)


if __name__ == "__main__":
    main()
