"""Contexts that are one of several kinds, such as the database or the lead of a recording.

A context named `KIND:VALUE`, such as `lead:V4`, is 1 or 0. It is a property of the person who was
recorded, so that it goes with a style and is not drawn on its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.arguments import quote
from ecgsynth.errors import EcgsynthError, did_you_mean
from ecgsynth.signals.anonymity import PEOPLE
from ecgsynth.signals.prior.classes import ClassPrior
from ecgsynth.signals.prior.laws import Values

MARK = ":"

Kinds = Mapping[str, tuple[int, ...]]
"""Name of a context -> the styles that have it."""


def is_kind(name: str) -> bool:
    """Whether a context is one of several kinds."""
    return MARK in name


def fit_kinds(
    names: Sequence[str], context: Values, style: NDArray[np.int64]
) -> dict[str, tuple[int, ...]]:
    """The styles that have each of these contexts in most of their items.

    names: of the contexts. context: [item, context]. style: [item].
    """
    count = np.bincount(style)
    found = {}
    for name, column in zip(names, context.T, strict=True):
        if is_kind(name):
            share = np.bincount(style, np.nan_to_num(column)) / np.maximum(count, 1)
            found[name] = tuple(np.flatnonzero(share > 0.5).tolist())
    return found


def expand(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Wanted contexts with `lead=V4` written out: `lead:V4` is 1, the other leads are 0.

    Raises
    ------
    EcgsynthError: there is no such value.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        family = [name for name in names if name.startswith(f"{key}{MARK}")]
        if not family:
            found[key] = value
            continue
        known = [name.removeprefix(key + MARK) for name in family]
        if value not in known:
            raise EcgsynthError(
                f"the context '{key}' has no value {quote(value)}.{did_you_mean(str(value), known)}"
            )
        found |= {name: float(name == f"{key}{MARK}{value}") for name in family}
    return found


def law_of_kinds(
    law: ClassPrior, home: ClassPrior, kinds: Kinds, wanted: Mapping[str, float]
) -> ClassPrior:
    """The law of a class for the styles that have the wanted contexts.

    Where fewer than PEOPLE of these have items of the class, it is given to all of them, with the
    contexts that the class has in everybody.

    home: the law of the class that most styles have. wanted: name of a context -> 1 or 0.

    Raises
    ------
    EcgsynthError: fewer than PEOPLE styles have them together.
    """
    able = np.ones(len(home.styles), bool)
    for name, value in wanted.items():
        able &= np.isin(home.styles, kinds[name]) == bool(value)
    chosen = np.unique(home.styles[able])
    if len(chosen) < PEOPLE:
        together = " and ".join(name for name, value in wanted.items() if value) or "none of these"
        raise EcgsynthError(
            f"fewer than {PEOPLE} people that the model learned from have {together} together; "
            "ask for one of them alone."
        )
    own = np.isin(law.styles, chosen)
    if len(np.unique(law.styles[own])) >= PEOPLE:
        return law.of_styles(own)
    return law.with_all_styles(home.of_styles(able))


def columns_of(kinds: Kinds, names: Sequence[str], style: NDArray[np.int64]) -> dict[int, Values]:
    """Place of a context among `names` -> [item] whether each style has it."""
    return {names.index(name): np.isin(style, own).astype(float) for name, own in kinds.items()}
