"""Metric: a function of a trial with its description. Estimate: the figure that it returns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.trial import Trial

Goal = Literal["lower", "higher", "match"]

MIN_ITEMS = 10
"""A class with fewer real or synthetic items has no figure; its note gives this reason."""


LEAST_SPAN = 0.1
"""Least distance of floor and ceiling of a figure without an interval, as a share of it."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes
    ----------
    value: the figure; NaN if there is none, for the reason in `note`.
    low, high: the interval; None if the metric has none or there is only one person.
    over: the units that the interval is computed over, such as "22 people".
    without_one: least and greatest value with one of these left out (of more than 50, one in 50).
    """

    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""
    over: str = ""
    without_one: tuple[float, float] | None = None

    def through(self, rising: Callable[[float], float]) -> Estimate:
        """The estimate of an increasing function of the figure."""
        low, high = (None if end is None else rising(end) for end in (self.low, self.high))
        without = self.without_one and (rising(self.without_one[0]), rising(self.without_one[1]))
        return replace(self, value=rising(self.value), low=low, high=high, without_one=without)


class NotApplicable(EcgsynthError):  # noqa: N818 (a reason, not a fault)
    """Raised by a metric that cannot be computed for such sets; its message is the reason.

    The evaluation leaves the metric out with this reason: `raise NotApplicable("needs leads I and
    II")`.
    """


@dataclass(frozen=True)
class Metric:
    """A metric and its description.

    unit: of the value.
    goal: lower, higher, or match (best when equal to the value on real data).
    needs: parts of the trial, or "aligned".
    question: "match" (same people), "new patients", or "privacy".
    reference: where it was published.
    costly: left out by `--quick`.
    by_size: whether it depends on the size of the synthetic set even where that is larger than the
    test set.
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
        """The first line of what the metric describes."""
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


def too_few(count: int) -> Estimate:
    """No value, since the items are too few."""
    return Estimate(float("nan"), note=f"{count} items; at least {MIN_ITEMS} are needed")
