"""Faults of a recorder: leads that are off, saturation, and the steps of its converter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecgsynth.arguments import check_instance, check_integer, check_number, check_positive
from ecgsynth.signals.ecg import Ecg

OFF_S = (3.0, 60.0)
"""Length of a stretch without a lead."""

DRIFT_S = 0.8
"""Within which the amplifier drifts to its end when a lead comes off."""

RAIL_MV = 5.0


def lose_leads(ecg: Ecg, per_hour: float, rail_mv: float = RAIL_MV, seed: int = 0) -> Ecg:
    """Leads that come off now and then: the amplifier drifts to one end of its range and stays.

    per_hour: times an hour, each in one lead for 3 to 60 s. rail_mv: the end of the range.

    Raises
    ------
    EcgsynthError: a number is none, or below 0.
    """
    check_instance(ecg, Ecg, "leads are lost of an Ecg")
    rate = check_number(per_hour, "how often leads come off, an hour,", 0, 600)
    rail = check_positive(rail_mv, "the end of the range, in mV,")
    random = np.random.default_rng([check_integer(seed, "the seed"), 7])
    signal, fs = ecg.signal.copy(), ecg.spec.fs
    for item in range(len(ecg)):
        for _ in range(random.poisson(rate * ecg.spec.seconds / 3600)):
            lead = int(random.integers(len(ecg.spec.leads)))
            start = int(random.integers(ecg.spec.samples))
            stop = min(start + round(random.uniform(*OFF_S) * fs), ecg.spec.samples)
            time = np.arange(stop - start) / fs
            end = rail * (1 if random.uniform() < 0.5 else -1)
            part = signal[item, lead, start:stop]
            signal[item, lead, start:stop] = end + (part - end) * np.exp(-time / DRIFT_S * 4)
    return replace(ecg, signal=signal)


def saturate(ecg: Ecg, range_mv: float) -> Ecg:
    """The signal cut off at the ends of a range, plus and minus so many mV.

    Raises
    ------
    EcgsynthError: the range is no number above 0.
    """
    check_instance(ecg, Ecg, "what saturates is an Ecg")
    most = check_positive(range_mv, "the range, in mV,")
    return replace(ecg, signal=np.clip(ecg.signal, -most, most))


def convert(ecg: Ecg, step_mv: float) -> Ecg:
    """The signal in whole steps of a converter.

    step_mv: of one step, as in .005 for 200 steps a mV.

    Raises
    ------
    EcgsynthError: the step is no number above 0.
    """
    check_instance(ecg, Ecg, "what is converted is an Ecg")
    step = check_positive(step_mv, "the step of a converter, in mV,")
    whole = np.round(ecg.signal.astype(np.float64) / step) * step
    return replace(ecg, signal=whole.astype(np.float32))
