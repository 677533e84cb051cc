"""Criteria of the quality gate: for every class, the ranges that its real items fill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.evaluation.metrics.fidelity.folds import folds
from ecgsynth.evaluation.metrics.privacy.memorisation import SHIFT_S, nearest
from ecgsynth.evaluation.reference_models.classifiers import fit, predict
from ecgsynth.evaluation.reference_models.delineation import SHORTEST_S, delineate
from ecgsynth.evaluation.reference_models.instruments import instrument
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.fiducials import measure, unmeasurable
from ecgsynth.signals.prior import ContextPrior
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.vocabulary import AAMI_OF_SYMBOL

Values = dict[str, NDArray[np.float64]]
"""Name of a measurement -> [item]; NaN where it cannot be taken."""

Predict = Callable[[Ecg], NDArray[np.floating]]
"""Items -> [item, class] probabilities."""

STILL = 1e-3
"""A step below this share of the item's height is none: the signal stands still."""

SMALLEST = {
    "height": 0.2, "slope": 0.2,  # natural logarithms: 10 % to either side
    "standstill": 0.04,  # s
    "qrs": 20.0,  # ms: to either side by what two readers differ (CSE Working Party 1985)
    "heart_rate": 4.0,  # 1/min
    "age": 2.0,  # years
}  # fmt: skip
"""Smallest width of a range by measurement, in its unit: where all real items have a number in
common, as the height of a set that is scaled to [0, 1], their own range has none."""

SMALLEST_S = 0.04
"""Likewise of a context in seconds, as RR: one small box of ECG paper."""

ROUNDING = 1e-3
"""Likewise of every other number in its own unit, and the share of its size by which any may differ
to either side."""

LOGARITHMS = ("height", "slope")

NEAR, FAR = 0.002, 0.02
"""RMS difference, as a share of the real items' median height, up to which an item is always a
copy, and up to which it is never an outlier: so much lies between items that are alike."""

FEW, LOOSE = 20, 0.15
"""With fewer items a range is uncertain; it is widened on both ends by this share of its size."""

DRAWN = 2000
"""Contexts of a class that are drawn to know their range."""

MOST_FAIL = 0.1
"""Where a measurement fails on a larger share of real items, its failure is no evidence."""


@dataclass(frozen=True)
class Range:
    """What real items fill: low and high edge, and whether a value that is missing is refused."""

    low: float
    high: float
    needed: bool

    @classmethod
    def of(cls, values: NDArray[np.float64], tail: float, widen: float, name: str = "") -> Range:
        """Of real values, without `tail` of them at either end, widened by a share of its width.

        name: what is measured, which has a smallest width. No value known: everything is in range.
        """
        known = values[np.isfinite(values)]
        if not len(known):
            return cls(-np.inf, np.inf, False)
        low, high = np.quantile(known, [tail, 1 - tail])
        size = 1.0 if name in LOGARITHMS else max(abs(low), abs(high))
        share = (ROUNDING if len(known) >= FEW else LOOSE) * size
        least = SMALLEST.get(name, SMALLEST_S if name.endswith("_s") else ROUNDING)
        more = max(widen * (high - low), share, (least - (high - low)) / 2)
        return cls(float(low - more), float(high + more), 1 - len(known) / len(values) < MOST_FAIL)

    def holds(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """[item] whether the value lies inside."""
        inside = (values >= self.low) & (values <= self.high)
        return np.where(np.isnan(values), not self.needed, inside)


def quality(ecg: Ecg) -> Values:
    """Height, slope and longest standstill of every item.

    Height is the log of the largest lead's peak to peak, slope the log of its RMS, standstill in s.
    NaN where an item is not finite or a flat line.

    A clipped signal stands still at its clip, a saturated one at its rail.
    """
    signal = ecg.signal.astype(np.float64)
    finite = np.asarray(np.isfinite(signal).all((1, 2)))
    signal = np.where(finite[:, None, None], signal, 0.0)
    height = np.ptp(signal, axis=2)
    step = np.abs(np.diff(signal, axis=2))
    still = np.zeros(len(ecg))
    run = np.zeros(height.shape)
    for column in np.moveaxis(step <= STILL * height[..., None], 2, 0):
        run = (run + 1) * column
        still = np.maximum(still, run.max(1))
    whole = finite & (height > 0).all(1)
    with np.errstate(divide="ignore"):
        found = {
            "height": np.log(height.max(1)),
            "slope": np.log(np.sqrt((step**2).mean((1, 2)))),
            "standstill": still / ecg.spec.fs,
        }
    return {name: np.where(whole, values, np.nan) for name, values in found.items()}


def usual_contexts(prior: ContextPrior, part: Ecg, name: str) -> Values:
    """Contexts as items of a class have them, by name: [draw].

    prior: of the whole real set, from which they are drawn. They are not the items' own: what
    passes a gate that knows the mean RR of one or two people shows it. part: the items of the
    class; as large a share is missing as of these.
    """
    uniform = np.random.default_rng(0).uniform(size=(DRAWN, prior.uniforms))
    classes = [name] if name in prior.classes else [*prior.classes]
    drawn = np.concatenate([prior.draw(one, uniform, {}).context for one in classes])
    missing = np.isnan(np.asarray(part.context))
    drawn[np.resize(missing, drawn.shape)] = np.nan
    return dict(zip(prior.spec.context, drawn.T, strict=True))


def intervals(ecg: Ecg) -> Values:
    """Every number of the context, and the QRS duration (ms) where the items can hold one.

    A number that no item has, since the generator does not know it, is left out.
    """
    assert ecg.context is not None
    columns = zip(ecg.spec.context, ecg.context.T.astype(np.float64), strict=True)
    found = {name: column for name, column in columns if np.isfinite(column).any()}
    if can_measure_qrs(ecg.spec):
        spec = ecg.spec
        lead = next((spec.leads.index(name) for name in ("II", "MLII") if name in spec.leads), 0)
        signal = np.ascontiguousarray(ecg.quantised().signal[:, lead])
        points = delineate(signal, spec.fs)
        found["qrs"] = measure(signal, points, r_sample=spec.r_sample)["qrs"]
    return found


def can_measure_qrs(spec: Spec) -> bool:
    """Whether the QRS duration can be measured in such items."""
    return spec.unit == "mV" and spec.seconds >= SHORTEST_S and "qrs" not in unmeasurable(spec)


def copy_shift(spec: Spec) -> int:
    """Samples by which a copy may be moved and is still one."""
    return min(max(1, round(SHIFT_S * spec.fs)), (spec.samples - 1) // 2)


def distance(items: Ecg, real: Ecg) -> NDArray[np.float64]:
    """[item] distance to the nearest real one, moved by up to 3 ms (see `privacy.nearest`)."""
    return nearest(items.signal, real.signal, copy_shift(real.spec))[0]


def spacing(real: Ecg, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """[row] distance of these real items to the nearest other one, measured alike."""
    from sklearn.neighbors import NearestNeighbors

    shift = copy_shift(real.spec)
    stop = real.spec.samples - shift
    flat = real.signal[..., shift:stop].reshape(len(real), -1)
    search = NearestNeighbors(n_neighbors=2).fit(flat)
    best = np.full(len(rows), np.inf)
    for move in range(-shift, shift + 1):
        moved = real.signal[rows, :, shift + move : stop + move].reshape(len(rows), -1)
        far, at = search.kneighbors(moved)
        own = at[:, 0] == rows
        best = np.minimum(best, np.where(own, far[:, 1], far[:, 0]))
    return best


def distance_limits(
    real: Ecg, rows: NDArray[np.int64], near: float, far: float
) -> tuple[float, float]:
    """Distances below which an item is a copy, and above which it is an outlier.

    near, far: quantiles of the spacing of these real items. Twins among them do not count below:
    with them a copy would be as far from a real item as real ones are from each other.
    """
    apart = spacing(real, rows)
    height = float(np.median(np.ptp(real.signal[rows], axis=2).max(1)))
    alike = height * np.sqrt(len(real.spec.leads) * real.spec.samples)
    others = apart[apart > NEAR * alike]
    lower = float(np.quantile(others, near)) if len(others) else 0.0
    return max(lower, NEAR * alike), max(float(np.quantile(apart, far)), FAR * alike)


@dataclass(frozen=True)
class ClassJudge:
    """An independent classifier, and which of its classes each class of the set is.

    name: what it is. predict: items to probabilities. column: class of the set -> its column.
    held_out: [item, class] its probabilities for the real items, each from a network that was not
        trained on it; None where it was trained on none of them.
    """

    name: str
    predict: Predict
    column: Mapping[str, int]
    held_out: NDArray[np.floating] | None = None


def make_judge(
    real: Ecg, labels: Mapping[str, str], kind: str, steps: int, seed: int
) -> ClassJudge:
    """The shipped classifier that knows such items, or one fitted on them.

    labels: class of the set -> what the generator calls it; such names, and WFDB's beat codes,
    are understood by the shipped one. kind: shipped, fitted or either.

    Raises
    ------
    EcgsynthError: the shipped one was asked for and does not know these items or classes.
    """
    known = instrument(real.spec)
    if known is not None and kind != "fitted":
        names = known.spec.classes
        asked = {own: _class_of(labels.get(own, own), names) for own in real.spec.classes}
        column = {own: names.index(name) for own, name in asked.items() if name}
        if set(labels) <= set(column):
            return ClassJudge("the shipped classifier", known.predict, column)
    if kind == "shipped":
        raise EcgsynthError(
            "the shipped classifier does not know such items or not all of their classes; set "
            "gate.classifier=fitted, or gate.adherence=false."
        )
    if sum(count > 0 for count in real.counts().values()) < 2:
        raise EcgsynthError(
            "a classifier needs items of two classes; give the whole real set, or "
            "set gate.adherence=false."
        )
    return _fit_judge(real, steps, seed)


def _class_of(name: str, known: tuple[str, ...]) -> str:
    """The classifier's class of that name or of that beat code; "" where it has none."""
    other = AAMI_OF_SYMBOL.get(name, "")
    return name if name in known else other if other in known else ""


def _fit_judge(real: Ecg, steps: int, seed: int) -> ClassJudge:
    """Two networks, each of one half of the time blocks; real items are judged by the other's."""
    grid, nets = real.quantised(), []
    held_out = np.full((len(real), len(real.spec.classes)), np.nan)
    unit, label = blocks(real), np.asarray(real.labels_id)
    for k in np.unique(label):  # a class within one block would be missing from one half
        rows = np.flatnonzero(label == k)
        if len(np.unique(unit[rows])) < 2:
            unit[rows] = unit.max() + 1 + np.arange(len(rows))
    for learn, held in folds(unit, label, 2, seed):
        nets.append(fit(grid[learn], None, steps=steps, seed=seed))
        held_out[held] = predict(nets[-1], grid[held])

    def probabilities_of(ecg: Ecg) -> NDArray[np.floating]:
        return np.mean([predict(net, ecg) for net in nets], 0)

    column = {name: k for k, name in enumerate(real.spec.classes)}
    return ClassJudge("a classifier fitted on the real items", probabilities_of, column, held_out)


def class_probability(judge: ClassJudge, ecg: Ecg, name: str) -> NDArray[np.float64]:
    """[item] probability of a class of the set, among those that the set has."""
    probability = np.asarray(judge.predict(ecg.quantised()), np.float64)
    return normalised_probability(probability, judge.column, name, ecg.spec.multilabel)


def normalised_probability(
    probability: NDArray, column: Mapping[str, int], name: str, multilabel: bool
) -> NDArray[np.float64]:
    """[item] probability of one class; of items with one class as a share of the set's classes."""
    own = probability[:, column[name]]
    if multilabel:
        return own
    every = probability[:, sorted(set(column.values()))].sum(1)
    return own / np.maximum(every, 1e-12)
