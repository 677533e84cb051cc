"""Synthetic beats behind the gate: made once a generator and training set, taken by every ratio."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

import ecgsynth as es
from benchmarks.augmentation.generators import check_generator
from benchmarks.augmentation.options import options
from benchmarks.augmentation.subsets import subset
from benchmarks.augmentation.trainings import curve_training
from ecgsynth.augmentation.gate import Gate
from ecgsynth.augmentation.matching import check_match as matched
from ecgsynth.augmentation.sampling import draw_accepted
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Trial
from ecgsynth.evaluation.baselines.samplers import class_gaussian
from ecgsynth.files import atomic_write
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, one_hot
from ecgsynth.training.card import classes_of

if TYPE_CHECKING:
    from benchmarks.augmentation.cells import Cell
    from benchmarks.augmentation.study import Study

log = logging.getLogger("ecgsynth")

STEP_MV = 0.005
"""Of the converter, on whose grid classifiers see every beat."""

Pool = dict[str, Ecg]
"""Class -> its synthetic beats, in the order in which they are added."""

Advance = Callable[[float], None]


class Gaussian(es.Synthesizer):
    """The judge's PCA-Gaussian of every class, handed out as a generator hands out its beats."""

    def __init__(self, real: Ecg) -> None:
        self.real = real
        self.sampler: Any = SimpleNamespace(spec=real.spec)

    def stream(  # type: ignore[override]
        self, count: int, label: str, seed: int = 0, *, start: int = 0, stop: int | None = None
    ) -> Iterator[Ecg]:
        part = self.real.of_class(label)
        asked = part[np.zeros((count if stop is None else stop) - start, np.int64)]
        yield class_gaussian(Trial(asked, train=part, seed=seed + start)).synthetic


def real_of(study: Study, cell: Cell) -> Ecg:
    """The real beats that a cell learns from."""
    real = study.recordings
    return subset(real.train, real.rare, cell.n, cell.subset) if cell.n else real.train


def pool_of(study: Study, cell: Cell, advance: Advance) -> Pool:
    """The synthetic beats of a cell's generator, from the folder where they were made before.

    Raises
    ------
    EcgsynthError: the generator is not trained yet, or may not stand in the study.
    """
    from filelock import FileLock

    path = study.folder / "pools" / f"{cell.pool}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    real = real_of(study, cell)
    with FileLock(path.with_name(f".{path.stem}.lock")):
        if not path.is_file():
            _write(*_made(study, cell, real, advance), path)
    try:
        return _read(path, real)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        log.warning("%s is damaged; its beats are made again.", path)
        path.unlink(missing_ok=True)
        return pool_of(study, cell, advance)


def notes_of(study: Study, cell: Cell) -> dict[str, Any]:
    """What became of every class: wanted, drawn, accepted, or the reason why there are none."""
    with np.load(study.folder / "pools" / f"{cell.pool}.npz", allow_pickle=False) as archive:
        found: dict[str, Any] = json.loads(str(archive["notes"]))
    return found


def model_of(study: Study, cell: Cell, real: Ecg) -> es.Synthesizer:
    """What makes a cell's synthetic beats.

    Raises
    ------
    EcgsynthError: as `pool_of`.
    """
    if cell.arm == "gaussian":
        return Gaussian(real)
    if not cell.n:  # looked at when the study was opened
        return es.Synthesizer.load(study.generators[cell.arm].models[cell.generator])
    training = curve_training(study, cell.n, cell.subset)
    model = es.Synthesizer.load(training.folder)
    check_generator(model, cell.arm, real, study.recordings.rare)
    theirs = {name: facts["items"] for name, facts in model.card.data["classes"].items()}
    ours = {name: facts["items"] for name, facts in classes_of(real).items()}
    if theirs != ours:  # a card tells numbers of items to a tenth
        raise EcgsynthError(
            f"{training.folder} learned from {theirs}, not from the {ours} beats of this "
            "point of the curve; train it anew."
        )
    return model


def gate_of(study: Study, cell: Cell, real: Ecg) -> Gate:
    """The gate of a training set; it knows no more than these real beats, and is kept for the next
    generator of the same ones."""
    key = cell.n, cell.subset
    if key not in study.gates:
        rare = list(study.recordings.rare)
        study.gates = {key: Gate.fit(real, rare, study.settings.gate, cell.subset)}
    return study.gates[key]


def taken(pool: Pool, name: str, count: int) -> Ecg:
    """So many beats of a class: the first ones, and all of them again where there are fewer."""
    return pool[name][np.arange(count) % len(pool[name])]


def _made(
    study: Study, cell: Cell, real: Ecg, advance: Advance
) -> tuple[Pool, dict[str, dict[str, Any]]]:
    """As many beats of every rare class as the largest ratio takes, at most `distinct`, as far as
    the gate lets them through."""
    rare, counts = study.recordings.rare, real.counts()
    model = model_of(study, cell, real)
    matched(model.spec, real.spec, cell.arm)
    seed = cell.generator + 1
    gate = gate_of(study, cell, real)
    largest = counts[study.recordings.largest]
    pool: Pool = {}
    notes: dict[str, dict[str, Any]] = {}
    for done, name in enumerate(rare):
        tried = options(cell.arm, study.settings, cell.n)
        most = max(option.wanted(counts[name], largest) for option in tried)
        wanted = min(most, study.settings.distinct)

        def report(share: float, done: int = done) -> None:
            advance((done + share) / len(rare))

        if not wanted:
            continue
        try:
            pool[name], found = draw_accepted(
                model, name, wanted, real.spec, gate=gate, seed=seed, advance=report
            )
            notes[name] = {"wanted": wanted, "drawn": found.drawn, "accepted": found.accepted}
        except EcgsynthError as problem:  # the gate let nothing through: the class stays as it is
            log.warning("%s: %s", cell.pool, problem)
            notes[name] = {"wanted": wanted, "accepted": 0, "reason": str(problem)}
    return pool, notes


def _write(pool: Pool, notes: dict[str, dict[str, Any]], path: Path) -> None:
    columns: dict[str, Any] = {"notes": json.dumps(notes)}
    for name, ecg in pool.items():
        steps = np.round(ecg.signal / STEP_MV)
        columns[f"{name}/signal"] = steps.clip(-32768, 32767).astype(np.int16)
        columns[f"{name}/context"] = np.asarray(ecg.context)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **columns)


def _read(path: Path, real: Ecg) -> Pool:
    pool = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in [key for key in archive.files if key.endswith("/signal")]:
            name = key.removesuffix("/signal")
            signal, context = archive[key], archive[f"{name}/context"]
            label = np.full(len(signal), real.spec.class_index(name))
            pool[name] = Ecg(
                signal.astype(np.float32) * np.float32(STEP_MV), real.spec,
                one_hot(label, len(real.spec.classes)), context, source=SYNTHETIC + path.stem,
            )  # fmt: skip
    return pool
