"""Sets made from the training items without a generator: baselines that a generator has to beat.

The Gaussian of each person and class is the baseline of every table. SMOTE and mixup stand beside
it. Label and context (RR) of an item are those of a real item of the same person.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import NotApplicable, Trial, pick
from ecgsynth.signals.ecg import SYNTHETIC, Ecg
from ecgsynth.signals.joining import concatenate

PERSON_ITEMS = 50
"""Least items of a class for a covariance of the person's own."""

FITTED = 4000
"""Most items of a class or person for the moments; for records a quarter of it."""

SMALL = 1024
"""Most values of a beat; larger items are records."""

VARIANCE = 0.999
"""Share of the variance that the principal components of a Gaussian keep."""

NEIGHBOURS = 5
"""Neighbours in SMOTE, as published."""

COMPONENTS = 32
"""Principal components for the search of neighbours of the same class."""

Rows = NDArray[np.int64]
Maker = Callable[[Ecg, Rows, np.random.Generator], tuple[NDArray[np.floating], Rows]]
"""(real items of a class, drawn rows, random generator) -> signals [row, lead, sample] and the rows
whose label and context they get."""


def gaussian(trial: Trial) -> Trial:
    """A Gaussian of each person and class, in principal components: the baseline to beat.

    Each person has the same share of items as in the class. A person with fewer than 50 items of it
    gets the covariance of the class around the person's own mean, so that no real item is
    reproduced. If the training set names no people, there is one Gaussian per class.
    """
    return make_control(trial, "gaussian", _of_each_person)


def class_gaussian(trial: Trial) -> Trial:
    """A Gaussian of each class over all people: a two-sample test must detect it."""

    def make(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
        return _Gaussian(pool, random).draw(len(rows), random), rows

    return make_control(trial, "class gaussian", make)


def smote(trial: Trial) -> Trial:
    """Items between a real one and one of its five nearest of the class (Chawla et al. 2002)."""
    return make_control(trial, "smote", _between_neighbours)


def mixup(trial: Trial) -> Trial:
    """Items between two of one person and class (Zhang et al., ICLR 2018, within a person and
    class)."""
    assert trial.train is not None
    if trial.train.patient is None:
        raise NotApplicable("the training set does not name the person of each item")
    return make_control(trial, "mixup", _between_own)


def describe_gaussian(trial: Trial) -> str:
    """A sentence if the Gaussian cannot be one per person; else empty."""
    if trial.train is None or trial.train.patient is not None:
        return ""
    return (
        "The training set does not name the person of each item: the Gaussian baseline is one per "
        "class, and there is no mixup."
    )


def make_control(trial: Trial, name: str, make: Maker) -> Trial:
    """A set with the counts of the synthetic set, made class by class from training items."""
    assert trial.train is not None
    parts = []
    for group in trial.groups:
        wanted = len(trial.part(trial.synthetic, group))
        pool = trial.part(trial.train, group)
        if not wanted or len(pool) < 2:
            continue
        random = trial.random(name + group)
        rows = random.choice(len(pool), wanted, replace=wanted > len(pool))
        signal, like = make(pool, rows, random)
        base = pool[like]
        parts.append(
            Ecg(
                signal.astype(np.float32), base.spec, base.label, base.context, base.patient,
                source=f"{SYNTHETIC}{name}",
            )
        )  # fmt: skip
    if not parts:
        raise NotApplicable("no class has two training items")
    return trial.with_synthetic(concatenate(parts))


def moments(pool: Ecg, random: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Mean and SD [lead, sample] of a class, of at most 4,000 items."""
    source = np.asarray(_sample(pool, random).signal, np.float64)
    return source.mean(0), source.std(0)


class _Gaussian:
    """Mean and principal components of some items."""

    def __init__(self, items: Ecg, random: np.random.Generator) -> None:
        source = _sample(items, random).signal
        flat = np.asarray(source, np.float64).reshape(len(source), -1)
        self.shape, self.mean = source.shape[1:], flat.mean(0)
        _, scale, axes = np.linalg.svd(flat - self.mean, full_matrices=False)
        total = np.cumsum(scale**2)
        keep = int(np.searchsorted(total, VARIANCE * total[-1])) + 1
        self.axes = axes[:keep] * scale[:keep, None] / len(flat) ** 0.5

    def draw(
        self, count: int, random: np.random.Generator, mean: NDArray | None = None
    ) -> NDArray[np.float64]:
        """[item, lead, sample] around another mean [lead, sample], or its own."""
        around = self.mean if mean is None else mean.reshape(-1)
        scores = random.standard_normal((count, len(self.axes)))
        return (around + scores @ self.axes).reshape(count, *self.shape)


def _of_each_person(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
    whole = _Gaussian(pool, random)
    if pool.patient is None:
        return whole.draw(len(rows), random), rows
    found = np.empty((len(rows), *pool.signal.shape[1:]))
    drawn = pool.patient[rows]
    for person in np.unique(drawn):
        own, here = pool[pool.patient == person], drawn == person
        count = int(here.sum())
        if len(own) >= PERSON_ITEMS:
            found[here] = _Gaussian(own, random).draw(count, random)
        else:
            found[here] = whole.draw(count, random, own.signal.mean(0, dtype=np.float64))
    return found, rows


def _between_neighbours(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
    from sklearn.neighbors import NearestNeighbors

    points = principal(pool, pool.signal)
    near = min(NEIGHBOURS, len(pool) - 1)
    search = NearestNeighbors(n_neighbors=near + 1).fit(points)
    found = search.kneighbors(points[rows], return_distance=False)
    # An item with duplicates need not be the first of its own neighbours.
    other = np.array([row[row != own][:near] for row, own in zip(found, rows, strict=True)])
    partner = other[np.arange(len(rows)), random.integers(near, size=len(rows))]
    return _between(pool, rows, partner, random)


def _between_own(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
    """People with only one item of the class have nothing to mix: others replace them."""
    assert pool.patient is not None
    _, person, sizes = np.unique(pool.patient, return_inverse=True, return_counts=True)
    several = np.flatnonzero(sizes[person] > 1)
    if not len(several):
        raise NotApplicable("no person has two training items of a class")
    rows = np.where(sizes[person[rows]] > 1, rows, random.choice(several, len(rows)))
    order = np.argsort(person, kind="stable")  # person after person
    start = np.cumsum(sizes) - sizes
    place = np.empty(len(pool), np.int64)
    place[order] = np.arange(len(pool)) - start[person[order]]
    size = sizes[person[rows]]
    step = random.integers(1, size)  # to any other item of the same person
    partner = order[start[person[rows]] + (place[rows] + step) % size]
    return _between(pool, rows, partner, random)


def _between(
    pool: Ecg, one: Rows, other: Rows, random: np.random.Generator
) -> tuple[NDArray, Rows]:
    """A random point between two items; label and context are those of the nearer one."""
    way = random.random(len(one))
    ends = (np.asarray(pool.signal[rows], np.float64) for rows in (one, other))
    first, second = ends
    signal = first + way[:, None, None] * (second - first)
    return signal, np.where(way < 0.5, one, other)


def principal(real: Ecg, *signals: NDArray) -> NDArray[np.float64]:
    """[item, component] of the concatenated signals in the first principal components of the real
    items."""
    from sklearn.decomposition import PCA

    flat = real.signal.reshape(len(real), -1)
    with np.errstate(invalid="ignore"):  # flat lines have no variance to share out
        pca = PCA(min(COMPONENTS, *flat.shape), random_state=0).fit(flat)
    return np.concatenate([pca.transform(one.reshape(len(one), -1)) for one in signals])


def _sample(items: Ecg, random: np.random.Generator) -> Ecg:
    """Few enough items for a decomposition, whose time and memory grow with items and samples."""
    return pick(items, FITTED if items[:1].signal.size <= SMALL else FITTED // 4, random)
