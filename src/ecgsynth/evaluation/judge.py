"""Evaluate a synthetic set: load the real sets, bring all to one shape, and collect a report."""

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
from ecgsynth.evaluation import Trial, members
from ecgsynth.evaluation.baselines import statistics
from ecgsynth.evaluation.baselines.calibration import Calibration, sizes
from ecgsynth.evaluation.baselines.control_figures import estimate_cost, figures
from ecgsynth.evaluation.baselines.real_samples import DRAWS
from ecgsynth.evaluation.inputs import (
    align_sets,
    check_synthetic,
    have_own_beats,
    limit_items,
    warn_of_copies,
    warn_of_trained_patients,
)
from ecgsynth.evaluation.metrics.diversity.coverage import coverage_by_person
from ecgsynth.evaluation.real_sets import NONE, heldout_source, load_real
from ecgsynth.evaluation.report import Report
from ecgsynth.evaluation.report_rows import NEEDS_WORDS, measure_all, usable_metrics
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
    usable, _ = usable_metrics(trial, [METRICS.get(name) for name in METRICS.names()])
    steps = Steps(advance, estimate_cost(trial, usable, exact=True, draws=draws) or 1.0)
    found, reached, _ = figures(trial, usable, steps, exact=True, draws=draws)
    advance("done", 1.0)
    return known, Calibration(sizes(trial), quick, found, reached)
