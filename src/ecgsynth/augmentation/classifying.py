"""Fixed classifiers trained on any set, and kept away from people that they learned from."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from ecgsynth.augmentation.arms import Arm, armed
from ecgsynth.augmentation.matching import PERSON
from ecgsynth.augmentation.novelty import KIND, Detector, facts_of
from ecgsynth.datasets.mitbih import DS1, DS2, person_of
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import is_record
from ecgsynth.evaluation.classifiers import STEPS, fit
from ecgsynth.evaluation.instruments import COMPONENTS, Instrument, made
from ecgsynth.evaluation.sets import at_rate, relabelled
from ecgsynth.signals.ecg import Ecg

log = logging.getLogger("ecgsynth")

TEST_SIDES = ("mitbih:test", "mitbih:test-literature", "mitbih:ds2")

MITBIH = frozenset(str(record) for record in (*DS1, *DS2, 102, 104, 107, 217))


def learn(
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
    arm: what is done about rare classes; see `arms.armed`. advance: called with the steps done.

    Raises
    ------
    EcgsynthError: fewer than two classes, a class without items, people on both sides.
    """
    train = _labelled(train)
    empty = [name for name, count in train.counts().items() if not count]
    if len(train.spec.classes) < 2 or empty:
        named = f"class {', '.join(empty)} has no items" if empty else "there is one class at most"
        raise EcgsynthError(
            f"nothing can be told apart: {named}; leave it out, as in classes=[N,S,V]."
        )
    if len(train) < COMPONENTS:
        raise EcgsynthError(f"a classifier needs {COMPONENTS} items; the set has {len(train)}.")
    if validation is not None:
        refuse_shared(people(train), validation)
        validation = relabelled(validation, train.spec.classes).quantised()
    facts = {
        "source": train.source,
        "counts": train.counts(),
        "synthetic": _synthetic(train),
        "people": people(train),
        "arm": arm,
        "steps": steps,
        "seed": seed,
        "validation": validation.source if validation is not None else None,
    }
    shown, weighted = armed(train.quantised(), arm, seed)
    net = fit(shown, validation, weighted=weighted, steps=steps, seed=seed, advance=advance)
    return made(net, train, facts)


def _labelled(ecg: Ecg) -> Ecg:
    """The finite items that carry a label, where every item should."""
    kept = np.isfinite(ecg.signal).all((1, 2))
    if not ecg.spec.multilabel:
        kept &= ecg.labels_id >= 0
    if not kept.any():
        raise EcgsynthError("the set holds no finite item with a label; give one that does.")
    if not kept.all():
        log.warning("%d items that hold NaN or no label are left out.", int((~kept).sum()))
        ecg = ecg[kept]
    return ecg


def _synthetic(ecg: Ecg) -> int:
    """Synthetic items of the set."""
    if ecg.patient is not None and "mixed" in (ecg.card or {}):
        return int(np.char.startswith(ecg.patient, PERSON).sum())
    return len(ecg) if ecg.synthetic else 0


def people(ecg: Ecg) -> list[str]:
    """The people of a set, each as the beginning of a hash: a classifier that is passed on names
    nobody. Records 201 and 202 of MIT-BIH are one man."""
    return sorted(_hashed(ecg))


def _hashed(ecg: Ecg) -> dict[str, str]:
    """Hash -> name."""
    if ecg.patient is None:
        return {}
    names = [n for n in np.unique(ecg.patient).tolist() if not n.startswith(PERSON)]
    names = [name for name in names if name not in ("", "unknown")]
    if names and set(names) <= MITBIH:
        names = np.unique(person_of(np.array(names, np.int64))).tolist()
    return {hashlib.sha256(name.encode()).hexdigest()[:16]: name for name in names}


def refuse_shared(known: list[str], test: Ecg) -> None:
    """
    Raises
    ------
    EcgsynthError: a person of the test side is among those that were learned from.
    """
    theirs = _hashed(test)
    both = sorted(name for key, name in theirs.items() if key in set(known))
    if both:
        told = ", ".join(both[:8]) + (f" and {len(both) - 8} more" if len(both) > 8 else "")
        same = " (records 201 and 202 are one man)" if both == ["201"] else ""
        raise EcgsynthError(
            f"people stand on both sides: {told}{same}; test on other people than were learned "
            "from."
        )
    if not known or not theirs:
        log.warning("People are not told on both sides: whether any stand on both is not known.")


def test_set(knower: Instrument | Detector, test: Ecg) -> tuple[Ecg, list[str]]:
    """The test items as the classifier can look at them, and what was done to them, in sentences.

    Raises
    ------
    EcgsynthError: unit, leads or window differ, no class is shared, people on both sides.
    """
    spec, notes = knower.spec, []
    refuse_shared(knower.facts["people"], test)
    if test.source in TEST_SIDES:
        notes.append("DS2 was looked at: once per shipped version.")
        log.warning("This looks at DS2, the test side: once per shipped version.")
    if test.synthetic:
        notes.append("Synthetic items are among those that are tested on.")
        log.warning(notes[-1])
    test = _labelled(test)
    if test.spec.fs != spec.fs and not is_record(spec):
        notes.append(f"Resampled from {test.spec.fs:g} to {spec.fs:g} Hz.")
        log.warning(notes[-1])
        test = at_rate(test, spec.fs)
    for name in ("unit", "leads", "samples"):
        mine, theirs = getattr(spec, name), getattr(test.spec, name)
        if mine != theirs and not (is_record(spec) and name == "samples"):
            raise EcgsynthError(
                f"the classifier was trained on items of {name} {_said(mine)}, those to test on "
                f"have {_said(theirs)}; cut them alike."
            )
    absent = {n: c for n, c in test.counts().items() if c and n not in spec.classes}
    if absent:
        told = ", ".join(f"{count} {name}" for name, count in absent.items())
        notes.append(f"Left out, as the classifier has no such class: {told}.")
    test = relabelled(test, spec.classes)
    if not len(test):
        raise EcgsynthError(
            f"no item to test on carries one of {', '.join(spec.classes)}; name classes alike."
        )
    return replace(test, spec=replace(test.spec, classes=spec.classes)).quantised(), notes


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def load(path: Path) -> Instrument | Detector:
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
            f"{path} does not say whom it learned from; train it with `classify train`."
        )
    return found
