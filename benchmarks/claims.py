"""What the checks of published claims share: Markdown tables, judged sets, kept results, maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import ecgsynth as es
from ecgsynth.evaluation.report import Row
from ecgsynth.files import atomic_write

BESIDE = {"mean beat": "mean beat", "floor: Gaussian": "gaussian", "ceiling: real": "real"}
"""Columns of controls that stand beside every set, and their names in a report."""

DOTS = 1000
"""Items of a set in a map."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def number(value: float | None) -> str:
    """Two or three digits that count, no zero before the point; "" for none."""
    if value is None or not np.isfinite(value):
        return ""
    size = abs(value)
    if 0 < size < 0.00095:
        return f"{value:.1e}".replace("e-0", "e-")
    steps = (99.5, 9.95, 0.095, 0.0095, 0)
    decimals = 2 if not size else next(k for k, least in enumerate(steps) if size >= least)
    shown = f"{value:.{decimals}f}"
    return shown.replace("0.", ".", 1) if size < 1 else shown


def estimate(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A figure with its 95 % interval where it has one."""
    if low is None or high is None:
        return number(value)
    return f"{number(value)} ({number(low)}{' to ' if low < 0 else '-'}{number(high)})"


def judged(
    sets: Mapping[str, es.Ecg], test: es.Ecg, train: es.Ecg, metrics: Sequence[str],
    groups: Mapping[str, str] | None = None, *, quick: bool = False,
) -> dict[str, es.Report]:  # fmt: skip
    """Print figures of several sets of one size, with floors and ceilings.

    sets: column -> synthetic set. groups: metric -> its only group that is shown; all of them when
    left out. Returns the reports.
    """
    reports = {
        name: es.evaluate(made, test, train, metrics=metrics, quick=quick)
        for name, made in sets.items()
    }
    cells: dict[tuple[str, str], dict[str, Row]] = {}
    for name, report in reports.items():
        for row in report.rows:
            if row.group == (groups or {}).get(row.metric, row.group):
                cells.setdefault((row.metric, row.group), {})[name] = row
    lines = []
    for (metric, group), found in cells.items():
        one = next(iter(found.values()))
        shown = [found.get(name) for name in sets]
        figures = ["" if r is None else estimate(r.value, r.low, r.high) for r in shown]
        known = [number(one.controls.get(name)) for name in BESIDE.values()]
        # A set without mV gives its errors in its own unit.
        unit = "of its range" if (one.unit, test.spec.unit) == ("mV", "normalised") else one.unit
        lines.append([f"{metric}, {unit} ({one.goal})", group or "all", *figures, *known])
    table(["figure", "of", *sets, *BESIDE], lines)
    for name, report in reports.items():
        for metric, reason in report.left_out.items():
            print(f"{name}: {metric} is left out: {reason}")
    return reports


def kept(path: Path, make: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
    """What an earlier run kept in this `.npy` file; made and kept where there is none."""
    if path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    found = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, found)
    return found


def side_by_side(made: es.Ecg, real: es.Ecg, title: str, target: Path) -> None:
    """Draw real and synthetic items in the same map, once by PCA and once by t-SNE.

    The components are those of the real items; the t-SNE is of both sets together (van der Maaten
    & Hinton, JMLR 2008). Equally many of each class.
    """
    from ecgsynth.evaluation.report.html.maps import even_sets

    few_made, few_real = even_sets(made, real, DOTS, np.random.default_rng(0))
    assert few_made is not None and few_real is not None
    figure = Figure(figsize=(9, 8), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(2, 2, sharex="row", sharey="row")
    for row, (name, real_at, made_at) in zip(panels, _maps(few_made, few_real), strict=True):
        sides = (("real", few_real, real_at), ("synthetic", few_made, made_at))
        for axes, (side, ecg, at) in zip(row, sides, strict=True):
            for label in ecg.spec.classes or ("",):
                rows = ecg.labels_str == label
                axes.scatter(*at[rows].T, s=5, alpha=0.6, label=label, linewidths=0)
            axes.set(title=f"{side}, {name}", xticks=[], yticks=[])
    if real.spec.classes:
        panels[0, 0].legend(frameon=False, markerscale=3)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)


def _maps(made: es.Ecg, real: es.Ecg) -> Iterator[tuple[str, NDArray, NDArray]]:
    """Name of a map, and where the real and the synthetic items lie in it, [item, 2] each."""
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    x, y = (ecg.signal.reshape(len(ecg), -1) for ecg in (real, made))
    pca = PCA(min(30, *x.shape), random_state=0).fit(x)
    x, y = pca.transform(x), pca.transform(y)
    yield "PCA", x[:, :2], y[:, :2]
    both = TSNE(init="pca", random_state=0).fit_transform(np.concatenate([x, y]))
    yield "t-SNE", both[: len(x)], both[len(x) :]
