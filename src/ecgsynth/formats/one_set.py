"""Sets of several files as parts of one set."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ecgsynth.errors import EcgsynthError
from ecgsynth.formats import contract, stream
from ecgsynth.formats.codes import STATEMENTS
from ecgsynth.formats.statements import with_classes_of
from ecgsynth.signals.ecg import Ecg
from ecgsynth.signals.marks import Marks

log = logging.getLogger("ecgsynth")


def as_part_of(first: Ecg, ecg: Ecg, file: Path) -> Ecg:
    """A set, read from a file, as a part of what the first one begins: with its columns, contexts
    and source.

    Raises
    ------
    EcgsynthError: they differ in leads, rate, length, unit or classes, or one alone is synthetic.
    """
    if ecg is first:
        return ecg
    ecg = with_classes_of(first.spec, ecg)
    if ecg.spec.classes == tuple(STATEMENTS) and not first.spec.classes:
        log.warning("%s: its statements are left out, as the first file has none.", file)
        ecg = stream.without(ecg, ["label"])
    for what in ("leads", "fs", "samples", "unit", "classes"):
        one, other = getattr(first.spec, what), getattr(ecg.spec, what)
        if one != other:
            raise EcgsynthError(
                f"{file} differs from the files before it in {what} ({_in_words(other)} against "
                f"{_in_words(one)}), so they are no set; name a folder of a format of one record a "
                f"file ({contract.titles(lambda kind: kind.one_record)})."
            )
    if first.synthetic != ecg.synthetic:
        raise EcgsynthError(
            f"{file} is {'' if ecg.synthetic else 'not '}synthetic, as the files before it are "
            f"{'not' if ecg.synthetic else ''}; convert them to sets of their own."
        )
    assert ecg.context is not None
    names, count = ecg.spec.context, len(ecg)
    columns = [
        ecg.context[:, names.index(name)] if name in names else np.full(count, np.nan)
        for name in first.spec.context
    ]
    none = np.zeros(0, np.int64)
    usual: dict[str, Any] = {
        "patient": np.full(count, ""), "record": np.full(count, ""), "start": np.full(count, ""),
        "onset_s": np.full(count, np.nan), "valid": np.full(count, ecg.spec.samples),
        "marks": Marks(none, none.astype(np.int16), none, none.astype(np.str_)),
        "synthetic_mask": np.full(ecg.signal.shape, ecg.synthetic),
    }  # fmt: skip
    absent = {
        name: value for name, value in usual.items()
        if getattr(first, name) is not None and getattr(ecg, name) is None
    }  # fmt: skip
    context = np.array(columns, np.float32).reshape(len(columns), count).T
    spec = replace(ecg.spec, context=first.spec.context, band=first.spec.band)
    spec = replace(spec, r_sample=first.spec.r_sample)
    return replace(ecg, spec=spec, context=context, source=first.source, **absent)


def _in_words(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)
