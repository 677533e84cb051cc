"""Amplitudes as whole steps, for formats that store integers: gain, range, missing samples, and
limb leads that still follow from I and II after rounding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats.contract import titles
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.spec import Spec
from ecgsynth.signals.synthetic_parts import SyntheticMask
from ecgsynth.signals.vocabulary import limb_leads

AUGMENTED = ("aVR", "aVL", "aVF")

CONSISTENT_STEPS = 3
"""Limb leads that agree with I and II to so many of their steps are derived from them after
rounding; real leads that do not agree are written as they are."""


def gains(leads: Sequence[str], step_mv: float) -> list[int]:
    """Steps per mV of each lead.

    The augmented limb leads are halves of sums of I and II: with half the step they follow from
    them without any rounding.
    """
    whole = round(1 / step_mv)
    return [2 * whole if lead in AUGMENTED else whole for lead in leads]


def digitise(
    ecg: Ecg, gain: Sequence[float], bits: int, title: str, missing: int | None = None
) -> NDArray[np.int64]:
    """[item, lead, sample] in steps, of items in mV.

    Limb leads that agree with I and II follow from the rounded I and II exactly, where these have
    one gain. Where a derived lead would need half a step, I and II are rounded to even steps. Of
    partly real items only what was made is derived, and I and II are rounded to whole steps.

    Parameters
    ----------
    gain: steps per mV of each lead.
    bits: of a sample, in two's complement; its lowest value is left free.
    title: of the format, for sentences.
    missing: the value of a sample that is not there; None where the format has none.

    Raises
    ------
    EcgsynthError: an amplitude beyond the range, or a missing sample that has no value.
    """
    leads, signal = ecg.spec.leads, ecg.signal.astype(np.float64)
    gone = np.isnan(signal)
    if missing is None and gone.any():
        item, k, _ = np.argwhere(gone)[0]
        raise EcgsynthError(
            f"samples of lead {leads[k]} are missing in item {item}, and {title} has no value for "
            f"them; leave such items out, or write {_others()}."
        )
    steps = np.round(signal * np.array(gain)[:, None])
    _derive_limb_leads(steps, signal, leads, gain, ecg.synthetic_mask)
    most = (1 << (bits - 1)) - 1
    beyond = np.abs(steps) > most
    if beyond.any():
        item, k, _ = np.argwhere(beyond)[0]
        peak = np.nanmax(np.abs(ecg.signal[item, k]))
        raise EcgsynthError(
            f"lead {leads[k]} reaches {peak:.1f} mV, but {bits}-bit {title} ends at "
            f"{most / gain[k]:.1f} mV; leave such items out, or write {_others()}."
        )
    return np.where(gone, missing or 0, steps).astype(np.int64)


def time_slice(ecg: Ecg, start: int, stop: int) -> Ecg:
    """One item's samples from one up to another, without what is annotated in them."""
    mask = ecg.synthetic_mask
    return Ecg(
        ecg.signal[..., start:stop],
        Spec(ecg.spec.leads, ecg.spec.fs, stop - start),
        synthetic_mask=None if mask is None else mask[..., start:stop],
    )


def _derive_limb_leads(
    steps: NDArray[np.float64],
    signal: NDArray[np.float64],
    leads: Sequence[str],
    gain: Sequence[float],
    mask: SyntheticMask | None,
) -> None:
    """Put the limb leads that agree with I and II in the place of their rounded values."""
    if not {"I", "II"} <= {*leads}:
        return
    pair = [leads.index("I"), leads.index("II")]
    base = gain[pair[0]]
    if gain[pair[1]] != base:
        return

    def derived() -> dict[str, NDArray[np.float64]]:
        found = limb_leads(*(steps[:, k] for k in pair))
        return {
            name: found[name] * (gain[leads.index(name)] / base) for name in {*found} & {*leads}
        }

    if mask is not None:
        for name, exact in derived().items():
            k = leads.index(name)
            made = mask[:, k] & ~np.isnan(exact)
            steps[:, k] = np.where(made, np.round(exact), steps[:, k])
        return
    agree = []
    for name, exact in derived().items():
        k = leads.index(name)
        if not (np.abs(exact - steps[:, k]) / gain[k] > CONSISTENT_STEPS / base).any():
            agree.append(name)
    if any(gain[leads.index(name)] % (2 * base) for name in agree if name in AUGMENTED):
        steps[:, pair] = 2 * np.round(signal[:, pair] * base / 2)
    exact_leads = derived()
    for name in agree:
        k, exact = leads.index(name), exact_leads[name]
        steps[:, k] = np.where(np.isnan(exact), steps[:, k], exact)  # where I or II is missing


def _others() -> str:
    """Formats that hold every amplitude."""
    return titles(lambda kind: kind.bits is None and kind.step_mv is None)
