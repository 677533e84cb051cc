"""Which rhythms the people show that a model learned from; others are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.rhythm import CODES, Rhythm
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_NAMES

if TYPE_CHECKING:
    from ecgsynth.rhythm.prior import RecordPrior
    from ecgsynth.synthesizer.sampler import NetworkSampler

AFIB = "AFIB"

OF_THEIR_OWN = ("(AFL", "(VF", "(VFL", "(ASYS", "(P", "(PREX", "(BII", "(B3")
"""Rhythms that beats alone do not make: waves between the beats, P waves without an answer, QRS
complexes of another form. Others, such as VT, follow from their beats."""

DETECTED = ("N", "S", "V")
"""Kinds of the beats that the delineator names, where a set has no annotated ones."""


def check_shown(sampler: NetworkSampler, prior: RecordPrior, rhythm: Rhythm) -> None:
    """Refuse a rhythm of which the model knows too little.

    Raises
    ------
    EcgsynthError: fewer than PEOPLE of the people that it learned from have a rhythm or a kind of
        beat.
    """
    facts, name = sampler.card.data, sampler.card.name
    codes = dict.fromkeys(one.code for one in rhythm.episodes)
    for code in codes:
        if code in OF_THEIR_OWN:
            _check(name, CODES.get(code, code), _count(facts, "people_of_rhythm", code))
    if "(AFIB" in codes and AFIB not in prior.classes:
        _check(name, CODES["(AFIB"], _count(facts, "people_of_rhythm", "(AFIB"))
    if len(rhythm.lone_p_s):
        _check(name, "P waves that no beat answers", _count(facts, "people_of_rhythm", "(BII"))
    for kind in np.unique(rhythm.kind).tolist():
        label = AAMI_CLASSES[kind]
        what = "paced" if label == "Q" else AAMI_NAMES[label]
        if "people_of_kind" in facts or label not in DETECTED:
            _check(name, f"beats that are {what}", _count(facts, "people_of_kind", label))


def _count(facts: dict[str, Any], table: str, key: str) -> int:
    found = facts.get(table)
    return int(found.get(key, 0)) if isinstance(found, dict) else 0


def _check(name: str, what: str, people: int) -> None:
    if people < PEOPLE:
        raise EcgsynthError(
            f"{name} makes no {what}: {people or 'none'} of the people that it learned from "
            f"{'has' if people == 1 else 'have'} it, and {PEOPLE} are needed; the simulator draws "
            "it, with --model simulator."
        )
