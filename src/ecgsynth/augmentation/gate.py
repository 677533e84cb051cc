"""The quality gate: it decides which synthetic items of a class join the real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.augmentation import criteria
from ecgsynth.augmentation.criteria import ClassJudge, Range
from ecgsynth.augmentation.plan import Gating
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import MIN_ITEMS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.prior import ContextPrior

MEASURED = 2000
"""Real items of a class that are measured, drawn at random; copies are sought among all."""

SURE = 0.5
"""From this probability of its class on, an item adheres."""


@dataclass(frozen=True)
class Bounds:
    """What the real items of a class fill.

    quality, intervals: by measurement. near, far: distances below which an item is a copy, above
    which it is an outlier. least: probability of the class that an item needs.
    """

    quality: Mapping[str, Range]
    intervals: Mapping[str, Range]
    near: float
    far: float
    least: float


@dataclass(frozen=True)
class Gate:
    """Fitted on real items alone: `Gate.fit(real, ["S", "V"])`, then `passes(items, "S")`."""

    settings: Gating
    real: Mapping[str, Ecg]
    bounds: Mapping[str, Bounds]
    judge: ClassJudge | None

    @classmethod
    def fit(
        cls,
        real: Ecg,
        classes: Mapping[str, str] | list[str],
        settings: Gating | None = None,
        seed: int = 0,
    ) -> Gate:
        """Measure what the real items of these classes fill.

        Parameters
        ----------
        real: the whole set, of which the classifier learns where none is shipped.
        classes: those that will be filled up; a mapping gives the generator's names of them.

        Raises
        ------
        EcgsynthError: a class has too few real items, or the classifier cannot judge.
        """
        settings = settings or Gating()
        labels = dict(classes) if isinstance(classes, Mapping) else {c: c for c in classes}
        real = real[np.isfinite(real.signal).all((1, 2))]
        judge = None
        if settings.adherence:
            kind, steps = settings.classifier, settings.steps
            judge = criteria.make_judge(real, labels, kind, steps, seed)
        prior = ContextPrior.fit(real, np.zeros(len(real), np.int64))
        parts, bounds = {}, {}
        for name in labels:
            rows = np.flatnonzero(np.asarray(real.label)[:, real.spec.class_index(name)] > 0)
            if len(rows) < MIN_ITEMS:
                raise EcgsynthError(
                    f"class {name} has {len(rows)} real items, and the gate needs {MIN_ITEMS} to "
                    "know what is usual; leave the class out, or set gate.enabled=false."
                )
            parts[name] = real[rows]
            random = np.random.default_rng([seed, *name.encode()])
            some = np.sort(random.permutation(len(rows))[:MEASURED])
            held_out = None
            if judge is not None and judge.held_out is not None:
                held_out = judge.held_out[rows[some]]
            contexts = criteria.usual_contexts(prior, parts[name], name)
            bounds[name] = _measure_bounds(
                parts[name], some, name, settings, contexts, judge, held_out
            )
        return cls(settings, parts, bounds, judge)

    def passes(self, items: Ecg, name: str) -> dict[str, NDArray[np.bool_]]:
        """By criterion, [item] whether the items of this class meet it; those that are off are
        left out. Every criterion looks at every item."""
        bounds, settings = self.bounds[name], self.settings
        finite = np.asarray(np.isfinite(items.signal).all((1, 2)))
        items = replace(items, signal=np.where(finite[:, None, None], items.signal, 0.0))
        found = {"quality": finite}  # no setting lets NaN through
        if settings.quality:
            found["quality"] = finite & _all_in_range(
                bounds.quality, criteria.quality(items), len(items)
            )
        if settings.intervals:
            values = criteria.intervals(items)
            found["intervals"] = _all_in_range(bounds.intervals, values, len(items))
        if settings.copies or settings.outliers:
            far = criteria.distance(items, self.real[name])
            if settings.copies:
                found["copies"] = far >= bounds.near
            if settings.outliers:
                found["outliers"] = far <= bounds.far
        if self.judge is not None:
            found["adherence"] = criteria.class_probability(self.judge, items, name) >= bounds.least
        return found


def _all_in_range(
    ranges: Mapping[str, Range], values: Mapping[str, NDArray[np.float64]], count: int
) -> NDArray[np.bool_]:
    """[item] whether every measurement that has a range lies in it."""
    held = [ranges[name].holds(values[name]) for name in ranges if name in values]
    return np.logical_and.reduce([np.ones(count, bool), *held])


def _measure_bounds(
    part: Ecg,
    some: NDArray[np.int64],
    name: str,
    settings: Gating,
    contexts: criteria.Values,
    judge: ClassJudge | None,
    held_out: NDArray | None,
) -> Bounds:
    """Of the real items of a class; some: rows that are measured; contexts: usual ones;
    held_out: [row, class], the probabilities of these by a classifier that was not trained on
    them."""
    measured = part[some]

    def ranges(values: Mapping[str, NDArray[np.float64]]) -> dict[str, Range]:
        return {n: Range.of(v, settings.tail, settings.widen, n) for n, v in values.items()}

    near, far, least = 0.0, np.inf, 0.0
    if settings.copies or settings.outliers:
        near, far = criteria.distance_limits(part, some, settings.near, settings.far)
    if judge is not None:
        own = (
            criteria.class_probability(judge, measured, name)
            if held_out is None
            else criteria.normalised_probability(held_out, judge.column, name, part.spec.multilabel)
        )
        # One that learned from these very items is surer of them than of any new one, real or not:
        # no item is refused in which it sees the class before all others together.
        least = min(float(np.quantile(own, settings.least)), SURE)
    return Bounds(
        ranges(criteria.quality(measured)) if settings.quality else {},
        ranges(criteria.intervals(measured) | contexts) if settings.intervals else {},
        float(near), float(far), least,
    )  # fmt: skip
