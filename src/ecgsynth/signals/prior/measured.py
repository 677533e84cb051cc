"""How the contexts of a training set spread, class by class: the laws of its prior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.signals.anonymity import PEOPLE, people_of, round_to_steps
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior.classes import ClassPrior
from ecgsynth.signals.prior.columns import Columns
from ecgsynth.signals.prior.laws import LEAST, Law, Values, fit_law

WITHIN = 0.25
"""SD within people, as a share of that between them, up to which a number is a person's."""


def fit_classes(
    ecg: Ecg, style: NDArray[np.int64], context: Values, columns: Columns
) -> dict[str, ClassPrior]:
    """The laws of every class; "" where a set has none.

    style: [item]. context: [item, number], the hidden ones last.

    A label that fewer than PEOPLE people have gets none where items may carry several (statements
    about people), unless the whole set has no more people.
    """
    person, counted = people_of(ecg), columns.to_working(context)
    levels = person_means(counted, person)
    owned = is_per_person(counted, levels, person, columns)
    levels[:, ~owned], counted[:, owned] = np.nan, np.nan
    by = _ranking_column(levels, columns)
    # Where a style is a person, its contexts are those of people like him.
    styled = is_per_style(person, style) and len(columns.names) > 0
    slices = _slices(levels[:, by]) if styled else np.tile([0.0, 1.0], (len(levels), 1))
    everyone = fit_law(levels, np.arange(len(levels)), columns.steps)
    all_items = fit_law(counted, person, columns.steps)
    found = {}
    for name, rows in _rows(ecg).items():
        there = np.unique(person[rows])
        if not len(rows) or (ecg.spec.multilabel and len(there) < PEOPLE <= len(levels)):
            continue
        people, kin = everyone, np.zeros(len(levels), np.int64)
        if styled:
            kin[there] = _item_groups(counted[rows], person[rows])
        elif len(there) >= PEOPLE:
            people = fit_law(levels[there], there, columns.steps)
        items = []
        for group in range(kin[there].max() + 1):
            own = rows[kin[person[rows]] == group]
            items.append(_fill_law(fit_law(counted[own], person[own], columns.steps), all_items))
        codes, first, count = np.unique(style[rows], return_index=True, return_counts=True)
        shares, owner = round_to_steps(count / count.sum()), person[rows[first]]
        found[name] = ClassPrior(
            codes, shares / shares.sum(), slices[owner], kin[owner], by,
            _fill_law(people, everyone), tuple(items),
        )  # fmt: skip
    return found


def is_per_style(person: NDArray[np.int64], style: NDArray[np.int64]) -> bool:
    """Whether there are several styles, and each of them is of one person."""
    pairs = np.unique(np.stack([style, person]), axis=1)
    return 1 < len(pairs[0]) == len(np.unique(pairs[0]))


def _rows(ecg: Ecg) -> dict[str, NDArray[np.int64]]:
    """Items of every class."""
    if not ecg.spec.classes:
        return {"": np.arange(len(ecg))}
    label = np.asarray(ecg.label) > 0
    return {name: np.flatnonzero(label[:, k]) for k, name in enumerate(ecg.spec.classes)}


def person_means(counted: Values, person: NDArray[np.int64]) -> Values:
    """[person, number] mean of each person; NaN where unknown."""
    levels = np.full((person.max(initial=-1) + 1, counted.shape[1]), np.nan)
    for k, column in enumerate(counted.T):
        known = np.isfinite(column)
        count = np.bincount(person[known], minlength=len(levels))
        total = np.bincount(person[known], column[known], len(levels))
        np.divide(total, count, out=levels[:, k], where=count > 0)
    return levels


def is_per_person(
    counted: Values, levels: Values, person: NDArray[np.int64], columns: Columns
) -> NDArray[np.bool_]:
    """[number] whether it is a person's, as the mean RR, and not an item's, as RR before it: its SD
    within people is a small share of that between them."""
    owned = np.zeros(counted.shape[1], bool)
    for k in range(len(owned)):
        within = counted[:, k] - levels[person, k]
        within, between = within[np.isfinite(within)], levels[np.isfinite(levels[:, k]), k]
        if len(within) and k not in columns.rr_columns:
            owned[k] = within.std() <= max(WITHIN * between.std(), LEAST)
    return owned


def _ranking_column(levels: Values, columns: Columns) -> int:
    """Column by which people are ranked: the mean RR, or the first in which they differ."""
    known = np.isfinite(levels)
    high = np.max(levels, axis=0, initial=-np.inf, where=known)
    low = np.min(levels, axis=0, initial=np.inf, where=known)
    differ = high > low
    if columns.mean is not None and differ[columns.mean]:
        return columns.mean
    return int(np.argmax(differ)) if len(differ) else 0


def _groups(count: int) -> list[NDArray[np.int64]]:
    """Places 0 ... count - 1 in groups of PEOPLE and more neighbours."""
    return np.array_split(np.arange(count), max(1, count // PEOPLE))


def _slices(level: Values) -> Values:
    """[person, 2] shares of people who rank below, and up to, the group of each; all of them for
    one whose level is unknown."""
    slices = np.tile([0.0, 1.0], (len(level), 1))
    known = np.flatnonzero(np.isfinite(level))
    ranked = known[np.argsort(level[known], kind="stable")]
    for group in _groups(len(ranked)) if len(ranked) else ():
        slices[ranked[group]] = group[0] / len(ranked), (group[-1] + 1) / len(ranked)
    return slices


def _item_groups(counted: Values, person: NDArray[np.int64]) -> NDArray[np.int64]:
    """[person] group of the people of a class, PEOPLE and more in each, by how far their items are
    from 0 in the first number that is known: RR before a beat from their mean RR."""
    people, code = np.unique(person, return_inverse=True)
    first = int(np.argmax(np.isfinite(counted).any(axis=0)))
    size = np.nan_to_num(np.abs(counted[:, first]))
    each = np.bincount(code, size) / np.bincount(code)
    kin = np.empty(len(people), np.int64)
    for number, group in enumerate(_groups(len(people))):
        kin[np.argsort(each, kind="stable")[group]] = number
    return kin


def _fill_law(law: Law, other: Law) -> Law:
    """A law whose missing numbers are taken from another one."""
    unknown = np.isnan(law.quantiles[:, :1])
    return replace(law, quantiles=np.where(unknown, other.quantiles, law.quantiles))
