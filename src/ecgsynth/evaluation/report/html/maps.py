"""Maps of items (PCA, t-SNE) and of wavelet coherence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import MIN_ITEMS, members, pick
from ecgsynth.evaluation.report.html.charts import Picture, names_of, whole
from ecgsynth.evaluation.report.html.svg import Chart
from ecgsynth.signals.ecg import Ecg

DOTS, FEW_DOTS = 500, 200
"""Most items of a set in a map, and in a quick one; the cost of t-SNE grows with the square."""

FITTED = 1000
"""Items used to compute principal components."""

COHERENT_SAMPLES, COHERENT_S, HIGHEST_HZ = 20_000, 2.5, 60.0
"""Of a coherence map: samples of all pairs; longest piece, s; highest frequency, Hz."""

COLUMNS, ROWS, LEVELS = 40, 24, 10
"""Columns and rows of such a map, and its shades."""

OCTAVES = {float(np.log2(hz)): f"{hz:g}" for hz in (0.5, 1, 2, 5, 10, 20, 40, 80)}
"""Positions and labels of the frequency axis of such a map."""


def components(
    synthetic: Ecg | None, real: Ecg | None, random: np.random.Generator, dots: int = DOTS
) -> list[Picture]:
    """Both sets in the first two principal components of the real items, if any."""
    from sklearn.decomposition import PCA

    base = real if real is not None else synthetic
    if base is None or len(base) < 3:
        return []
    flat = {kind: _flat(pick(e, dots, random)) for kind, e in _pair(synthetic, real)}
    pca = PCA(min(2, base.signal[0].size), random_state=0).fit(_flat(pick(base, FITTED, random)))
    if len(pca.components_) < 2:
        return []
    at = {kind: pca.transform(values) for kind, values in flat.items()}
    share = 100 * np.nan_to_num(pca.explained_variance_ratio_)
    first, second = (f"component {k + 1} ({share[k]:.0f} %), {base.spec.unit}" for k in (0, 1))
    caption = f"Principal components (PCA) of the {next(iter(at))} items; each mark is one item"
    return [_scatter(at, (first, second), caption)]


def neighbourhoods(
    synthetic: Ecg | None, real: Ecg | None, random: np.random.Generator, dots: int = DOTS
) -> list[Picture]:
    """A t-SNE of both sets together: similar items are close to each other.

    References
    ----------
    van der Maaten & Hinton, JMLR 2008.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    sets = {kind: pick(e, dots, random) for kind, e in _pair(synthetic, real)}
    total = sum(map(len, sets.values()))
    if total < 3 * MIN_ITEMS:
        return []
    flat = np.concatenate([_flat(whole(e)) for e in sets.values()])
    if not flat.std(0).any():
        return []
    small = PCA(min(30, *flat.shape), random_state=0).fit_transform(flat)
    near = min(30.0, (total - 1) / 3)
    points = TSNE(perplexity=near, init="pca", random_state=0).fit_transform(small)
    ends = np.cumsum([len(e) for e in sets.values()])
    at = dict(zip(sets, np.split(points, ends[:-1]), strict=True))
    caption = "Neighbourhoods (t-SNE); directions and distances between clusters mean nothing"
    picture = _scatter(at, ("", ""), caption, _middles(sets, at))
    return [picture]


def coherence_maps(
    synthetic: Ecg, real: Ecg, lead: int, random: np.random.Generator
) -> list[Picture]:
    """Mean wavelet coherence of synthetic with real items, and of real with real items."""
    from ecgsynth.signals.wavelets import coherence

    spec = synthetic.spec
    length = min(spec.samples, int(COHERENT_S * spec.fs))
    count = min(COHERENT_SAMPLES // length, len(synthetic), len(real) // 2)
    top = min(spec.band[1] or np.inf, spec.fs / 2, HIGHEST_HZ)
    if count < MIN_ITEMS:
        return []
    one, two = (
        whole(e).signal[random.permutation(len(e))[:n], lead, :length]
        for e, n in ((synthetic, count), (real, 2 * count))
    )
    found = []
    labels = (
        ("synthetic with real", one, two[:count]),
        ("real with real", two[:count], two[count:]),
    )
    for words, x, y in labels:
        try:
            shares, hz, inside = coherence(x, y, spec.fs, highest_hz=top)
        except EcgsynthError:  # too short for an octave
            return []
        mean, order = np.where(inside, shares.mean(0), np.nan), np.argsort(hz)
        ends = float(np.log2(hz[order[0]])), float(np.log2(hz[order[-1]]))
        chart = Chart((0, length / spec.fs), ends, "time, s", "frequency, Hz", y_ticks=OCTAVES)
        chart.shades(_coarse(mean[order]), LEVELS)
        level = float(np.nanmean(mean[order]))
        caption = f"{words[0].upper()}{words[1:]}: {level:.2f} on average over {count} pairs"
        found.append(Picture(chart.markup(f"Wavelet coherence. {caption}"), caption))
    return found


def _pair(synthetic: Ecg | None, real: Ecg | None) -> list[tuple[str, Ecg]]:
    return [(kind, e) for kind, e in (("real", real), ("synthetic", synthetic)) if e is not None]


def _flat(ecg: Ecg) -> NDArray[np.float64]:
    return np.nan_to_num(ecg.signal.reshape(len(ecg), -1)).astype(np.float64)


def _scatter(
    at: dict[str, NDArray],
    names: tuple[str, str],
    caption: str,
    words: dict[str, NDArray] | None = None,
) -> Picture:
    """Dots and squares in a chart; words: label -> its position."""
    ends = np.stack([np.quantile(p, [0.002, 0.998], axis=0) for p in at.values()])
    low, high = ends.min((0, 1)), ends.max((0, 1))
    chart = Chart((low[0], high[0]), (low[1], high[1]), *names)
    for kind, points in at.items():
        chart.dots(points[:, 0], points[:, 1], f"dots {kind}", square=kind == "real")
    for label, (x, y) in (words or {}).items():
        chart.text(float(chart.across(x)), float(chart.up(y)) + 5, label, "place middle")
    return Picture(chart.markup(f"{caption}: {names_of(at)}"), caption)


def _middles(sets: dict[str, Ecg], at: dict[str, NDArray]) -> dict[str, NDArray]:
    """A position for each class label: its medoid, of the real items if they are shown.

    A mean could lie between two clusters, where there are no items.
    """
    from sklearn.metrics import pairwise_distances

    kind, ecg = next(iter(sets.items()))
    found = {}
    for name in ecg.spec.classes:
        rows = members(ecg, name)
        if len(rows):
            apart = np.median(pairwise_distances(at[kind][rows]), axis=1)
            found[name] = at[kind][rows[apart.argmin()]]
    return found


def _coarse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[row, column] means over cells; a map with the signal's resolution would take megabytes."""
    rows = np.array_split(values, min(ROWS, len(values)))
    cells = [np.array_split(r, min(COLUMNS, values.shape[1]), axis=1) for r in rows]
    with np.errstate(invalid="ignore"):
        return np.array(
            [[np.nan if np.isnan(c).all() else np.nanmean(c) for c in r] for r in cells]
        )


def even_sets(
    synthetic: Ecg | None, real: Ecg | None, dots: int, random: np.random.Generator
) -> tuple[Ecg | None, Ecg | None]:
    """Both sets with at most `dots` items, equally many of each class."""
    sets = [
        e for e in (synthetic, real) if e is not None and e.spec.classes and not e.spec.multilabel
    ]
    counts = [e.counts() for e in sets]
    fewest = {name: min(c.get(name, 0) for c in counts) for name in (counts[0] if counts else ())}
    most = max(1, dots // max(sum(n > 0 for n in fewest.values()), 1))

    def even(ecg: Ecg | None) -> Ecg | None:
        if ecg is None or not ecg.spec.classes or ecg.spec.multilabel:
            return None if ecg is None else pick(ecg, dots, random)
        rows = [random.permutation(members(ecg, n))[: min(most, k)] for n, k in fewest.items()]
        chosen = np.sort(np.concatenate(rows))
        return ecg[chosen] if len(chosen) else None

    return even(synthetic), even(real)
