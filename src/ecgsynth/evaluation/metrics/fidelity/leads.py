"""Consistency of leads: limb-lead algebra and correlations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ecgsynth.evaluation import (
    MIN_ITEMS,
    Estimate,
    NotApplicable,
    Trial,
    metric,
    too_few,
)
from ecgsynth.evaluation.intervals import interval, leave_one_out_mean, mean_over, units
from ecgsynth.registry import METRICS
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.vocabulary import limb_leads

SURE = 1e-9
"""mV; a lead with a smaller SD is a flat line with correlation 0."""


@METRICS.register("einthoven_residual")
@metric(
    "einthoven_residual", unit="mV", goal="lower", needs=(), question="match",
    reference="Einthoven 1908: RMS of II - I - III in the synthetic set alone; 0 if III is "
    "derived, about 3 uV if each lead was rounded to 5 uV",
)  # fmt: skip
def einthoven_residual(trial: Trial) -> dict[str, Estimate]:
    """Deviation of I + III from II."""
    return _residual(trial, ("III",))


@METRICS.register("goldberger_residual")
@metric(
    "goldberger_residual", unit="mV", goal="lower", needs=(), question="match",
    reference="Goldberger 1942: RMS of aVR + (I + II)/2, aVL - (I - II/2) and aVF - (II - I/2), "
    "of those in the set, in the synthetic set alone",
)  # fmt: skip
def goldberger_residual(trial: Trial) -> dict[str, Estimate]:
    """Deviation of aVR, aVL and aVF from their values computed from I and II."""
    return _residual(trial, ("aVR", "aVL", "aVF"))


def _residual(trial: Trial, derived: tuple[str, ...]) -> dict[str, Estimate]:
    """RMS over items, samples and derived leads, mV; the note gives it as a share of lead II's RMS.

    The signals are not quantised, since they are not compared with real ones.

    Raises
    ------
    NotApplicable: I, II or all of the derived leads are absent, or the unit is not mV.
    """
    spec = trial.synthetic.spec
    there = [name for name in derived if name in spec.leads]
    if not {"I", "II"} <= set(spec.leads) or not there:
        raise NotApplicable(
            f"needs the leads I, II and {' or '.join(derived)}; the set has {_named(spec.leads)}"
        )
    if spec.unit != "mV":
        raise NotApplicable("needs mV: leads that were scaled separately do not add up")
    found = {}
    for name in trial.groups:
        part = trial.part(trial.synthetic, name)
        if len(part) < MIN_ITEMS:
            found[name or "all"] = too_few(len(part))
            continue
        one, two = (_lead(part, lead) for lead in ("I", "II"))
        true = limb_leads(one, two)
        per_item = np.mean([((_lead(part, k) - true[k]) ** 2).mean(1) for k in there], 0)
        value, height = float(np.sqrt(per_item.mean())), float(np.sqrt((two**2).mean()))
        note = f"{100 * value / height:.2g} % of lead II's RMS" if height > SURE else "II is flat"
        absent = [k for k in derived if k not in there]
        note += f"; without {', '.join(absent)}, not in the set" if absent else ""
        found[name or "all"] = mean_over(per_item, units(part), note=note).through(np.sqrt)
    return found


@METRICS.register("lead_correlation_error")
@metric(
    "lead_correlation_error", unit="1", goal="lower", needs=("test",), question="match",
    reference="RMS over the pairs of leads of the difference between the synthetic and the real "
    "correlation matrix, each over all samples of a class at equal counts",
)  # fmt: skip
def lead_correlation_error(trial: Trial) -> dict[str, Estimate]:
    """Difference of the correlations between leads from the real ones.

    A lead that is flat in all items of a class has correlation 0.

    Raises
    ------
    NotApplicable: the sets have one lead.
    """
    leads = trial.synthetic.spec.leads
    if len(leads) < 2:
        raise NotApplicable(f"needs several leads; the set has {_named(leads)}")
    found = {}
    for name in trial.groups:
        a, b = trial.equal(name)
        if len(a) < MIN_ITEMS:
            found[name or "all"] = too_few(len(a))
            continue
        pairs = np.triu_indices(len(leads), 1)
        error = (correlations(a) - correlations(b))[pairs]
        worst = int(np.abs(error).argmax())
        names = "-".join(leads[side[worst]] for side in pairs)
        note = f"largest for {names}: {error[worst]:+.2f}"
        found[name or "all"] = Estimate(float(np.sqrt((error**2).mean())), note=note)
    return found


LEVELS = 12
"""Levels of equal share into which the samples of a lead are divided."""


@METRICS.register("lead_mutual_information")
@metric(
    "lead_mutual_information", unit="nat", goal="match", needs=("test",), question="match",
    reference="mean over records and pairs of leads of the mutual information of their samples, "
    "in 12 levels of equal share, minus that of real records; 0 = leads depend on each other as "
    "much as real ones; interval over people of both sets",
)  # fmt: skip
def lead_mutual_information(trial: Trial) -> dict[str, Estimate]:
    """Mutual information between leads minus that of real items.

    Raises
    ------
    NotApplicable: the sets have one lead.
    """
    leads = trial.synthetic.spec.leads
    if len(leads) < 2:
        raise NotApplicable(f"needs several leads; the set has {_named(leads)}")
    found = {}
    for name in trial.groups:
        pair = trial.equal(name)
        if len(pair[0]) < MIN_ITEMS:
            found[name or "all"] = too_few(len(pair[0]))
            continue
        synthetic_bits, real_bits = (mutual_information(ecg) for ecg in pair)
        one, other = float(synthetic_bits.mean()), float(real_bits.mean())
        left = [
            replace(known, values=sign * (known.values - middle) + one - other)
            for sign, middle, known in (
                (-1, other, leave_one_out_mean(real_bits, units(pair[1]))),
                (1, one, leave_one_out_mean(synthetic_bits, units(pair[0]))),
            )
        ]
        note = f"{one:.3f}, of real items {other:.3f}"
        found[name or "all"] = interval(one - other, left, least=-np.inf, note=note)
    return found


def mutual_information(ecg: Ecg) -> NDArray[np.float64]:
    """[item] mutual information of two leads of an item, nat, the mean over their pairs.

    The samples of a lead are divided into `LEVELS` of equal share by rank, so that neither
    amplitude nor outliers matter. Few samples raise the value of any two leads alike.
    """
    count, samples = len(ecg.spec.leads), ecg.spec.samples
    pairs = np.triu_indices(count, 1)
    found = np.empty(len(ecg))
    for k, item in enumerate(ecg.signal):
        rank = item.argsort(1, kind="stable").argsort(1)
        level = rank * LEVELS // samples + LEVELS * np.arange(count)[:, None]
        shown = np.zeros((count * LEVELS, samples), np.float32)
        shown[level, np.arange(samples)] = 1
        joint = (shown @ shown.T).reshape(count, LEVELS, count, LEVELS)[pairs[0], :, pairs[1]]
        joint = joint.astype(np.float64) / samples
        alone = joint.sum(2, keepdims=True) * joint.sum(1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            found[k] = np.nansum(joint * np.log(joint / alone)) / len(pairs[0])
    return found


def correlations(ecg: Ecg) -> NDArray[np.float64]:
    """[lead, lead] Pearson correlations over all samples, each item about its own mean."""
    signal = ecg.signal.astype(np.float64)
    signal -= signal.mean(2, keepdims=True)
    # Items are summed one by one, to avoid a second copy of a set of records.
    total = np.einsum("ils,iks->lk", signal, signal, optimize=True) / (len(ecg) * signal.shape[2])
    sd = np.sqrt(np.diag(total))
    alive = sd > SURE
    sd = np.where(alive, sd, 1.0)
    return np.where(np.outer(alive, alive), total / np.outer(sd, sd), 0.0)


def _lead(ecg: Ecg, name: str) -> NDArray[np.float64]:
    return ecg.signal[:, ecg.spec.leads.index(name)].astype(np.float64)


def _named(leads: tuple[str, ...]) -> str:
    return ", ".join(leads)
