"""Figures of real samples of the same size: the range in which a figure is as good as real.

Many samples are drawn from the real training items: time blocks again each time, people every
second time. Every figure that gets a mark is measured on each sample as if it were the synthetic
set. Half of the samples contain the people in the shares of the recordings, the other half in
another mix. Real items reach the figures within the range of these samples, and none outside it.
The range is chosen so that a real sample has all figures of a question inside in 99 of 100 cases
(Westfall & Young 1993: the largest of the standardised figures decides).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Metric, Trial, pick
from ecgsynth.evaluation.intervals import blocks
from ecgsynth.progress import Steps
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.joining import concatenate

Known = dict[Callable[[Trial], Any], Callable[[NDArray[np.int64]], Any]]

Draws = dict[str, dict[str, list[float]]]
"""Metric -> class, or "all" -> its figure in each sample; NaN if a sample has none."""

DRAWS, FEW_DRAWS = 500, 20
"""Real samples drawn for a calibration, and for an evaluation without one."""

FAMILIES: tuple[tuple[str, ...], ...] = (
    ("rmse_nearest",),
    ("alpha_precision",),
    ("*_w1",),
    ("delineation_failure",),
    ("adherence",),
    ("statement_adherence",),
    ("memorisation", "nn_membership", "domias"),
    ("c2st",),
    ("coverage",),
    ("collapse",),
)
"""Metrics that answer one question together, `*` for any letters."""

ERROR = 0.01
"""Share of real samples with a figure of a question outside its range."""

ENOUGH = 200
"""Least samples to estimate the largest standardised figure; with fewer, Student's quantile."""

LEAST_WIDTH = 0.01
"""Least half width of a range: absolute for shares and areas, else relative."""

LARGER = 3
"""Items of each half of the training set that are measured, in sizes of the set."""


@dataclass(frozen=True)
class RealRange:
    """The median and the range of the figures of real samples; draws: number of samples."""

    low: float
    median: float
    high: float
    draws: int

    def holds(self, value: float) -> bool:
        """Whether a value lies within the range."""
        return self.low <= value <= self.high


def has_real_samples(metric: Metric, *, quick: bool) -> bool:
    """Whether real samples are drawn for a metric; not for one that trains a network."""
    if metric.name == "c2st":
        return quick
    return not metric.costly and any(fnmatch(metric.name, p) for row in FAMILIES for p in row)


def draw(trial: Trial, metrics: Sequence[Metric], count: int, steps: Steps | None = None) -> Draws:
    """The figures of `count` real samples with the sizes of the synthetic set.

    One half of the training set's time blocks is sampled, the other half is used as the training
    set; then the other way round.
    """
    halves = _halves(trial)
    found: Draws = {}
    for k in range(count):
        if steps is not None:
            steps.begin(f"real sample {k + 1} of {count}", COST_S)
        random = np.random.default_rng([trial.seed, k])
        one = halves[k % 2].sample(random, people_vary=k // 2 % 2 == 1)
        for metric in metrics:
            try:
                cells: Mapping[str, Estimate] = metric.measure(one)
            except EcgsynthError:
                cells = {}
            row = found.setdefault(metric.name, {})
            for group in {*row, *cells}:
                past = row.setdefault(group, [float("nan")] * k)
                estimate = cells.get(group)
                past.append(float(f"{estimate.value:.5g}") if estimate else float("nan"))
    return found


COST_S = 2.5
"""Cost of a sample of 2,000 beats, in the unit of `pace.cost`."""


def real_ranges(draws: Draws, groups: Iterable[str]) -> dict[tuple[str, str], RealRange]:
    """(metric, group) -> the range of real samples, family by family.

    groups: those that get marks; the more figures a question has, the wider is each range.
    """
    found: dict[tuple[str, str], RealRange] = {}
    wanted = {*groups, "all"}
    for patterns in FAMILIES:
        cells = {
            (name, group): np.array(values)
            for name, row in draws.items()
            if any(fnmatch(name, pattern) for pattern in patterns)
            for group, values in row.items()
            if group in wanted and np.isfinite(values).mean() > 0.9
        }
        found |= _family(cells) if cells else {}
    return found


def _family(cells: dict[tuple[str, str], NDArray]) -> dict[tuple[str, str], RealRange]:
    from scipy.stats import t

    matrix = np.stack([*cells.values()])  # [figure, draw]
    median = np.nanmedian(matrix, 1, keepdims=True)
    off = np.nan_to_num(matrix - median)
    # Each side has its own spread, since distances are skewed.
    down, up = (
        np.sqrt((np.where(side, off, 0) ** 2).sum(1) / np.maximum(side.sum(1), 1))
        for side in (off < 0, off > 0)
    )
    scale = np.where(off < 0, down[:, None], up[:, None])
    standardised = np.abs(off) / np.maximum(scale, 1e-12)
    count = matrix.shape[1]
    if count >= ENOUGH:
        factor = float(np.quantile(standardised.max(0), 1 - ERROR))
    else:
        factor = float(t.ppf(1 - ERROR / 2 / len(cells), count - 1) * np.sqrt(1 + 1 / count))
    middle = median[:, 0]
    least, most = np.nanmin(matrix, 1), np.nanmax(matrix, 1)
    share = (least >= -1) & (most <= 1)
    slack = LEAST_WIDTH * np.where(share, 1.0, np.abs(middle))
    low = middle - np.maximum(factor * down, slack)
    high = middle + np.maximum(factor * up, slack)
    low = np.where(least >= 0, np.maximum(low, 0), low)  # no distance or share is negative
    high = np.where(share, np.minimum(high, 1), high)
    return {
        key: RealRange(float(low[k]), float(middle[k]), float(high[k]), count)
        for k, key in enumerate(cells)
    }


@dataclass(frozen=True)
class _Half:
    """Real items of one half of the blocks, in a trial where the other half is the training set.

    known: for each cached function, the values of all items as a function of the sample's rows: the
    value of an item is the same in every sample.
    """

    trial: Trial
    counts: dict[str, int]
    known: Known

    def sample(self, random: np.random.Generator, *, people_vary: bool) -> Trial:
        """A trial of a sample: people and their blocks, up to the sizes of the set."""
        ecg = self.trial.synthetic
        rows = np.sort(sampled_rows(ecg, self.counts, random, people_vary=people_vary))
        one = replace(self.trial, synthetic=ecg[rows])
        for measure, of_rows in self.known.items():
            one.know(measure, of_rows(rows))
        return one


def sampled_rows(
    ecg: Ecg, counts: Mapping[str, int], random: np.random.Generator, *, people_vary: bool
) -> NDArray[np.int64]:
    """Rows of a sample with a given number of items of each class, if there are enough.

    People get bootstrap weights if they vary, else equal weights. Blocks are ordered by exponential
    times whose rate is the weight of their person (Efraimidis & Spirakis 2006), so that no block is
    drawn twice. People of weight 0 have no items in the sample.
    """
    unit = blocks(ecg)
    person = np.zeros(len(ecg), np.int64)
    if people_vary and ecg.patient is not None:
        person = np.unique(ecg.patient, return_inverse=True)[1]
    people = int(person.max()) + 1
    weight = random.multinomial(people, np.full(people, 1 / people))[person]
    time = random.exponential(size=int(unit.max()) + 1)[unit]
    order = np.argsort(time / np.maximum(weight, 1e-9), kind="stable")
    order = order[weight[order] > 0]
    if not ecg.spec.classes or ecg.spec.multilabel:
        return order[: sum(counts.values())]
    label = ecg.labels_id[order]
    return np.concatenate([
        order[label == ecg.spec.class_index(name)][:count] for name, count in counts.items()
    ])  # fmt: skip


def _halves(trial: Trial) -> list[_Half]:
    assert trial.train is not None
    even = blocks(trial.train) % 2 == 0
    several = trial.train.spec.multilabel or not trial.classes
    counts = (
        {"": len(trial.synthetic)} if several
        else {n: len(trial.part(trial.synthetic, n)) for n in trial.classes}
    )  # fmt: skip
    found = []
    for half in (even, ~even):
        pool = trial.train[half]
        random = trial.random("real draws")
        if several:
            pool = pick(pool, LARGER * counts[""], random)
        else:
            pool = concatenate(
                [pick(pool.of_class(n), LARGER * count, random) for n, count in counts.items()]
            )
        one = replace(trial, synthetic=pool, train=trial.train[~half])
        found.append(_Half(one, counts, _known(one, trial)))
    return found


def _known(half: Trial, whole: Trial) -> Known:
    """Values that samples of a half share; half: all of its items as if synthetic."""
    from ecgsynth.evaluation.metrics.physiology import measured, measurements
    from ecgsynth.evaluation.metrics.privacy.memorisation import neighbours, neighbours_of
    from ecgsynth.evaluation.reference_models.instruments import embed, embedded

    if whole.test is None:
        return {}
    pool = half.synthetic
    points, unseen = embed(pool.quantised()), embedded(whole)[1]
    values, all_values = measured(pool), measurements(whole)[1]
    near = neighbours_of(half, len(pool))

    def intervals(rows: NDArray[np.int64]) -> tuple[dict[str, NDArray], Mapping[str, NDArray]]:
        return {name: column[rows] for name, column in values.items()}, all_values

    return {
        embedded: lambda rows: (points[rows], unseen),
        measurements: intervals,
        neighbours: lambda rows: {
            group: one if isinstance(one, Estimate) else one.of_rows(rows)
            for group, one in near.items()
        },
    }
