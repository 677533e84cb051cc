"""Units of voltage, and whether signals can be an ECG in mV."""

from __future__ import annotations

import unicodedata

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import Ecg

PER_MV = {"v": 1e-3, "mv": 1.0, "μv": 1e3, "uv": 1e3, "nv": 1e6} | {
    f"{prefix}volt{plural}": scale
    for prefix, scale in (("", 1e-3), ("milli", 1.0), ("micro", 1e3), ("nano", 1e6))
    for plural in ("", "s")
}
"""How many of a unit make one mV."""

VOLT_BELOW, UV_FROM = 0.03, 50.0
"""Median peak-to-peak heights, mV, beyond which no surface ECG lies: it is in V, or in uV."""

ENOUGH = 200
"""Items that tell the unit of a set."""

HOLDS_QRS_S = 0.4
"""An item that is shorter may lie between two QRS complexes, where a heart is as low."""


def per_mv(unit: str) -> float | None:
    """How many of a unit make one mV, in either spelling of micro; None where it is no voltage."""
    return PER_MV.get(unicodedata.normalize("NFKC", unit).strip().lower())


def doubted_unit(ecg: Ecg) -> str:
    """What is doubtful where signals in mV are as high as if in uV, or as low as if in V; or "".

    The median of up to `ENOUGH` items counts, each as high as its highest lead.
    """
    if ecg.spec.unit != "mV" or not len(ecg):
        return ""
    some = ecg.signal[:: -(-len(ecg) // ENOUGH)]
    missing = np.isnan(some)
    spans = np.where(missing, -np.inf, some).max(2) - np.where(missing, np.inf, some).min(2)
    heights = spans.max(1)
    if not (heights >= 0).any():  # an item without any sample has no height
        return ""
    height = float(np.median(heights[heights >= 0]))
    low = 0 < height < VOLT_BELOW and ecg.spec.seconds >= HOLDS_QRS_S
    if not (low or height > UV_FROM):
        return ""
    said = f"{height:,.0f}" if height > 1 else f"{height:.2g}"
    unit, mend = ("uV", "divide by 1000") if height > UV_FROM else ("V", "multiply by 1000")
    return f"signals span {said} mV, as no heart does. Are they in {unit}? Then {mend}"


def refuse_no_ecg(ecg: Ecg, whose: str) -> None:
    """
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
    if doubt := doubted_unit(ecg[whole]):
        raise EcgsynthError(
            f"{whose} {doubt} and try again; are they normalised? Then say unit='normalised'."
        )
