"""What a training set is refused for, and what of it stands as a doubt in the card."""

from __future__ import annotations

import logging
from hashlib import sha256

import numpy as np

from ecgsynth.config import Run
from ecgsynth.errors import EcgsynthError
from ecgsynth.recipes import shipped
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import doubted_unit

log = logging.getLogger("ecgsynth")

FEW = 30
"""Items of a class below which a generator learns them by heart."""

ONE = 0.9
"""Share of a class that is of one person, from which on it is said."""

COPIES = 0.01
"""Share of items that are exact copies of others, from which on it is said."""

TOO_HIGH = 20.0
"""Times the median height of the items; beats of one set differ by less than ten times."""

FAR = 2.0
"""Ratio of rate or length to those that a recipe was made for."""


USUAL_BATCH = 1024
"""A batch of up to so many items is taken even from a smaller set, whose items then repeat."""


def refuse(data: Ecg, batch: int) -> None:
    """Refuse a training set that cannot give a model.

    Raises
    ------
    EcgsynthError: NaN or infinity in the signals; a class without an item; a batch that is far
        larger than the set.
    """
    if batch > max(len(data), USUAL_BATCH):
        raise EcgsynthError(
            f"training.batch={batch} is more than the {len(data):,} items of {data.source}; choose "
            f"at most {max(len(data), USUAL_BATCH):,}."
        )
    if not np.isfinite(data.signal).all():
        raise EcgsynthError("the training signals hold NaN or infinity; drop those items first.")
    for name, total in data.counts().items():
        if total == 0:
            raise EcgsynthError(
                f"class '{name}' has no item in {data.source}; leave it out of data.classes."
            )


def doubts(run: Run, data: Ecg) -> list[str]:
    """A sentence for everything that makes a model of this set doubtful; each is also warned of."""
    said = [*_of_size(data), *_of_people(data), *_of_signals(data), *_of_shape(run, data.spec)]
    for sentence in said:
        log.warning("%s", sentence)
    return said


def _of_size(data: Ecg) -> list[str]:
    said = [
        f"class '{name}' has only {total} item{'s' * (total > 1)}; expect copies of "
        f"{'them' if total > 1 else 'it'}."
        for name, total in data.counts().items() if total < FEW
    ]  # fmt: skip
    if not data.spec.classes and len(data) < FEW:
        said.append(f"the training set has only {len(data)} items; expect copies of them.")
    copies = len(data) - len({sha256(item.tobytes()).digest() for item in data.signal})
    if copies > COPIES * len(data):
        said.append(
            f"{copies:,} of the {len(data):,} training items are exact copies of others; what is "
            "repeated is learned by heart first."
        )
    return said


def _of_people(data: Ecg) -> list[str]:
    if data.patient is None:
        return []
    people = np.asarray(data.patient)
    if len(np.unique(people)) == 1:
        return [
            "all training items are of one person; what is made resembles that person and "
            "stands for nobody else."
        ]
    said = []
    for name in () if data.spec.multilabel else data.spec.classes:
        each = np.unique(people[data.labels_str == name], return_counts=True)[1]
        if each.max() > ONE * each.sum():
            said.append(
                f"{each.max():,} of the {each.sum():,} items of class '{name}' are of one person."
            )
    return said


def _of_signals(data: Ecg) -> list[str]:
    if doubt := doubted_unit(data):
        return [f"THE UNIT IS DOUBTFUL: the training {doubt} and train again."]
    heights = np.ptp(data.signal, axis=2).max(1)
    middle = float(np.median(heights))
    high = int((heights > TOO_HIGH * middle).sum())
    if not high:
        return []
    return [
        f"{high:,} of the {len(data):,} training items {'are' if high > 1 else 'is'} more than "
        f"{TOO_HIGH:g} times as high as the median of {middle:.2g} {data.spec.unit} (the highest "
        f"{heights.max():.2g}); artefacts or another unit: drop them, since they set the scale."
    ]


def _of_shape(run: Run, spec: Spec) -> list[str]:
    meant = _made_for(run)
    if meant is None:
        return []
    ratios = (spec.fs / meant.fs, spec.samples / meant.samples)
    if all(1 / FAR <= ratio <= FAR for ratio in ratios):
        return []
    return [
        f"the recipe {run.name} was made for {meant.samples} samples at {meant.fs:g} Hz, and these "
        f"items have {spec.samples} at {spec.fs:g} Hz: its sizes and rates may not suit them. "
        "Judge the model before you use it."
    ]


def _made_for(run: Run) -> Spec | None:
    """The items that the shipped recipe of this name was made for, or else the run itself."""
    settings = (Run.read(run.name) if run.name in shipped() else run).data_settings()
    return getattr(settings, "spec", None)
