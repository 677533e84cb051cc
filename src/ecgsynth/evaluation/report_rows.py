"""The rows of a report: metrics and controls measured on a trial, with reasons for what is left
out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Metric, Trial, members
from ecgsynth.evaluation.baselines.calibration import Figures
from ecgsynth.evaluation.baselines.control_figures import estimate_cost, figures
from ecgsynth.evaluation.baselines.real_samples import DRAWS, FEW_DRAWS, Draws, real_ranges
from ecgsynth.evaluation.baselines.samplers import describe_gaussian
from ecgsynth.evaluation.metrics.fidelity import c2st
from ecgsynth.evaluation.overlap import check_overlaps
from ecgsynth.evaluation.pace import LOADING_S, cost, total
from ecgsynth.evaluation.report import Row
from ecgsynth.progress import Advance, Steps

MARKED_FROM = 100
"""Least number of real held-out items of a class whose figures get marks."""

MAX_REASONS = 4
"""Most classes whose reasons are listed when a metric has no figure at all."""

NEEDS_WORDS = {
    "test": "real held-out items (--against)",
    "train": "the training set (--train)",
    "real": "real items (--against or --train)",
    "new_patients": "items of other people (--new-patients)",
    "reference": "reference statistics of this kind of item",
    "aligned": "items that can be compared sample by sample; records of several beats cannot",
}


def measure_all(
    trial: Trial,
    metrics: Sequence[Metric],
    controls: bool,
    advance: Advance,
    notes: list[str] | None = None,
) -> tuple[list[Row], dict[str, str], dict[str, float | bool] | None]:
    """The rows of the report, the reason for each metric left out, and the validity of C2ST."""
    usable, left_out = usable_metrics(trial, metrics)
    overlaps = check_overlaps(trial, usable, left_out, notes)
    usable = [metric for metric in usable if metric.name not in left_out]
    shipped, exact = trial.reference.calibrations if trial.reference else (), trial.seeds > 1
    draws = DRAWS if exact else FEW_DRAWS
    ahead = estimate_cost(trial, usable, shipped, exact=exact, draws=draws) if controls else 0.0
    judging_s = total(usable, trial.quick, trial.seeds)
    steps = Steps(advance, LOADING_S + judging_s + ahead, LOADING_S)
    absent = {name for name in trial.classes if not len(members(trial.synthetic, name))}
    found: list[tuple[Metric, str, Estimate]] = []
    for metric in usable:
        steps.begin(f"{metric.name} of the set", cost(metric, trial.quick, trial.seeds))
        try:
            cells = metric.measure(trial)
        except EcgsynthError as reason:  # not applicable, or the metric rejects such sets
            left_out[metric.name] = str(reason)
        else:
            # A class without synthetic items is in the notes; it has no rows.
            cells = {g: e for g, e in cells.items() if g not in absent or np.isfinite(e.value)}
            reasons = overlaps.reasons(metric)
            cells |= {g: Estimate(np.nan, note=reasons[g]) for g in cells if g in reasons}
            if any(np.isfinite(e.value) for e in cells.values()):
                found += [(metric, group, e) for group, e in cells.items()]
            else:
                left_out[metric.name] = _reasons(cells)
    usable = [metric for metric in usable if metric.name not in left_out]
    known: Figures = {}
    samples: Draws = {}
    if controls:
        known, samples, borrowed = figures(
            trial, usable, steps, shipped, exact=exact, draws=draws
        )  # fmt: skip
        if notes is not None and (words := describe_gaussian(trial)):
            notes.append(words)
        if borrowed and notes is not None:
            counts = " and ".join(
                ", ".join(f"{name} {count}" for name, count in one.counts.items())
                for one in borrowed
            )
            notes.append(
                f"Floors and ceilings were measured at {counts} items; --calibrate measures them "
                "at this set's own size."
            )
    rows, enough = [], [n for n, count in real_items(trial).items() if count >= MARKED_FROM]
    reached = real_ranges(samples, enough)
    for metric, group, estimate in found:
        cells_of = {name: row.get(metric.name, {}) for name, row in known.items()}
        values = {name: cells[group] for name, cells in cells_of.items() if group in cells}
        unit, real = trial.synthetic.spec.unit, reached.get((metric.name, group))
        rows.append(Row.of(metric, group, estimate, values, unit, real))
    validity = c2st.validity(known)
    if validity is not None and not validity["valid"] and notes is not None:
        notes.append(
            "C2ST is not valid here: its AUC for the Gaussian of each class is "
            f"{validity['gaussian']:.2f} ({c2st.VALID_GAUSSIAN:.2f} is needed) and for low-passed "
            f"beats {validity['lowpass']:.2f} ({c2st.VALID_NARROW:.2f} is needed)."
        )
    advance("done", 1.0)
    return rows, left_out, validity


def usable_metrics(trial: Trial, metrics: Sequence[Metric]) -> tuple[list[Metric], dict[str, str]]:
    """The metrics that this trial allows, and the reason for each other one."""
    usable, left_out = [], {}
    for metric in metrics:
        missing = [need for need in metric.needs if not trial.has(need)]
        if missing:
            words = " and ".join(NEEDS_WORDS[need] for need in missing)
            if "test" in missing and trial.reference is not None:
                words += ", whose recordings are not here"
            left_out[metric.name] = f"needs {words}"
        elif metric.costly and trial.quick:
            left_out[metric.name] = "trains a network; left out by --quick"
        elif "new_patients" in metric.needs and not trial.classes:
            left_out[metric.name] = "needs labels to train a classifier"
        else:
            usable.append(metric)
    return usable, left_out


def real_items(trial: Trial) -> dict[str, int]:
    """Number of held-out items of each class; of "" if there are no classes."""
    if trial.test is not None:
        return {name: len(trial.part(trial.test, name)) for name in trial.groups}
    return dict(trial.reference.counts) if trial.reference is not None else {}


def _reasons(cells: Mapping[str, Estimate]) -> str:
    """Why a metric has no figure at all: one reason, or one for each class."""
    reasons = {group: e.note or "no value" for group, e in cells.items()}
    if len(set(reasons.values())) <= 1:
        return next(iter(reasons.values()), "no class to measure")
    lines = [f"{group}: {reason}" for group, reason in reasons.items()]
    more = [f"and {len(lines) - MAX_REASONS} classes more"] if len(lines) > MAX_REASONS else []
    return "; ".join(lines[:MAX_REASONS] + more)
