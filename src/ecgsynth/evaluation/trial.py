"""A trial: the synthetic set and the real sets that it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.evaluation.baselines.statistics import Reference

T = TypeVar("T")

ALIGNED_S = 2.0
"""Items longer than this, without an R peak at a fixed sample, are records, s."""


@dataclass(frozen=True)
class Trial:
    """The synthetic set and the real sets: the only input of a metric.

    Attributes
    ----------
    synthetic: the set to evaluate.
    test: held-out real items of the people in the training set.
    train: the real items that the generator was trained on.
    new_patients: real items of other people.
    reference: statistics of `test`, used if the recordings are absent.
    seed: of all random numbers.
    quick: smaller samples, no network is trained.
    seeds: number of networks to train for a figure that needs one.
    own_beats: whether these networks see each beat beside its person's normal one; all sets name
    people then.
    """

    synthetic: Ecg
    test: Ecg | None = None
    train: Ecg | None = None
    new_patients: Ecg | None = None
    reference: Reference | None = None
    seed: int = 0
    quick: bool = False
    seeds: int = 1
    own_beats: bool = False

    def has(self, need: str) -> bool:
        """Whether the trial has a part, or fulfils a condition, that a metric needs."""
        return getattr(self, need) not in (None, False)

    @property
    def aligned(self) -> bool:
        """Whether items can be compared sample by sample: true for beats, false for records."""
        return not is_record(self.synthetic.spec)

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the synthetic set."""
        return self.synthetic.spec.classes

    @property
    def groups(self) -> tuple[str, ...]:
        """The classes, or one group without a name for an unlabelled set."""
        return self.classes or ("",)

    def random(self, name: str) -> np.random.Generator:
        """A random generator for a metric, the same for every synthetic set."""
        return np.random.default_rng([self.seed, *name.encode()])

    def cached(self, measure: Callable[[Trial], T]) -> T:
        """The result of `measure` on this trial, computed once; see `once`."""
        key = f"{measure.__module__}.{measure.__qualname__}"
        if key not in self._known:
            self._known[key] = measure(self)
        found: T = self._known[key]
        return found

    def know(self, measure: Callable[[Trial], T], value: T) -> None:
        """Store the result of `measure` if it is known already."""
        measure = getattr(measure, "__wrapped__", measure)
        self._known[f"{measure.__module__}.{measure.__qualname__}"] = value

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    def with_synthetic(self, synthetic: Ecg) -> Trial:
        """The same trial with another synthetic set, such as a control."""
        return replace(self, synthetic=synthetic)

    @cached_property
    def matched(self) -> tuple[Ecg, Ecg]:
        """(synthetic, test) with equal counts in every class, quantised to 5 uV."""
        assert self.test is not None
        return match_counts(self.synthetic, self.test, self.random("matched"))

    def equal(self, group: str) -> tuple[Ecg, Ecg]:
        """The items of a group from `matched`, equally many of both sets.

        If items have several classes, `matched` alone does not make each class equal in size.
        """
        one, other = (self.part(ecg, group) for ecg in self.matched)
        count, random = min(len(one), len(other)), self.random("equal" + group)
        return pick(one, count, random), pick(other, count, random)

    @cached_property
    def real(self) -> Ecg | None:
        """Training and held-out items together, as far as given, without contexts, which a set may
        lack."""
        parts = [part for part in (self.train, self.test) if part is not None]
        if not parts:
            return None
        several = any(part.spec.multilabel for part in parts)
        spec = replace(parts[0].spec, context=(), multilabel=several)
        return concatenate([replace(part, spec=spec, context=None) for part in parts])

    def part(self, ecg: Ecg, group: str) -> Ecg:
        """The items of a group; none if the set does not have the class."""
        if not group:
            return ecg
        return ecg.of_class(group) if group in ecg.spec.classes else ecg[:0]


def once(measure: Callable[[Trial], T]) -> Callable[[Trial], T]:
    """Decorate a function of a trial so that it is computed once for all metrics that use it."""

    @wraps(measure)
    def known(trial: Trial) -> T:
        return trial.cached(measure)

    return known


def match_counts(one: Ecg, other: Ecg, random: np.random.Generator) -> tuple[Ecg, Ecg]:
    """Both sets cut down at random to the smaller count of each class, quantised to 5 uV.

    Sets without classes, or with several per item, are cut to the smaller number of items.

    Raises
    ------
    EcgsynthError: shapes or classes differ, or nothing is left.
    """
    if one.spec.leads != other.spec.leads or one.spec.samples != other.spec.samples:
        raise EcgsynthError(
            f"the sets differ: {len(one.spec.leads)} leads x {one.spec.samples} samples against "
            f"{len(other.spec.leads)} x {other.spec.samples}; load the reference with the "
            "synthetic set's own window, rate and leads."
        )
    if not one.spec.classes or one.spec.multilabel:
        # An item with several classes would be drawn twice, on both sides of a split.
        count = min(len(one), len(other))
        return pick(one, count, random).quantised(), pick(other, count, random).quantised()
    left, right = [], []
    for name in one.spec.classes:
        if name not in other.spec.classes:
            continue
        a, b = one.of_class(name), other.of_class(name)
        count = min(len(a), len(b))
        left.append(pick(a, count, random))
        right.append(pick(b, count, random))
    if not left or not sum(len(part) for part in left):
        raise EcgsynthError("the synthetic and the real set share no class with items in both.")
    return concatenate(left).quantised(), concatenate(right).quantised()


def is_record(spec: Spec) -> bool:
    """Whether items contain several beats, so that they cannot be compared sample by sample."""
    return spec.r_sample is None and spec.seconds > ALIGNED_S


def pick(ecg: Ecg, count: int, random: np.random.Generator) -> Ecg:
    """`count` random items, without repetition, in their original order."""
    if count >= len(ecg):
        return ecg
    return ecg[np.sort(random.permutation(len(ecg))[:count])]


def members(ecg: Ecg, group: str) -> NDArray[np.int64]:
    """Rows of the items of a group."""
    if not group:
        return np.arange(len(ecg))
    if group not in ecg.spec.classes:
        return np.zeros(0, np.int64)
    assert ecg.label is not None
    return np.flatnonzero(ecg.label[:, ecg.spec.class_index(group)] > 0)
