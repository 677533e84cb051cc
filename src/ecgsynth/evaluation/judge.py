"""Evaluate a synthetic set: compute metrics, controls and intervals and collect a report."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ecgsynth.arguments import (
    check_callback,
    check_flag,
    check_instance,
    check_integer,
    check_names,
    check_path,
    quote,
)
from ecgsynth.errors import EcgsynthError, MissingRecordingsError
from ecgsynth.evaluation import Estimate, Metric, Trial, members
from ecgsynth.evaluation.baselines import statistics
from ecgsynth.evaluation.baselines.calibration import (
    Calibration,
    Figures,
    estimate_cost,
    figures,
    sizes,
)
from ecgsynth.evaluation.baselines.real_samples import DRAWS, FEW_DRAWS, Draws, real_ranges
from ecgsynth.evaluation.baselines.samplers import describe_gaussian
from ecgsynth.evaluation.inputs import (
    align_sets,
    check_synthetic,
    have_own_beats,
    limit_items,
    warn_of_copies,
    warn_of_trained_patients,
)
from ecgsynth.evaluation.metrics.diversity.coverage import coverage_by_person
from ecgsynth.evaluation.metrics.fidelity import c2st
from ecgsynth.evaluation.overlap import check_overlaps
from ecgsynth.evaluation.pace import LOADING_S, cost, total
from ecgsynth.evaluation.real_sets import NONE, heldout_source, load_real
from ecgsynth.evaluation.report import Report, Row
from ecgsynth.evaluation.training_set import TrainingSet, training_set
from ecgsynth.progress import Advance, Steps, share_bar
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.leads import rename_leads
from ecgsynth.signals.spec import Spec
from ecgsynth.threads import limit_threads

log = logging.getLogger("ecgsynth")

FULL_SEEDS = 5
"""Networks trained for each figure of a full evaluation."""

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


@limit_threads()
def evaluate(
    synthetic: Ecg,
    against: Ecg | str | None = None,
    train: Ecg | TrainingSet | str | None = None,
    new_patients: Ecg | str | None = None,
    metrics: Sequence[str] | None = None,
    *,
    quick: bool = False,
    full: bool = False,
    controls: bool = True,
    seed: int = 0,
    advance: Advance | None = None,
) -> Report:
    """Evaluate a synthetic set.

    Parameters
    ----------
    synthetic: the set, of any generator.
    against: held-out items of the same people: an `Ecg`, "mitbih:heldout", or a file; "none" for
        none; by default those that belong to the training set in the card of the set.
    train: the training set of the generator, likewise; by default the one in the card of the set.
    new_patients: items of other people, likewise.
    metrics: names; by default all that the given sets allow.
    quick: smaller samples, no network is trained.
    full: five seeds of every network, and floors and ceilings at exactly this size, for published
        tables.
    controls: add floors and ceilings; shipped or cached ones of a similar size are reused.
    advance: called with (current step, share done); by default a progress bar on standard error.

    Raises
    ------
    EcgsynthError: an unknown metric or set, shapes that differ, signals that hold NaN.
    """
    check_callback(advance, "advance")
    if advance is None:
        with share_bar("judging") as shown:
            return evaluate(
                synthetic, against, train, new_patients, metrics, quick=quick, full=full,
                controls=controls, seed=seed, advance=shown,
            )  # fmt: skip
    check_instance(
        synthetic, Ecg, "the set to evaluate must be an Ecg, as es.read and generate return it"
    )
    check_flag(controls, "controls")
    if check_flag(quick, "quick") and check_flag(full, "full"):
        raise EcgsynthError("an evaluation is quick or full, not both; leave one of them out.")
    chosen = [
        METRICS.get(name)
        for name in (METRICS.names() if metrics is None else check_names(metrics, "metrics"))
    ]
    against, new_patients = _check_set(against, "against"), _check_set(new_patients, "new_patients")
    train = train if isinstance(train, TrainingSet) else _check_set(train, "train")
    seed = check_integer(seed, "the seed")
    notes: list[str] = []
    synthetic = check_synthetic(rename_leads(synthetic), notes)
    advance("loading the real sets", 0.0)
    settings: Mapping[str, Any] = {}
    if against is None:
        found = heldout_source(synthetic.card)
        if isinstance(found, str):
            notes.append(f"Held-out set: none, since none was named and {found}.")
        else:
            against, settings = found
            notes.append(f"Held-out set: {against}, which belongs to the set's own card.")
    elif isinstance(against, str) and against.strip().lower() == NONE:
        against = None
        notes.append("Held-out set: none, as requested.")
    parts = {
        "test": _load_part("test", against, synthetic.spec, notes, settings),
        "new_patients": _load_part("new_patients", new_patients, synthetic.spec, notes),
    }
    learned = train if isinstance(train, TrainingSet) else training_set(synthetic, train)
    parts["train"] = learned.items
    notes.insert(0, learned.why)
    known = statistics.shipped(against, synthetic.spec) if isinstance(against, str) else None
    synthetic, parts = align_sets(synthetic, parts, notes)
    synthetic = limit_items(synthetic, quick, seed, notes)
    warn_of_copies(synthetic, parts, notes)
    warn_of_trained_patients(parts["train"], parts["new_patients"], notes)
    if parts["test"] is not None:
        measured = statistics.Reference.measure(parts["test"])
        if known is not None and known.train == learned.source and learned.usual:
            measured = replace(measured, calibrations=known.calibrations, train=known.train)
        known = measured
    trial = Trial(
        synthetic, **parts, reference=known, seed=seed, quick=quick,
        seeds=FULL_SEEDS if full else 1, own_beats=have_own_beats(synthetic, parts, notes),
    )  # fmt: skip
    for part in (parts["test"], parts["new_patients"]):
        if part is not None and part.source in ("mitbih:test", "mitbih:test-literature"):
            log.warning("This uses DS2, the test set: only once per shipped version.")
            notes.append("DS2, the test set, was used: only once per shipped version.")
    rows, left_out, validity = measure_all(trial, chosen, controls, advance, notes)
    if trial.train is None and any(row.metric == "copy_share" for row in rows):
        notes.append(
            "Copies were searched for among the held-out items only: without the training set, "
            "copies of training items cannot be found."
        )
    facts = {
        "source": learned.source, "why": learned.why,
        "items": len(trial.train) if trial.train is not None else 0,
    }  # fmt: skip
    people = {}
    if any(row.metric == "coverage_worst_person" for row in rows):
        people = {
            g: [one._asdict() for one in each] for g, each in coverage_by_person(trial).items()
        }
    return Report.of(
        trial, rows, left_out, notes, c2st_validity=validity, training_set=facts,
        coverage_by_person=people,
    )  # fmt: skip


def _check_set(part: Any, name: str) -> Ecg | str | None:
    """A set or its name, checked.

    Raises
    ------
    EcgsynthError: it is of another kind.
    """
    if part is None or isinstance(part, Ecg):
        return part
    if not isinstance(part, str | os.PathLike):
        raise EcgsynthError(
            f"{name} is an Ecg, a data set's split as in 'mitbih:heldout', or a file; got "
            f"{quote(part)}."
        )
    if part == "":
        return None
    check_path(part, name)
    return os.fspath(part)


def _load_part(
    name: str,
    part: Ecg | str | None,
    spec: Spec,
    notes: list[str],
    settings: Mapping[str, Any] | None = None,
) -> Ecg | None:
    """Load a set that is given by name; None if its recordings are not on this machine.

    settings: of a data set, as in the card that names it.

    Raises
    ------
    EcgsynthError: the test set is absent and no statistics of it are shipped.
    """
    if not isinstance(part, str):
        return part
    try:
        real = load_real(part, spec, settings)
        if name == "test" and spec.r_sample is None and real.spec.r_sample is not None:
            notes.append(
                "The synthetic set does not give the sample of its R peaks ('r_sample' of an NPZ); "
                f"the real beats were cut with R at sample {real.spec.r_sample}."
            )
        if name == "test" and spec.band == (None, None):
            notes.append(
                "The synthetic set gives no band ('band' of an NPZ); real items are not filtered."
            )
        return real
    except MissingRecordingsError as problem:
        if name != "test":
            notes.append(f"Without {NEEDS_WORDS[name]}: {problem}")
        elif statistics.shipped(part, spec) is None:
            raise
        else:
            notes.append(f"The recordings of {part} are not here; shipped statistics are used.")
        return None


def measure_all(
    trial: Trial,
    metrics: Sequence[Metric],
    controls: bool,
    advance: Advance,
    notes: list[str] | None = None,
) -> tuple[list[Row], dict[str, str], dict[str, float | bool] | None]:
    """The rows of the report, the reason for each metric left out, and the validity of C2ST."""
    usable, left_out = _usable(trial, metrics)
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


def _usable(trial: Trial, metrics: Sequence[Metric]) -> tuple[list[Metric], dict[str, str]]:
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


@limit_threads()
def calibrate(
    against: Ecg | str,
    train: Ecg | str,
    like: Spec,
    count: int,
    *,
    quick: bool = False,
    draws: int = DRAWS,
    seed: int = 0,
    advance: Advance | None = None,
) -> tuple[statistics.Reference, Calibration]:
    """Measure floors and ceilings for sets of `count` items per class, and cache them.

    against: held-out items of the same people, as in `evaluate`.
    train: the training set of generators.
    like: shape of the items.
    quick: by the procedures of `evaluate(quick=True)`.
    draws: number of real samples, which marks are based on.

    Returns the statistics of the real set and the measured values.
    """
    if advance is None:
        with share_bar("calibrating") as shown:
            return calibrate(
                against, train, like, count, quick=quick, draws=draws, seed=seed, advance=shown
            )  # fmt: skip
    notes: list[str] = []
    test, learned = (
        load_real(part, like) if isinstance(part, str) else part for part in (against, train)
    )
    # Controls use only the sizes of the synthetic set.
    random = np.random.default_rng(seed)
    rows = [members(learned, name) for name in learned.spec.classes or ("",)]
    stand_in = learned[np.concatenate([random.choice(r, count) for r in rows if len(r)])]
    stand_in, parts = align_sets(stand_in, {"test": test, "train": learned}, notes)
    stand_in = limit_items(stand_in, quick, seed, notes)
    assert parts["test"] is not None
    known = statistics.Reference.measure(parts["test"])
    trial = Trial(stand_in, parts["test"], parts["train"], reference=known, seed=seed, quick=quick)
    usable, _ = _usable(trial, [METRICS.get(name) for name in METRICS.names()])
    steps = Steps(advance, estimate_cost(trial, usable, exact=True, draws=draws) or 1.0)
    found, reached, _ = figures(trial, usable, steps, exact=True, draws=draws)
    advance("done", 1.0)
    return known, Calibration(sizes(trial), quick, found, reached)
