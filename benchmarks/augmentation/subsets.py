"""The curve's training sets: all beats of the large class, n of every rare one, from few people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import ecgsynth as es
from ecgsynth.errors import EcgsynthError


def subset(train: es.Ecg, rare: tuple[str, ...], n: int, seed: int) -> es.Ecg:
    """All beats but those of the rare classes, and n of each of these, in their old order.

    Who has little has it from few patients: the beats of a class come from as few people as have
    so many, whom the seed draws where several could give them, and so it draws their beats. A
    class that has no more than n beats gives all of them.

    Raises
    ------
    EcgsynthError: n is below one, or the beats do not name their people.
    """
    if n < 1:
        raise EcgsynthError(f"a point of the curve holds at least one beat of a class; got {n}.")
    if train.patient is None:
        raise EcgsynthError(f"{train.source} does not name the patients of its beats; add them.")
    label, kept = train.labels_str, [np.flatnonzero(~np.isin(train.labels_str, rare))]
    for name in rare:
        rows = np.flatnonzero(label == name)
        random = np.random.default_rng([seed, n, *name.encode()])
        kept.append(_few(rows, train.patient[rows], n, random))
    return train[np.sort(np.concatenate(kept))]


def _few(
    rows: NDArray[np.int64], who: NDArray[np.str_], n: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """n of these rows, from as few people as can give them."""
    chosen: list[NDArray[np.int64]] = []
    names, sizes = np.unique(who, return_counts=True)
    missing = min(n, len(rows))
    while missing:
        enough = np.flatnonzero(sizes >= missing)
        one = int(random.choice(enough)) if len(enough) else int(sizes.argmax())
        theirs = random.permutation(rows[who == names[one]])[:missing]
        chosen.append(theirs)
        missing -= len(theirs)
        names, sizes = np.delete(names, one), np.delete(sizes, one)
    return np.concatenate(chosen)


def people_of(part: es.Ecg, rare: tuple[str, ...]) -> dict[str, int]:
    """Class -> people who gave its beats."""
    found = part.people_per_class()
    return {name: int(found[name].get("patients", 0)) for name in rare}
