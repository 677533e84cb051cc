"""LSTM-GAN's RMSE, PRD and MMD on windows of LUDB: by the published formulas, and rightly.

`python -m benchmarks.claims_bilstm MODEL [MODEL...]` prints its tables in Markdown, beside real
against real, a PCA-Gaussian and the mean beat, which beats real windows wherever pairs are
arbitrary. Held-out windows are those of the validation people; with `--final` those of the test
people, once a version.

As published: pairs as they come; the 100 inside the root of PRD, which so is a tenth of what it
says; MMD of the amplitudes of two windows, whose order in time is lost. Inferred: that signals were
divided by the largest amplitude of all (an RMSE of .078 at a true PRD of 148 % is an RMS of .053),
and the width of the kernel, 1.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ecgsynth as es
from benchmarks.claims import estimate, judged, number, table
from ecgsynth.config import Run
from ecgsynth.evaluation import Trial
from ecgsynth.evaluation.baselines.controls import mean_beat
from ecgsynth.evaluation.baselines.samplers import gaussian

PUBLISHED = {
    "RMSE": (0.078, 0.021, 0.169),
    "PRD": (14.82, 4.55, 49.19),
    "MMD": (9e-4, -6e-5, 1e-2),
}
"""Mean, lowest and highest."""

METRICS = (
    "rmse_random", "rmse_nearest", "prd_random", "prd_nearest", "c2st", "coverage",
    "coverage_signal",
)  # fmt: skip

DRAWS = 2000
"""Of people, for the interval of an MMD and for what real people reach among themselves."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--final", action="store_true", help="test people, not validation")
    parser.add_argument("--quick", action="store_true", help="no networks trained: a try-out")
    given = parser.parse_args()
    models = [es.Synthesizer.load(path) for path in given.models]
    data = Run.from_dict(models[0].card.run).data
    train = es.load(data.name, "train", **data.settings)
    test = es.load(data.name, "test" if given.final else "validation", **data.settings)
    for model in models:
        if (model.card.data.get("source"), model.spec) != (train.source, train.spec):
            raise SystemExit(
                f"{model.card.id} did not learn the windows of {train.source} that "
                f"{models[0].card.id} learned; give models of one recipe's data."
            )
    sets = {str(model.card.id): model.generate(len(train), seed=0) for model in models}
    trial = Trial(train, train=train)  # the controls read its size alone
    all_sets = sets | {
        "mean beat": mean_beat(trial).synthetic,
        "floor: Gaussian": gaussian(trial).synthetic,
        "ceiling: real": train,
    }
    people = [len(np.unique(np.asarray(part.patient))) for part in (train, test)]
    print(
        f"{len(train)} windows a set; real: those of {train.source} ({people[0]} people). Judged "
        f"against {len(test)} windows of {test.source} ({people[1]} people).\n"
    )
    as_published(all_sets, test, float(np.abs(train.signal).max()))
    discrepancies(all_sets, train, test)
    judged(sets, test, train, METRICS, quick=given.quick)


def as_published(sets: dict[str, es.Ecg], test: es.Ecg, largest: float) -> None:
    """Print mean, lowest and highest of the published figures over as many pairs as there are."""
    random = np.random.default_rng(0)
    real = test.signal[random.permutation(len(test)), 0] / largest
    columns = {}
    for name, ecg in sets.items():
        made = ecg.signal[random.permutation(len(ecg))[: len(real)], 0] / largest
        columns[name] = {
            "RMSE": np.sqrt(((real - made) ** 2).mean(1)),
            "PRD": prd_as_published(real, made),
            "MMD": np.array([amplitudes_mmd(x, y) for x, y in zip(real, made, strict=True)]),
        }
    lines = []
    for figure, published in PUBLISHED.items():
        values = [each[figure] for each in columns.values()]
        ends = [published, *((each.mean(), each.min(), each.max()) for each in values)]
        lines.append([figure, *(f"{number(m)} ({number(a)} to {number(b)})" for m, a, b in ends)])
    print(
        "As published, mean (lowest to highest) over arbitrary pairs of signals within -1 to 1:\n"
    )
    table(["figure", "published", *columns], lines)


def prd_as_published(real: NDArray, made: NDArray) -> NDArray[np.float64]:
    """[pair] PRD with its 100 inside the root; rightly 100 sqrt(sum (x-y)^2 / sum x^2), ten times
    as much. real, made: [pair, sample]."""
    return np.asarray(np.sqrt(100 * ((real - made) ** 2).sum(1) / (real**2).sum(1)))


def amplitudes_mmd(x: NDArray, y: NDArray) -> float:
    """Unbiased squared MMD between the amplitudes of two windows, exp(-(a - b)^2 / 2)."""

    def kernel(a: NDArray, b: NDArray) -> NDArray:
        return np.exp(-((a[:, None] - b) ** 2) / 2)

    n = len(x)
    within = (kernel(x, x).sum() + kernel(y, y).sum() - 2 * n) / (n * (n - 1))
    return float(within - 2 * kernel(x, y).mean())


def discrepancies(sets: dict[str, es.Ecg], train: es.Ecg, test: es.Ecg) -> None:
    """Print the squared MMD of whole windows between every set and the held-out people.

    Unbiased, Gaussian kernel at the median distance of real windows (Gretton et al., JMLR 2012).
    Windows of one person resemble each other, so no two of them are compared: a set as varied as
    people are has 0. Intervals: draws of the held-out people. Chance: what the real people reach
    when they are group_units out at random to two sides as large as these.
    """
    random = np.random.default_rng(0)
    wave = train.signal[:, 0]
    width = float(np.median(((wave - random.permutation(wave)) ** 2).sum(1)))
    cells = []
    for ecg in sets.values():
        kernel, held = by_person(test, ecg, width)
        count = int(held.sum())
        drawn = np.zeros((DRAWS, len(held)))
        drawn[:, held] = random.multinomial(count, np.full(count, 1 / count), DRAWS)
        low, high = np.quantile(mmd(kernel, drawn, ~held), [0.025, 0.975])
        cells.append(estimate(float(mmd(kernel, held, ~held)), low, high))
    kernel, held = by_person(test, train, width)
    group_units = random.permuted(np.tile(held, (DRAWS, 1)), axis=1)
    chance = float(np.quantile(mmd(kernel, group_units, ~group_units), 0.95))
    print("MMD of whole windows, 0 = the same; under the last figure in 95 of 100 by chance:\n")
    table(["figure", *sets, "chance"], [["MMD, squared", *cells, number(chance)]])


def by_person(one: es.Ecg, other: es.Ecg, width: float) -> tuple[NDArray, NDArray[np.bool_]]:
    """What `mmd` needs of two sets: ([2, person, person], [person] whether he is of `one`).

    Of two persons: the sum of the kernel over their pairs of windows, and how many pairs these are;
    none of a person with himself. A set that names nobody has a person a window, as a generator
    draws each anew. width: of the kernel, squared, mV^2.
    """
    from sklearn.metrics.pairwise import rbf_kernel

    who = [np.arange(len(e)) if e.patient is None else e.patient for e in (one, other)]
    number_of = [np.unique(names, return_inverse=True)[1] for names in who]
    first = int(number_of[0].max()) + 1
    person = np.concatenate([number_of[0], first + number_of[1]])
    member = np.eye(int(person.max()) + 1)[person]
    wave = np.concatenate([one.signal[:, 0], other.signal[:, 0]])
    size = member.sum(0)
    found = np.stack([member.T @ rbf_kernel(wave, gamma=1 / width) @ member, np.outer(size, size)])
    found[:, np.arange(len(size)), np.arange(len(size))] = 0
    return found, np.arange(len(size)) < first


def mmd(kernel: NDArray, one: NDArray, other: NDArray) -> NDArray[np.float64]:
    """[...] squared MMD between two sides; one, other: [..., person] how often each counts."""

    def mean(a: NDArray, b: NDArray) -> NDArray:
        sums, pairs = ((a.astype(float) @ each * b).sum(-1) for each in kernel)
        return np.asarray(sums / pairs)

    return mean(one, one) + mean(other, other) - 2 * mean(one, other)


if __name__ == "__main__":
    main()
