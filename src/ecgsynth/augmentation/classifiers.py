"""Classifiers of a fixed kind, trained on any set and tested on other people only."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ecgsynth.augmentation.baselines import Arm, make_training_set
from ecgsynth.augmentation.novelty import KIND, Detector, facts_of
from ecgsynth.augmentation.patient_leakage import (
    at_classifier_rate,
    check_disjoint,
    count_synthetic,
    hashed_people,
    usable_items,
)
from ecgsynth.datasets.people import test_people
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.inputs import select_classes
from ecgsynth.evaluation.reference_models.classifiers import STEPS, fit
from ecgsynth.evaluation.reference_models.instruments import COMPONENTS, Instrument, make_instrument
from ecgsynth.signals.ecg import Ecg
from ecgsynth.threads import limit_threads

log = logging.getLogger("ecgsynth")


@limit_threads()
def train_classifier(
    train: Ecg,
    validation: Ecg | None = None,
    *,
    arm: Arm = "weights",
    steps: int = STEPS,
    seed: int = 0,
    advance: Callable[[int], None] | None = None,
) -> Instrument:
    """Train the fixed classifier of `evaluation.classifiers` on a set, real, synthetic or mixed.

    Parameters
    ----------
    validation: real items of other people, whose score chooses the weights that are kept.
    arm: what is done about rare classes; see `baselines.make_training_set`.
    advance: called with the steps done.

    Raises
    ------
    EcgsynthError: fewer than two classes, a class without items, people in both sets, signals
        that are no ECG in their unit or not cut alike.
    """
    train = usable_items(train, "the training")
    warn_of_test_side(train, "is learned from")
    empty = [name for name, count in train.counts().items() if not count]
    if len(train.spec.classes) < 2 or empty:
        named = f"class {', '.join(empty)} has no items" if empty else "there is one class at most"
        raise EcgsynthError(
            f"a classifier needs two classes with items, and {named}; leave it out, as in "
            "classes=[N,S,V]."
        )
    if len(train) < COMPONENTS:
        raise EcgsynthError(f"a classifier needs {COMPONENTS} items; the set has {len(train)}.")
    if validation is not None:
        check_disjoint(hashed_people(train), validation)
        warn_of_test_side(validation, "chooses the weights")
        validation, _ = at_classifier_rate(validation, train.spec, "the validation")
        validation = items_of_classes(validation, train.spec.classes, "validation").quantised()
    facts = {
        "source": train.source,
        "counts": train.counts(),
        "synthetic": count_synthetic(train),
        "people": hashed_people(train),
        "arm": arm,
        "steps": steps,
        "seed": seed,
        "validation": validation.source if validation is not None else None,
    }
    filled, weighted = make_training_set(train.quantised(), arm, seed)
    net = fit(filled, validation, weighted=weighted, steps=steps, seed=seed, advance=advance)
    return make_instrument(net, train, facts)


@limit_threads()
def train_detector(train: Ecg, label: str = "N", seed: int = 0) -> Detector:
    """Fit the one-class detector on the items of one class of a set.

    Raises
    ------
    EcgsynthError: as `Detector.fit`; signals that are no ECG in their unit.
    """
    train = usable_items(train, "the training")
    warn_of_test_side(train, "is learned from")
    facts = {"source": train.source, "people": hashed_people(train), "seed": seed}
    return Detector.fit(train, label, facts | {"synthetic": count_synthetic(train)}, seed)


def prepare_test_set(classifier: Instrument | Detector, test: Ecg) -> tuple[Ecg, list[str]]:
    """The test items as the classifier can look at them, and what was done to them, in sentences.

    Raises
    ------
    EcgsynthError: signals that are no ECG in their unit or not cut alike, no class is shared,
        people in both sets.
    """
    spec, notes = classifier.spec, []
    check_disjoint(classifier.facts["people"], test)
    if test_people(test):
        notes.append("DS2 was looked at: once per shipped version.")
        log.warning("This looks at DS2, the test side: once per shipped version.")
    if count_synthetic(test):
        notes.append("Synthetic items are among those that are tested on.")
        log.warning(notes[-1])
    test, more = at_classifier_rate(test, spec, "the test")
    notes += more
    if isinstance(classifier, Detector):
        own, counts = classifier.facts["label"], test.counts()
        if not counts.get(own) or not any(n for name, n in counts.items() if name != own):
            counts_text = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise EcgsynthError(
                f"a detector of class {own} is tested on items of {own} and of other classes; "
                f"these are {counts_text}."
            )
        return test.quantised(), notes
    absent = {n: c for n, c in test.counts().items() if c and n not in spec.classes}
    if absent:
        counts_text = ", ".join(f"{count} {name}" for name, count in absent.items())
        notes.append(f"Left out, as the classifier has no such class: {counts_text}.")
    test = items_of_classes(test, spec.classes, "test")
    missing = [name for name, count in test.counts().items() if not count]
    if missing:
        notes.append(f"No macro over {', '.join(missing)}: no such item is tested on.")
    return replace(test, spec=replace(test.spec, classes=spec.classes)).quantised(), notes


def items_of_classes(ecg: Ecg, classes: tuple[str, ...], what: str) -> Ecg:
    """The items of these classes.

    Raises
    ------
    EcgsynthError: there are none.
    """
    found = select_classes(ecg, classes)
    if not len(found):
        raise EcgsynthError(
            f"no {what} item carries one of {', '.join(classes)}; name classes alike."
        )
    return found


def warn_of_test_side(ecg: Ecg, what: str) -> None:
    """Warn where the test people (DS2) are used for something else than a test."""
    if test_people(ecg):
        log.warning("DS2, the test side, %s: no figure on it will count.", what)


def load_classifier(path: Path) -> Instrument | Detector:
    """A classifier or detector from its file.

    Raises
    ------
    EcgsynthError: it is not there, or not one of ours.
    """
    if not path.is_file():
        raise EcgsynthError(f"there is no classifier {path}; train one with `classify train`.")
    found: Instrument | Detector
    found = Detector.load(path) if facts_of(path).get("kind") == KIND else Instrument.load(path)
    if "people" not in found.facts:
        raise EcgsynthError(
            f"{path} does not name the people that it was trained on; train it again "
            "with `classify train`."
        )
    return found
