"""Figures of the controls in a trial: looked up, borrowed from similar sizes, or measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ecgsynth.datasets.store import data_root
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import MIN_ITEMS, Metric, NotApplicable, Trial
from ecgsynth.evaluation.baselines.calibration import (
    Calibration,
    Figures,
    fingerprint,
    read_cache,
    sizes,
    write_cache,
)
from ecgsynth.evaluation.baselines.controls import (
    BASELINE,
    CEILING,
    CONTROLS,
    COPY,
    CRUDE,
    OTHER_BASELINES,
)
from ecgsynth.evaluation.baselines.real_samples import (
    COST_S,
    FEW_DRAWS,
    Draws,
    draw,
    has_real_samples,
)
from ecgsynth.evaluation.pace import cost, total
from ecgsynth.progress import Steps

COMPARED = ("c2st", "coverage", "coverage_signal", "frechet_ratio", "memorisation", "tstr")
"""Metrics of the other baselines."""


@dataclass(frozen=True)
class _Known:
    """Figures that are known, and figures that remain to be measured.

    todo: control -> metrics.
    undrawn: metrics without figures of real samples.
    """

    found: Figures
    draws: Draws
    borrowed: list[Calibration]
    todo: dict[str, list[Metric]]
    undrawn: list[Metric]
    own: Calibration
    cached: list[Calibration]
    path: Path | None


def estimate_cost(
    trial: Trial,
    metrics: Sequence[Metric],
    shipped: Iterable[Calibration] = (),
    *,
    exact: bool = False,
    draws: int = FEW_DRAWS,
) -> float:
    """The cost of `figures`, in the unit of `pace.cost`."""
    known = _look_up(trial, metrics, shipped, exact, draws)
    if not known.path:
        return 0.0
    controls = known.todo.items()
    costs = sum(total(row, _quick(name, trial), trial.seeds) for name, row in controls)
    return costs + (draws * COST_S if known.undrawn else 0.0)


def figures(
    trial: Trial,
    metrics: Sequence[Metric],
    steps: Steps,
    shipped: Iterable[Calibration] = (),
    *,
    exact: bool = False,
    draws: int = FEW_DRAWS,
) -> tuple[Figures, Draws, list[Calibration]]:
    """Figures of all controls and of real samples in this trial, and the calibrations reused.

    draws: number of real samples to draw if none are known.

    Figures of these or (unless `exact`) similar sizes are taken from the cache or from `shipped`;
    the rest is measured and cached. The cache is in `cache/` of the data root and contains numbers
    only, no signals. It is not used when the real sets, the seed, the instrument or the code of a
    metric change.
    """
    known = _look_up(trial, metrics, shipped, exact, draws)
    if known.path and (known.todo or known.undrawn):
        for name, row in _measure(trial, known.todo, steps).items():
            known.found.setdefault(name, {}).update(row)
            known.own.figures.setdefault(name, {}).update(row)
        fresh = draw(trial, known.undrawn, draws, steps) if known.undrawn else {}
        known.draws.update(fresh)
        known.own.draws.update(fresh)
        write_cache(known.path, [known.own, *(c for c in known.cached if c is not known.own)])
    return known.found, known.draws, known.borrowed


def _look_up(
    trial: Trial, metrics: Sequence[Metric], shipped: Iterable[Calibration], exact: bool,
    draws: int,
) -> _Known:  # fmt: skip
    """Look up figures of this size in the cache, else of similar sizes. draws: least number."""
    counts = sizes(trial)
    possible = _possible(trial)
    path = data_root() / "cache" / f"controls-{fingerprint(trial)}.json" if possible else None
    cached = read_cache(path) if path else []
    own = next((c for c in cached if c.counts == counts and c.serves(trial)), None)
    own = own or Calibration(counts, trial.quick)
    others = [c for c in [*cached, *shipped] if c is not own and c.serves(trial)]
    others.sort(key=lambda one: one.distance(counts))
    real = {name: len(trial.part(trial.test, name)) if trial.test else 0 for name in counts}
    found: Figures = {}
    borrowed: list[Calibration] = []
    todo: dict[str, list[Metric]] = {}
    for name in CONTROLS:
        for metric in (m for m in metrics if is_measured(m, name)):
            cells = own.figures.get(name, {}).get(metric.name)
            for other in [] if exact and possible else others:
                if cells is not None:
                    break
                if possible:
                    cells = other.figures_for(name, metric, counts, real)
                else:  # without recordings, no closer size can be measured
                    cells = other.figures.get(name, {}).get(metric.name)
                if cells is not None and other not in borrowed:
                    borrowed.append(other)
            if cells is None:
                todo.setdefault(name, []).append(metric)
            else:
                found.setdefault(name, {})[metric.name] = cells
    known: Draws = {}
    undrawn = []
    for metric in (m for m in metrics if has_real_samples(m, quick=trial.quick)):
        rows = [own.draws.get(metric.name)]
        for other in [] if exact and possible else others:
            rows.append(
                other.draws_for(metric, counts, real) if possible
                else other.draws.get(metric.name)
            )  # fmt: skip
        longest = max((row for row in rows if row), key=_length, default={})
        if _length(longest) >= draws or (longest and not possible):
            known[metric.name] = longest
        else:
            undrawn.append(metric)
    return _Known(found, known, borrowed, todo, undrawn, own, cached, path)


def _length(draws: Mapping[str, list[float]]) -> int:
    return max(map(len, draws.values()), default=0)


def _measure(trial: Trial, todo: dict[str, list[Metric]], steps: Steps) -> Figures:
    found: Figures = {}
    for name, absent in todo.items():
        try:
            one = CONTROLS[name](trial)
        except NotApplicable:
            steps.skip(total(absent, _quick(name, trial), trial.seeds))
            continue
        one = replace(one, quick=_quick(name, trial))
        for metric in absent:
            steps.begin(f"{metric.name} of {name}", cost(metric, one.quick, one.seeds))
            try:
                cells = metric.measure(one)
            except EcgsynthError:  # a control may lack a part of the set, such as annotations
                cells = {}
            found.setdefault(name, {})[metric.name] = {
                group: round(e.value, 6) for group, e in cells.items() if np.isfinite(e.value)
            }
    return found


def _quick(control: str, trial: Trial) -> bool:
    """Crude sets are evaluated by quick procedures: a weak classifier is enough for them."""
    return trial.quick or control not in (BASELINE, CEILING, *OTHER_BASELINES)


def is_measured(metric: Metric, control: str) -> bool:
    """Whether a metric is measured on a control.

    Networks are trained only for the set, the baselines and the ceiling. Crude sets are used to
    validate the two-sample test.
    """
    if control in CRUDE:
        return metric.name == "c2st"
    if control in OTHER_BASELINES:
        return metric.name in COMPARED
    if "new_patients" in metric.needs:
        return metric.name == "tstr" and control == BASELINE
    if metric.name.startswith("copy_share"):  # real items have .01 by definition
        return control == COPY
    if metric.question == "privacy":
        return control in (BASELINE, COPY, CEILING)
    return not metric.costly or control in (BASELINE, CEILING)


def _possible(trial: Trial) -> bool:
    return (
        trial.train is not None
        and trial.test is not None
        and any(
            len(trial.part(trial.train, name)) >= MIN_ITEMS
            and len(trial.part(trial.synthetic, name)) >= 1
            for name in trial.groups
        )
    )
