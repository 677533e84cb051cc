"""Coverage, density and spread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecgsynth.datasets import is_public
from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    members,
    metric,
    once,
    too_few,
)
from ecgsynth.evaluation.intervals import mean_over, units
from ecgsynth.evaluation.reference_models.instruments import embedded
from ecgsynth.registry import METRICS

NEIGHBOURS = 5
MAX_DRAWS = 20
"""Most draws from a synthetic set that is larger than the real one."""


@METRICS.register("coverage")
@metric(
    "coverage", unit="share", goal="higher", needs=("test",), question="match",
    reference="Naeem et al., ICML 2020; k = 5, in the fixed instrument's embedding; identical "
    "distributions give 1 - 2^-5 = .969",
)  # fmt: skip
def coverage(trial: Trial) -> dict[str, Estimate]:
    """Share of real beats with a synthetic beat in their neighbourhood."""
    return _coverage(trial, neighbourhoods(trial))


@METRICS.register("coverage_worst_person")
@metric(
    "coverage_worst_person", unit="share", goal="higher", needs=("test",), question="match",
    reference="the lowest coverage of any person's real beats (10 or more of the class): a mean "
    "hides people without similar synthetic beats",
)  # fmt: skip
def coverage_worst_person(trial: Trial) -> dict[str, Estimate]:
    """Coverage of the person whose real beats are covered least.

    The note names the record if the data set is public.

    Raises
    ------
    NotApplicable: the items do not name their people.
    """
    assert trial.test is not None
    if trial.test.patient is None:
        raise NotApplicable("needs the person of each item ('patient' of the set)")
    people, found = coverage_by_person(trial), {}
    for name, one in neighbourhoods(trial).items():
        if isinstance(one, Estimate):
            found[name or "all"] = one
            continue
        enough = [each for each in people[name or "all"] if each.items >= MIN_ITEMS]
        if not enough:
            note = f"no person has {MIN_ITEMS} evaluated items"
            found[name or "all"] = Estimate(float("nan"), note=note)
            continue
        worst = enough[0]
        median = np.median([each.coverage for each in enough])
        note = (
            f"the lowest of {len(enough)} people, whose median is {median:.3f}"
            if len(enough) > 1
            else f"no other person has {MIN_ITEMS} items"
        )
        note += f"; {worst.person}" if worst.person else ""
        found[name or "all"] = Estimate(worst.coverage, note=note)
    return found


class PersonCoverage(NamedTuple):
    """Coverage of a person's real items of a class; `person` names records of public sets only."""

    person: str
    items: int
    coverage: float


def coverage_by_person(trial: Trial) -> dict[str, list[PersonCoverage]]:
    """Class -> the people of the held-out items, those covered least first; none without names."""
    found: dict[str, list[PersonCoverage]] = {}
    if trial.test is None or trial.test.patient is None:
        return found
    named = is_public(trial.test.source) and trial.test.record is not None
    for name, one in neighbourhoods(trial).items():
        if isinstance(one, Estimate):
            continue
        number = np.unique(trial.test.patient[one.rows], return_inverse=True)[1]
        items = np.bincount(number)
        share = np.bincount(number, one.hits) / items
        for k in share.argsort(kind="stable"):
            who = ""
            if named:
                assert trial.test.record is not None
                records = np.unique(trial.test.record[one.rows[number == k]])
                who = f"record {' and '.join(records)}"
            one_person = PersonCoverage(who, int(items[k]), float(share[k]))
            found.setdefault(name or "all", []).append(one_person)
    return found


@METRICS.register("density")
@metric(
    "density", unit="ratio", goal="match", needs=("test",), question="match",
    reference="Naeem et al., ICML 2020; k = 5, in the embedding; 1 = as dense as real",
)  # fmt: skip
def density(trial: Trial) -> dict[str, Estimate]:
    """Number of real neighbourhoods that contain a synthetic beat, over the expected number."""
    return _density(trial, neighbourhoods(trial))


@METRICS.register("coverage_signal")
@metric(
    "coverage_signal", unit="share", goal="higher", needs=("test", "aligned"), question="match",
    reference="coverage between the signals themselves: Euclidean, mV, quantised to 5 uV",
)  # fmt: skip
def coverage_signal(trial: Trial) -> dict[str, Estimate]:
    """Share of real beats with a synthetic beat in their neighbourhood, sample by sample."""
    # The embedding ignores what does not help its classifier, and so misses the PCA-Gaussian.
    return _coverage(trial, neighbourhoods_signal(trial))


@METRICS.register("density_signal")
@metric(
    "density_signal", unit="ratio", goal="match", needs=("test", "aligned"), question="match",
    reference="density between the signals themselves: Euclidean, mV, quantised to 5 uV",
)  # fmt: skip
def density_signal(trial: Trial) -> dict[str, Estimate]:
    """Density computed sample by sample."""
    return _density(trial, neighbourhoods_signal(trial))


@METRICS.register("spread")
@metric(
    "spread", unit="ratio", goal="match", needs=("test",), question="match",
    reference="mean distance of random pairs over the real one; 0 = collapsed",
)  # fmt: skip
def spread(trial: Trial) -> dict[str, Estimate]:
    """Mean distance between two synthetic beats over that between two real ones."""
    found = {}
    for name in trial.groups:
        a, b = (part.signal for part in trial.equal(name))
        if len(a) < MIN_ITEMS:
            found[name or "all"] = too_few(len(a))
            continue
        found[name or "all"] = Estimate(_spread(a) / max(_spread(b), 1e-9))
    return found


def _spread(signal: NDArray) -> float:
    flat = signal.reshape(len(signal), -1)
    return float(np.sqrt(((flat - np.roll(flat, len(flat) // 2, 0)) ** 2).mean(1)).mean())


@dataclass(frozen=True)
class Neighbourhoods:
    """Synthetic items in the neighbourhoods of a class's real items, at equal size.

    Attributes
    ----------
    rows: [real] rows of the test set.
    hits: [real] share of draws with a synthetic item in its neighbourhood.
    density: [real] number of synthetic items there, over the expected number.
    """

    rows: NDArray[np.int64]
    hits: NDArray[np.float64]
    density: NDArray[np.float64]


@once
def neighbourhoods(trial: Trial) -> Mapping[str, Neighbourhoods | Estimate]:
    """Class -> coverage of its test items in the embedding, or the reason if there is none."""
    return neighbourhoods_of(trial, embedded(trial))


@once
def neighbourhoods_signal(trial: Trial) -> Mapping[str, Neighbourhoods | Estimate]:
    """The same, sample by sample."""
    assert trial.test is not None
    sets = (trial.synthetic.quantised().signal, trial.test.quantised().signal)
    synthetic, real = (signal.reshape(len(signal), -1) for signal in sets)
    return neighbourhoods_of(trial, (synthetic, real))


def neighbourhoods_of(
    trial: Trial, points: tuple[NDArray, NDArray]
) -> dict[str, Neighbourhoods | Estimate]:
    """Coverage of each class's test items, or the reason if there are too few.

    If the synthetic set is several times larger than the real one, the results of several draws are
    averaged, since 16 synthetic beats alone would depend on chance.

    points: of the synthetic and of the test items, [item, dimension] each.
    """
    assert trial.test is not None
    found: dict[str, Neighbourhoods | Estimate] = {}
    for name in trial.groups:
        random = trial.random("coverage")
        rows, real = members(trial.synthetic, name), members(trial.test, name)
        size = min(len(rows), len(real))
        if size < MIN_ITEMS:
            found[name] = too_few(size)
            continue
        rows = random.permutation(rows)
        real = np.sort(random.permutation(real)[:size])
        rows = rows[: min(MAX_DRAWS, len(rows) // size) * size].reshape(-1, size)
        near = [within(points[1][real], points[0][part]) for part in rows]
        hits = np.mean([one.any(1) for one in near], 0)
        density = np.mean([one.sum(1) for one in near], 0) / NEIGHBOURS
        found[name] = Neighbourhoods(real, hits, density)
    return found


Known = Mapping[str, Neighbourhoods | Estimate]


def _coverage(trial: Trial, known: Known) -> dict[str, Estimate]:
    assert trial.test is not None
    return {
        name or "all": one if isinstance(one, Estimate)
        else mean_over(one.hits, units(trial.test, one.rows), share=True)
        for name, one in known.items()
    }  # fmt: skip


def _density(trial: Trial, known: Known) -> dict[str, Estimate]:
    assert trial.test is not None
    return {
        name or "all": one if isinstance(one, Estimate)
        else mean_over(one.density, units(trial.test, one.rows))
        for name, one in known.items()
    }  # fmt: skip


def within(real: NDArray, synthetic: NDArray, k: int = NEIGHBOURS) -> NDArray[np.bool_]:
    """[real, synthetic]: whether a synthetic point is nearer to a real one than its k-th real
    neighbour (not counting itself)."""
    from sklearn.metrics import pairwise_distances
    from sklearn.neighbors import NearestNeighbors

    k = min(k, len(real) - 1)
    radius = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, k]
    return np.asarray(pairwise_distances(real, synthetic) < radius[:, None])
