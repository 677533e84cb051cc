"""Adherence to the requested class (by an independent classifier) and heart rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    metric,
    once,
    pick,
    too_few,
)
from ecgsynth.evaluation.auc import auc, auc_over, leave_one_out_auc
from ecgsynth.evaluation.intervals import Units, format_estimate, interval, mean_over, units
from ecgsynth.evaluation.reference_models.classifiers import QUICK_STEPS, fit, predict
from ecgsynth.evaluation.reference_models.instruments import instrument
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg

Predict = Callable[[Ecg], NDArray[np.floating]]
"""Items -> [item, class] probabilities."""

MOST, QUICK_MOST = 2000, 500
"""Most items of a class that are classified."""

TWO_BEATS_S = 1.5
"""Shorter items contain no complete RR interval, s."""


@METRICS.register("adherence")
@metric(
    "adherence", unit="share", goal="higher", needs=("test",), question="match",
    reference="the fixed ResNet-1D, trained on real beats; for items of other kinds, a small one "
    "trained on the training set; the note gives the share of held-out real beats",
)  # fmt: skip
def adherence(trial: Trial) -> dict[str, Estimate]:
    """Share of synthetic beats that an independent classifier assigns to the requested class.

    A share above that of real held-out beats means that the difficult cases of the class are
    missing.
    """
    assert trial.test is not None
    if trial.synthetic.spec.multilabel or len(trial.classes) < 2:
        raise NotApplicable("needs items with one class each, and two classes or more")
    predict_classes, known = _classifier(trial)
    found, random = {}, trial.random("adherence")
    most = QUICK_MOST if trial.quick else MOST
    for name in trial.classes:
        generated, heldout = (
            pick(trial.part(ecg, name), most, random) for ecg in (trial.synthetic, trial.test)
        )
        if len(generated) < MIN_ITEMS:
            found[name] = too_few(len(generated))
            continue
        if name not in known:
            found[name] = Estimate(float("nan"), note=f"the classifier does not have class {name}")
            continue
        hits, real = (
            _hits(predict_classes, part, known.index(name)) for part in (generated, heldout)
        )
        note = "no real held-out items"
        if len(heldout):
            text = format_estimate(mean_over(real, units(heldout), share=True))
            note = f"of {len(heldout)} real held-out ones {text}"
        found[name] = mean_over(hits, units(generated), share=True, note=note)
    return found


def _hits(predict_classes: Predict, ecg: Ecg, column: int) -> NDArray[np.bool_]:
    return predict_classes(ecg.quantised()).argmax(1) == column


def _classifier(trial: Trial) -> tuple[Predict, tuple[str, ...]]:
    """A classifier trained on real items, and its classes.

    Raises
    ------
    NotApplicable: the shipped one does not accept such items, and none may or can be trained.
    """
    known = instrument(trial.synthetic.spec)
    if known and set(trial.classes) & set(known.spec.classes):
        return known.predict, known.spec.classes
    if trial.quick:
        raise NotApplicable(
            "the shipped classifier does not accept such items, and quick trains none"
        )
    if trial.train is None or min(trial.train.counts().values(), default=0) < MIN_ITEMS:
        raise NotApplicable(
            "the shipped classifier does not accept such items; to train one, give a training set "
            f"of {MIN_ITEMS} items or more of each class"
        )
    net = fit(trial.train.quantised(), None, steps=QUICK_STEPS, seed=trial.seed)
    return partial(predict, net), trial.train.spec.classes


@METRICS.register("statement_adherence")
@metric(
    "statement_adherence", unit="AUROC", goal="higher", needs=("test",), question="match",
    reference="the fixed xresnet1d, trained on PTB-XL; for items of other kinds, a small one "
    "trained on the training set; the note gives the AUROC of real items",
)  # fmt: skip
def statement_adherence(trial: Trial) -> dict[str, Estimate]:
    """AUROC of an independent classifier for the items that were generated with a statement.

    For multilabel sets. An AUROC above that of real items means that the difficult cases are
    missing.
    """
    found = {}
    for name, one in _statement_scores(trial).items():
        if isinstance(one, Estimate):
            found[name] = one
            continue
        note = "all or no real items have it"
        if one.real_auc is not None:
            text = format_estimate(auc_over(one.has, [one.real], [one.units[1]]))
            note = f"of {len(one.has)} real ones {text}"
        found[name] = auc_over(one.asked, [one.synthetic], [one.units[0]], note=note)
    return found


@METRICS.register("statement_adherence_gap")
@metric(
    "statement_adherence_gap", unit="AUROC", goal="match", needs=("test",), question="match",
    reference="statement_adherence minus the AUROC of the same classifier on real items; interval "
    "over the people of both",
)  # fmt: skip
def statement_adherence_gap(trial: Trial) -> dict[str, Estimate]:
    """AUROC of an independent classifier for requested statements minus that of real items."""
    found = {}
    for name, one in _statement_scores(trial).items():
        if isinstance(one, Estimate) or one.real_auc is None:
            note = one.note if isinstance(one, Estimate) else "all or no real items have it"
            found[name] = Estimate(float("nan"), note=note)
            continue
        value, other = auc(one.asked, one.synthetic), one.real_auc
        ours = leave_one_out_auc(one.asked, one.synthetic, [one.units[0]])[0]
        heldout = leave_one_out_auc(one.has, one.real, [one.units[1]])[0]
        left = [
            replace(heldout, values=value - heldout.values),
            replace(ours, values=ours.values - other),
        ]
        note = f"{value:.3f}, of real items {other:.3f}"
        found[name] = interval(value - other, left, least=-1.0, note=note)
    return found


@dataclass(frozen=True)
class StatementScores:
    """Scores of the classifier for one statement.

    asked, synthetic: [synthetic item] whether it was requested, and the score. has, real: [real
    item] whether it is there, and the score. units: of both. real_auc: None if all or none have it.
    """

    asked: NDArray[np.bool_]
    synthetic: NDArray[np.floating]
    has: NDArray[np.bool_]
    real: NDArray[np.floating]
    units: tuple[Units, Units]

    @property
    def real_auc(self) -> float | None:
        """AUROC of the statement on real items; None where all or none have it."""
        return auc(self.has, self.real) if 0 < self.has.sum() < len(self.has) else None


@once
def _statement_scores(trial: Trial) -> dict[str, StatementScores | Estimate]:
    """Statement -> its scores, or the reason why there are none.

    Raises
    ------
    NotApplicable: items have one class each, or no classifier accepts them.
    """
    assert trial.test is not None
    if not trial.synthetic.spec.multilabel or not trial.classes:
        raise NotApplicable("needs items that may have several classes")
    predict_classes, known = _classifier(trial)
    random = trial.random("statement_adherence")
    most = QUICK_MOST if trial.quick else MOST
    generated, heldout = (pick(ecg, most, random) for ecg in (trial.synthetic, trial.test))
    predicted, real = (predict_classes(ecg.quantised()) for ecg in (generated, heldout))
    both, found = (units(generated), units(heldout)), dict[str, StatementScores | Estimate]()
    for name in trial.classes:
        if name not in known:
            found[name] = Estimate(float("nan"), note=f"the classifier does not have {name}")
            continue
        asked, has = (
            np.asarray(ecg.label)[:, ecg.spec.class_index(name)] > 0 for ecg in (generated, heldout)
        )
        fewest = int(min(asked.sum(), (~asked).sum()))
        column = known.index(name)
        scores = StatementScores(asked, predicted[:, column], has, real[:, column], both)
        found[name] = scores if fewest >= MIN_ITEMS else too_few(fewest)
    return found


@METRICS.register("heart_rate_adherence")
@metric(
    "heart_rate_adherence", unit="1/min", goal="lower", needs=("test",), question="match",
    reference="mean absolute difference of the requested rate (context heart_rate, or 60 over "
    "rr_before_s) and the rate of the measured median RR; real items in the note",
)  # fmt: skip
def heart_rate_adherence(trial: Trial) -> dict[str, Estimate]:
    """Difference of the measured heart rate of an item from the requested one."""
    spec = trial.synthetic.spec
    if not {"heart_rate", "rr_before_s"} & set(spec.context):
        raise NotApplicable("no heart rate is requested: no context heart_rate or rr_before_s")
    if spec.seconds < TWO_BEATS_S:
        raise NotApplicable(f"items of {spec.seconds:.2g} s are too short for two beats")
    assert trial.test is not None
    found = {}
    for group in trial.groups:
        generated, rows = _misses(trial, trial.synthetic, group)
        heldout, real = _misses(trial, trial.test, group)
        if len(generated) < MIN_ITEMS:
            found[group or "all"] = too_few(len(generated))
            continue
        note = ""
        if len(heldout):
            text = format_estimate(mean_over(heldout, units(trial.test, real)))
            note = f"of {len(heldout)} real ones {text}"
        found[group or "all"] = mean_over(generated, units(trial.synthetic, rows), note=note)
    return found


def _misses(trial: Trial, ecg: Ecg, group: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """|measured - requested| rate (1/min) of the items of a group where both are known, and their
    rows."""
    from ecgsynth.evaluation.metrics.physiology import delineated_rows
    from ecgsynth.evaluation.reference_models.delineation import delineate
    from ecgsynth.signals.fiducials import measure

    spec, rows = ecg.spec, delineated_rows(trial, ecg, group)
    part = ecg[rows].quantised()
    context = dict(zip(spec.context, np.asarray(part.context, np.float64).T, strict=True))
    lead = next((spec.leads.index(name) for name in ("II", "MLII") if name in spec.leads), 0)
    if not len(part) or not {"heart_rate", "rr_before_s"} & set(context):
        return np.zeros(0), np.zeros(0, np.int64)
    asked = context["heart_rate"] if "heart_rate" in context else 60 / context["rr_before_s"]
    signal = np.ascontiguousarray(part.signal[:, lead])
    # From R peaks only: a rate from the context would agree with itself.
    measured = measure(signal, delineate(signal, spec.fs))["heart_rate"]
    miss = np.abs(measured - asked)
    known = np.isfinite(miss)
    return miss[known], rows[known]
