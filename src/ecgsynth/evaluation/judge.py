"""Judging a set: metrics, controls and intervals gathered into one report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ecgsynth.datasets import Dataset, load
from ecgsynth.datasets.beats import LONGEST_S
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Estimate, Metric, Trial, pick, reference
from ecgsynth.evaluation.calibration import Figures, figures
from ecgsynth.evaluation.controls import CONTROLS
from ecgsynth.evaluation.report import Report, Row
from ecgsynth.evaluation.sets import aligned, capped, checked
from ecgsynth.registry import DATASETS, METRICS
from ecgsynth.signals.ecg import Ecg, Spec, concatenate

log = logging.getLogger("ecgsynth")

NEEDS_WORDS = {
    "test": "real held-out items (--against)",
    "train": "the training set (--train)",
    "new_patients": "items of other people (--new-patients)",
    "reference": "reference statistics of this kind of item",
}


def evaluate(
    synthetic: Ecg,
    against: Ecg | str | None = None,
    train: Ecg | str | None = None,
    new_patients: Ecg | str | None = None,
    metrics: Sequence[str] | None = None,
    *,
    quick: bool = False,
    controls: bool = True,
    seed: int = 0,
    advance: Callable[[str, float], None] | None = None,
) -> Report:
    """Judge a synthetic set.

    Parameters
    ----------
    synthetic: the set, of any generator. against: held-out items of the same people, an `Ecg` or
        "mitbih:heldout". train: what the generator learned from. new_patients: other people.
    metrics: names; all that the given parts allow when left out.
    quick: smaller samples, no classifier trainings. controls: judge floors and ceilings too;
        those that were shipped or judged before are taken from the reference.
    advance: called with (what is done, share).

    Raises
    ------
    EcgsynthError: an unknown metric or set, shapes that differ, signals that hold NaN.
    """
    chosen = [METRICS.get(name) for name in metrics or METRICS.names()]
    advance = advance or (lambda *_: None)
    notes: list[str] = []
    synthetic = checked(synthetic, notes)
    sources = {"test": against, "train": train, "new_patients": new_patients}
    parts = {n: _part(n, part, synthetic.spec, notes) for n, part in sources.items()}
    known = reference.shipped(against, synthetic.spec) if isinstance(against, str) else None
    synthetic, parts = aligned(synthetic, parts, notes)
    synthetic = capped(synthetic, quick, seed, notes)
    if parts["test"] is not None:
        measured = reference.Reference.measure(parts["test"])
        if known is not None:
            measured = replace(measured, calibration=known.calibration, calibrated=known.calibrated)
        known = measured
    trial = Trial(synthetic, **parts, reference=known, seed=seed, quick=quick)
    for part in (parts["test"], parts["new_patients"]):
        if part is not None and part.source in ("mitbih:test", "mitbih:test-literature"):
            log.warning("This looks at DS2, the test side: once per shipped version.")
            notes.append("DS2 was looked at: once per shipped version.")
    rows, left_out = judge(trial, chosen, controls, advance, notes)
    return Report.of(trial, rows, left_out, notes)


def _part(name: str, part: Ecg | str | None, spec: Spec, notes: list[str]) -> Ecg | None:
    """A set that was given by name is loaded; None where its recordings are not here.

    Raises
    ------
    EcgsynthError: the test set is not here and no statistics of it are shipped.
    """
    if not isinstance(part, str):
        return part
    try:
        real = load_like(part, spec)
        if name == "test" and spec.r_sample is None and real.spec.r_sample is not None:
            notes.append(
                "The synthetic set does not say where its R peaks are ('r_sample' of an NPZ); the "
                f"real beats were cut with R at sample {real.spec.r_sample}."
            )
        if name == "test" and spec.band == (None, None):
            notes.append("The synthetic set states no band ('band' of an NPZ); real ones keep all.")
        return real
    except EcgsynthError as problem:
        if name != "test":
            notes.append(f"Without {NEEDS_WORDS[name]}: {problem}")
        elif reference.shipped(part, spec) is None:
            raise
        else:
            notes.append(f"The recordings of {part} are not here; shipped statistics serve.")
        return None


def judge(
    trial: Trial,
    metrics: Sequence[Metric],
    controls: bool,
    advance: Callable[[str, float], None],
    notes: list[str] | None = None,
) -> tuple[list[Row], dict[str, str]]:
    """Rows of a table, and for each metric that is left out the reason."""
    left_out: dict[str, str] = {}
    usable: list[Metric] = []
    for metric in metrics:
        missing = [need for need in metric.needs if not trial.has(need)]
        if missing:
            words = " and ".join(NEEDS_WORDS[need] for need in missing)
            if "test" in missing and trial.reference is not None:
                words += ", whose recordings are not here"
            left_out[metric.name] = f"needs {words}"
        elif metric.costly and trial.quick:
            left_out[metric.name] = "trains a classifier; left out by --quick"
        elif metric.costly and not trial.classes:
            left_out[metric.name] = "needs labels to train a classifier"
        else:
            usable.append(metric)
    # The controls take five times as long as the set, where they are not in the cache.
    share = 1 / (1 + len(CONTROLS)) if controls and trial.has("train") else 1.0
    found: list[tuple[Metric, str, Estimate]] = []
    for done, metric in enumerate(usable, 1):
        found += [(metric, group, e) for group, e in metric.measure(trial).items()]
        advance(f"{metric.name} of the set", share * done / len(usable))
    known: Figures = {}
    if controls:
        known = figures(trial, usable, lambda what, part: advance(what, share + (1 - share) * part))
    stored = trial.reference.calibration if controls and trial.reference else {}
    rows, borrowed = [], False
    for metric, group, estimate in found:
        values = {
            name: cells[metric.name][group]
            for name, cells in known.items()
            if group in cells.get(metric.name, {})
        }
        for name, cells in stored.items():
            value = cells.get(metric.name, {}).get(group)
            if name not in known and value is not None:
                values[name] = value
                borrowed = True
        rows.append(Row.of(metric, group, estimate, values))
    if borrowed and notes is not None and trial.reference is not None:
        sizes = ", ".join(f"{n} {count}" for n, count in trial.reference.calibrated.items())
        notes.append(f"Floors and ceilings are the shipped ones, measured at {sizes} items.")
    advance("done", 1.0)
    return rows, left_out


def calibrate(
    source: str,
    train: str,
    like: Spec,
    count: int,
    seed: int = 0,
    advance: Callable[[str, float], None] | None = None,
) -> reference.Reference:
    """Statistics, floors and ceilings of a real set at equal size: what is shipped.

    source: "mitbih:heldout". train: "mitbih:train". like: shape of the items. count: items per
    class and set, at most. Metrics are measured as by `quick`.
    """
    test, learned = load_like(source, like), load_like(train, like)
    # Twenty times the real set, where there are as many: small classes are judged draw by draw.
    counts = {name: min(20 * size, count) for name, size in test.counts().items()}
    random = np.random.default_rng(seed)
    stand_in = concatenate([pick(learned.of_class(n), c, random) for n, c in counts.items() if c])
    known = reference.Reference.measure(test)
    trial = Trial(stand_in, test, learned, reference=known, seed=seed, quick=True)
    metrics = [m for m in (METRICS.get(n) for n in METRICS.names()) if not m.costly]
    usable = [m for m in metrics if all(trial.has(need) for need in m.needs)]
    found = figures(trial, usable, advance or (lambda *_: None))
    return replace(known, calibration=found, calibrated=counts)


def load_like(source: str, spec: Spec) -> Ecg:
    """A split of a registered data set, cut as `spec` says.

    Raises
    ------
    EcgsynthError: no such set or split, or it cannot be cut that way.
    """
    name, _, split = source.partition(":")
    dataset: Dataset = DATASETS.get(name)
    if spec.seconds > LONGEST_S:
        raise EcgsynthError(
            f"the items last {spec.seconds:.0f} s, but {source} gives beats; cut yours into beats "
            "first, as in `ecgsynth data save folder:all path=records/ --to beats.npz`."
        )
    ecg = load(name, split or None, **dataset.settings_like(spec))
    shared = [name for name in spec.classes if name in ecg.spec.classes]
    return ecg.with_classes(shared) if shared else ecg
