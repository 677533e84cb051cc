"""A trial: what is judged, and against what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, concatenate
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.evaluation.baselines.statistics import Reference

T = TypeVar("T")

ALIGNED_S = 2.0
"""Items that are longer and have no R peak in one place are records, s."""


@dataclass(frozen=True)
class Trial:
    """What is judged, and against what; metrics take nothing else.

    Attributes
    ----------
    synthetic: the set under judgement.
    test: real items that the generator never saw, of the same people ("does it match?").
    train: the real items that it learned from.
    new_patients: real items of other people ("does it help with people never seen?").
    reference: statistics of `test` for where the recordings are not.
    seed: of everything random. quick: smaller samples, no trainings of networks.
    seeds: networks that are trained where a figure comes from one.
    """

    synthetic: Ecg
    test: Ecg | None = None
    train: Ecg | None = None
    new_patients: Ecg | None = None
    reference: Reference | None = None
    seed: int = 0
    quick: bool = False
    seeds: int = 1

    def has(self, need: str) -> bool:
        """Whether a part that a metric needs is there, or what it needs is so."""
        return getattr(self, need) not in (None, False)

    @property
    def aligned(self) -> bool:
        """Whether samples can be compared one by one: those of beats can, those of records not."""
        return not is_record(self.synthetic.spec)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.synthetic.spec.classes

    @property
    def groups(self) -> tuple[str, ...]:
        """The classes, or the one nameless group of an unlabelled set."""
        return self.classes or ("",)

    def random(self, name: str) -> np.random.Generator:
        """Random numbers of a metric, the same for every set that is judged."""
        return np.random.default_rng([self.seed, *name.encode()])

    def cached(self, measure: Callable[[Trial], T]) -> T:
        """What `measure` gives of this trial, measured once; see `once`."""
        key = f"{measure.__module__}.{measure.__qualname__}"
        if key not in self._known:
            self._known[key] = measure(self)
        found: T = self._known[key]
        return found

    def know(self, measure: Callable[[Trial], T], value: T) -> None:
        """Keep what `measure` would give, where it is known from elsewhere."""
        measure = getattr(measure, "__wrapped__", measure)
        self._known[f"{measure.__module__}.{measure.__qualname__}"] = value

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    def with_synthetic(self, synthetic: Ecg) -> Trial:
        """The same trial for another set: how controls are judged."""
        return replace(self, synthetic=synthetic)

    @cached_property
    def matched(self) -> tuple[Ecg, Ecg]:
        """(synthetic, test) with equal counts in every class, on the converter's grid."""
        assert self.test is not None
        return match_counts(self.synthetic, self.test, self.random("matched"))

    def equal(self, group: str) -> tuple[Ecg, Ecg]:
        """The items of a group out of `matched`, equally many of both sets.

        Where an item has several classes, `matched` alone cannot see to that for each of them.
        """
        one, other = (self.part(ecg, group) for ecg in self.matched)
        count, random = min(len(one), len(other)), self.random("equal" + group)
        return pick(one, count, random), pick(other, count, random)

    @cached_property
    def real(self) -> Ecg | None:
        """Training and held-out items together, as far as they are there, without contexts: not
        every set has them."""
        parts = [part for part in (self.train, self.test) if part is not None]
        if not parts:
            return None
        several = any(part.spec.multilabel for part in parts)
        spec = replace(parts[0].spec, context=(), multilabel=several)
        return concatenate([replace(part, spec=spec, context=None) for part in parts])

    def part(self, ecg: Ecg, group: str) -> Ecg:
        """The items of a group; none where the set does not know the class."""
        if not group:
            return ecg
        return ecg.of_class(group) if group in ecg.spec.classes else ecg[:0]


def once(measure: Callable[[Trial], T]) -> Callable[[Trial], T]:
    """Decorate a function of a trial: metrics that share what it gives have it measured once."""

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
        # An item of several classes would be drawn twice, and land on both sides of a split.
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
    """Whether items hold several beats, so that samples say nothing one by one."""
    return spec.r_sample is None and spec.seconds > ALIGNED_S


def pick(ecg: Ecg, count: int, random: np.random.Generator) -> Ecg:
    """`count` items at random, without repetition, in their old order."""
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
