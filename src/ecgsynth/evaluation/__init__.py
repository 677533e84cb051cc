"""The judge: how close synthetic ECG is to real ECG, with floor, ceiling and interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg, concatenate
from ecgsynth.signals.spec import Spec

if TYPE_CHECKING:
    from ecgsynth.evaluation.baselines.statistics import Reference
    from ecgsynth.evaluation.metrics.diversity.coverage import Neighbourhoods
    from ecgsynth.evaluation.metrics.fidelity.folds import Sides
    from ecgsynth.evaluation.metrics.privacy.copies import Nearnesses
    from ecgsynth.evaluation.metrics.privacy.memorisation import Neighbours
    from ecgsynth.evaluation.reference_models.classifiers import Network

Goal = Literal["lower", "higher", "match"]
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
    def embedded(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """All synthetic and test items as points [item, 32] of the fixed instrument."""
        from ecgsynth.evaluation.reference_models.instruments import embed

        assert self.test is not None
        return embed(self.synthetic.quantised()), embed(self.test.quantised())

    @cached_property
    def neighbourhoods(self) -> Mapping[str, Neighbourhoods | Estimate]:
        """Class -> how its test items are covered in the embedding, or the reason why not."""
        from ecgsynth.evaluation.metrics.diversity.coverage import neighbourhoods

        return neighbourhoods(self, self.embedded)

    @cached_property
    def neighbourhoods_signal(self) -> Mapping[str, Neighbourhoods | Estimate]:
        """The same, sample by sample."""
        from ecgsynth.evaluation.metrics.diversity.coverage import neighbourhoods

        assert self.test is not None
        sets = (self.synthetic.quantised().signal, self.test.quantised().signal)
        ours, theirs = (signal.reshape(len(signal), -1) for signal in sets)
        return neighbourhoods(self, (ours, theirs))

    @cached_property
    def measured(self) -> Reference:
        """The reference statistics of the synthetic set, which several metrics share."""
        from ecgsynth.evaluation.baselines.statistics import Reference

        return Reference.measure(self.synthetic, self.embedded[0] if self.test else None)

    @cached_property
    def intervals(
        self,
    ) -> tuple[Mapping[str, NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]:
        """(synthetic, test): measurement -> [item] value, named as in `fiducials.MEASUREMENTS`.

        NaN where the delineation failed, and for items that are not in the sample that is measured.
        """
        from ecgsynth.evaluation.metrics.physiology import intervals

        assert self.test is not None
        return intervals(self, self.synthetic), intervals(self, self.test)

    @cached_property
    def neighbours(self) -> Mapping[str, Neighbours | Estimate]:
        """Class -> the nearest trained and held-out items of its synthetic ones, or the reason
        why there are none; the privacy metrics share them."""
        from ecgsynth.evaluation.metrics.privacy.memorisation import neighbours

        return neighbours(self)

    @cached_property
    def apart(self) -> Sides:
        """Synthetic and test items in the folds of a two-sample test, by people where it can be."""
        from ecgsynth.evaluation.metrics.fidelity.c2st import apart

        return apart(self)

    @cached_property
    def apart_from_trained(self) -> Sides:
        """Synthetic and trained items, likewise."""
        from ecgsynth.evaluation.metrics.fidelity.c2st import apart_from_trained

        return apart_from_trained(self)

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

    @cached_property
    def copies(self) -> Nearnesses:
        """How near synthetic and real items lie to real ones; both figures of copies share it."""
        from ecgsynth.evaluation.metrics.privacy.copies import nearnesses

        return nearnesses(self)

    @cached_property
    def said_by_synthetic(self) -> NDArray[np.floating]:
        """[seed, item, class] what those trained on the synthetic set say of the new patients."""
        from ecgsynth.evaluation.metrics.utility import said_by_synthetic

        return said_by_synthetic(self)

    @cached_property
    def taught_by_equal(self) -> list[Network]:
        """Classifiers trained on as many real items of each class as there are synthetic ones."""
        from ecgsynth.evaluation.metrics.utility import taught_by_equal

        return taught_by_equal(self)

    @cached_property
    def said_by_real(self) -> NDArray[np.floating]:
        """[seed, item, class] what those trained on real items say of them."""
        from ecgsynth.evaluation.metrics.utility import said_by_real

        return said_by_real(self)

    def part(self, ecg: Ecg, group: str) -> Ecg:
        """The items of a group; none where the set does not know the class."""
        if not group:
            return ecg
        return ecg.of_class(group) if group in ecg.spec.classes else ecg[:0]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes
    ----------
    value: the figure; NaN where there is none, for the reason in `note`.
    low, high: the interval; None where the metric has none or one person alone is there.
    over: what the interval is over, such as "22 people".
    without_one: least and greatest value with one of these left out (of more than 50, one in 50).
    """

    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""
    over: str = ""
    without_one: tuple[float, float] | None = None

    def through(self, rising: Callable[[float], float]) -> Estimate:
        """The estimate of a rising function of the figure."""
        low, high = (None if end is None else rising(end) for end in (self.low, self.high))
        without = self.without_one and (rising(self.without_one[0]), rising(self.without_one[1]))
        return replace(self, value=rising(self.value), low=low, high=high, without_one=without)


class NotApplicable(EcgsynthError):  # noqa: N818 (a reason, not a fault)
    """Raised by a metric that has nothing to say of such sets; its message is the reason.

    The judge leaves the metric out under it: `raise NotApplicable("needs leads I and II")`.
    """


@dataclass(frozen=True)
class Metric:
    """What a metric says of itself.

    unit: of the value. goal: lower or higher is better, or match = as real has it.
    needs: parts of the trial, or "aligned". question: "match" (same people), "new patients", or
    "privacy". reference: where it was published. costly: left out of `--quick`. by_size: whether
    it depends on the size of the synthetic set even where that is larger than the test set.
    measure: the function of a `Trial`, giving an estimate per group ("all" for the whole set).
    """

    name: str
    unit: str
    goal: Goal
    needs: tuple[str, ...]
    question: str
    reference: str
    measure: Callable[[Trial], dict[str, Estimate]]
    costly: bool = False
    by_size: bool = False

    @property
    def title(self) -> str:
        return (self.measure.__doc__ or self.name).strip().split("\n")[0]


def metric(
    name: str, *, unit: str, goal: Goal, needs: tuple[str, ...], question: str, reference: str,
    costly: bool = False, by_size: bool = False,
) -> Callable[[Callable[[Trial], dict[str, Estimate]]], Metric]:  # fmt: skip
    """Turn a function of a `Trial` into a `Metric`."""

    def wrap(measure: Callable[[Trial], dict[str, Estimate]]) -> Metric:
        return Metric(
            name, unit, goal, needs, question, reference, measure, costly, by_size
        )  # fmt: skip

    return wrap


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


MIN_ITEMS = 10
"""A class with fewer real or synthetic items is left out of a figure, with that reason."""


def too_few(count: int) -> Estimate:
    return Estimate(float("nan"), note=f"{count} items; at least {MIN_ITEMS} are needed")
