"""Checks of a training set: reasons to refuse it, and warnings that the card keeps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import numpy as np

from ecgsynth.config import Run
from ecgsynth.datasets.people import test_people
from ecgsynth.errors import EcgsynthError
from ecgsynth.recipes import shipped
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.scaling import LEAST
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import unit_problem
from ecgsynth.simulator.records import SOURCE

log = logging.getLogger("ecgsynth")

STEPS = 10
"""Steps that an item has to be high; of a lower one nothing would be left."""

FEW = 30
"""Items of a class below which a generator learns them by heart."""

ONE = 0.9
"""Share of a class that is of one person, from which on there is a warning."""

COPIES = 0.01
"""Share of items that are exact copies of others, from which on there is a warning."""

TOO_HIGH = 20.0
"""Times the median height of the items; beats of one set differ by less than ten times."""

TOO_FAR = 5.0
"""Times that height; so far from zero no baseline lies."""

TOO_LOW = 0.01
"""Share of the other leads' height; the lead is in another unit, or not connected."""

FAR = 2.0
"""Ratio of rate or length to those that a recipe was made for."""


USUAL_BATCH = 1024
"""A batch of up to so many items is taken even from a smaller set, whose items then repeat."""


def check_training_set(data: Ecg, batch: int) -> None:
    """Refuse a training set that cannot give a model.

    Raises
    ------
    EcgsynthError: people who are kept for tests; NaN or infinity in the signals, or signals lower
        than what can be generated; a class without an item; a batch that is far larger than the
        set.
    """
    if not len(data):
        raise EcgsynthError(f"the training set {data.source} is empty; give one with items.")
    if tested := test_people(data):
        raise EcgsynthError(
            f"{data.source} holds {len(tested)} people on whom models are tested and none is "
            f"trained, such as {tested[0]}; take a training split, as in data.split=train."
        )
    if batch > max(len(data), USUAL_BATCH):
        raise EcgsynthError(
            f"training.batch={batch} is more than the {len(data):,} items of {data.source}; choose "
            f"at most {max(len(data), USUAL_BATCH):,}."
        )
    if not np.isfinite(data.signal).all():
        raise EcgsynthError("the training signals hold NaN or infinity; drop those items first.")
    height = float(np.median(np.ptp(data.signal, axis=2).max(1)))
    if data.spec.unit == "mV" and 0 < height < STEPS * LEAST:
        raise EcgsynthError(
            f"the training signals span {height:.2g} mV, and what is generated has steps of "
            f"{LEAST:g} mV: nothing would be left of them; bring them to mV, or set "
            "data.unit=normalised."
        )
    counts = data.counts()
    there = ",".join(name for name, total in counts.items() if total)
    for name, total in counts.items():
        if total == 0:
            raise EcgsynthError(
                f"class '{name}' has no item in {data.source}; leave it out of data.classes, as "
                f"in data.classes=[{there}]."
            )


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Collect the warnings while a set is read; they concern the model, too."""
    sentences: list[str] = []

    class ListHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            sentences.append(record.getMessage())

    hearing = ListHandler(logging.WARNING)
    log.addHandler(hearing)
    try:
        yield sentences
    finally:
        log.removeHandler(hearing)


def training_set_warnings(run: Run, data: Ecg) -> list[str]:
    """A sentence for everything that makes a model of this set doubtful; each is also warned of."""
    sentences = [
        *_check_origin(data), *_check_size(data), *_check_labels(data), *_check_people(data),
        *_check_signals(data), *_check_shape(run, data.spec),
    ]  # fmt: skip
    for sentence in sentences:
        log.warning("%s", sentence)
    return sentences


def _check_origin(data: Ecg) -> list[str]:
    if not data.synthetic or data.source.startswith(SOURCE):
        return []
    return [
        f"the training items are synthetic ({data.source}): a model of a model, whose figures "
        "do not hold for real ECG."
    ]


def _check_labels(data: Ecg) -> list[str]:
    bare = int((data.labels_id < 0).sum())
    if data.spec.multilabel or not data.spec.classes or not bare:
        return []
    return [
        f"{bare:,} of the {len(data):,} training items have no label; they are learned, and "
        "cannot be asked for."
    ]


def _check_size(data: Ecg) -> list[str]:
    sentences = [
        f"class '{name}' has only {total} item{'s' * (total > 1)}; expect copies of "
        f"{'them' if total > 1 else 'it'}."
        for name, total in data.counts().items() if total < FEW
    ]  # fmt: skip
    if not data.spec.classes and len(data) < FEW:
        sentences.append(f"the training set has only {len(data)} items; expect copies of them.")
    copies = len(data) - len({sha256(item.tobytes()).digest() for item in data.signal})
    if copies > COPIES * len(data):
        sentences.append(
            f"{copies:,} of the {len(data):,} training items are exact copies of others; what is "
            "repeated is learned by heart first."
        )
    return sentences


def _check_people(data: Ecg) -> list[str]:
    if data.patient is None:
        return []
    people = np.asarray(data.patient)
    if len(np.unique(people)) == 1:
        return [
            "all training items are of one person; what is made resembles that person and "
            "no one else."
        ]
    sentences = []
    for name in () if data.spec.multilabel else data.spec.classes:
        each = np.unique(people[data.labels_str == name], return_counts=True)[1]
        if each.sum() > 1 and each.max() > ONE * each.sum():
            sentences.append(f"more than nine in ten items of class '{name}' are of one person.")
        elif 0 < len(each) < PEOPLE:
            sentences.append(
                f"fewer than {PEOPLE} people have items of class '{name}': their contexts were "
                "made coarse, and their shapes are those people's."
            )
    return sentences


def _check_signals(data: Ecg) -> list[str]:
    if problem := unit_problem(data):
        return [f"THE UNIT IS DOUBTFUL: the training {problem} and train again."]
    leads = np.ptp(data.signal, axis=2)
    level = np.median(data.signal, axis=2)
    heights = leads.max(1)
    middle, unit = float(np.median(heights)), data.spec.unit
    usual = np.median(level, axis=0)
    sentences = []
    if np.abs(usual).max() > TOO_FAR * middle:
        sentences.append(
            f"the training signals stand at {usual[np.abs(usual).argmax()]:.3g} {unit} and are "
            f"{middle:.2g} {unit} high: an offset that the model learns instead of the ECG; "
            "subtract it."
        )
    off = (heights > TOO_HIGH * middle) | (np.abs(level - usual).max(1) > TOO_HIGH * middle)
    if high := int(off.sum()):
        sentences.append(
            f"{high:,} of the {len(data):,} training items {'are' if high > 1 else 'is'} more than "
            f"{TOO_HIGH:g} times as high, or as far from the others' level, as the median height "
            f"of {middle:.2g} {unit} (the highest {heights.max():.2g}); artefacts or another "
            "unit: drop them, since they set the scale."
        )
    each = np.median(leads, axis=0)
    low = [name for name, h in zip(data.spec.leads, each, strict=True) if h < TOO_LOW * each.max()]
    if low:
        sentences.append(
            f"the lead{'s' * (len(low) > 1)} {', '.join(low)} of the training items "
            f"{'are' if len(low) > 1 else 'is'} less than a hundredth as high as the highest lead; "
            "another unit, or not connected?"
        )
    return sentences


def _check_shape(run: Run, spec: Spec) -> list[str]:
    meant = _intended_spec(run)
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


def _intended_spec(run: Run) -> Spec | None:
    """The items that the shipped recipe of this name was made for, or else the run itself."""
    settings = (Run.read(run.name) if run.name in shipped() else run).data_settings()
    return getattr(settings, "spec", None)
