"""Alpha-precision, beta-recall and collapse."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import MIN_ITEMS, Estimate, Trial, members, metric, too_few
from ecgsynth.evaluation.intervals import interval, joint, leave_one_out, units, weighted
from ecgsynth.evaluation.reference_models.instruments import embedded
from ecgsynth.registry import METRICS

NEIGHBOURS = 5
"""As in coverage. Alaa et al. use only the nearest, with which a perfect set has .5."""

DRAWS, QUICK_DRAWS = 20, 5
"""Most draws from a synthetic set that is larger than the real one."""

BETAS = np.linspace(0, 1, 51)
"""Shares over which recall is integrated."""

COLLAPSED_PERCENT = 1.0
"""Percentile of real nearest-neighbour distances below which a pair counts as repeated."""


@METRICS.register("alpha_precision")
@metric(
    "alpha_precision", unit="1", goal="higher", needs=("test",), question="match",
    reference="Alaa et al., ICML 2022; integrated, in the fixed instrument's embedding, spheres "
    "around the class's real centre; 1 = real, 0 = all at the centre or all outside",
)  # fmt: skip
def alpha_precision(trial: Trial) -> dict[str, Estimate]:
    """How evenly synthetic beats fill the spheres that contain each share of the real ones.

    1 - 2 integral |P(alpha) - alpha|, where P(alpha) is the share of synthetic items inside the
    sphere that contains a share alpha of the real ones. The distance of a real item is to the
    centre of the *others*, since with few items in 32 dimensions its own weight would move the
    centre to it.
    """
    assert trial.test is not None
    found: dict[str, Estimate] = {}
    for name, synthetic_rows, real_rows in _classes(trial, found):
        synthetic, real = embedded(trial)[0][synthetic_rows], embedded(trial)[1][real_rows]
        centre, size = real.mean(0), len(real)
        radius = np.linalg.norm(real - centre, axis=1) * size / (size - 1)
        far = np.linalg.norm(synthetic - centre, axis=1)

        def precision(weight: NDArray, far: NDArray = far, radius: NDArray = radius) -> float:
            return 1 - 2 * _gap(far, radius, weight[len(radius) :], weight[: len(radius)])

        left = leave_one_out(
            precision, joint((trial.test, real_rows), (trial.synthetic, synthetic_rows))
        )
        value = precision(np.ones(size + len(far)))
        found[name or "all"] = interval(value, left, items=size)
    return found


def _gap(far: NDArray, radius: NDArray, synthetic_weight: NDArray, real_weight: NDArray) -> float:
    """Mean over alpha of |P(alpha) - alpha|.

    far, radius: distances of synthetic and real items to the centre.
    synthetic_weight, real_weight: their weights.
    """
    order, outwards = np.argsort(radius, kind="stable"), np.argsort(far, kind="stable")
    inside = np.concatenate([[0.0], np.cumsum(synthetic_weight[outwards]) / synthetic_weight.sum()])
    found = inside[np.searchsorted(far[outwards], radius[order], "right")]
    share = real_weight[order] / real_weight.sum()
    # Minus half of the item's own weight: the middle of its step.
    return float((share * np.abs(found - (np.cumsum(share) - share / 2))).sum())


@METRICS.register("beta_recall")
@metric(
    "beta_recall", unit="1", goal="higher", needs=("test",), question="match",
    reference="Alaa et al., ICML 2022; integrated, in the embedding, k = 5; identical "
    "distributions give 1 - 2^-5 = .969 at most: compare with the real control",
)  # fmt: skip
def beta_recall(trial: Trial) -> dict[str, Estimate]:
    """Share of the real set that is reached by each share of the synthetic one, from its centre.

    1 - 2 integral |R(beta) - beta|, where R(beta) is the share of real items whose nearest
    synthetic one lies within the radius of their k-th real neighbour and among the share beta of
    the synthetic items that lies nearest to the synthetic centre. Sets have equal size; results of
    several draws from a larger synthetic set are averaged. In many dimensions the nearest item is a
    central one more often than its share, which lowers the figure of any set, also of a second real
    one.
    """
    assert trial.test is not None
    found: dict[str, Estimate] = {}
    for name, synthetic_rows, real_rows in _classes(trial, found):
        random = trial.random("beta_recall")
        reached = []
        for ours, real in _draws_of_equal_size(trial, synthetic_rows, real_rows, random):
            reached.append(_reach(embedded(trial)[0][ours], embedded(trial)[1][real]))
        # A real item without a synthetic neighbour has 2, outside every share.
        shares = np.mean([one[:, None] <= BETAS for one in reached], 0)
        value, people = _recall(np.ones(len(shares)), shares), units(trial.test, real)
        left = leave_one_out(partial(_recall, shares=shares), [people])
        found[name or "all"] = interval(value, left, items=len(shares))
    return found


def _recall(weight: NDArray[np.float64], shares: NDArray) -> float:
    """1 - 2 integral |R(beta) - beta|; weight: [real], shares: [real, beta] reached."""
    return float(1 - 2 * np.trapezoid(np.abs(weight @ shares / weight.sum() - BETAS), BETAS))


def _reach(synthetic: NDArray, real: NDArray) -> NDArray[np.float64]:
    """[real] least share beta whose sphere contains the item's nearest synthetic one; 2 if that is
    outside its neighbourhood."""
    from sklearn.neighbors import NearestNeighbors

    k = min(NEIGHBOURS, len(real) - 1)
    radius = NearestNeighbors(n_neighbors=k + 1).fit(real).kneighbors(real)[0][:, k]
    distance, row = NearestNeighbors(n_neighbors=1).fit(synthetic).kneighbors(real)
    centre = synthetic.mean(0)
    out = np.linalg.norm(synthetic - centre, axis=1)
    rank = np.searchsorted(np.sort(out), out[row[:, 0]], "right") / len(out)
    return np.where(distance[:, 0] <= radius, rank, 2.0)


@METRICS.register("collapse")
@metric(
    "collapse", unit="share", goal="lower", needs=("test",), question="match",
    reference="alarm: items nearer to another of their set than the nearest 1 % of real items "
    "are, in the embedding, at equal size; ideal .01, or 1 / (n + 1) among n < 100 real ones",
)  # fmt: skip
def collapse(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic beats that nearly repeat another synthetic beat."""
    from sklearn.neighbors import NearestNeighbors

    def nearest(points: NDArray) -> NDArray[np.float64]:
        near = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points)[0]
        return np.asarray(near[:, 1])

    assert trial.test is not None
    found: dict[str, Estimate] = {}
    for name, synthetic_rows, real_rows in _classes(trial, found):
        pairs = list(
            _draws_of_equal_size(trial, synthetic_rows, real_rows, trial.random("collapse"))
        )
        judged, real = np.concatenate([ours for ours, _ in pairs]), pairs[0][1]
        near = np.concatenate([nearest(embedded(trial)[0][ours]) for ours, _ in pairs])
        apart = nearest(embedded(trial)[1][real])

        def repeats(weight: NDArray, near: NDArray = near, apart: NDArray = apart) -> float:
            there = apart[weight[: len(apart)] > 0]
            limit = np.percentile(there, COLLAPSED_PERCENT) if len(there) else np.nan
            return weighted(near < limit, weight[len(apart) :])

        left = leave_one_out(repeats, joint((trial.test, real), (trial.synthetic, judged)))
        note = f"ideal {max(COLLAPSED_PERCENT / 100, 1 / (len(real) + 1)):.3f}"
        value = repeats(np.ones(len(apart) + len(near)))
        found[name or "all"] = interval(value, left, items=len(near), note=note)
    return found


# ---- shared functions -----------------------------------------------------------------------


def _classes(
    trial: Trial, results: dict[str, Estimate]
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.int64]]]:
    """(class, its synthetic rows, its test rows); classes of too few items go into `results`."""
    assert trial.test is not None
    for name in trial.groups:
        synthetic_rows, real_rows = members(trial.synthetic, name), members(trial.test, name)
        if min(len(synthetic_rows), len(real_rows)) < MIN_ITEMS:
            results[name or "all"] = too_few(min(len(synthetic_rows), len(real_rows)))
        else:
            yield name, synthetic_rows, real_rows


def _draws_of_equal_size(
    trial: Trial, synthetic_rows: NDArray, real_rows: NDArray, random: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(synthetic, test) rows at equal size: the same test rows, successive parts of the synthetic
    set."""
    size = min(len(synthetic_rows), len(real_rows))
    real_rows = np.sort(random.permutation(real_rows)[:size])
    synthetic_rows = random.permutation(synthetic_rows)
    for k in range(min(QUICK_DRAWS if trial.quick else DRAWS, len(synthetic_rows) // size)):
        yield synthetic_rows[k * size : (k + 1) * size], real_rows
