"""Units: what they are called, whether signals are an ECG at all, and whether mV can be mV."""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg

PER_MV = {"v": 1e-3, "mv": 1.0, "μv": 1e3, "uv": 1e3, "nv": 1e6} | {
    f"{prefix}volt{plural}": scale
    for prefix, scale in (("", 1e-3), ("milli", 1.0), ("micro", 1e3), ("nano", 1e6))
    for plural in ("", "s")
}
"""How many of a unit make one mV."""

NORMALISED = "normalised"
"""The unit of signals without a calibration."""

VOLT_BELOW, UV_FROM = 0.03, 50.0
"""Median peak-to-peak heights, mV, beyond which no surface ECG lies: it is in V, or in uV."""

HOLDS_QRS_S = 0.4
"""An item that is shorter may lie between two QRS complexes, where a heart is as low."""

LOOKED_AT = 2000
"""Items of a set, evenly spaced, that decide whether the unit is plausible."""

ALIKE = 8
"""Items that have exactly one height are no chance when there are so many."""


def per_mv(unit: str) -> float | None:
    """How many of a unit make one mV, in either spelling of micro; None where it is no voltage."""
    return PER_MV.get(_plain_spelling(unit))


def standard_unit(unit: str) -> str:
    """A unit in the one spelling of this project: mV, uV, V or normalised; others as they are."""
    if _plain_spelling(unit) in ("normalised", "normalized"):
        return NORMALISED
    return {1.0: "mV", 1e3: "uV", 1e-3: "V"}.get(per_mv(unit) or 0, unit)


def _plain_spelling(unit: str) -> str:
    return unicodedata.normalize("NFKC", unit).strip().casefold()


def in_mv(signal: NDArray[np.float32], unit: str) -> NDArray[np.float32]:
    """Numbers of a voltage in mV; others as they are."""
    scale = per_mv(unit) or 1.0
    # Whole factors: a division by .001 would not be exact.
    return signal / np.float32(scale) if scale > 1 else signal * np.float32(round(1 / scale))


def unit_problem(ecg: Ecg) -> str:
    """What is doubtful where signals in mV are as high as if in uV, or as low as if in V; or "".

    The median of up to `LOOKED_AT` items counts, each as high as its highest lead.
    """
    if ecg.spec.unit != "mV" or not len(ecg):
        return ""
    some = ecg.signal[:: len(ecg) // LOOKED_AT + 1]
    missing = ~np.isfinite(some)
    spans = np.where(missing, -np.inf, some).max(2) - np.where(missing, np.inf, some).min(2)
    heights = spans.max(1)
    if not (heights >= 0).any():  # an item without any sample has no height
        return ""
    height = float(np.median(heights[heights >= 0]))
    low = 0 < height < VOLT_BELOW and ecg.spec.seconds >= HOLDS_QRS_S
    if not (low or height > UV_FROM):
        return ""
    height_text = f"{height:,.0f}" if height > 1 else f"{height:.2g}"
    unit, mend = "V", "multiply by 1000"
    if height > UV_FROM:
        unit, mend = "uV", "divide by 1000 (steps of a converter: by its steps per mV)"
    return f"signals span {height_text} mV, as no heart does. Are they in {unit}? Then {mend}"


def scale_problem(ecg: Ecg) -> str:
    """What is doubtful where all items in mV were scaled to one range or one SD each; or ""."""
    some = ecg.signal[:: len(ecg) // LOOKED_AT + 1]
    some = some.reshape(len(some), some.shape[1] * some.shape[2])
    some = some[np.isfinite(some).all(1)]
    if ecg.spec.unit != "mV" or len(some) < ALIKE:
        return ""
    low, high = some.min(1), some.max(1)
    if np.ptp(low) + np.ptp(high) < 1e-5 < high[0] - low[0]:
        return (
            f"signals all run from exactly {low[0]:.4g} to {high[0]:.4g}, as scaled ones do. Then "
            "set unit='normalised'"
        )
    if max(np.abs(some.mean(1)).max(), np.abs(some.std(1) - 1).max()) < 1e-3:
        return (
            "signals all have a mean of 0 and an SD of 1, as standardised ones do. Then set "
            "unit='normalised'"
        )
    return ""


def check_is_ecg(ecg: Ecg, whose: str) -> None:
    """Check that a set holds ECG.

    whose: what the set is called in a sentence, as in "the real".

    Raises
    ------
    EcgsynthError: every item is flat or holds NaN, or the unit is doubtful.
    """
    whole = np.isfinite(ecg.signal).all((1, 2))
    if not whole.any():
        raise EcgsynthError(
            f"{whose} signals hold NaN or infinity in every item; give some that are whole."
        )
    if not np.ptp(ecg.signal[whole], axis=2).any():
        raise EcgsynthError(f"{whose} signals are flat; give some with heartbeats.")
    if problem := unit_problem(ecg[whole]):
        raise EcgsynthError(
            f"{whose} {problem} and try again; are they normalised? Then set unit='normalised'."
        )
