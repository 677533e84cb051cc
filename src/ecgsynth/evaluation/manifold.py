"""Do synthetic and real points fill the same region? Precision, recall, collapse, Frechet ratio."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    Trial,
    blocks,
    members,
    metric,
    too_few,
)
from ecgsynth.registry import METRICS

NEIGHBOURS = 5
"""As coverage has it; Alaa et al. take the nearest alone, with which even a perfect set gets .5."""

DRAWS, QUICK_DRAWS = 20, 5
"""A synthetic set several times larger than the real one is judged in so many draws at most."""

BETAS = np.linspace(0, 1, 51)
"""Shares over which recall is integrated."""

RESAMPLES = 200
"""Of the bootstrap."""

COLLAPSED_PERCENT = 1.0
"""Percentile of the real nearest-neighbour distances under which a pair is all but the same."""

LEAST_DRAWS = 5
"""Of training items, for the interval of the Frechet ratio."""

FRECHET_ITEMS = 1000
"""With fewer items the distance is as much a matter of their number as of their likeness."""

TRAINED, QUICK_TRAINED = 8000, 2000
"""Training items of a class that are embedded, in all draws together."""


@METRICS.register("alpha_precision")
@metric(
    "alpha_precision", unit="1", goal="higher", needs=("test",), question="match",
    reference="Alaa et al., ICML 2022; integrated, in the fixed instrument's embedding, spheres "
    "around the class's real centre; 1 = real, 0 = all at the centre or all outside",
)  # fmt: skip
def alpha_precision(trial: Trial) -> dict[str, Estimate]:
    """How well the synthetic beats fill the spheres that hold each share of the real ones.

    1 - 2 integral |P(alpha) - alpha|, where P(alpha) is the share of synthetic items inside the
    sphere that holds a share alpha of the real ones. A real item is measured from the centre of
    the *others*: among few items in 32 dimensions its own weight would draw the centre to it.
    """
    assert trial.test is not None
    found: dict[str, Estimate] = {}
    units = (blocks(trial.synthetic), blocks(trial.test))
    for name, mine, theirs in _classes(trial, found):
        synthetic, real = trial.embedded[0][mine], trial.embedded[1][theirs]
        centre, size = real.mean(0), len(real)
        radius = np.linalg.norm(real - centre, axis=1) * size / (size - 1)
        far = np.linalg.norm(synthetic - centre, axis=1)
        random = trial.random("alpha_precision")
        drawn = zip(_resampled(units[0][mine], random), _resampled(units[1][theirs], random),
                    strict=True)  # fmt: skip
        value = 1 - 2 * _gap(far, radius, np.ones(len(far)), np.ones(size))
        draws = [1 - 2 * _gap(far, radius, *weights) for weights in drawn]
        found[name or "all"] = _with_interval(value, draws)
    return found


def _gap(far: NDArray, radius: NDArray, ours: NDArray, theirs: NDArray) -> float:
    """Mean over alpha of |P(alpha) - alpha|.

    far, radius: how far from the centre synthetic and real items lie; ours, theirs: their weights.
    """
    order, outwards = np.argsort(radius, kind="stable"), np.argsort(far, kind="stable")
    inside = np.concatenate([[0.0], np.cumsum(ours[outwards]) / ours.sum()])
    found = inside[np.searchsorted(far[outwards], radius[order], "right")]
    share = theirs[order] / theirs.sum()
    # Up to half of an item's own weight: the middle of the step that it makes.
    return float((share * np.abs(found - (np.cumsum(share) - share / 2))).sum())


@METRICS.register("beta_recall")
@metric(
    "beta_recall", unit="1", goal="higher", needs=("test",), question="match",
    reference="Alaa et al., ICML 2022; integrated, in the embedding, k = 5; identical "
    "distributions give 1 - 2^-5 = .969 at most: to be read beside the real control",
)  # fmt: skip
def beta_recall(trial: Trial) -> dict[str, Estimate]:
    """How much of the real set is reached by each share of the synthetic one, counted outwards.

    1 - 2 integral |R(beta) - beta|, where R(beta) is the share of real items whose nearest
    synthetic one lies within the radius of their k-th real neighbour and among the share beta of
    the synthetic items that lies nearest to the synthetic centre. At equal size; a larger
    synthetic set is judged draw by draw. In many dimensions the nearest item is a central one more
    often than by its share, which lowers the figure of any set, a second real one included.
    """
    assert trial.test is not None
    found: dict[str, Estimate] = {}
    unit = blocks(trial.test)
    for name, mine, theirs in _classes(trial, found):
        random = trial.random("beta_recall")
        reached = []
        for ours, real in _equal(trial, mine, theirs, random):
            reached.append(_reach(trial.embedded[0][ours], trial.embedded[1][real]))
        # A real item that none reaches stands at 2, outside every share.
        shares = np.mean([one[:, None] <= BETAS for one in reached], 0)
        value = float(_recall(np.ones(len(shares)), shares))
        found[name or "all"] = _with_interval(
            value, _recall(_resampled(unit[real], random), shares)
        )
    return found


def _recall(weight: NDArray, shares: NDArray) -> NDArray[np.float64]:
    """1 - 2 integral |R(beta) - beta|; weight: [..., real], shares: [real, beta] reached."""
    gap = np.abs(weight @ shares / weight.sum(-1, keepdims=True) - BETAS)
    return np.asarray(1 - 2 * np.trapezoid(gap, BETAS, axis=-1))


def _reach(synthetic: NDArray, real: NDArray) -> NDArray[np.float64]:
    """[real] least share beta whose sphere holds the item's nearest synthetic one; 2 if that lies
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
    """Share of synthetic beats that all but repeat another synthetic beat."""
    from scipy.stats import binomtest
    from sklearn.neighbors import NearestNeighbors

    def nearest(points: NDArray) -> NDArray[np.float64]:
        near = NearestNeighbors(n_neighbors=2).fit(points).kneighbors(points)[0]
        return np.asarray(near[:, 1])

    found: dict[str, Estimate] = {}
    for name, mine, theirs in _classes(trial, found):
        repeats, items = 0, 0
        for ours, real in _equal(trial, mine, theirs, trial.random("collapse")):
            limit = np.percentile(nearest(trial.embedded[1][real]), COLLAPSED_PERCENT)
            repeats += int((nearest(trial.embedded[0][ours]) < limit).sum())
            items += len(ours)
        low, high = binomtest(repeats, items).proportion_ci(method="wilson")
        ideal = max(COLLAPSED_PERCENT / 100, 1 / (len(real) + 1))
        found[name or "all"] = Estimate(repeats / items, low, high, f"ideal {ideal:.3f}")
    return found


@METRICS.register("frechet_ratio")
@metric(
    "frechet_ratio", unit="ratio", goal="lower", needs=("test", "train"), question="match",
    reference="Frechet distance to held-out beats, as a share of that of trained beats, all three "
    "at one size; 1 = as near as the recordings' own earlier minutes",
)  # fmt: skip
def frechet_ratio(trial: Trial) -> dict[str, Estimate]:
    """How many times farther than real training beats the synthetic ones lie from held-out ones.

    Both distances are means over draws of the same size, because the distance between two samples
    of one distribution falls with their number. The interval says how far one draw of training
    beats lies from the next, and is left out where there are too few to draw from.
    """
    from ecgsynth.evaluation.instruments import embed

    assert trial.test is not None and trial.train is not None
    random = trial.random("frechet_ratio")
    found: dict[str, Estimate] = {}
    most = QUICK_TRAINED if trial.quick else TRAINED
    drawn: dict[str, list[list[NDArray[np.int64]]]] = {}
    for name, *rows in _classes(trial, found):
        rows.append(members(trial.train, name))
        size = min(map(len, rows))
        if size < MIN_ITEMS:
            found[name or "all"] = too_few(size)
            continue
        draws = min(DRAWS, max(1, most // size))
        drawn[name] = [[random.permutation(one)[:size] for one in rows] for _ in range(draws)]
    if not drawn:
        return found
    used = np.unique(np.concatenate([draw[2] for draws in drawn.values() for draw in draws]))
    trained = embed(trial.train[used].quantised())
    sets = dict(drawn)
    if len(drawn) > 1:  # of all classes as many draws as the largest class has
        together = zip(*drawn.values(), strict=False)
        sets["all"] = [
            [np.concatenate(rows) for rows in zip(*draw, strict=True)] for draw in together
        ]
    for name, draws_of in sets.items():
        pairs = []
        for mine, held, learned in draws_of:
            real, second = trial.embedded[1][held], trained[np.searchsorted(used, learned)]
            pairs.append([frechet_distance(p, real) for p in (trial.embedded[0][mine], second)])
        found[name or "all"] = _ratio(np.array(pairs), len(draws_of[0][0]))
    return found


def _ratio(pairs: NDArray[np.float64], size: int) -> Estimate:
    """pairs: [draw, 2] distances of synthetic and of trained items, `size` of them each."""
    draws = len(pairs)
    ours, theirs = (float(mean) for mean in pairs.mean(0))
    ratio = ours / max(theirs, 1e-12)
    few = f"; {FRECHET_ITEMS} are needed to trust it" if size < FRECHET_ITEMS else ""
    sd = float(pairs[:, 1].std(ddof=1)) / max(theirs, 1e-12) if draws >= LEAST_DRAWS else 0.0
    if sd < 1e-9:  # no other items to draw
        return Estimate(ratio, note=f"{size} items a set{few}")
    # The synthetic set is one of its kind: it varies as one training draw does, or less.
    factor = float(np.exp(1.96 * sd * np.sqrt(1 + 1 / draws)))
    return Estimate(ratio, ratio / factor, ratio * factor, f"{size} items a set{few}")


def frechet_distance(one: NDArray, other: NDArray) -> float:
    """Between the Gaussians that fit two sets of points [item, dimension] (Heusel et al. 2017)."""
    from ecgsynth.evaluation.reference import between_gaussians

    return between_gaussians(one.mean(0), np.cov(one.T), other.mean(0), np.cov(other.T))


# ---- what they share -----------------------------------------------------------------------


def _classes(
    trial: Trial, found: dict[str, Estimate]
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.int64]]]:
    """(class, its synthetic rows, its test rows); classes of too few items go into `found`."""
    assert trial.test is not None
    for name in trial.groups:
        mine, theirs = members(trial.synthetic, name), members(trial.test, name)
        if min(len(mine), len(theirs)) < MIN_ITEMS:
            found[name or "all"] = too_few(min(len(mine), len(theirs)))
        else:
            yield name, mine, theirs


def _equal(
    trial: Trial, mine: NDArray, theirs: NDArray, random: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(synthetic, test) rows at equal size: the same test rows, one share of the synthetic set
    after another."""
    size = min(len(mine), len(theirs))
    theirs = np.sort(random.permutation(theirs)[:size])
    mine = random.permutation(mine)
    for k in range(min(QUICK_DRAWS if trial.quick else DRAWS, len(mine) // size)):
        yield mine[k * size : (k + 1) * size], theirs


def _resampled(unit: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """[draw, item] how often an item's block is drawn."""
    number = np.unique(unit, return_inverse=True)[1]
    units = int(number.max()) + 1
    weight = random.multinomial(units, np.full(units, 1 / units), RESAMPLES)
    return weight[:, number].astype(float)


def _with_interval(value: float, drawn: list[float] | NDArray) -> Estimate:
    """The value with the middle 95 % of its draws, which may lie on one side of it: a resampled
    set is never nearer to the other one than the set itself."""
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Estimate(value, min(float(low), value), max(float(high), value))
