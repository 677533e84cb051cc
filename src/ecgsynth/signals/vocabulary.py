"""Words of the field: leads and their algebra, AAMI beat classes, fiducial points."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

LEADS_12 = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The standard order of a 12-lead ECG."""

INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The eight leads from which the other four follow."""

AAMI_CLASSES = ("N", "S", "V", "F", "Q")
"""ANSI/AAMI EC57: normal, supraventricular ectopic, ventricular ectopic, fusion, unknown."""

AAMI_NAMES = {
    "N": "normal, or bundle branch block",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion of ventricular and normal",
    "Q": "paced or unclassifiable",
}

AAMI_OF_SYMBOL = {
    **dict.fromkeys("NLRBejn", "N"),  # e, j and n are escape beats: N in EC57, often misfiled as S
    **dict.fromkeys("AaJS", "S"),
    **dict.fromkeys("VEr", "V"),
    "F": "F",
    **dict.fromkeys("/fQ?", "Q"),
}
"""AAMI class of each beat annotation symbol of WFDB, which are all here (ANSI/AAMI EC57:1998, table
3; B, n, r and ? as in WFDB's ecgmap.h). The flutter wave ! is no beat."""

SYMBOL_OF_AAMI = {"N": "N", "S": "S", "V": "V", "F": "F", "Q": "Q"}
"""The WFDB symbol under which a generated beat of an AAMI class is annotated."""

RHYTHM = re.compile(r"\([A-Z][A-Z0-9]{0,7}")
"""The name of a rhythm, such as (AFIB."""

FIDUCIALS = (
    "p_onset", "p_peak", "p_offset",
    "qrs_onset", "r_peak", "qrs_offset",
    "t_onset", "t_peak", "t_offset",
)  # fmt: skip
"""Fiducial points of one beat in the order of time."""


def is_rhythm(symbol: str) -> bool:
    """Whether a mark is a change of rhythm, as PhysioNet's databases name it: (AFIB."""
    return RHYTHM.fullmatch(symbol) is not None


def limb_leads(lead_i: NDArray, lead_ii: NDArray) -> dict[str, NDArray]:
    """The four derived limb leads from I and II (Einthoven and Goldberger).

    III = II - I, aVR = -(I + II)/2, aVL = I - II/2, aVF = II - I/2; unit and shape as given.
    """
    return {
        "III": lead_ii - lead_i,
        "aVR": -(lead_i + lead_ii) / 2,
        "aVL": lead_i - lead_ii / 2,
        "aVF": lead_ii - lead_i / 2,
    }


def twelve_leads(independent: NDArray) -> NDArray:
    """[..., 8, sample] (I, II, V1-V6) to [..., 12, sample] in standard order."""
    by_name = {name: independent[..., k, :] for k, name in enumerate(INDEPENDENT_LEADS)}
    by_name |= limb_leads(by_name["I"], by_name["II"])
    return np.stack([by_name[name] for name in LEADS_12], axis=-2)


POSSIBLE = {"age": (0.0, 120.0), "sex": (0.0, 1.0), "heart_rate": (20.0, 300.0)}
"""Lowest and highest possible values of contexts: years; 0 male, 1 female; beats a minute."""
