"""Judging a set: metrics, controls and intervals gathered into one report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ecgsynth.datasets import Dataset, load
from ecgsynth.errors import EcgsynthError
from ecgsynth.evaluation import Metric, Trial, reference
from ecgsynth.evaluation.controls import BASELINE, CONTROLS
from ecgsynth.evaluation.report import Report, Row
from ecgsynth.registry import DATASETS, METRICS
from ecgsynth.signals.ecg import Ecg, Spec
from ecgsynth.signals.filters import resample

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
    synthetic = _checked(synthetic)
    parts: dict[str, Any] = {"test": against, "train": train, "new_patients": new_patients}
    notes: list[str] = []
    source = against if isinstance(against, str) else None
    for name, part in parts.items():
        if isinstance(part, str):
            try:
                parts[name] = load_like(part, synthetic.spec)
            except EcgsynthError as problem:
                if name != "test" or reference.shipped(part, synthetic.spec) is None:
                    if name == "test":
                        raise
                    notes.append(f"Without {NEEDS_WORDS[name]}: {problem}")
                else:
                    notes.append(f"The recordings of {part} are not here; shipped statistics serve.")
                parts[name] = None
    known = reference.shipped(source, synthetic.spec) if source else None
    if parts["test"] is not None:
        measured = reference.Reference.measure(parts["test"])
        known = replace(measured, calibration=known.calibration if known else {})
    trial = Trial(synthetic, **parts, reference=known, seed=seed, quick=quick)
    for part in (parts["test"], parts["new_patients"]):
        if part is not None and part.source in ("mitbih:test", "mitbih:test-literature"):
            log.warning("This looks at DS2, the test side: once per shipped version.")
            notes.append("DS2 was looked at: once per shipped version.")
    chosen = [METRICS.get(name) for name in metrics or METRICS.names()]
    rows, left_out = judge(trial, chosen, controls, advance or (lambda *_: None))
    return Report.of(trial, rows, left_out, notes)


def judge(
    trial: Trial, metrics: Sequence[Metric], controls: bool, advance: Callable[[str, float], None]
) -> tuple[list[Row], dict[str, str]]:
    """Rows of a table, and for each metric that is left out the reason."""
    left_out: dict[str, str] = {}
    usable: list[Metric] = []
    for metric in metrics:
        missing = [need for need in metric.needs if not trial.has(need)]
        if missing:
            words = " and ".join(NEEDS_WORDS[need] for need in missing)
            left_out[metric.name] = f"needs {words}"
        elif metric.costly and trial.quick:
            left_out[metric.name] = "trains a classifier; left out by --quick"
        else:
            usable.append(metric)
    sets: dict[str, Trial] = {"synthetic": trial}
    known = trial.reference.calibration if trial.reference else {}
    if controls and trial.train is not None and trial.test is not None:
        sets |= {name: make(trial) for name, make in CONTROLS.items()}
    table: dict[tuple[str, str], dict[str, Any]] = {}
    done, total = 0, len(sets) * max(len(usable), 1)
    for name, one in sets.items():
        for metric in usable:
            if name == "synthetic" or _worth(metric, name):
                for group, estimate in metric.measure(one).items():
                    table.setdefault((metric.name, group), {})[name] = estimate
            done += 1
            advance(f"{metric.name} of {name}", done / total)
    rows = []
    by_name = {metric.name: metric for metric in usable}
    for (metric_name, group), cells in table.items():
        if "synthetic" not in cells:
            continue
        values = {n: cells[n].value for n in cells if n != "synthetic"}
        for control, figures in known.items():
            stored = figures.get(metric_name, {}).get(group)
            if control not in values and stored is not None:
                values[control] = stored
        rows.append(Row.of(by_name[metric_name], group, cells["synthetic"], values))
    return rows, left_out


def _worth(metric: Metric, control: str) -> bool:
    """Classifier trainings are spent on the synthetic set and the Gaussian baseline alone."""
    return not metric.costly or (control == BASELINE and metric.name != "trtr")


def calibrate(source: str, train: str, like: Spec, count: int, seed: int = 0) -> reference.Reference:
    """Floors and ceilings of a reference at equal size: what `evaluate` ships and caches.

    source: "mitbih:heldout". train: "mitbih:train". like: shape of the items. count: items per
    class and set, at most as many as the reference holds.
    """
    test, learned = load_like(source, like), load_like(train, like)
    half = test.counts()
    placeholder = _with_counts(learned, {n: min(c, count) for n, c in half.items()}, seed)
    known = reference.Reference.measure(test)
    trial = Trial(placeholder, test, learned, reference=known, seed=seed, quick=True)
    metrics = [m for m in (METRICS.get(n) for n in METRICS.names()) if not m.costly]
    found: dict[str, dict[str, dict[str, float]]] = {}
    for name, make in CONTROLS.items():
        one = make(trial)
        for metric in metrics:
            if all(one.has(need) for need in metric.needs):
                cells = metric.measure(one)
                found.setdefault(name, {})[metric.name] = {
                    group: round(e.value, 5) for group, e in cells.items() if np.isfinite(e.value)
                }
    return replace(known, calibration=found)


def load_like(source: str, spec: Spec) -> Ecg:
    """A split of a registered data set, cut as `spec` says.

    Raises
    ------
    EcgsynthError: no such set or split, or it cannot be cut that way.
    """
    name, _, split = source.partition(":")
    dataset: Dataset = DATASETS.get(name)
    ecg = load(name, split or None, **dataset.settings_like(spec))
    if spec.classes and ecg.spec.classes != spec.classes:
        ecg = ecg.with_classes([c for c in spec.classes if c in ecg.spec.classes])
    return ecg


def at_rate(ecg: Ecg, fs: float) -> Ecg:
    """The set at another sampling rate, said so in the log."""
    if ecg.spec.fs == fs:
        return ecg
    log.warning("resampled from %g to %g Hz.", ecg.spec.fs, fs)
    signal = resample(ecg.signal, ecg.spec.fs, fs)
    spec = replace(ecg.spec, fs=fs, samples=signal.shape[-1])
    return replace(ecg, signal=signal, spec=spec, valid=None, marks=None)


def _with_counts(ecg: Ecg, counts: dict[str, int], seed: int) -> Ecg:
    from ecgsynth.evaluation import pick
    from ecgsynth.signals.ecg import concatenate

    random = np.random.default_rng(seed)
    return concatenate([pick(ecg.of_class(n), c, random) for n, c in counts.items() if c])


def _checked(ecg: Ecg) -> Ecg:
    if not len(ecg):
        raise EcgsynthError("the synthetic set is empty; generate some items first.")
    whole = np.isfinite(ecg.signal).all((1, 2))
    if not whole.any():
        raise EcgsynthError("every synthetic item holds NaN or infinity; nothing can be judged.")
    if not whole.all():
        log.warning("%d items hold NaN or infinity and are left out.", (~whole).sum())
        ecg = ecg[whole]
    height = float(np.median(np.ptp(ecg.signal, axis=2)))
    if ecg.spec.unit == "mV" and height > 50:
        log.warning("signals span %.0f mV: are they in uV? Divide by 1000.", height)
    return ecg
