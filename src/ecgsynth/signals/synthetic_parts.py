"""Which samples of a partly real item a model made: as stretches of leads, and in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.spec import Spec

SyntheticMask = NDArray[np.bool_]
"""[item, lead, sample], True where a model made the sample, or where it was computed of such."""

Stretch = tuple[int, int, int]
"""Lead, first sample, and the sample after the last one."""

MOST_NAMED = 12
"""Stretches that a sentence names; more are counted."""

STRETCH = re.compile(r"(\d+(?:,\d+)*):(\d+)-(\d+)")


def check_mask(mask: Any, shape: tuple[int, ...]) -> SyntheticMask:
    """The mask of made samples of a signal of this shape.

    Raises
    ------
    EcgsynthError: it is no mask of that shape.
    """
    try:
        found = np.asarray(mask)
    except Exception:  # such as a tensor that keeps its gradient
        found = np.zeros(0)
    if found.dtype != np.bool_ or found.shape != shape:
        raise EcgsynthError(
            f"'synthetic_mask' is [item, lead, sample] of true and false, of shape {shape} as the "
            f"signal; got {found.dtype} of shape {found.shape}."
        )
    return found


def stretches_of(mask: NDArray[np.bool_]) -> list[Stretch]:
    """The made stretches of one item [lead, sample], lead by lead."""
    found = []
    for lead, row in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], row, [False]])))
        found += [(lead, int(a), int(b)) for a, b in edges.reshape(-1, 2)]
    return found


def mask_of(stretches: Sequence[Sequence[int]], leads: int, samples: int) -> NDArray[np.bool_]:
    """[lead, sample] of stretches.

    Raises
    ------
    ValueError: one does not lie within the item.
    """
    mask = np.zeros((leads, samples), bool)
    for lead, start, stop in stretches:
        if not (0 <= lead < leads and 0 <= start < stop <= samples):
            raise ValueError("a stretch that was made does not lie within its item")
        mask[lead, start:stop] = True
    return mask


def leads_by_stretch(stretches: Sequence[Stretch]) -> dict[tuple[int, int], list[int]]:
    """(first sample, the one after the last) -> the leads that were made there."""
    together: dict[tuple[int, int], list[int]] = {}
    for lead, start, stop in stretches:
        together.setdefault((start, stop), []).append(lead)
    return together


def text_of(mask: NDArray[np.bool_]) -> str:
    """The stretches of one item in a cell of a table; see `text_of_stretches`."""
    return text_of_stretches(stretches_of(mask))


def text_of_stretches(stretches: Sequence[Stretch]) -> str:
    """Stretches as "2,3:0-5000 0,1:1200-1700": numbers of leads from 0, first sample, and the
    sample after the last one."""
    return " ".join(
        f"{','.join(map(str, leads))}:{start}-{stop}"
        for (start, stop), leads in leads_by_stretch(stretches).items()
    )


def read_text(text: str, leads: int, samples: int) -> NDArray[np.bool_]:
    """What `text_of` gave.

    Raises
    ------
    ValueError: it is no such text, or does not fit the item.
    """
    stretches = []
    for word in text.split():
        match = STRETCH.fullmatch(word)
        if match is None:
            raise ValueError("what was made is not written as leads:start-stop")
        start, stop = int(match[2]), int(match[3])
        stretches += [(int(lead), start, stop) for lead in match[1].split(",")]
    return mask_of(stretches, leads, samples)


def describe(stretches: Sequence[Stretch], spec: Spec) -> str:
    """Stretches of one item in words, as "V1, V2 throughout; I, II from 2 to 3.5 s"."""
    together = leads_by_stretch(stretches)
    parts = [name_stretch(one, leads, spec) for one, leads in together.items()]
    more = f"; and {len(parts) - MOST_NAMED} more stretches" if len(parts) > MOST_NAMED else ""
    return "; ".join(parts[:MOST_NAMED]) + more


def name_stretch(stretch: tuple[int, int], leads: Sequence[int], spec: Spec) -> str:
    """Leads and time, as "I, II from 2 to 3.5 s"."""
    start, stop = stretch
    names = ", ".join(spec.leads[lead] for lead in leads)
    if stop - start == spec.samples:
        return f"{names} throughout"
    return f"{names} from {start / spec.fs:.10g} to {stop / spec.fs:.10g} s"
