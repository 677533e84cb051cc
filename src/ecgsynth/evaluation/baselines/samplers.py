"""Sets that are made of the training items without a generator: what a generator has to beat.

The Gaussian of each person and class is the baseline of every table. SMOTE and mixup stand beside
it. Labels and context (RR) of an item are those of a real item of the same person.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import NotApplicable, Trial, pick
from ecgsynth.signals.ecg import SYNTHETIC, Ecg, concatenate

PERSON_ITEMS = 50
"""Items of a class from which a person has a covariance of his own."""

FITTED = 4000
"""Items of a class, or of a person, from which moments are taken at most; of records a quarter."""

SMALL = 1024
"""Numbers of a beat; larger items are records."""

VARIANCE = 0.999
"""Share of the variance that the principal components of a Gaussian hold."""

NEIGHBOURS = 5
"""Of SMOTE, as published."""

COMPONENTS = 32
"""Principal components in which neighbours of the same class are looked for."""

Rows = NDArray[np.int64]
Maker = Callable[[Ecg, Rows, np.random.Generator], tuple[NDArray[np.floating], Rows]]
"""(real items of a class, rows that were drawn, random numbers) -> signals [row, lead, sample] and
the rows whose label and context they get."""


def gaussian(trial: Trial) -> Trial:
    """A Gaussian of each person and class, in principal components: the baseline to beat.

    A person gives as many items as his share of the class. One with fewer than 50 items of it
    takes the covariance of the class around his own mean, so that nobody's item comes back. Where
    the training set names nobody it is one Gaussian a class.
    """
    return made(trial, "gaussian", _of_each_person)


def class_gaussian(trial: Trial) -> Trial:
    """A Gaussian of each class, whoever the items are of: a two-sample test must find it."""

    def make(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
        return _Gaussian(pool, random).draw(len(rows), random), rows

    return made(trial, "class gaussian", make)


def smote(trial: Trial) -> Trial:
    """Items between a real one and one of its five nearest of the class (Chawla et al. 2002)."""
    return made(trial, "smote", _between_neighbours)


def mixup(trial: Trial) -> Trial:
    """Items between two of one person and class (as Zhang et al., ICLR 2018, but within them)."""
    assert trial.train is not None
    if trial.train.patient is None:
        raise NotApplicable("the training set does not say whose items they are")
    return made(trial, "mixup", _between_own)


def of_whom(trial: Trial) -> str:
    """A sentence where the Gaussian cannot be that of each person; else empty."""
    if trial.train is None or trial.train.patient is not None:
        return ""
    return (
        "The training set does not say whose items they are: the Gaussian baseline is one a "
        "class, and there is no mixup."
    )


def made(trial: Trial, name: str, make: Maker) -> Trial:
    """A set of the synthetic set's counts, made class by class from the training items."""
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
                signal.astype(np.float32), base.spec, base.label, base.context,
                source=f"{SYNTHETIC}{name}",
            )
        )  # fmt: skip
    if not parts:
        raise NotApplicable("no class has two training items")
    return trial.with_synthetic(concatenate(parts))


def moments(pool: Ecg, random: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Mean and SD [lead, sample] of a class, of 4,000 items at most."""
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
    # An item may have twins, and need not be the first of its own neighbours.
    other = np.array([row[row != own][:near] for row, own in zip(found, rows, strict=True)])
    partner = other[np.arange(len(rows)), random.integers(near, size=len(rows))]
    return _between(pool, rows, partner, random)


def _between_own(pool: Ecg, rows: Rows, random: np.random.Generator) -> tuple[NDArray, Rows]:
    """People with one item of the class alone have nothing to mix: others stand in for them."""
    assert pool.patient is not None
    _, person, sizes = np.unique(pool.patient, return_inverse=True, return_counts=True)
    several = np.flatnonzero(sizes[person] > 1)
    if not len(several):
        raise NotApplicable("nobody has two training items of a class")
    rows = np.where(sizes[person[rows]] > 1, rows, random.choice(several, len(rows)))
    order = np.argsort(person, kind="stable")  # person after person
    start = np.cumsum(sizes) - sizes
    place = np.empty(len(pool), np.int64)
    place[order] = np.arange(len(pool)) - start[person[order]]
    size = sizes[person[rows]]
    step = random.integers(1, size)  # to any other item of his
    partner = order[start[person[rows]] + (place[rows] + step) % size]
    return _between(pool, rows, partner, random)


def _between(
    pool: Ecg, one: Rows, other: Rows, random: np.random.Generator
) -> tuple[NDArray, Rows]:
    """A point anywhere between two items; label and context are those of the nearer one."""
    way = random.random(len(one))
    ends = (np.asarray(pool.signal[rows], np.float64) for rows in (one, other))
    first, second = ends
    signal = first + way[:, None, None] * (second - first)
    return signal, np.where(way < 0.5, one, other)


def principal(real: Ecg, *signals: NDArray) -> NDArray[np.float64]:
    """[item, component] of the signals, one after another, in the first principal components of
    the real items."""
    from sklearn.decomposition import PCA

    flat = real.signal.reshape(len(real), -1)
    with np.errstate(invalid="ignore"):  # flat lines have no variance to share out
        pca = PCA(min(COMPONENTS, *flat.shape), random_state=0).fit(flat)
    return np.concatenate([pca.transform(one.reshape(len(one), -1)) for one in signals])


def _sample(items: Ecg, random: np.random.Generator) -> Ecg:
    """At most so many as a decomposition can take, whose time and memory grow with both."""
    return pick(items, FITTED if items[:1].signal.size <= SMALL else FITTED // 4, random)
