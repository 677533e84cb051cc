"""The two sets of a two-sample test and their folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import is_record, match_counts
from ecgsynth.evaluation.baselines.samplers import principal
from ecgsynth.evaluation.intervals import Units, blocks, joint
from ecgsynth.signals.ecg import Ecg

FOLDS = 4
"""Folds of a two-sample test; networks use them in pairs."""

LEAST_KEPT = 0.5
"""Least share of the items that must get a partner in the same fold."""

Split = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(training rows, held-out rows)."""


@dataclass(frozen=True)
class TwoSampleSets:
    """Equally many real and synthetic items of each class, quantised to 5 uV, in folds.

    Attributes
    ----------
    real, synthetic: the items; arrays [item] below are over both, real items first. In folds by
    person a synthetic item has the name of the person in whose fold it is.
    unit: [item], number of the person or time block, which is in one fold.
    fold: [item], 0 to 3.
    people: whether the units are people.
    why: the reason if they are not.
    """

    real: Ecg
    synthetic: Ecg
    unit: NDArray[np.int64]
    fold: NDArray[np.int64]
    people: bool
    why: str = ""

    @property
    def truth(self) -> NDArray[np.int64]:
        """[item] 0 for real, 1 for synthetic ones."""
        return np.repeat([0, 1], [len(self.real), len(self.synthetic)])

    @property
    def label(self) -> NDArray[np.str_]:
        """[item] name of the class."""
        return np.concatenate([self.real.labels_str, self.synthetic.labels_str])

    @property
    def samples(self) -> list[Units]:
        """The units that vary, for an interval."""
        return joint(self.real, self.synthetic)

    def some(self, most: int, random: np.random.Generator) -> TwoSampleSets:
        """At most `most` items per set, still equally many of each class."""
        if len(self.real) <= most:
            return self
        rows = []
        for name in np.unique(self.label):
            members = [np.flatnonzero((self.label == name) & (self.truth == k)) for k in (0, 1)]
            count = max(1, round(most * len(members[0]) / len(self.real)))
            rows.append([np.sort(random.permutation(part)[:count]) for part in members])
        real, other = (np.concatenate(parts) for parts in zip(*rows, strict=True))
        every, synthetic = np.concatenate([real, other]), self.synthetic[other - len(self.real)]
        return replace(
            self, real=self.real[real], synthetic=synthetic, unit=self.unit[every],
            fold=self.fold[every],
        )  # fmt: skip

    def folds(self, count: int = FOLDS) -> Iterator[Split]:
        """Each fold with the others as training rows. count: 4, or 2 for pairs of folds."""
        fold = self.fold % count
        for k in np.unique(fold):
            yield np.flatnonzero(fold != k), np.flatnonzero(fold == k)


def two_sample_sets(synthetic: Ecg, real: Ecg, random: np.random.Generator) -> TwoSampleSets:
    """Folds by person if the real items name people, else by time block (see `split_by_blocks`).

    A synthetic item has no person. It gets the fold of the person with the nearest real item: for
    beats in the first principal components of the real ones, for records in the embedding. So the
    classifier is not trained on synthetic items that resemble the people in its test fold. With
    random folds, a perfect set would have an AUC far below .50. In each fold both sets have equally
    many items of each class, since a surplus in one fold is a deficit in the others.
    """
    found = _split_by_people(synthetic, real, random)
    return (
        found
        if isinstance(found, TwoSampleSets)
        else split_by_blocks(synthetic, real, random, found)
    )


def split_by_blocks(
    synthetic: Ecg, real: Ecg, random: np.random.Generator, why: str = ""
) -> TwoSampleSets:
    """Folds by time blocks (as `intervals.blocks` has them): a person stands in several."""
    synthetic, real = match_counts(synthetic, real, random)
    units = [blocks(ecg) for ecg in (real, synthetic)]
    fold = []
    for unit in units:
        names, number = np.unique(unit, return_inverse=True)
        fold.append((random.permutation(len(names)) % FOLDS)[number])
    units[1] = units[1] + 1 + units[0].max(initial=0)
    return TwoSampleSets(real, synthetic, np.concatenate(units), np.concatenate(fold), False, why)


def _split_by_people(synthetic: Ecg, real: Ecg, random: np.random.Generator) -> TwoSampleSets | str:
    """Folds by person, or the reason why they are not possible."""
    if real.patient is None:
        return "the real items do not name their people"
    names, person = np.unique(real.patient, return_inverse=True)
    if len(names) < FOLDS:
        return f"the real items are of {len(names)} people, and {FOLDS} are needed"
    near = person[nearest(synthetic, real)]
    fold_of = random.permutation(len(names)) % FOLDS
    real_rows, synthetic_rows, possible = [], [], 0
    for generated, held in _classes(synthetic, real):
        possible += min(len(generated), len(held))
        for k in range(FOLDS):
            sets = ((held, person), (generated, near))
            pair = [rows[fold_of[who[rows]] == k] for rows, who in sets]
            size = min(map(len, pair))
            real_rows.append(random.permutation(pair[0])[:size])
            synthetic_rows.append(random.permutation(pair[1])[:size])
    one, two = (np.sort(np.concatenate(rows)) for rows in (real_rows, synthetic_rows))
    if len(one) < LEAST_KEPT * possible:
        share = len(one) / max(possible, 1)
        return f"only {share:.0%} of the items have a partner in the same fold"
    unit = np.concatenate([person[one], near[two]])
    named = replace(synthetic[two], patient=names[near[two]], record=None, onset_s=None)
    return TwoSampleSets(real[one].quantised(), named.quantised(), unit, fold_of[unit], True)


def _classes(synthetic: Ecg, real: Ecg) -> Iterator[Split]:
    """(synthetic, real) rows of each class; all rows if items have no class or several."""
    if not real.spec.classes or real.spec.multilabel:
        yield np.arange(len(synthetic)), np.arange(len(real))
        return
    for name in synthetic.spec.classes:
        if name in real.spec.classes:
            sets = (synthetic, real)
            first, second = (np.flatnonzero(e.labels_id == e.spec.class_index(name)) for e in sets)
            yield first, second


def nearest(synthetic: Ecg, real: Ecg) -> NDArray[np.int64]:
    """[synthetic item] row of the nearest real one, of any class."""
    from sklearn.neighbors import NearestNeighbors

    from ecgsynth.evaluation.reference_models.instruments import embed

    synthetic, real = synthetic.quantised(), real.quantised()
    if is_record(real.spec):
        points = np.concatenate([embed(real), embed(synthetic)])
    else:
        points = principal(real, real.signal, synthetic.signal)
    search = NearestNeighbors(n_neighbors=1).fit(points[: len(real)])
    return np.asarray(search.kneighbors(points[len(real) :], return_distance=False)[:, 0])


def folds(
    unit: NDArray[np.int64], truth: NDArray, count: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(training rows, held-out rows) such that no unit (time block) is in both.

    The units of each kind of item (real or synthetic, or of each class) are assigned in turn, so
    that every fold contains all kinds.
    """
    random = np.random.default_rng(seed)
    fold = np.empty(len(unit), np.int64)
    for side in np.unique(truth):
        rows = np.flatnonzero(truth == side)
        units, number = np.unique(unit[rows], return_inverse=True)
        fold[rows] = (random.permutation(len(units)) % count)[number]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(count)]
