"""Splits between people: each person is in one of them, and that never changes."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "heldout", "validation", "test")
GAP = "gap"
"""An item that shares samples with both train and heldout, and belongs to neither."""


def split_of_person(person: str, seed: int, validation: float, test: float) -> str:
    """Which of train, validation and test a person is in.

    It depends on the person's name and the seed alone: people who are added later move no one.
    validation, test: the shares of people that they get in the long run.
    """
    digest = hashlib.sha256(f"{seed}:{person}".encode()).digest()
    level = int.from_bytes(digest[:8], "big") / 2**64
    if level < test:
        return "test"
    return "validation" if level < test + validation else "train"


def splits_of_people(
    people: NDArray[np.str_], seed: int, validation: float, test: float
) -> NDArray[np.str_]:
    """`side` of the person of every item."""
    names, which = np.unique(people, return_inverse=True)
    return np.array([split_of_person(str(name), seed, validation, test) for name in names], "<U10")[
        which
    ]


def hold_out_last(
    people: NDArray[np.str_],
    record: NDArray[np.str_] | None,
    onset_s: NDArray[np.float64] | None,
    seconds: float,
    share: float,
) -> NDArray[np.str_]:
    """For every item "train", "heldout" (the last `share` of a person's items) or `GAP`.

    Order is that of recording and onset where they are known, else that of the items. An item
    whose window reaches into the first held-out one goes to neither.
    """
    split = np.full(len(people), "train", "<U10")
    record = np.full(len(people), "") if record is None else record
    known = onset_s is not None and bool(np.isfinite(onset_s).all())
    order = np.arange(len(people))
    if known:
        assert onset_s is not None
        _, place = np.unique(record, return_inverse=True)
        order = np.lexsort((onset_s, place))
    sorted_people = people[order]
    for person in np.unique(people):
        rows = order[sorted_people == person]
        count = int(share * len(rows))
        if not count:
            continue
        split[rows[-count:]] = "heldout"
        if known:
            assert onset_s is not None
            first = rows[-count]
            before = rows[:-count]
            reaches = (record[before] == record[first]) & (
                onset_s[before] + seconds > onset_s[first] + 1e-9
            )
            split[before[reaches]] = GAP
    return split
