"""Checks that training and test sets share no person and have compatible signals."""

from __future__ import annotations

import hashlib
import logging

import numpy as np

from ecgsynth.augmentation.matching import PERSON
from ecgsynth.datasets.mitbih import person_of
from ecgsynth.datasets.people import DS1, DS2, PACED
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import is_record
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.rates import at_rate
from ecgsynth.signals.rr import RR
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.units import check_is_ecg

log = logging.getLogger("ecgsynth")

MITBIH = frozenset(str(record) for record in (*DS1, *DS2, *PACED))


def hashed_people(ecg: Ecg) -> list[str]:
    """The people of a set, each as the beginning of a hash: the file of a classifier names
    no person. Records 201 and 202 of MIT-BIH are one man."""
    return sorted(_hashes(ecg))


def _hashes(ecg: Ecg) -> dict[str, str]:
    """Hash -> name; where all names are records of MIT-BIH, also the hash of the man behind."""
    if ecg.patient is None:
        return {}
    names = [n for n in np.unique(ecg.patient).tolist() if not n.startswith(PERSON)]
    names = [name for name in names if name not in ("", "unknown")]
    known = {name: name for name in names}
    if names and set(names) <= MITBIH:
        men = person_of(np.array(names, np.int64)).tolist()
        known = dict(zip(map(str, men), names, strict=True)) | known
    return {hashlib.sha256(key.encode()).hexdigest()[:16]: name for key, name in known.items()}


def check_disjoint(known: list[str], test: Ecg) -> None:
    """Check that no person is in both sets.

    Raises
    ------
    EcgsynthError: a person of the test side is among those that were learned from.
    """
    test_people = _hashes(test)
    both = sorted({name for key, name in test_people.items() if key in set(known)})
    if both:
        names_text = ", ".join(both[:8]) + (f" and {len(both) - 8} more" if len(both) > 8 else "")
        same = " (records 201 and 202 are one man)" if both in (["201"], ["202"]) else ""
        raise EcgsynthError(
            f"people are in both sets: {names_text}{same}; test on other people than those of "
            "the training."
        )
    if not known or not test_people:
        log.warning("One of the two sets names no people: whether they share any is not known.")


def count_synthetic(ecg: Ecg) -> int:
    """Synthetic items of the set, by its card or by what its patients are called."""
    named = 0 if ecg.patient is None else int(np.char.startswith(ecg.patient, PERSON).sum())
    return named or (len(ecg) if ecg.synthetic else 0)


def usable_items(ecg: Ecg, whose: str) -> Ecg:
    """The finite items that carry a label, where every item should.

    whose: what the set is called in a sentence, as in "the training".

    Raises
    ------
    EcgsynthError: there are none, they are flat, or their unit is doubtful.
    """
    kept = np.isfinite(ecg.signal).all((1, 2))
    if not ecg.spec.multilabel:
        kept &= ecg.labels_id >= 0
    if not kept.any():
        raise EcgsynthError(f"{whose} set holds no finite item with a label; give one that does.")
    if not kept.all():
        log.warning("%d items that hold NaN or no label are left out.", int((~kept).sum()))
        ecg = ecg[kept]
    check_is_ecg(ecg, whose)
    return ecg


def at_classifier_rate(ecg: Ecg, spec: Spec, whose: str) -> tuple[Ecg, list[str]]:
    """The usable items at the rate of a classifier, and what is to be known of them, in sentences.

    spec: of the items that the classifier was trained on. whose: as in `usable`.

    Raises
    ------
    EcgsynthError: as `usable`; unit, leads, window or the place of R differ.
    """
    ecg, notes = usable_items(ecg, whose), []
    if ecg.spec.fs != spec.fs and not is_record(spec):
        notes.append(f"Resampled from {ecg.spec.fs:g} to {spec.fs:g} Hz.")
        ecg = at_rate(ecg, spec.fs)
    for name in ("unit", "leads", "samples"):
        expected, actual = getattr(spec, name), getattr(ecg.spec, name)
        if expected != actual and not (is_record(spec) and name == "samples"):
            raise EcgsynthError(
                f"the classifier was trained on items of {name} {_format_value(expected)}, "
                f"{whose} items have {_format_value(actual)}; cut them alike."
            )
    if not is_record(spec) and spec.r_sample is not None:
        at = ecg.spec.r_sample
        if at is None:
            notes.append(
                f"The sample of R is not stated: taken as sample {spec.r_sample} of {whose}."
            )
        elif abs(at - spec.r_sample) > 1:  # rates are rounded
            raise EcgsynthError(
                f"the classifier was trained on items with R at sample {spec.r_sample}, {whose} "
                f"items have it at {at}; cut them alike."
            )
    timed = [name for name in RR[:2] if name in spec.context]
    if timed and not set(timed) & set(ecg.spec.context):
        notes.append(f"RR intervals are not stated: {whose} items count as ones at the usual rate.")
    for note in notes:
        log.warning(note)
    return ecg, notes


def _format_value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
