"""How many people have the labels, kinds of beats and rhythms of strips."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.rhythm import CODES
from ecgsynth.signals.vocabulary import AAMI_CLASSES, AAMI_OF_SYMBOL

AFIB = "AFIB"
"""Label of strips half of which or more is atrial fibrillation."""

PACED = ("/", "f")
"""Symbols of paced beats; Q and ? are beats that nobody could classify."""


def label_owners(
    arrays: dict[str, NDArray], facts: dict[str, Any]
) -> tuple[dict[str, set[str]], set[str]]:
    """The training people who have each label, and all of them."""
    owners: dict[str, set[str]] = {}
    af = set(np.asarray(arrays["record"])[np.asarray(arrays["fibrillates"])].tolist())
    for number, one in enumerate(facts["records"]):
        for name in [AFIB] * (number in af) + one["labels"]:
            owners.setdefault(name, set()).add(one["person"])
    return owners, {one["person"] for one in facts["records"]}


def people_of_kinds(arrays: dict[str, NDArray], facts: dict[str, Any]) -> dict[str, int]:
    """By kind of beat the training people who have some; of Q those with paced beats alone."""
    who = np.array([one["person"] for one in facts["records"]])
    of_beat = who[np.asarray(arrays["record"])[np.asarray(arrays["item"])]]
    symbol = np.asarray(arrays["symbol"])
    kind = np.array([AAMI_OF_SYMBOL[str(one)] for one in symbol])
    kind[(kind == "Q") & ~np.isin(symbol, PACED)] = ""
    return {name: len(np.unique(of_beat[kind == name])) for name in AAMI_CLASSES}


def people_of_rhythms(facts: dict[str, Any]) -> dict[str, int]:
    """By code of WFDB the training people in whose recordings the rhythm is annotated."""
    pairs = {
        (code, one["person"])
        for one in facts["records"] for code in one["rhythms"] if code in CODES
    }  # fmt: skip
    return dict(sorted(Counter(code for code, _ in pairs).items()))
