"""Several sets of one spec as one set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ecgsynth.arguments import as_list, check_instance, quote
from ecgsynth.errors import EcgsynthError
from ecgsynth.signals.ecg import COLUMNS, SYNTHETIC, Ecg
from ecgsynth.signals.marks import Marks
from ecgsynth.signals.spec import Spec


def _check_same_spec(one: Spec, other: Spec) -> None:
    for part in fields(Spec):
        first_value, other_value = getattr(one, part.name), getattr(other, part.name)
        if first_value != other_value:
            raise EcgsynthError(
                f"cannot join ECGs of different specs: {part.name} is {quote(first_value)} in one "
                f"and {quote(other_value)} in another; bring them to one first."
            )


def concatenate(parts: Sequence[Ecg]) -> Ecg:
    """Several sets of one spec as one; a column that a part lacks is dropped.

    Raises
    ------
    EcgsynthError: no parts, or their specs differ.
    """
    what = "what is joined is a list of ECGs, as in concatenate([one, other])"
    found = None if isinstance(parts, Ecg) else as_list(parts)
    if found is None:
        raise EcgsynthError(f"{what}; got {quote(parts)}.")
    parts = [check_instance(part, Ecg, what) for part in found]
    if not parts:
        raise EcgsynthError("nothing to concatenate: the list of ECGs is empty.")
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        _check_same_spec(first.spec, part.spec)
    columns: dict[str, Any] = {}
    for name in ("signal", "label", "context", *COLUMNS):
        values = [getattr(part, name) for part in parts]
        columns[name] = None if any(v is None for v in values) else np.concatenate(values)
    marks = [part.marks for part in parts]
    known = [mark for mark in marks if mark is not None]
    columns["marks"] = (
        Marks.join(known, [len(p) for p in parts]) if len(known) == len(parts) else None
    )
    if any(part.synthetic_mask is not None for part in parts):
        masks = [
            np.full(p.signal.shape, p.synthetic) if p.synthetic_mask is None else p.synthetic_mask
            for p in parts
        ]
        columns["synthetic_mask"] = np.concatenate(masks)
    source = first.source if len({p.source for p in parts}) == 1 else "several"
    if any(part.synthetic for part in parts) and not source.startswith(SYNTHETIC):
        source = SYNTHETIC + "mixed"  # one synthetic item marks the whole set
    return replace(first, **columns, source=source)
